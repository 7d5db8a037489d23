"""What the segmenter saw corrects the mask branch of BigGait and BiggerGait, which may take background for the body."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_networks import BACKENDS, save_small

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.recognition.mirroring import mirror
from pipeline.recognition.models.biggait import MAPS, body_of, corrected
from pipeline.types import GaitSequence, Modality, ModalityFrames


def person():
    """Somebody in a narrow crop, 16 of 32 columns: [1, 1, 64, 32]."""
    seen = torch.zeros(1, 1, *MAPS)
    seen[..., 4:60, 12:20] = 1
    return seen


def shares(background_first):
    """Of the two channels of the mask branch, without doubt; 0 where the crop is padded."""
    crop, seen = torch.zeros(1, 1, *MAPS), person()
    crop[..., 8:24] = 1
    both = [crop * (1 - seen), seen]
    return torch.cat(both if background_first else both[::-1], dim=1)


def test_in_a_narrow_crop_the_background_is_taken_for_the_body_unless_a_segmenter_says_otherwise():
    given = shares(background_first=True)
    assert torch.equal(body_of(given), given[:, :1])  # the reference: too few pixels in the rows at both ends
    assert torch.equal(body_of(given, person()), person())
    assert torch.equal(body_of(shares(background_first=False), person()), person())


def test_what_is_far_from_the_body_is_left_out():
    far = person()
    far[..., 28:] = 1
    assert torch.equal(corrected(far, person()), person())
    assert torch.equal(corrected(far), far)


def test_soft_edges_near_the_body_stay():
    soft = person()
    soft[..., 4:60, 20:22] = 0.4
    assert torch.equal(corrected(soft, person()), soft)


@pytest.mark.parametrize("found", ["background", "nothing"])
def test_where_the_body_was_not_found_the_silhouette_stands_in(found):
    body = 1 - person() if found == "background" else torch.zeros(1, 1, *MAPS)
    assert torch.equal(corrected(body, person()), person())


@pytest.fixture(scope="module", params=["biggait", "biggergait", "gaitedge"])
def encoder_of(request, tmp_path_factory):
    """encoder_of(modalities) is a small encoder whose card names them."""
    model = BACKENDS[request.param]
    checkpoint = save_small(model, tmp_path_factory.mktemp(model.name) / "small.pt")

    def make(needs):
        checkpoint.card.inputs["modality"] = needs
        return open_encoder(RecognitionConfig(encoder=model.name), RuntimeConfig(device="cpu", threads=1), checkpoint)

    return model, make


def test_a_card_may_leave_the_bodies_out_as_the_reference_does(encoder_of):
    model, make = encoder_of
    walk = made_up_sequence(model.needs, 3, 0)
    plain = [need for need in model.needs if need is not Modality.BODIES]
    other = dict(walk.modalities)
    other[Modality.BODIES] = ModalityFrames(np.zeros((3, *MAPS), np.uint8), np.arange(3))
    other = GaitSequence("v", 1, other)
    (one, with_others) = make(plain).encode([walk, other])
    assert np.array_equal(one.parts, with_others.parts)
    (one, with_others) = make(list(model.needs)).encode([walk, other])
    assert not np.allclose(one.parts, with_others.parts)


def test_a_crop_in_a_mirror_has_its_body_mirrored_too():
    walk = made_up_sequence((Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES), 2, 0, (256, 128))
    seen = mirror(walk)
    for need in (Modality.RGB, Modality.BODIES):
        np.testing.assert_array_equal(seen.modalities[need].data[:], walk.modalities[need].data[..., ::-1])
    assert seen.modalities[Modality.ASPECT_RATIOS] == walk.modalities[Modality.ASPECT_RATIOS]

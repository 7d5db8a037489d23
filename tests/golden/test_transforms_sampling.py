"""Samplers, collation and transforms equal OpenGait's under the same seeds: golden/transforms_sampling."""

from __future__ import annotations

import json
from itertools import islice

import numpy as np
import pytest

from pipeline.research.training.data.sampling import (
    Draws,
    FrameChoice,
    bilateral_batches,
    common_batch,
    triplet_batch,
)
from pipeline.research.training.data.transforms import transforms_of

LENGTHS = (20, 5, 11)
COLLATED = {
    "fixed_unordered": {"fixed": 8},
    "fixed_ordered": {"fixed": 8, "skip": 4},
    "unfixed_unordered": {"most": 9, "least": 5},
    "unfixed_ordered": {"most": 9, "least": 5, "skip": 2},
    "all_ordered": {},
    "all_ordered_limit6": {"limit": 6},
    "fixed_allordered": {"fixed": 8},
}


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("transforms_sampling")
    return (
        np.load(folder / "input.npz"),
        np.load(folder / "output.npz"),
        json.loads((folder / "info.json").read_text()),
    )


@pytest.mark.parametrize("name", COLLATED)
def test_the_same_frames_are_chosen(reference, name):
    _, output, info = reference
    choose = FrameChoice(name.removesuffix("_limit6"), **COLLATED[name])
    draws = Draws.seeded(3)
    chosen = [choose(length, draws) for length in LENGTHS]
    np.testing.assert_array_equal(np.concatenate(chosen), output[f"collate_{name}"])
    lengths = info[f"collate_{name}"]["seqL"]
    assert choose.concatenated == (lengths is not None)
    assert lengths is None or [len(one) for one in chosen] == lengths[0]


PEOPLE = [range(5), range(5, 10), (10, 11), range(15, 20), range(20, 25), range(25, 30)]  # 12–14 are nobody's there


@pytest.mark.parametrize("shuffle", [False, True])
def test_the_triplet_sampler_picks_the_same_walks(reference, shuffle):
    *_, info = reference
    draws = Draws.seeded(1)
    walks_of = dict(enumerate(PEOPLE))
    batches = [triplet_batch(walks_of, 3, 4, draws, shuffle) for _ in range(4)]
    assert batches == info[f"TripletSampler_3x4_shuffle{shuffle}_seed1"]


def test_the_other_samplers_pick_the_same_walks(reference):
    *_, info = reference
    draws = Draws.seeded(1)
    assert [common_batch(30, 7, draws) for _ in range(3)] == info["CommonSampler_7_seed1"]
    assert list(islice(bilateral_batches(30, 6, Draws.seeded(1)), 6)) == info["BilateralSampler_2x3_seed1"]


PLAIN = {  # output → transform, its settings, which input
    "BaseSilTransform": ("BaseSilTransform", {}, "sil"),
    "BaseSilCutting_64": ("BaseSilCuttingTransform", {}, "sil"),
    "BaseSilCutting_128": ("BaseSilCuttingTransform", {}, "sil128"),
    "BaseSilCutting_cutting5": ("BaseSilCuttingTransform", {"cutting": 5}, "sil"),
    "BaseSilCutting_44wide_noop": ("BaseSilCuttingTransform", {}, "sil narrow"),
    "BaseSilCutting_heat": ("BaseSilCuttingTransform", {}, "heat"),
    "BaseParsing_labels": ("BaseParsingCuttingTransform", {}, "par"),
    "BaseParsing_255": ("BaseParsingCuttingTransform", {}, "sil"),
    "BaseRgb": ("BaseRgbTransform", {}, "rgb"),
    "NormalizeEmpty": ("NormalizeEmpty", {}, "kp"),
    "GaitGraphMultiInput": ("GaitGraphMultiInput", {}, "kp filled"),
    "GaitTRMultiInput": ("GaitTRMultiInput", {}, "kp"),
    "GaitGraph1Input": ("GaitGraph1Input", {}, "kp"),
    "SkeletonInput": ("SkeletonInput", {}, "kp"),
    "MSGGTransform": ("MSGGTransform", {}, "kp"),
    "PointClouds_eval_scale_aware": ("PointCloudsTransform", {"xyz_only": True, "scale_aware": True}, "points"),
    "SelectSequenceCenter10": ("SelectSequenceCenter", {"sequence_length": 10}, "kp"),
}
SEEDED = {
    "RandomHorizontalFlip": ("RandomHorizontalFlip", {"prob": 0.5}, "sil"),
    "RandomErasing": ("RandomErasing", {"prob": 1.0}, "sil"),
    "RandomErasing_perframe": ("RandomErasing", {"prob": 0.7, "per_frame": True}, "sil"),
    "RandomRotate": ("RandomRotate", {"prob": 1.0}, "sil"),
    "RandomPerspective": ("RandomPerspective", {"prob": 1.0}, "sil"),
    "RandomAffine": ("RandomAffine", {"prob": 1.0}, "sil"),
    "RandomPartDilate": ("RandomPartDilate", {"prob": 1.0}, "sil"),
    "RandomRotate_heat4d": ("RandomRotate", {"prob": 1.0}, "heat"),
    "MirrorPoses": ("MirrorPoses", {}, "kp"),
    "RandomMove": ("RandomMove", {}, "kp"),
    "PointNoise": ("PointNoise", {"std": 0.05}, "kp"),
    "FlipSequence": ("FlipSequence", {}, "kp"),
    "InversePosesPre": ("InversePosesPre", {}, "kp"),
    "JointNoise": ("JointNoise", {"std": 0.2}, "kp"),
    "RandomSelectSequence": ("RandomSelectSequence", {"sequence_length": 10}, "kp"),
}


@pytest.mark.parametrize("case", PLAIN)
def test_a_transform_without_chance_equals_the_reference(reference, assert_close_to_rms, case):
    given, output, _ = reference
    name, settings, modality = PLAIN[case]
    frames = given[modality.split()[0]]
    if modality == "sil narrow":
        frames = frames[:, :, 10:-10]
    if modality == "kp filled":
        frames = transforms_of([{"type": "NormalizeEmpty"}])[0](frames, Draws.seeded(0))
    (transform,) = transforms_of([{"type": name, **settings}])
    assert_close_to_rms(transform(frames, Draws.seeded(0)), output[case])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", SEEDED)
def test_a_transform_equals_the_reference_under_the_same_seed(reference, assert_close_to_rms, case, seed):
    given, output, _ = reference
    name, settings, modality = SEEDED[case]
    (transform,) = transforms_of([{"type": name, **settings}])
    frames = given[modality]
    if output[f"{case}_seed{seed}"].dtype == np.float32:  # the reference's were in 0–1 there
        frames = (frames / 255).astype(np.float32)
    before = frames.copy()
    assert_close_to_rms(transform(frames, Draws.seeded(seed)), output[f"{case}_seed{seed}"])
    np.testing.assert_array_equal(frames, before)  # a walk that is kept in memory stays as it is


@pytest.mark.parametrize("seed", range(12))
def test_the_augmentation_of_gaitbase_equals_the_reference(reference, assert_close_to_rms, seed):
    given, output, _ = reference
    entries = [
        {"type": "RandomPerspective", "prob": 0.2},
        {"type": "BaseSilCuttingTransform"},
        {"type": "RandomHorizontalFlip", "prob": 0.2},
        {"type": "RandomRotate", "prob": 0.2},
    ]
    (transform,) = transforms_of([{"type": "Compose", "trf_cfg": entries}])
    assert_close_to_rms(transform(given["sil"], Draws.seeded(seed)), output[f"GaitBaseDA_compose_seed{seed}"])

"""FoundationGait equals OpenGait's in its forms and sizes, with seeded weights: golden/foundationgait_*."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.models.foundationgait import FOUNDATIONGAIT
from pipeline.research.training.zoo.foundationgait import diverse_maps, in_strips

pytestmark = pytest.mark.slow

FORMS = {  # folder: (form, layers, sequences, tolerance: one of them differs from itself by 9e-5 on more threads)
    "foundationgait_pretrain_0.03b": ("pretrained", (1, 4, 8, 4), "ABC", 1e-4),
    "foundationgait_finetune_0.03b": ("finetuned", (1, 4, 8, 4), "ABC", 1e-4),
    "foundationgait_finetune_0.13b": ("finetuned", (1, 4, 32, 16), "A", 1e-3),
    "foundationgait_probe_0.13b": ("probe", (1, 4, 32, 16), "A", 1e-4),
}


@pytest.mark.parametrize("name", FORMS)
def test_embeddings_and_scores_equal_the_reference(name, golden, golden_weights, assert_close_to_rms):
    form, layers, sequences, tolerance = FORMS[name]
    weights = golden_weights(name, without="student_backbone.")
    kind = FOUNDATIONGAIT.network_class
    architecture = architecture_of(FOUNDATIONGAIT.architecture, {}, weights)
    assert (architecture.form, tuple(architecture.layers)) == (form, layers)
    with torch.device("meta"):  # random weights of this size take seconds
        network = kind(architecture).eval()
    network.load_state_dict(kind.rename_keys(weights), strict=True, assign=True)

    with np.load(golden(name) / "input.npz") as given, np.load(golden(name) / "output.npz") as output:
        walks = [given[one][None, None, :, :, 10:54] for one in sequences]
        wanted = [output[f"emb_{one}"] for one in sequences]
    if len({walk.shape for walk in walks}) == 1:  # of one length: in one batch
        walks, wanted = [np.concatenate(walks)], [np.concatenate(wanted)]
    with torch.inference_mode():
        for walk, reference in zip(walks, wanted, strict=True):
            found = network(torch.from_numpy(walk).float() / 255)
            if form == "probe":  # whose scores are called embeddings there
                found = network.logits(found)
            assert_close_to_rms(found.numpy(), reference, tolerance)


@pytest.fixture(scope="module")
def student(golden_weights):
    """The student of the pre-training."""
    weights = golden_weights("foundationgait_pretrain_0.03b", without="teacher_backbone.")
    weights = {key.replace("student", "teacher"): value for key, value in weights.items()}
    with torch.device("meta"):
        network = FOUNDATIONGAIT.network_class(FOUNDATIONGAIT.architecture(form="pretrained"))
    network.load_state_dict(weights, assign=True)
    return network.teacher_backbone.eval()


def images(masks):
    return torch.from_numpy(masks[:, None, :, :, 10:54]).float() / 255


@pytest.mark.parametrize("strips", [8, 4, 2, 1])
def test_maps_of_strips_equal_the_reference(strips, student, golden, assert_close_to_rms):
    folder = golden("foundationgait_pretrain_0.03b")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output, torch.inference_mode():
        both = images(np.stack([given["A"][:2], given["B"][:2]]))
        maps = in_strips(student.maps, both, strips)
        assert_close_to_rms(maps[:, ::32].numpy(), output[f"crop_encode_{strips}_every32ch"])


def test_embeddings_in_training_equal_the_reference(golden, golden_weights, assert_close_to_rms):
    folder = golden("foundationgait_finetune_0.03b")
    with torch.device("meta"):
        network = FOUNDATIONGAIT.network_class(FOUNDATIONGAIT.architecture()).train()
    network.load_state_dict(golden_weights("foundationgait_finetune_0.03b"), assign=True)
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output, torch.no_grad():
        walks = images(np.stack([given[f"train_{number}"] for number in range(16)]))
        maps = diverse_maps(network.teacher_backbone.maps, walks, [8, 4, 2, 1, 8, 4, 2, 1])
        embeddings = network.compared(network.teacher_backbone.projected(maps))
        wanted = output["train_emb_every4"]
        assert_close_to_rms(embeddings[:, ::4, ::4].numpy(), wanted, 3e-4)  # normalised by few walks, 40 layers deep

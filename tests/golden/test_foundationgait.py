"""FoundationGait equals OpenGait's in its forms and sizes, with seeded weights: golden/foundationgait_*."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import yaml

from pipeline.recognition.layers.shapes import architecture_of
from pipeline.recognition.models.foundationgait import FOUNDATIONGAIT
from pipeline.research.training.data.batches import Batch
from pipeline.research.training.losses import losses_of, total_loss
from pipeline.research.training.networks import open_trainable
from pipeline.research.training.optim import optimizer_of
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


@pytest.mark.slow
def test_a_step_of_the_pretraining_equals_the_reference(golden, golden_weights, assert_close_to_rms):
    """The loss, its logits, and what optimiser and teacher make of the weights."""
    folder = golden("foundationgait_pretrain_0.03b")
    settings = yaml.safe_load((folder / "config_merged.yaml").read_text())
    trainable = open_trainable(settings["model_cfg"], 8)
    trainable.network.load_state_dict(golden_weights("foundationgait_pretrain_0.03b"))
    optimizer = optimizer_of(settings["optimizer_cfg"], trainable.network, [], trainable.groups)
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        views = images(np.stack([given[f"train_{view}{number}"] for view in "qk" for number in range(8)]))
        batch = Batch([views[:, 0]], torch.arange(8).repeat(2), [], [])
        losses = trainable.outputs(trainable.network.train(), batch).losses
        loss, _ = total_loss(losses_of(settings["loss_cfg"]), losses)
        info = json.loads((folder / "info.json").read_text())["train_step_8x3_frames"]
        assert float(loss.detach()) == pytest.approx(info["sum"], rel=1e-5)
        assert_close_to_rms(losses["softmax"]["logits"].detach().numpy(), output["train_logits"], 1e-3)
        loss.backward()
        optimizer.step()
        trainable.after_step(trainable.network, 1, settings["trainer_cfg"]["total_iter"])
        for who in ("teacher", "student"):
            found = trainable.network.state_dict()[f"{who}_backbone.projector.0.fc_bin"][0, ::32, ::32].numpy()
            assert_close_to_rms(found, output[f"{who}_projector0_fc_bin_after_part0_every32"], 1e-5)

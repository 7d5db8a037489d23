"""OpenGait's files of GaitEdge, DenoisingGait and FoundationGait's pre-training: two batches each on made-up walks."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
import yaml
from training_walks import write_dataset
from typer.testing import CliRunner

from pipeline.cli.app import app
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError
from pipeline.recognition import open_encoder
from pipeline.recognition.made_up import made_up_sequence
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.sampling import DatasetDraws
from pipeline.research.training.fit import train
from pipeline.types import GaitSequence, Modality, ModalityFrames
from pipeline.weights.checkpoints import resolve

FRAMES = 6
SHORT = (
    "data_cfg.num_workers=0",
    "data_cfg.dataset_partition=null",
    "trainer_cfg.total_iter=2",
    "trainer_cfg.save_iter=2",
    "trainer_cfg.log_iter=1",
    "trainer_cfg.sampler.batch_size=[2, 2]",
    "trainer_cfg.sampler.frames_num_fixed=3",
    "trainer_cfg.sampler.frames_skip_num=0",
)
GAITEDGE = {"GaitGL": {"channels": [4, 4, 8], "class_num": 74}}
SMALL = {  # folder of the reference → what makes its network small
    "gaitedge_phase1_rec": {"channels": [4, 4, 8]},
    "gaitedge_phase1_seg": {},
    "gaitedge": GAITEDGE,
    "gaitedge_e2e": GAITEDGE,
    "denoisinggait": {
        "backbone_cfg": {"channels": [32] * 4, "layers": [1] * 4, "strides": [1, 2, 2, 1]},
        "SeparateFCs": {"out_channels": 8},
        "SeparateBNNecks": {},
    },
    "foundationgait_pretrain_0.03b": {"Backbone": {"channels": [4, 4, 8, 8], "layers": [1] * 4, "mode": "p3d"}},
}
BOXES, RATIOS, BODIES = (3, 128, 128), (), (128, 128)


def write_walks(root, *shapes, types=("nm-01", "nm-02")):
    """Two people of two types, one view; a file for each shape: masks where it has two sides, else random values."""
    rng = np.random.default_rng(0)
    for person in ("001", "002"):
        for kind in types:
            folder = root / person / kind / "090"
            folder.mkdir(parents=True)
            for place, shape in enumerate(shapes):
                values = rng.random((FRAMES, *shape))
                if len(shape) == 2:
                    values = np.zeros((FRAMES, *shape), np.uint8)
                    values[:, 10:-10, shape[1] // 4 : -shape[1] // 4] = 255
                elif len(shape) == 3 and shape[0] == 3:
                    values = (values * 255).astype(np.uint8)
                (folder / f"{place}.pkl").write_bytes(pickle.dumps(values))
    (root / "partition.json").write_text(json.dumps({"TRAIN_SET": ["001", "002"], "TEST_SET": []}))
    return root


@pytest.fixture
def trained(tmp_path, golden):
    """trained(folder, root, …) trains by the reference's own file, shrunk; the folder of what it wrote, its lines."""

    def run(name, root, *overrides):
        tree = yaml.safe_load((golden(name) / "config_merged.yaml").read_text())
        tree["model_cfg"] |= SMALL[name]
        if isinstance(tree["data_cfg"], dict):
            tree["data_cfg"] |= {"data_in_use": None, "dataset_root": str(root)}
        else:
            for one, where in zip(tree["data_cfg"], root, strict=True):
                one |= {"data_in_use": None, "dataset_root": str(where), "dataset_partition": None}
        file = tmp_path / f"{name}.yaml"
        file.write_text(yaml.safe_dump(tree))
        lines: list[str] = []
        settings = load_training_config(str(file), [*SHORT, *overrides])
        return train(settings, tmp_path / "out", False, "cpu", lines.append).parent, lines

    return run


def encoded(weights, encoder, needs):
    checkpoint = resolve(str(weights), stage="encoder")
    opened = open_encoder(RecognitionConfig(encoder=encoder), RuntimeConfig(device="cpu", threads=1), checkpoint)
    (embedding,) = opened.encode([made_up_sequence(needs, FRAMES, 0, (256, 128), 1)])
    return embedding.parts


def test_gaitedge_goes_on_from_both_files_of_its_first_phase(trained, tmp_path):
    pictures = write_walks(tmp_path / "pictures", BOXES, BODIES)
    silhouettes = write_dataset(tmp_path / "silhouettes", 2, ("nm-01", "nm-02"), ("090",), held_out=0)
    unet, _ = trained("gaitedge_phase1_seg", pictures)
    gaitgl, _ = trained("gaitedge_phase1_rec", silhouettes)
    assert not (unet / "Segmentation.yaml").exists()  # no encoder reads it
    first = [str(unet / "checkpoints/Segmentation-00002.pt"), str(gaitgl / "checkpoints/GaitGL-00002.pt")]
    walks = write_walks(tmp_path / "walks", RATIOS, BOXES, BODIES)
    for name, save_name, needs in (
        ("gaitedge", "GaitEdge", (Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES)),
        ("gaitedge_e2e", "GaitGL_E2E", (Modality.RGB, Modality.ASPECT_RATIOS)),
    ):
        folder, lines = trained(name, walks, f"trainer_cfg.restore_hint={json.dumps(first)}")
        assert "starts from Segmentation-00002.pt, GaitGL-00002.pt at iteration 0" in lines
        before, after = (
            torch.load(path, weights_only=True)["model"]
            for path in (first[0], folder / f"checkpoints/{save_name}-00002.pt")
        )
        kept, moved = "Backbone.Conv1.conv.0.weight", "Backbone.Up2.up.1.weight"
        assert torch.equal(before[kept], after[kept]) and not torch.equal(before[moved], after[moved])
        assert encoded(folder / f"{save_name}.safetensors", "gaitedge", needs).shape == (8, 64)


def test_a_file_that_nothing_fits_is_named(trained, tmp_path):
    walks = write_walks(tmp_path / "walks", RATIOS, BOXES, BODIES)
    torch.save({"model": {"other": torch.zeros(1)}, "iteration": 1}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match=r"other\.pt: nothing in it fits"):
        trained("gaitedge", walks, f"trainer_cfg.restore_hint={json.dumps([str(tmp_path / 'other.pt')])}")


@pytest.mark.parametrize("more", [(), ("model_cfg.p=0", "model_cfg.test_da=false", "model_cfg.eroded_kernel=5")])
def test_denoisinggait_trains_on_diffusion_features(more, trained, tmp_path):
    folder, _ = trained("denoisinggait", write_walks(tmp_path / "walks", (4, 96, 48), (96, 48)), *more)
    (weights,) = folder.glob("*.safetensors")
    checkpoint = resolve(str(weights), stage="encoder")
    opened = open_encoder(RecognitionConfig(encoder="denoisinggait"), RuntimeConfig(device="cpu"), checkpoint)
    (embedding,) = opened.encode([made_up_sequence(opened.needs, 3, 0, (96, 48), 1)])
    assert embedding.parts.shape == (8, 24)


def test_denoisinggait_is_evaluated_on_what_it_was_trained_on(trained, tmp_path):
    walks = write_walks(tmp_path / "walks", (4, 96, 48), (96, 48), types=("nm-01", "nm-05"))
    folder, _ = trained("denoisinggait", walks)
    partition = tmp_path / "partition.json"
    partition.write_text(json.dumps({"TRAIN_SET": [], "TEST_SET": ["001", "002"]}))
    options = ["--protocol", "casia-b", "--partition", str(partition), "--set", f"output.folder={tmp_path / 'runs'}"]
    done = CliRunner().invoke(app, ["evaluate", "dataset", "--training", str(folder), *options])
    assert done.exit_code == 0, done.output
    (found,) = (tmp_path / "runs").glob("2*/features.npz")
    opened = open_encoder(
        RecognitionConfig(encoder="denoisinggait"),
        RuntimeConfig(device="cpu"),
        resolve(str(next(folder.glob("*.safetensors"))), stage="encoder"),
    )
    arrays = [pickle.loads((walks / f"001/nm-01/090/{place}.pkl").read_bytes()) for place in (0, 1)]
    frames = {need: ModalityFrames(each, np.arange(FRAMES)) for need, each in zip(opened.needs, arrays, strict=True)}
    (wanted,) = opened.encode([GaitSequence("001", 1, frames)])
    with np.load(found) as file:
        assert file["features"].shape == (4, 8, 24)
        np.testing.assert_allclose(file["features"][0], wanted.parts, atol=1e-4 * np.abs(wanted.parts).max())


def test_foundationgait_is_pretrained_on_several_datasets(trained, tmp_path):
    roots = [write_dataset(tmp_path / str(n), 4, ("nm-01",), ("000", "090"), held_out=0) for n in range(12)]
    folder, lines = trained("foundationgait_pretrain_0.03b", roots, "trainer_cfg.sampler.batch_size=8")
    assert any("96 walks of 4 people" in line for line in lines)
    state = torch.load(next((folder / "checkpoints").glob("*-00002.pt")), weights_only=True)["model"]
    key = "_backbone.layer4.0.conv1.forward_block.0.weight"
    teacher, student = state[f"teacher{key}"], state[f"student{key}"]
    assert not torch.equal(teacher, student)
    (weights,) = folder.glob("*.safetensors")
    assert encoded(weights, "foundationgait", (Modality.SILHOUETTES,)).shape == (8, 31)


def test_datasets_are_drawn_as_the_reference_draws_them():
    drawn = DatasetDraws([18940, 8388, 13640, 2_000_000 / 10])
    assert [drawn(iteration)[0] for iteration in range(12)] == [2, 0, 1, 0, 2, 3, 3, 0, 3, 3, 3, 0]
    assert drawn(11) == (0, 3)

"""Every public data set: as published → arranged → pretreated → two steps of a training → evaluated."""

from __future__ import annotations

import json
from typing import NamedTuple

import pytest
import torch
from published_datasets import FRAMES, PUBLISHED, write_published
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.evaluate_dataset import evaluate_dataset_command
from pipeline.profiles import Options
from pipeline.research.arranging.layouts import LAYOUTS
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.research.training.fit import train

pytestmark = pytest.mark.slow

COMMON = (
    *("data_cfg.dataset_partition=null", "data_cfg.data_in_use=null", "data_cfg.num_workers=0"),
    *("trainer_cfg.total_iter=2", "trainer_cfg.save_iter=2", "trainer_cfg.log_iter=1", "trainer_cfg.precision=fp32"),
    *("trainer_cfg.sampler.batch_size=[2, 2]", "trainer_cfg.sampler.frames_num_fixed=3"),
    *("trainer_cfg.sampler.frames_skip_num=0", "trainer_cfg.restore_hint=0"),
)
RESNET = "{type: ResNet9, channels: [4, 4, 8, 8], layers: [1, 1, 1, 1], strides: [1, 2, 2, 1], maxpool: false}"
SILHOUETTES = (
    "gaitbase_synth",
    *("model_cfg.backbone_cfg.channels=[4, 4, 8, 8]", "model_cfg.SeparateFCs={out_channels: 8}"),
    *("model_cfg.SeparateBNNecks={softmax_parts: 4}", "scheduler_cfg.warmup=1"),
)
DEPTHS = (*SILHOUETTES, "model_cfg.backbone_cfg.in_channel=3")
GRAPH = ("model_cfg.input_branch=[5, 16]", "model_cfg.main_stream=[16, 32]", "model_cfg.tta=false")
GRAPH = (*GRAPH, "trainer_cfg.sampler.batch_size=4", "scheduler_cfg.total_steps=2")
POSES = ("gaitgraph2_casiab", *GRAPH)
PARSING = (
    "parsinggait_gait3d",
    f"model_cfg={{model: ParsingGait, backbone_cfg: {RESNET}, gcn_cfg: {{combine_fine_coarse_graph: true}},"
    "SeparateFCs: {out_channels: 8}}",
)
SMPL = (
    "smplgait_gait3d",
    *("model_cfg.backbone_cfg.layers_cfg=[BC-4, M, BC-8, M, BC-8]", "model_cfg.SeparateFCs={out_channels: 8}"),
    "model_cfg.SeparateBNNecks={}",
)
POINTS = (
    *("lidargaitpp_sustech1k", "model_cfg.channel=4", "model_cfg.npoints=[32, 16, 8]", "model_cfg.nsample=8"),
    *("model_cfg.SeparateFCs={in_channels: 16, out_channels: 8}", "model_cfg.SeparateBNNecks={}"),
    "trainer_cfg.sampler.points_in_use={pointcloud_index: 0, points_num: 64}",
)
SCOLIOSIS = (
    "sconet_scoliosis1k",
    f"model_cfg={{model: ScoNet, backbone_cfg: {RESNET}, SeparateFCs: {{out_channels: 8}}}}",
)
UNLABELLED = (
    "gaitssb_pretrain_gaitlu1m",
    f"model_cfg={{model: GaitSSB_Pretrain, backbone_cfg: {RESNET}}}",
    "trainer_cfg.sampler.batch_size=4",
)


class Course(NamedTuple):
    """frame: the shape of one after pretreatment; training: None where no network here learns from it."""

    frame: tuple[int, ...]
    training: tuple[str, ...] | None = SILHOUETTES
    protocol: str | None = None
    probes: tuple[str, ...] = ()
    trained: tuple[str, ...] = ()  # where no rule says it
    more: tuple[str, ...] = ()


SQUARE = (64, 64)
G3D = ("0002-camid33_videoid2-seq0", "0007-camid9_videoid1-seq0")
G3D_TRAINED = ("0000", "0001")
CCGR_GALLERY = ("601-NM1-0_1.avi", "602-BG1-over.avi")
FREEGAIT = ("data_cfg.data_in_use=[true, false, false, false, false]",)
COURSES = {
    ("casia-b", "silhouettes"): Course(SQUARE),
    ("oumvlp", "silhouettes"): Course(SQUARE),
    ("oumvlp", "poses"): Course((18, 3), ("gaitgraph2_oumvlp", *GRAPH)),
    ("grew", "silhouettes"): Course(SQUARE),
    ("grew", "poses"): Course((17, 3), POSES),
    ("gait3d", "silhouettes"): Course(SQUARE),
    ("gait3d", "parsing"): Course(SQUARE, PARSING),
    ("gait3d", "poses"): Course((17, 3), POSES),
    ("gait3d", "smpl"): Course((85,), SMPL),
    ("casia-e", "silhouettes"): Course(SQUARE),
    ("hid", "silhouettes"): Course(SQUARE),
    ("ccpg", "silhouettes"): Course(SQUARE),
    ("ccpg", "rgb"): Course((3, 256, 128), None),
    ("ccgr", "silhouettes"): Course(SQUARE, protocol="ccgr-mini", probes=CCGR_GALLERY, trained=("1", "2")),
    ("ccgr-mini", "silhouettes"): Course(SQUARE, probes=CCGR_GALLERY, trained=("1", "2")),
    ("ccgr-mini", "parsing"): Course(SQUARE, PARSING, probes=CCGR_GALLERY, trained=("1", "2")),
    ("ccgr-mini", "poses"): Course((17, 3), POSES, probes=CCGR_GALLERY, trained=("1", "2")),
    ("ccgr-mini", "rgb"): Course((3, 128, 128), None),
    ("sustech1k", "silhouettes"): Course(SQUARE),
    ("sustech1k", "points"): Course((0, 3), POINTS),
    ("sustech1k", "depths"): Course((3, *SQUARE), DEPTHS),
    ("sustech1k", "rgb"): Course((3, 256, 128), None),
    ("freegait", "all"): Course(SQUARE, probes=G3D, trained=G3D_TRAINED, more=FREEGAIT),
    ("scoliosis1k", "silhouettes"): Course(SQUARE, SCOLIOSIS),
    ("gaitlu-1m", "silhouettes"): Course(
        (64, 44), UNLABELLED, "gait3d", ("002-000-000", "003-000-000"), trained=("000", "001")
    ),
}


def gait(*arguments):
    found = CliRunner().invoke(app, ["dataset", *map(str, arguments)], catch_exceptions=False)
    assert found.exit_code == 0, found.stdout + found.stderr
    return found.stdout


def made(dataset, part, folder):
    """The data set as published, arranged and pretreated: its root."""
    source, arranged, root = folder / f"{part}-raw", folder / f"{part}-arranged", folder / part
    for published in PUBLISHED[dataset, part]:
        write_published(source, published)
    gait("arrange", "--dataset", dataset, "--part", part, "--source", source, "--out", arranged, "--workers", 1)
    kind = LAYOUTS[dataset][part].kind
    if kind:
        gait("pretreat", arranged, root, "--kind", kind, "--workers", 1)
    return root if kind else arranged


def test_every_part_of_every_data_set_is_here():
    parts = {(name, part) for name, parts in LAYOUTS.items() for part in parts}
    assert COURSES.keys() == PUBLISHED.keys()
    assert parts - COURSES.keys() == {("ccgr", "parsing"), ("ccgr", "poses")}  # laid out like ccgr-mini's


@pytest.mark.parametrize(("dataset", "part"), COURSES)
def test_as_published_to_evaluated(dataset, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    course = COURSES[dataset, part]
    root = made(dataset, part, tmp_path)
    samples = list_samples(root)
    frames = read_sample(samples[0])[0]
    assert len(frames) == FRAMES and (isinstance(frames, list) or frames.shape[1:] == course.frame)
    if course.training is None:
        return
    if part == "smpl":
        silhouettes, both = made(dataset, "silhouettes", tmp_path), tmp_path / "both"
        gait("join", "--silhouettes", silhouettes, "--smpl", root, "--out", both, "--workers", 1)
        root = both
    people = {sample.identity for sample in samples}
    if course.trained:
        sets = {"TRAIN_SET": list(course.trained), "TEST_SET": sorted(people - {*course.trained})}
        listed = "GALLERY_SET" if dataset.startswith("ccgr") else "PROBE_SET"
        (root / "partition.json").write_text(json.dumps({**sets, listed: list(course.probes)}))
    torch.set_num_threads(1)
    name, *small = course.training
    settings = [f"data_cfg.dataset_root={root}", f"data_cfg.dataset_name={dataset}", *COMMON, *small, *course.more]
    folder = train(load_training_config(name, settings), tmp_path / "training", False, "cpu", lambda line: None).parent
    report = tmp_path / "report.json"
    given = dict.fromkeys(("partition", "iteration", "features", "profile", "encoder", "checkpoint", "card"))
    evaluate_dataset_command(
        report, **given, protocol=course.protocol or dataset, root=root, training=folder, metric=None, files=None,
        cross_view=False, rerank=None, as_opengait=False, processes=1,
        options=Options(overrides=["runtime.device=cpu"]),
    )  # fmt: skip
    found = json.loads(report.read_text())
    assert (found["walks"] >= 2 and found["identities"] == len(people) - 2) or dataset == "hid"
    if dataset == "hid":
        (answers,) = (tmp_path / "output").glob("2*/submission.csv")
        assert [line[:8] for line in answers.read_text().splitlines()] == ["videoID,", "video_1,", "video_2,"]
    elif dataset == "scoliosis1k":
        assert set(found["scores"]) == {"accuracy", "precision", "recall", "f1"}
    else:
        assert all(one["n"] > 0 and one["rank1"] is not None for one in found["conditions"].values())

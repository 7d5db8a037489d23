"""What `gait evaluate dataset` refuses before it makes a folder, and what it takes from where."""

from __future__ import annotations

import itertools
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from training_walks import write_dataset

from pipeline.commands.evaluate_dataset import evaluate_dataset_command
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError, GaitError, InputError
from pipeline.files import PARTIAL, file_sha256, write_json
from pipeline.profiles import Options, load_config
from pipeline.recognition import open_encoder
from pipeline.recognition.models.gaitedge import Architecture, GaitEdge
from pipeline.research.evaluation.datasets import embedding, retrieval
from pipeline.research.evaluation.datasets.embedding import EncoderPlan, read_sequence
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.research.training.fit import train
from pipeline.types import Modality, SilhouetteSequence
from pipeline.weights.checkpoints import resolve

PATHS = ("root", "partition", "training", "features", "checkpoints", "json_file")
NAMES = ("iteration", "protocol", "profile", "encoder", "checkpoint", "card", "metric", "rerank", "files")
NOTHING = dict.fromkeys([*PATHS, *NAMES])


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    types = ("nm-01", "nm-05", "bg-01")
    return write_dataset(tmp_path_factory.mktemp("data") / "CASIA-B", 4, types, ("000", "090"), held_out=3)


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """evaluate(protocol=…, root=…) is the command in an empty folder; returns the report."""
    monkeypatch.chdir(tmp_path)

    def run(*overrides, cross_view=False, as_opengait=False, **options):
        json_file = tmp_path / "report.json"
        encoder = None if options.keys() & {"profile", "encoder", "checkpoint"} else "gei"
        given = {**NOTHING, "processes": 1, "json_file": json_file, "encoder": encoder, **options}
        shared = Options(overrides=[*overrides, "runtime.device=cpu"], checkpoints=given.pop("checkpoints"))
        evaluate_dataset_command(cross_view=cross_view, as_opengait=as_opengait, options=shared, **given)
        return json.loads(json_file.read_text())

    return run


def test_the_partition_lies_in_the_dataset(evaluate, data):
    report = evaluate(protocol="casia-b", root=data)
    assert (report["walks"], report["identities"], report["model"]) == (18, 3, "gei-16")
    assert report["conditions"]["NM"]["n"] == 6


def test_heading_says_what_the_table_of_views_holds(evaluate, data, tmp_path, capsys):
    evaluate(protocol="casia-b", root=data)
    assert "identical views left out" in " ".join(capsys.readouterr().out.split())
    one_view = write_dataset(tmp_path / "CASIA-B", 4, ("nm-01", "nm-05"), ("000",), held_out=3)
    evaluate(protocol="casia-b", root=one_view)
    said = " ".join(capsys.readouterr().out.split())
    assert "all of one view, which is compared with itself" in said
    assert "identical views left out" not in said


def test_or_is_given(evaluate, data, tmp_path):
    partition = tmp_path / "two.json"
    partition.write_text(json.dumps({"TRAIN_SET": [], "TEST_SET": ["001", "002"]}))
    assert evaluate(protocol="casia-b", root=data, partition=partition)["identities"] == 2


def test_or_follows_from_the_numbers(evaluate, tmp_path):
    root = write_dataset(tmp_path / "OUMVLP", 5, ("00", "01"), ("000", "090"))
    (root / "partition.json").unlink()
    report = evaluate(protocol="oumvlp", root=root)
    assert report["identities"] == 2  # 002 and 004
    assert report["conditions"]["NM"]["views"] == ["000", "090"]


def test_listed_probes_come_with_the_partition(evaluate, data, tmp_path):
    partition = tmp_path / "gait3d.json"
    probes = ["002-nm-01-000", "003-nm-05-090"]
    partition.write_text(json.dumps({"TRAIN_SET": ["001"], "TEST_SET": ["002", "003"], "PROBE_SET": probes}))
    report = evaluate(protocol="gait3d", root=data, partition=partition, rerank=True)
    assert report["conditions"]["all"]["n"] == 2 and report["reranked"]


def test_the_record_says_of_what_and_by_whom_the_figures_are(evaluate, data, tmp_path):
    evaluate(protocol="casia-b", root=data)
    (folder,) = (tmp_path / "output").glob("2*")
    record = json.loads((folder / "run.json").read_text())
    partition = {"path": "partition.json", "sha256": file_sha256(data / "partition.json")}
    assert record["evaluated"]["protocol"] == "casia-b" and record["config"]["recognition"]["seed"] == 0
    assert {**record["evaluated"]["partition"], "path": "partition.json"} == partition
    assert {"gait", "torch", "numpy"} <= record["versions"].keys()
    assert "recognition: 18 walks" in (folder / "run.log").read_text()


def test_two_processes_write_what_one_writes(evaluate, data, tmp_path, monkeypatch):
    monkeypatch.setattr(embedding, "WALKS_AT_ONCE", 5)
    monkeypatch.setattr(retrieval, "BLOCK_VALUES", 6)
    one = evaluate(protocol="casia-b", root=data)
    with monkeypatch.context() as here:
        here.delattr(EncoderPlan, "open")  # who only gathers opens no encoder
        two = evaluate(protocol="casia-b", root=data, processes=2)
    assert one == two
    first, second = (np.load(path) for path in sorted((tmp_path / "output").glob("2*/features.npz")))
    for name in first.files:
        np.testing.assert_array_equal(first[name], second[name])
    assert not list((tmp_path / "output").rglob(f"{PARTIAL}*"))


def test_walks_are_seen_as_a_whole_unless_a_profile_says_otherwise(evaluate, data, tmp_path):
    def frames(**options):
        evaluate(protocol="casia-b", root=data, **options)
        record = max((tmp_path / "output").glob("2*/run.json"), key=lambda path: path.stat().st_mtime_ns)
        return json.loads(record.read_text())["config"]["recognition"]["max_frames"]

    (tmp_path / "few.yaml").write_text("recognition: {max_frames: 5}\n")
    assert frames() == 720
    assert frames(encoder="hog") == 720
    assert frames(profile="few.yaml") == 5


def test_a_submission_is_a_file(evaluate, tmp_path):
    root = write_dataset(tmp_path / "HID", 3, ("0",), ("video_1", "video_2"))
    (root / "003").rename(root / "probe")
    (root / "partition.json").unlink()
    evaluate(protocol="hid", root=root)
    (answers,) = (tmp_path / "output").glob("2*/submission.csv")
    lines = answers.read_text().splitlines()
    assert lines[0] == "videoID,label" and [line.split(",")[0] for line in lines[1:]] == ["video_1", "video_2"]
    assert {line.split(",")[1] for line in lines[1:]} <= {"001", "002"}


SHORT = ("data_cfg.num_workers=0", "trainer_cfg.total_iter=2", "trainer_cfg.precision=fp32")
SMALL = ("trainer_cfg.sampler.batch_size=[2, 2]", "trainer_cfg.sampler.frames_num_fixed=4")
TRAININGS = {  # configuration → what makes it small
    "gaitset_casiab": ["model_cfg={model: GaitSet, in_channels: [1, 4, 4, 8], SeparateFCs: {out_channels: 8}}"],
    "deepgaitv2_casiab": [
        "model_cfg.Backbone={mode: p3d, layers: [1, 1, 1, 1], channels: [4, 4, 8, 8]}",
        "model_cfg.out_channels=8",
    ],
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_training_is_evaluated_on_the_people_that_it_has_not_seen(evaluate, tmp_path, name):
    root = write_dataset(tmp_path / "CASIA-B", 4, ("nm-01", "nm-05", "bg-01"), ("000", "090"), held_out=2)
    settings = [f"data_cfg.dataset_root={root}", "trainer_cfg.with_test=false", *SHORT, *SMALL, *TRAININGS[name]]
    folder = train(load_training_config(name, settings), tmp_path / "training", False, "cpu", lambda line: None).parent
    report = evaluate(training=folder)
    assert (report["protocol"], report["identities"], report["walks"]) == ("casia-b", 2, 12)
    assert report["model"].startswith(name.partition("_")[0])
    assert report["conditions"]["NM"]["n"] == 4 and 0 <= report["conditions"]["NM"]["rank1"] <= 1
    (record,) = (tmp_path / "output").glob("2*/run.json")
    assert json.loads(record.read_text())["evaluated"]["training_seed"] == 0


@pytest.fixture
def opengaits(tmp_path):
    """opengaits(root): a file in OpenGait's format that was trained by and is to be evaluated by; returns its path."""

    def write(root):
        path = tmp_path / "opengait.yaml"
        tree = {
            "data_cfg": {"dataset_name": "CASIA-B", "dataset_root": str(root), "num_workers": 0},
            "model_cfg": {"model": "GaitSet", "in_channels": [1, 4, 4, 8], "SeparateFCs": {"out_channels": 8}},
            "trainer_cfg": {
                "total_iter": 2,
                "save_name": "Tiny",
                "precision": "fp32",
                "sampler": {"batch_size": [2, 2], "frames_num_fixed": 4},
            },
            "evaluator_cfg": {
                "restore_hint": 2,
                "save_name": "Tiny",
                "metric": "cos",
                "cross_view_gallery": True,
                "enable_float16": True,
                "sampler": {"frames_all_limit": 5},
            },
        }
        path.write_text(json.dumps(tree))
        return path

    return write


def test_an_iteration_picks_a_checkpoint(evaluate, opengaits, tmp_path):
    root = write_dataset(tmp_path / "CASIA-B", 4, ("nm-01", "nm-02", "bg-01"), ("000", "090"), held_out=2)
    file = opengaits(root)
    config = load_training_config(str(file), ["trainer_cfg.save_iter=1", "optimizer_cfg.lr=0.1"])
    folder = train(config, tmp_path / "output", False, "cpu", lambda line: None).parent
    first, last = (evaluate(training=folder, iteration=number) for number in (1, 2))
    assert first["checkpoint_sha256"] != last["checkpoint_sha256"] == evaluate(training=folder)["checkpoint_sha256"]
    assert evaluate(profile=str(file), iteration=1)["checkpoint_sha256"] == first["checkpoint_sha256"]
    with pytest.raises(
        InputError, match=r"Tiny-00007\.pt: no such checkpoint\. There are those of iterations 00001, 00002"
    ):
        evaluate(training=folder, iteration=7)


def test_an_iteration_is_of_a_training(evaluate, data):
    with pytest.raises(ConfigError, match=r"--iter 3: of which training\?"):
        evaluate(protocol="casia-b", root=data, iteration=3)


def test_tables_come_as_markdown_and_latex(evaluate, data, tmp_path):
    report = evaluate(protocol="casia-b", root=data)
    (folder,) = (tmp_path / "output").glob("2*")
    markdown, latex = ((folder / name).read_text() for name in ("tables.md", "tables.tex"))
    rank1 = f"{100 * report['conditions']['NM']['rank1']:.2f}"
    assert "|  | 000 | 090 | mean |\n|---|---:|---:|---:|\n| NM |" in markdown and f" {rank1} |" in markdown
    assert "rank-1 in % by view of the probe, identical views left out:" in markdown
    assert latex.count("\\begin{tabular}{lrrr}") == 1 and f"& {rank1} \\\\\n" in latex
    assert all(line.startswith(("%", "\\")) or "&" in line or not line for line in latex.splitlines())


def test_opengaits_file_says_how_to_evaluate(evaluate, opengaits, tmp_path):
    """Its metric, gallery, frames and weights, whether the folder of its training is given or the file itself."""
    root = write_dataset(tmp_path / "CASIA-B", 4, ("nm-01", "nm-02", "bg-01"), ("000", "090"), held_out=2)
    file = opengaits(root)
    folder = train(load_training_config(str(file)), tmp_path / "output", False, "cpu", lambda line: None).parent
    by_file, by_folder = evaluate(profile=str(file)), evaluate(training=folder)
    assert by_file == by_folder
    assert (by_file["protocol"], by_file["metric"], by_file["gallery"]) == ("casia-b", "cosine", "cross-view")
    record, log = (max((tmp_path / "output").glob(f"2*/{name}")).read_text() for name in ("run.json", "run.log"))
    assert json.loads(record)["config"]["recognition"]["max_frames"] == 5
    assert "not supported, ignored: evaluator_cfg.enable_float16" in log
    moved = (folder / "checkpoints/Tiny-00002.pt").rename(tmp_path / "moved.pt")
    elsewhere = root.rename(tmp_path / "elsewhere")
    assert (
        evaluate(profile=str(file), checkpoint=str(moved), root=elsewhere, metric="euclidean")["metric"] == "euclidean"
    )
    with pytest.raises(
        CheckpointError, match=r"evaluator_cfg\.restore_hint 2: there is no output/\S+Tiny-00002\.pt and"
    ):
        evaluate(profile=str(file), root=elsewhere)


@pytest.mark.parametrize(("how", "width"), [({}, 44), ({"cutting": 6}, 52), ({"type": "BaseSilTransform"}, 64)])
def test_pictures_are_cut_as_the_training_says(evaluate, opengaits, tmp_path, how, width):
    root = write_dataset(tmp_path / "CASIA-B", 4, ("nm-01", "nm-02"), ("000", "090"), held_out=2, size=(64, 64))
    file = opengaits(root)
    tree = json.loads(file.read_text())
    tree["evaluator_cfg"]["transform"] = [{"type": "Compose", "trf_cfg": [{"type": "BaseSilCuttingTransform", **how}]}]
    file.write_text(json.dumps(tree))
    folder = train(load_training_config(str(file)), tmp_path / "output", False, "cpu", lambda line: None).parent
    evaluate("recognition.max_frames=720", profile=str(file))
    checkpoint = resolve(str(folder / "Tiny.safetensors"), stage="encoder")
    encoder = open_encoder(RecognitionConfig(encoder="gaitset"), RuntimeConfig(device="cpu"), checkpoint)
    walk = list_samples(root, ["003"])[0]
    masks, edge = read_sample(walk)[0], (64 - width) // 2
    (wanted,) = encoder.encode([SilhouetteSequence("", 1, masks[..., edge : 64 - edge], np.arange(len(masks)))])
    with np.load(*(tmp_path / "output").glob("2*/features.npz")) as found:
        np.testing.assert_allclose(found["features"][0], wanted.parts, rtol=1e-4, atol=1e-4)


def test_a_trainings_file_is_no_profile(opengaits):
    with pytest.raises(ConfigError, match=r"opengait\.yaml: the file of a training, not a profile"):
        load_config(str(opengaits("somewhere")))


def test_half_a_network_is_not_evaluated(evaluate, tmp_path):
    config = load_training_config("disentanglement_phase1_casiab", ["data_cfg.dataset_root=somewhere"])
    (tmp_path / "half").mkdir()
    write_json(tmp_path / "half/config.json", config.model_dump(mode="json"))
    with pytest.raises(ConfigError, match="what it trained is no whole encoder"):
        evaluate(training=tmp_path / "half")


def test_the_mirror_image_may_join_in(evaluate, data):
    assert evaluate("recognition.mirroring=both", protocol="casia-b", root=data)["model"] == "gei-16+both"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"root": "DATA", "protocol": "casia"}, "--protocol casia is unknown. Give one of casia-b"),
        ({"protocol": "casia-b"}, "--root is missing"),
        ({"protocol": "casia-b", "root": "nowhere"}, "nowhere: no such dataset folder"),
        ({"protocol": "gait3d", "root": "DATA"}, "the partition must list the probes as PROBE_SET"),
        ({"protocol": "ccpg", "root": "DATA", "cross_view": True}, "--cross-view: ccpg is not evaluated by view"),
        ({"protocol": "ccpg", "root": "DATA", "rerank": True}, "--rerank: ccpg is not re-ranked"),
        ({"protocol": "casia-b", "root": "DATA", "metric": "frobenius"}, "--metric frobenius"),
        ({"protocol": "casia-b", "root": "DATA", "files": "first"}, "--files first: expected places such as 1,0"),
        ({"protocol": "casia-b", "root": "DATA", "files": "1"}, "has only 1 files"),
        ({"training": "DATA"}, "no config.json, so no training"),
        ({"features": "DATA/partition.json", "protocol": "casia-b"}, "not the features of a dataset"),
        ({"root": "DATA", "protocol": "casia-b", "checkpoint": "gaitbase_casiab_"}, "did you mean 'gaitbase_casiab'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_a_folder_is_made(evaluate, data, tmp_path, options, problem):
    given = {
        name: Path(str(value).replace("DATA", str(data))) if name in PATHS else value for name, value in options.items()
    }
    with pytest.raises(GaitError) as refused:
        evaluate(**given)
    assert problem in str(refused.value) and "\n" not in str(refused.value)
    assert not (tmp_path / "output").exists()


def test_heading_needs_boxes(evaluate, data):
    with pytest.raises(GaitError, match="a dataset has no boxes that tell the direction"):
        evaluate("recognition.mirroring=heading", protocol="casia-b", root=data)


@pytest.mark.parametrize(("how", "encoder"), [({"profile": "light"}, "gaitbase"), ({"encoder": "gei"}, "gei-16")])
def test_that_of_a_profile_is_left_out(evaluate, data, how, encoder):
    assert evaluate(protocol="casia-b", root=data, **how)["model"].partition("+")[0].startswith(encoder)


def test_an_empty_walk_is_named(evaluate, tmp_path):
    root = write_dataset(tmp_path / "data", 3, ("nm-01",), ("000",))
    (root / "003/nm-01/000/000.pkl").write_bytes(pickle.dumps(np.zeros((0, 64, 44), np.uint8)))
    with pytest.raises(GaitError, match=r"000\.pkl: no silhouettes"):
        evaluate(protocol="casia-b", root=root)


def test_several_files_are_modalities_in_the_encoders_order(tmp_path):
    folder = tmp_path / "001/nm-01/090"
    folder.mkdir(parents=True)
    maps = np.random.default_rng(0).integers(0, 256, (5, 2, 64, 64), dtype=np.uint8)
    points = np.zeros((5, 17, 3), np.float32)
    for name, array in (("0_points", points), ("1_maps", maps)):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(array))
    needs = (Modality.SKELETON_MAPS, Modality.KEYPOINTS)
    (walk,) = list_samples(tmp_path, data_in_use=[1, 0])
    sequence = read_sequence(walk, 1, needs)
    np.testing.assert_array_equal(sequence.modalities[needs[0]].data, maps[..., 10:54])  # pictures are cut
    np.testing.assert_array_equal(sequence.modalities[needs[1]].data, points)
    (walk,) = list_samples(tmp_path, data_in_use=[1])
    with pytest.raises(
        GaitError, match=r"1 file of a walk, the encoder takes 2 \(skeleton maps .*, keypoints .*--files"
    ):
        read_sequence(walk, 1, needs)


@pytest.mark.parametrize("processes", [1, 2])
def test_an_encoder_that_cuts_people_out_is_told_how_well(evaluate, tmp_path, monkeypatch, processes):
    """GaitEdge on CASIA-B*'s files, with a U-Net that takes everything for a body."""
    network = GaitEdge(Architecture(classes=4))
    torch.nn.init.constant_(network.Backbone.Conv_1x1.weight, 0)
    torch.nn.init.constant_(network.Backbone.Conv_1x1.bias, 5)
    torch.save(network.state_dict(), tmp_path / "random.pt")
    draw = np.random.default_rng(0)
    for who, take in itertools.product(("075", "076"), ("nm-01", "nm-05")):
        folder = tmp_path / f"CASIA-B-star/{who}/{take}/090"
        folder.mkdir(parents=True)
        masks = np.zeros((4, 128, 128), np.uint8)
        masks[:, 20:110, 40:90] = 255
        pictures = draw.integers(0, 256, (4, 3, 128, 128), dtype=np.uint8)
        for name, array in (("aspect_ratio", np.full(4, 0.6)), ("rgbs", pictures), ("sils", masks)):
            (folder / f"090-{name}.pkl").write_bytes(pickle.dumps(array))
    given = {"checkpoint": str(tmp_path / "random.pt"), "card": "gaitedge_casiab", "files": "1,0,2"}
    report = evaluate(protocol="casia-b", root=tmp_path / "CASIA-B-star", processes=processes, **given)
    assert report["model"] == "gaitedge" and report["conditions"]["NM"]["n"] == 2
    assert report["scores"]["mIoU"] == pytest.approx(90 * 50 / 128**2, rel=1e-6)
    if processes == 1:
        with pytest.raises(InputError, match=r"aspect_ratio\.pkl: 4 frames of one number.*--files"):
            evaluate(protocol="casia-b", root=tmp_path / "CASIA-B-star", **{**given, "files": "0,1,2"})

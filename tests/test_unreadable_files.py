"""Every file that a user hands in may hold anything: each reader answers with one line, never with a fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import GaitError
from pipeline.files import read_json
from pipeline.gallery.calibration import read_calibration
from pipeline.gallery.store import Gallery
from pipeline.live.people import people_of_run
from pipeline.pose.storage import read_poses
from pipeline.profiles import load_config
from pipeline.recognition.features import read_features
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.research.evaluation.clip_walks import ClipFolder
from pipeline.research.evaluation.datasets.features import read_dataset_features
from pipeline.research.evaluation.identities import read_truth
from pipeline.research.evaluation.manifest import read_manifest
from pipeline.research.training.config import load_training_config
from pipeline.research.training.data.dataset import read_partition
from pipeline.research.training.data.from_run import read_labels
from pipeline.research.training.data.pose_files import read_casia_b_csv, read_oumvlp_folder
from pipeline.runs.reader import Run, pose_settings
from pipeline.segmentation.pphumanseg import _read_checkpoint
from pipeline.segmentation.storage import read_sequence
from pipeline.tracking.mot import read_mot
from pipeline.weights.cards import Card, Checkpoint, own_card
from pipeline.weights.files import recorded_sha256

DIGITS = "9" * 5000
DEEP = 100_000

BYTES = {
    "nothing": b"",
    "no UTF-8": b"\xff\xfe{",
    "NUL": b"a: \0",
    "a picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
}

YAML = {
    "a date that is none": "{key}: 2020-99-99",
    "a time that is none": "{key}: 2020-01-01 99:99:99",
    "5,000 digits": "{key}: " + DIGITS,
    "5,000 hexadecimal digits": "{key}: 0x" + "f" * 5000,
    "an empty integer": "{key}: !!int ''",
    "an empty number": "{key}: !!float ''",
    "no truth value": "{key}: !!bool maybe",
    "no timestamp": "{key}: !!timestamp x",
    "an object": "{key}: !!python/object/apply:os.getcwd []",
    "a date as key": "2020-99-99: 1",
    "a list as key": "? [a]\n: 1",
    "a merge of a number": "<<: 3",
    "deep": "{key}: " + "[" * DEEP,
    "in a circle": "{key}: &a [*a]",
    "swelling": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in zip("abcdefgh", "bcdefghi", strict=True))
    + "{key}: *i",
    "infinite": "{key}: .inf",
}

JSON = {
    "5,000 digits": '{"key": ' + DIGITS + "}",
    "no end": '{"key": [',
    "deep": '{"key": ' + "[" * DEEP,
    "a list": "[]",
    "lists for objects": '{"config": [], "inputs": [], "gallery": [], "clips": 1}',
    "words for objects": '{"config": "x", "inputs": {"gallery": "x"}}',
    "a word for a number": '{"config": {"pose": {"min_score": "x"}, "matching": {"metric": 1}}}',
    "half a letter": '{"\\ud800": "\\ud800"}',
    "not a number": '{"key": NaN}',
    "infinite": '{"key": 1e999}',
}

CSV = {
    "5,000 digits": ",".join([DIGITS] * 8),
    "infinite": ",".join(["inf"] * 8),
    "not a number": ",".join(["nan"] * 8),
    "beyond any frame": f"{10**30},1,1,1,1,1,1,-1,-1,-1",
    "an endless field": "x" * 200_000,
    "an open quote": '"' + "x\n" * 100_000,
    "a line of NUL": "\0," * 8,
}


def _in_run(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Reads a run folder whose other file is in order."""

    def reading(path: Path) -> object:
        folder = path.parent / "run"
        folder.mkdir()
        for other in ("run.json", "results.json"):
            (folder / other).write_text(json.dumps({"gallery": {}, "probes": {}}))
        path.replace(folder / name)
        return read(folder)

    return reading


def _below(name: str, read: Callable[[Path], object]) -> Callable[[Path], object]:
    """Reads a folder in which the file bears this name."""

    def reading(path: Path) -> object:
        place = path.parent / "folder" / name
        place.parent.mkdir(parents=True)
        path.replace(place)
        return read(path.parent / "folder")

    return reading


def _paddle(folder: Path) -> object:
    card = Card(name="mine", stage="segmenter", loader="paddle", file="folder")
    return _read_checkpoint(Checkpoint(card, folder, ""))


def _people(run: Path) -> object:
    config = load_config()
    return people_of_run(run, GaitEnergyImageEncoder(config.recognition), config)


def _yaml(key: str) -> dict[str, str]:
    return {kind: text.replace("{key}", key) for kind, text in YAML.items()}


READERS: dict[str, tuple[dict[str, str], str, Callable[[Path], object]]] = {
    "a profile": (_yaml("tracking"), "mine.yaml", lambda path: load_config(str(path))),
    "a training configuration": (_yaml("data_cfg"), "mine.yaml", lambda path: load_training_config(str(path))),
    "a card": (_yaml("stage"), "mine.yaml", own_card),
    "a Paddle model": (_yaml("Deploy"), "deploy.yaml", _below("deploy.yaml", _paddle)),
    "JSON of ours": (JSON, "facts.json", read_json),
    "a run's record": (JSON, "run.json", _in_run("run.json", Run.open)),
    "a run's answers": (JSON, "results.json", _in_run("results.json", Run.open)),
    "a run's settings": (JSON, "run.json", _in_run("run.json", pose_settings)),
    "a run's people": (JSON, "run.json", _in_run("run.json", _people)),
    "an index of clips": (JSON, "index.json", _below("index.json", lambda path: ClipFolder(path).headings())),
    "a recorded hash": (JSON, "x.sha256.json", lambda path: recorded_sha256(path.with_name("x"))),
    "a partition": (JSON, "partition.json", read_partition),
    "OUMVLP's poses": (JSON, "1.json", _below("00001/090_01/1.json", lambda path: list(read_oumvlp_folder(path)))),
    "a gallery": (JSON, "gallery.json", _below("gallery.json", Gallery.open)),
    "a calibration": (JSON, "calibration.json", _below("calibration.json", read_calibration)),
    "CASIA-B's poses": (CSV, "poses.csv", lambda path: list(read_casia_b_csv(path))),
    "a manifest": (CSV, "clips.csv", read_manifest),
    "labels": (CSV, "labels.csv", read_labels),
    "tracks": (CSV, "tracks.txt", lambda path: read_mot(path, "video", 25.0)),
    "a truth": (CSV, "truth.txt", read_truth),
    "features": ({}, "1.npz", lambda path: read_features(path, "video", 1)),
    "features of a dataset": ({}, "1.npz", read_dataset_features),
    "silhouettes": ({}, "1.npz", lambda path: read_sequence(path, "video", 1)),
    "poses": ({}, "1.npz", lambda path: read_poses(path, "video", 1)),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
def test_whatever_a_file_holds_is_read_or_refused_in_one_line(
    reader: tuple[dict[str, str], str, Callable[[Path], object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, name, read = reader
    for number, (kind, content) in enumerate(
        {**BYTES, **{kind: text.encode() for kind, text in texts.items()}}.items()
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        (folder / name).write_bytes(content)
        try:
            read(folder / name)
        except GaitError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, kind
            assert name in str(error) or str(folder) in str(error), kind
        except Exception as fault:
            raise AssertionError(f"{kind} is a fault") from fault

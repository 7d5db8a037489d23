"""`gait checkpoints …` says what there is, fetches what can be fetched, and finds what is damaged."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fileserver import FileServer

from pipeline.commands.checkpoints import fetch_checkpoints, list_checkpoints, verify_checkpoints
from pipeline.config import Config
from pipeline.errors import CheckpointError, ConfigError, GaitError
from pipeline.extraction import networks
from pipeline.jobs.session import Session
from pipeline.profiles import load_config, profiles
from pipeline.weights.cards import cards
from pipeline.weights.checkpoints import resolve

CONTENT = b"weights" * 1000

pytestmark = pytest.mark.usefixtures("alone")


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer({"/good": CONTENT, "/bad": CONTENT[::-1]}) as running:
        yield running


@pytest.fixture
def folder(server: FileServer, tmp_path: Path) -> Path:
    """A checkpoint folder with the user's own cards: good, bad (another hash than announced), unhashed, gone."""
    path = tmp_path / "weights"
    path.mkdir()
    known = sha256(CONTENT).hexdigest()
    for name, where, digest in (
        ("good", "good", known),
        ("bad", "bad", known),
        ("unhashed", "good", None),
        ("gone", "", known),
    ):
        card = {"stage": "detector", "loader": "yolox-onnx", "file": f"{name}.onnx", "licence": "mine"}
        (path / f"{name}.yaml").write_text(json.dumps({**card, "url": f"{server.url}/{where}", "sha256": digest}))
    return path


def test_the_list_shows_every_card_and_what_is_here(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_checkpoints(shared / "checkpoints") == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(cards())
    here = next(line for line in lines if " yolox_nano " in line)
    missing = next(line for line in lines if " yolox_s " in line)
    assert here.split()[:3] == ["detector", "✓", "yolox_nano"] and "Apache-2.0" in here and here.endswith(".onnx")
    assert missing.split()[:3] == ["detector", "↓", "yolox_s"]
    assert "↓" in next(line for line in lines if "bytetrack_x_mot17" in line)
    assert "→" in next(line for line in lines if "disentangled_skeletons" in line)


@pytest.mark.parametrize("wrong", ["source: 2020-99-99\n", "stage: none\n", f"size: {'9' * 5000}\n", "\xff"])
def test_a_wrong_card_is_named_and_the_others_are_listed(
    folder: Path, capsys: pytest.CaptureFixture[str], wrong: str
) -> None:
    text = "loader: yolox-onnx\nfile: shop.onnx\n" + wrong + ("" if "stage" in wrong else "stage: detector\n")
    (folder / "shop.yaml").write_bytes(text.encode("latin-1"))
    assert list_checkpoints(folder) == 2
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"✗ {folder / 'shop.yaml'}: ")
    assert len(said.out.splitlines()) == len(cards()) + 4


def test_a_wrong_card_stops_nobody_but_who_asks_for_it(folder: Path) -> None:
    (folder / "shop.yaml").write_text("stage: detector\nloader: yolox-onnx\nsource: 2020-99-99\n")
    fetch_checkpoints(["good"], folder)
    assert resolve("good", None, [folder], stage="detector").path == folder / "good.onnx"
    with pytest.raises(CheckpointError, match=r"shop\.yaml: not a readable card \(line 3: '2020-99-99': month"):
        resolve("shop", None, [folder])
    with pytest.raises(CheckpointError, match=r"shop\.yaml: not a readable card"):
        fetch_checkpoints(["shop"], folder)


def test_fetching_says_that_the_hash_is_the_published_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_checkpoints(["good"], folder) == 0
    assert "sha256 as published" in capsys.readouterr().out
    assert (folder / "good.onnx").read_bytes() == CONTENT


def test_fetching_says_that_an_unpublished_hash_is_recorded(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_checkpoints(["unhashed"], folder) == 0
    assert f"{sha256(CONTENT).hexdigest()} is recorded from now on" in capsys.readouterr().out


def test_fetching_goes_on_after_a_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_checkpoints(["bad", "gone", "good"], folder) == 2
    captured = capsys.readouterr()
    failures = [line for line in captured.err.splitlines() if line.startswith("✗")]
    assert len(failures) == 2 and "expected sha256" in failures[0] and "404" in failures[1]
    assert "good.onnx" in captured.out and not (folder / "bad.onnx").exists()


def test_fetching_into_a_new_folder_makes_it(server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(folder))
    assert fetch_checkpoints(["good"], Path("new")) == 0
    assert Path("new/good.onnx").is_file()


def test_what_is_here_is_not_fetched(folder: Path, server: FileServer, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_checkpoints(["good"], folder)
    assert fetch_checkpoints(["good"], folder) == 0
    assert "already at" in capsys.readouterr().out and len(server.requests) == 1


def test_what_no_program_can_fetch_says_how_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_checkpoints(["gaitgraph2_authors_casiab"], tmp_path) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "By hand: open https://github.com/tteepe/GaitGraph2/releases" in line


def test_a_name_that_is_neither_card_nor_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint and no profile"):
        fetch_checkpoints(["heavy"], tmp_path)


def test_a_profile_stands_for_its_checkpoints(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fetch_checkpoints(["light"], shared / "checkpoints") == 0
    out = capsys.readouterr().out
    assert "yolox_nano: already at" in out and "mediapipe_pose_full: already at" in out


def test_the_checkpoints_of_a_configuration_come_in_the_order_of_the_stages() -> None:
    assert networks.checkpoints_of(Config()) == ["yolox_nano", "mediapipe_pose_full"]


@pytest.mark.parametrize("profile", profiles())
def test_what_fetch_fetches_is_what_a_run_asks_for(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: dict[str, str | None] = {}

    def note(name: str, card: str | None, folders: object, *, stage: str | None, model: str | None) -> None:
        asked[name] = stage

    with monkeypatch.context() as patch:
        patch.setattr(networks, "resolve", note)  # the run then stops where its first network opens without weights
        with contextlib.suppress(GaitError):
            Session.open({}, load_config(profile))
    table = cards()
    assert asked == {name: table[name].stage for name in asked}
    assert "pose" not in asked.values(), "the segmenter finds the joints"
    assert all(table[name].runs and (table[name].url or "shipped" in str(table[name].manual)) for name in asked)
    for name in ("http_proxy", "https_proxy"):  # nothing is out there
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    fetch_checkpoints([profile], tmp_path / "empty")
    said = capsys.readouterr()
    tried = {line.split(":")[0].strip("✓ ") for line in (said.out + said.err).splitlines() if line[0] not in "✗ "}
    assert tried == set(asked)


def test_a_profile_without_weights_for_its_encoder_says_so_at_fetch() -> None:
    Path("mine.yaml").write_text("recognition: {encoder: gaitgl}\n")
    with pytest.raises(ConfigError, match="gaitgl needs weights"):
        fetch_checkpoints(["mine.yaml"])


def test_a_profiles_own_file_that_is_missing_is_named_at_fetch(shared: Path) -> None:
    Path("mine.yaml").write_text("segmentation: {checkpoint: mine.onnx, card: human_pp_humansegv1_lite_192x192_onnx}\n")
    with pytest.raises(CheckpointError, match=r"mine\.onnx: no such checkpoint file"):
        fetch_checkpoints(["mine.yaml"], shared / "checkpoints")


def test_weights_that_no_network_reads_are_fetched_with_a_word_and_not_run(
    server: FileServer, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    card = {"stage": "encoder", "loader": "opengait", "model": "biggait", "runs": False, "file": "big.pt"}
    (folder / "big.yaml").write_text(json.dumps({**card, "url": f"{server.url}/good"}))
    assert fetch_checkpoints(["big"], folder) == 0
    assert "big: no network here reads weights of biggait yet" in capsys.readouterr().err
    with pytest.raises(CheckpointError, match="no network here reads weights of biggait yet"):
        resolve("big", None, [folder], stage="encoder")


def test_verifying_reads_the_file_afresh(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fetch_checkpoints(["good", "unhashed"], folder)
    assert verify_checkpoints([], folder) == 0
    out = capsys.readouterr().out
    assert "as published" in out and "as recorded at its download" in out
    (folder / "unhashed.onnx").write_bytes(CONTENT[::-1])
    assert verify_checkpoints([], folder) == 2
    assert "expected sha256" in capsys.readouterr().err


def test_verifying_says_where_nothing_is_known(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_checkpoints(["human_pp_humansegv1_lite_192x192"], shared / "checkpoints") == 0
    assert capsys.readouterr().out.startswith("– human_pp_humansegv1_lite_192x192")


def test_verifying_a_named_checkpoint_that_is_missing_fails(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_checkpoints(["good"], folder) == 2
    assert "gait checkpoints fetch good" in capsys.readouterr().err


def test_verifying_finds_the_weights_that_are_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert verify_checkpoints() == 0
    assert "✓ gaitbase_synth" in capsys.readouterr().out

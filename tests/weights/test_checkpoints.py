"""Finding the right file for a name, and refusing every wrong one in one line."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.errors import CheckpointError
from pipeline.extraction.networks import find_checkpoints
from pipeline.profiles import load_config
from pipeline.weights.checkpoints import download_folder, resolve, search_folders
from pipeline.weights.files import record_path

CONTENT = b"weights" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A checkpoint folder with one own card, `mine`, whose hash is known."""
    path = tmp_path / "weights"
    path.mkdir()
    (path / "mine.onnx").write_bytes(CONTENT)
    _card(path, "mine")
    return path


def _card(folder: Path, name: str, **more: object) -> None:
    fields = {"stage": "detector", "loader": "yolox-onnx", "file": "mine.onnx", "sha256": sha256(CONTENT).hexdigest()}
    (folder / f"{name}.yaml").write_text(json.dumps({**fields, **more}))


def test_a_name_finds_its_verified_file(folder: Path) -> None:
    found = resolve("mine", None, [folder])
    assert (found.path, found.sha256) == (folder / "mine.onnx", sha256(CONTENT).hexdigest())


def test_real_checkpoints_are_found_and_verified(shared: Path) -> None:
    folder = shared / "checkpoints"
    assert resolve("yolox_nano", None, [folder], stage="detector").path == folder / "yolox_nano.onnx"
    paddle = resolve("human_pp_humansegv1_lite_192x192", None, [folder], stage="segmenter")
    assert paddle.path.is_dir()
    assert paddle.sha256 == sha256((paddle.path / "model.pdiparams").read_bytes()).hexdigest()


def test_the_first_folder_that_has_it_wins(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.onnx").write_bytes(CONTENT)
    assert resolve("mine", None, [other, folder]).path == other / "mine.onnx"


def test_a_folder_of_the_cards_name_is_searched_too(folder: Path) -> None:
    (folder / "mine").mkdir()
    (folder / "mine.onnx").rename(folder / "mine" / "mine.onnx")
    assert resolve("mine", None, [folder]).path == folder / "mine" / "mine.onnx"


def test_another_checkpoint_of_the_same_file_name_is_passed_by(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "mine.onnx").write_bytes(CONTENT[::-1])
    assert resolve("mine", None, [other, folder]).path == folder / "mine.onnx"


def test_a_wrong_hash_is_refused_with_both(folder: Path) -> None:
    (folder / "mine.onnx").write_bytes(CONTENT[::-1])
    with pytest.raises(CheckpointError, match=r"expected sha256 \w{64} for mine, found \w{64}\. Delete it and fetch"):
        resolve("mine", None, [folder])


def test_a_truncated_file_is_refused_by_its_size(folder: Path) -> None:
    _card(folder, "mine", size=len(CONTENT))
    (folder / "mine.onnx").write_bytes(CONTENT[:-5])
    with pytest.raises(CheckpointError, match="expected 7000 bytes for mine, found 6995"):
        resolve("mine", None, [folder])


def test_a_recorded_hash_is_verified(folder: Path) -> None:
    _card(folder, "mine", sha256=None)
    record_path(folder / "mine.onnx").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(CheckpointError, match="expected sha256 0000"):
        resolve("mine", None, [folder])


def test_a_missing_file_says_where_it_was_looked_for_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        resolve("yolox_s", None, [tmp_path])
    assert str(tmp_path) in str(error.value) and "gait checkpoints fetch yolox_s" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_that_no_program_can_fetch_says_how_by_hand(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="By hand: open https"):
        resolve("gaitgraph2_authors_casiab", None, [tmp_path])


def test_a_checkpoint_of_another_stage_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"gaitbase_grew is .*encoder, not detector.* tracking.checkpoint to one"):
        resolve("gaitbase_grew", None, [], stage="detector")


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(CheckpointError, match="did you mean 'yolox_nano'"):
        resolve("yolox_nanno", None, [])


def test_a_path_follows_the_card_that_is_named(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "trained.onnx"
    file.write_bytes(b"mine")
    found = resolve(str(file), "yolox_s", [folder], stage="detector")
    assert (found.card.name, found.path, found.sha256) == ("yolox_s", file, sha256(b"mine").hexdigest())


def test_a_path_follows_the_card_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "trained.pth.tar"
    file.write_bytes(b"mine")
    (tmp_path / "trained.pth.yaml").write_text("unrelated: yes\n")
    _card(tmp_path, "trained", file="trained.pth.tar", loader="yolox-torch")
    assert resolve(str(file), None, []).card.loader == "yolox-torch"


def test_a_path_alone_says_which_setting_names_its_card(tmp_path: Path) -> None:
    file = tmp_path / "trained.onnx"
    file.write_bytes(b"mine")
    with pytest.raises(CheckpointError, match=r"--set segmentation\.card=NAME"):
        resolve(str(file), None, [], stage="segmenter")


def test_a_path_whose_card_is_of_another_stage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "trained.onnx"
    file.write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="stage encoder, not detector"):
        resolve(str(file), "gaitbase_grew", [], stage="detector")


def test_a_copy_under_another_name_is_known_by_its_bytes(shared: Path, tmp_path: Path) -> None:
    copy = tmp_path / "renamed.onnx"
    shutil.copy(shared / "checkpoints" / "yolox_nano.onnx", copy)
    assert resolve(str(copy), None, []).card.name == "yolox_nano"


def test_a_path_that_is_not_there_is_refused() -> None:
    with pytest.raises(CheckpointError, match=r"nowhere/x\.onnx: no such checkpoint file"):
        resolve("nowhere/x.onnx", None, [])


def test_a_paddle_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tmp_path / "human_pp_humansegv1_lite_192x192").mkdir()
    with pytest.raises(CheckpointError, match=r"one \.pdiparams, found 0"):
        resolve("human_pp_humansegv1_lite_192x192", None, [tmp_path])


def test_a_card_name_with_another_card_contradicts_itself() -> None:
    with pytest.raises(CheckpointError, match="Leave one of them out"):
        resolve("yolox_s", "yolox_nano", [])


def test_folders_are_searched_in_the_order_of_the_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(tmp_path))
    explicit = tmp_path / "explicit"
    explicit.mkdir()
    first, second, third, kept, shipped = search_folders(explicit)
    assert (first, second, third) == (explicit, tmp_path, Path("checkpoints"))
    assert kept.parts[-2:] == ("gait", "checkpoints")
    assert (shipped / "gaitbase_synth.safetensors").is_file()


def test_a_folder_that_was_asked_for_must_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_CHECKPOINTS", str(tmp_path / "missing"))
    with pytest.raises(CheckpointError, match=r"GAIT_CHECKPOINTS .*missing: no such folder"):
        search_folders()


def test_a_user_without_a_home_is_told_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 9)  # as in a container: in no list of users
    with pytest.raises(CheckpointError, match=r"no home folder to keep weights in\. Set HOME"):
        search_folders()


def test_downloads_go_to_the_working_folder_where_it_has_checkpoints() -> None:
    assert download_folder().parts[-2:] == ("gait", "checkpoints")
    Path("checkpoints").mkdir()
    assert download_folder() == Path("checkpoints")
    assert download_folder(Path("weights")) == Path("weights")


def test_nobody_is_told_to_fetch_weights_that_the_chosen_network_cannot_read(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="gait checkpoints fetch swingait_gait3d"):
        resolve("swingait_gait3d", folders=[tmp_path], stage="encoder", model="swingait")
    with pytest.raises(CheckpointError) as refused:
        find_checkpoints(load_config("light", ["recognition.checkpoint=swingait_gait3d"]), tmp_path, ["encoder"])
    assert str(refused.value) == (
        "swingait_gait3d: weights of swingait, not gaitbase. Set recognition.encoder=swingait."
    )

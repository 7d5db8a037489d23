"""What cannot work is refused before anything is written: status 2, one line with the file and the remedy."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from pathlib import Path

import clips
import pytest


def refused(gait, *arguments, words=(), output="output") -> str:
    """Run, and check that it ends as it should; returns the line."""
    before = sorted(gait.cwd.rglob("*"))
    done = gait(*arguments)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    line = done.stderr.strip()
    assert line.startswith("gait: ")
    for word in words:
        assert str(word) in line
    assert not (gait.cwd / output).exists() or not list((gait.cwd / output).iterdir())
    assert [path for path in sorted(gait.cwd.rglob("*")) if path.name != "output"] == before
    return line


@pytest.fixture
def video(tmp_path):
    return clips.plain(tmp_path / "good.mp4", 5)


def nothing_inside(path: Path) -> Path:
    path.mkdir()
    (path / "notes.txt").write_text("no images here")
    return path


def missing(path: Path) -> Path:
    return path


def broken_images(path: Path) -> Path:
    path.mkdir()
    (path / "a.png").write_bytes(b"not a picture")
    return path


@pytest.mark.parametrize(
    ("make", "name", "words"),
    [
        (missing, "missing.mp4", ["no such file", "Check the path"]),
        (nothing_inside, "frames", ["without images", "Pass a video"]),
        (broken_images, "broken", ["none of its 1 images"]),
        (clips.empty, "empty.mp4", ["0 bytes", "again"]),
        (clips.text_renamed, "text.mp4", ["Pass a video"]),
        (clips.audio_only, "audio.mp4", ["audio only", "Pass a video"]),
        (clips.truncated_without_index, "cut.mp4", ["moov", "again"]),
    ],
    ids=["missing", "no images", "broken images", "empty", "text", "audio", "no index"],
)
def test_a_video_that_cannot_be_used(gait, tmp_path, make, name, words):
    good = clips.plain(tmp_path / "good.mp4", 5)
    refused(gait, "run", "--gallery", good, "--probe", make(tmp_path / name), words=[name, *words])


def test_a_gallery_that_cannot_be_used(gait, video):
    refused(gait, "run", "--gallery", "nowhere.mp4", "--probe", video, words=["nowhere.mp4: no such file"])


def test_a_stream_that_is_not_there(gait, video):
    address = "rtsp://127.0.0.1:9/live"
    refused(gait, "run", "--gallery", video, "--probe", address, words=[address, "cannot be opened", "Check"])


def test_a_detector_as_segmenter(gait, video):
    setting = "segmentation.checkpoint=yolox_nano"
    words = ["yolox_nano", "stage detector, not segmenter", "segmentation.checkpoint", "human_pp_humanseg"]
    refused(gait, "run", "--gallery", video, "--probe", video, "--set", setting, words=words)


def test_a_segmenter_as_detector(gait, video):
    setting = "tracking.checkpoint=human_pp_humansegv1_lite_192x192"
    words = ["stage segmenter, not detector", "Set tracking.checkpoint to one of"]
    refused(gait, "run", "--gallery", video, "--probe", video, "--set", setting, words=words)


def test_a_segmenters_folder_as_detector(gait, video, checkpoints):
    path = checkpoints / "human_pp_humansegv1_lite_192x192"
    refused(gait, "run", "--gallery", video, "--probe", video, "--set", f"tracking.checkpoint={path}",
            words=[path.name, "tracking.card=NAME"])  # fmt: skip


def test_a_segmenters_file_under_a_detectors_card(gait, video, checkpoints):
    path = checkpoints / "human_pp_humansegv1_lite_192x192.onnx"
    settings = ["--set", f"tracking.checkpoint={path}", "--set", "tracking.card=yolox_nano"]
    refused(gait, "run", "--gallery", video, "--probe", video, *settings, words=[path.name])


def test_a_detectors_file_under_a_segmenters_card(gait, video, checkpoints):
    path = checkpoints / "yolox_nano.onnx"
    card = "segmentation.card=human_pp_humansegv1_lite_192x192"
    settings = ["--set", f"segmentation.checkpoint={path}", "--set", card]
    refused(gait, "run", "--gallery", video, "--probe", video, *settings, words=[path.name])


def test_another_models_weights_as_gaitbase(gait, video, checkpoints):
    path = checkpoints / "gaitgraph_resgcn-n39-r8_coco_seq_60.pth"
    settings = ["recognition.encoder=gaitbase", f"recognition.checkpoint={path}", "recognition.card=gaitbase_grew"]
    options = [part for setting in settings for part in ("--set", setting)]
    refused(gait, "run", "--gallery", video, "--probe", video, *options, words=[path.name])


@pytest.mark.parametrize("keep", [0, 0.5, 0.999], ids=["empty", "half", "nearly whole"])
def test_a_truncated_checkpoint(gait, video, tmp_path, checkpoints, keep):
    folder = tmp_path / "weights"
    folder.mkdir()
    data = (checkpoints / "yolox_nano.onnx").read_bytes()
    (folder / "yolox_nano.onnx").write_bytes(data[: int(len(data) * keep)])
    gait.checkpoints = None
    refused(gait, "run", "--gallery", video, "--probe", video, "--checkpoints", folder,
            words=["yolox_nano.onnx", "3660092 bytes", "gait checkpoints fetch yolox_nano"])  # fmt: skip


def test_a_truncated_checkpoint_of_the_users_own(gait, video, tmp_path, checkpoints):
    data = (checkpoints / "yolox_nano.onnx").read_bytes()
    (tmp_path / "mine.onnx").write_bytes(data[: len(data) // 2])
    settings = ["--set", "tracking.checkpoint=mine.onnx", "--set", "tracking.card=yolox_nano"]
    refused(gait, "run", "--gallery", video, "--probe", video, *settings, words=["mine.onnx"])


def test_a_damaged_paddle_model(gait, video, tmp_path, checkpoints):
    shutil.copytree(checkpoints / "human_pp_humansegv1_lite_192x192", tmp_path / "mine")
    for path in (tmp_path / "mine").iterdir():
        path.chmod(0o644)
    model = tmp_path / "mine/model.pdmodel"
    model.write_bytes(model.read_bytes()[:2000])
    card = "segmentation.card=human_pp_humansegv1_lite_192x192"
    settings = ["--set", "segmentation.checkpoint=mine", "--set", card]
    refused(gait, "run", "--gallery", video, "--probe", video, *settings, words=["mine"])


def test_missing_checkpoints_say_how_to_get_them(gait, video, tmp_path):
    (tmp_path / "none").mkdir()
    gait.checkpoints = None
    refused(gait, "run", "--gallery", video, "--probe", video, "--checkpoints", "none",
            words=["yolox_nano.onnx is in none of", "none", "gait checkpoints fetch yolox_nano"])  # fmt: skip


def test_an_unknown_checkpoint_gets_the_nearest_name(gait, video):
    refused(gait, "run", "--gallery", video, "--probe", video, "--set", "tracking.checkpoint=yolox_nana",
            words=["yolox_nana", "did you mean 'yolox_nano'"])  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("tracking.detector=yolo", ["tracking.detector", "did you mean 'yolox'"]),
        ("segmentation.segmenter=humanseg", ["segmentation.segmenter", "pphumanseg"]),
        ("recognition.encoder=gaitbose", ["recognition.encoder", "did you mean 'gaitbase'"]),
        ("tracking.tracker=sort", ["tracking.tracker", "bytetrack"]),
        ("matching.metrik=cosine", ["did you mean 'matching.metric'"]),
        ("recognition.encoder=gaitset", ["gaitset", "recognition.checkpoint"]),
        ("runtime.engine=padle", ["runtime.engine", "paddle"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_setting_that_makes_no_sense(gait, video, setting, words):
    refused(gait, "run", "--gallery", video, "--probe", video, "--set", setting, words=words)


@pytest.mark.parametrize("output", ["file", "file/deeper"])
def test_a_file_where_the_output_folder_should_be(gait, video, tmp_path, output):
    (tmp_path / "file").write_text("in the way")
    refused(gait, "run", "--gallery", video, "--probe", video, "--output", output,
            words=[output, "A file stands where a folder should be", "--output"], output="nowhere")  # fmt: skip
    assert (tmp_path / "file").read_text() == "in the way"


@pytest.fixture
def read_only(tmp_path):
    """A folder that cannot be written: by its mode, or, for root, who may write anywhere, by a read-only mount."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    if os.geteuid() != 0:
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
        return
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "none", folder], check=False)
    if mounted.returncode:
        pytest.skip("root writes anywhere, and may not mount here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_an_output_folder_that_may_not_be_written(gait, video, read_only):
    number = errno.EROFS if os.geteuid() == 0 else errno.EACCES
    refused(gait, "run", "--gallery", video, "--probe", video, "--output", read_only,
            words=["read-only", os.strerror(number), "--output"])  # fmt: skip


HOSTILE = '{"config": {}, "videos": [{"name": "../../x", "path": "x.mp4"}, {"name": "y", "path": "y.mp4"}]}'


ALONE = '{"config": {}, "videos": [{"name": "x", "path": "x.mp4"}]}'


@pytest.mark.parametrize(
    "content", [None, "{}", "[]", "{half", '{"config": {}, "videos": 5}', HOSTILE, ALONE], ids=repr
)
def test_resuming_what_is_no_run(gait, tmp_path, content):
    (tmp_path / "some").mkdir()
    refused(gait, "run", "--resume", "some", words=["some: not a run folder"])
    (tmp_path / "some/run.json").write_text("{}")
    if content is not None:
        (tmp_path / ".resume").mkdir()
        (tmp_path / ".resume/some.json").write_text(content)
    refused(gait, "run", "--resume", "some", words=["tart a new run"])


def test_resuming_takes_no_other_videos(gait, tmp_path, video):
    (tmp_path / "some").mkdir()
    (tmp_path / "some/run.json").write_text("{}")
    refused(gait, "run", "--resume", "some", "--gallery", video, words=["--resume", "Leave --gallery and --probe out"])


def test_an_unknown_option_names_the_right_one(gait):
    refused(gait, "run", "--galery", "g.mp4", words=["--galery", "--gallery", "gait run --help"])

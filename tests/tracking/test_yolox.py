"""YOLOX as a detector, on real networks and real frames; parity with the references is in tests/golden."""

import itertools

import av
import numpy as np
import pytest
import torch
from odd_checkpoints import as_yolox_saves, with_values

from pipeline.config import RuntimeConfig, TilesConfig, TrackingConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.tracking import open_detector
from pipeline.tracking.yolox.format import YoloxInputs
from pipeline.tracking.yolox.network import Yolox
from pipeline.types import Frame
from pipeline.weights.checkpoints import Card, Checkpoint

CPU = RuntimeConfig(device="cpu")
INPUTS = {"size": [416, 416], "channels": "bgr", "scale": 1.0, "mean": None, "std": None, "pad": 114}


def checkpoint(path, inputs=None, stage="detector", loader="yolox-onnx", **architecture):
    card = Card(
        name="mine",
        stage=stage,
        loader=loader,
        file=path.name,
        licence="Apache-2.0",
        inputs={**INPUTS, **(inputs or {})},
        architecture=architecture,
    )
    return Checkpoint(card, path, "")


@pytest.fixture(scope="module")
def nano(shared):
    return checkpoint(shared / "checkpoints/yolox_nano.onnx")


@pytest.fixture(scope="module")
def probe1(shared):
    """The first frames of a real video: four people of 50 px, 854×480."""
    with av.open(str(shared / "videos/demo/probe1.mp4")) as video:
        pictures = [frame.to_ndarray(format="bgr24") for frame in itertools.islice(video.decode(video=0), 4)]
    return [Frame(index, index / 30, picture) for index, picture in enumerate(pictures)]


@pytest.fixture(scope="module")
def people(shared):
    """Their boxes in the first frame, xyxy."""
    rows = np.loadtxt(shared / "videos/demo/probe1.gt.txt", delimiter=",")
    boxes = rows[rows[:, 0] == 1][:, 2:6]
    boxes[:, 2:] += boxes[:, :2]
    return boxes


def overlaps(first, second):
    sides = np.minimum(first[:, None, 2:], second[None, :, 2:]) - np.maximum(first[:, None, :2], second[None, :, :2])
    shared = np.clip(sides, 0, None).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (first, second)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


@pytest.mark.parametrize(
    "settings",
    [{}, {"zoom": 2}, {"tiles": TilesConfig(rows=2, columns=2)}, {"zoom": 2, "rectangular": False}],
    ids=["auto", "zoom", "tiles", "square"],
)
def test_small_people_are_found(nano, probe1, people, settings):
    (found,) = open_detector(TrackingConfig(nms_threshold=0.6, **settings), CPU, nano).detect(probe1[:1])
    sure = found.boxes[found.scores > 0.5]
    best = overlaps(people, sure).max(axis=1)
    assert (best > 0.5).sum() >= 3  # the fourth stands behind another
    assert len(sure) <= 5


def test_zoom_of_a_network_of_one_size_becomes_tiles(nano, probe1, people):
    runtime = RuntimeConfig(device="cpu", engine="onnxruntime")
    (found,) = open_detector(TrackingConfig(nms_threshold=0.6), runtime, nano).detect(probe1[:1])
    assert (overlaps(people, found.boxes[found.scores > 0.5]).max(axis=1) > 0.5).sum() >= 3


def test_engines_agree(nano, probe1):
    config = TrackingConfig(zoom=1, rectangular=False)
    found = [
        open_detector(config, RuntimeConfig(device="cpu", engine=backend), nano).detect(probe1[:1])[0]
        for backend in ("openvino", "onnxruntime")
    ]
    np.testing.assert_allclose(found[0].boxes, found[1].boxes, atol=0.05)
    np.testing.assert_allclose(found[0].scores, found[1].scores, atol=1e-4)


def test_batches_and_single_frames_give_the_same(nano, probe1):
    config = TrackingConfig()
    together = open_detector(config, CPU, nano).detect(probe1)
    detector = open_detector(config, CPU, nano)
    for frame, expected in zip(probe1, together, strict=True):
        (alone,) = detector.detect([frame])
        assert alone.frame_index == frame.index
        np.testing.assert_array_equal(alone.boxes, expected.boxes)


def test_video_seen_second_is_found_as_if_seen_first(nano, probe1):
    detector = open_detector(TrackingConfig(), CPU, nano)
    first, second = detector.detect(probe1), detector.detect(probe1)
    for before, after in zip(first, second, strict=True):
        np.testing.assert_array_equal(before.boxes, after.boxes)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2000), (2000, 3), (31, 33), (160, 120)], ids=str)
def test_odd_pictures_hold_nobody(nano, shape):
    (found,) = open_detector(TrackingConfig(), CPU, nano).detect([Frame(0, 0.0, np.full((*shape, 3), 90, np.uint8))])
    assert len(found) == 0


def test_pictures_of_several_sizes_in_one_call(nano, probe1):
    small = Frame(1, 0.1, np.ascontiguousarray(probe1[0].image[::2, ::2]))
    found = open_detector(TrackingConfig(zoom=1), CPU, nano).detect([probe1[0], small])
    assert [people.frame_index for people in found] == [0, 1]


def test_no_frames(nano):
    assert open_detector(TrackingConfig(), CPU, nano).detect([]) == []


@pytest.fixture(scope="module")
def torch_nano(tmp_path_factory):
    path = tmp_path_factory.mktemp("yolox") / "nano.pth"
    torch.manual_seed(0)
    torch.save({"model": Yolox("nano", 80, depthwise=True).state_dict(), "start_epoch": 3}, path)
    return path


def test_authors_checkpoint_is_read_and_run(torch_nano, probe1):
    mine = checkpoint(torch_nano, variant="nano", classes=80, depthwise=True)
    found = open_detector(TrackingConfig(score_threshold=0.0, zoom=1, input_size=(64, 96)), CPU, mine).detect(
        probe1[:2]
    )
    assert [people.frame_index for people in found] == [0, 1]
    assert len(found[0]) > 0


@pytest.mark.parametrize(("prefix", "legacy"), [("", False), ("module._orig_mod.", True)], ids=["zip", "legacy"])
def test_checkpoint_of_the_authors_trainer_is_read(torch_nano, tmp_path, probe1, prefix, legacy):
    """best_ckpt.pth holds NumPy's numbers beside the weights."""
    state = {prefix + name: value for name, value in torch.load(torch_nano, weights_only=True)["model"].items()}
    config, facts = TrackingConfig(score_threshold=0.0, zoom=1, input_size=(64, 96)), {"classes": 80, "depthwise": True}
    paths = torch_nano, as_yolox_saves(state, tmp_path / "best_ckpt.pth", legacy)
    plain, theirs = (
        open_detector(config, CPU, checkpoint(path, variant="nano", **facts)).detect(probe1[:1])[0] for path in paths
    )
    assert len(plain) > 0
    np.testing.assert_array_equal(plain.boxes, theirs.boxes)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_weights_that_diverged_are_blamed_before_nobody_is_found(nano, torch_nano, tmp_path, value, backend):
    if backend == "torch":
        content = torch.load(torch_nano, weights_only=True)
        next(iter(content["model"].values())).fill_(value)
        torch.save(content, path := tmp_path / "bad.pth")
    else:
        path = with_values(nano.path, tmp_path / "bad.onnx", value)
    config = TrackingConfig(zoom=1, input_size=(416, 416))
    with pytest.raises(CheckpointError, match=r"bad\.[^\n]*: a training that diverged, or a damaged file[^\n]*$"):
        found = open_detector(
            config, RuntimeConfig(device="cpu", engine=backend),
            checkpoint(path, variant="nano", classes=80, depthwise=True),
        )  # fmt: skip
        found.warm(416, 416)


def test_checkpoint_of_another_variant_names_the_keys(torch_nano):
    with pytest.raises(CheckpointError, match=r"nano\.pth: .*180 missing \(backbone\.[^\n]*unexpected \(backbone\..*$"):
        open_detector(TrackingConfig(), CPU, checkpoint(torch_nano, variant="tiny", classes=80))


def test_truncated_checkpoint_is_one_line(torch_nano, tmp_path):
    path = tmp_path / "cut.pth"
    path.write_bytes(torch_nano.read_bytes()[:5000])
    with pytest.raises(CheckpointError, match=r"cut\.pth: .*\.$"):
        open_detector(TrackingConfig(), CPU, checkpoint(path, variant="nano", classes=80, depthwise=True))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_truncated_onnx_is_one_line(nano, tmp_path, backend):
    path = tmp_path / "cut.onnx"
    path.write_bytes(nano.path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"cut\.onnx: [^\n]*$"):
        open_detector(TrackingConfig(), RuntimeConfig(device="cpu", engine=backend), checkpoint(path))


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_network_of_another_stage_is_refused(shared, backend):
    segmenter = checkpoint(shared / "checkpoints/human_pp_humansegv1_lite_192x192.onnx")
    with pytest.raises(CheckpointError, match=r"192x192\.onnx: not a YOLOX network: [^\n]*$"):
        open_detector(TrackingConfig(), RuntimeConfig(device="cpu", engine=backend), segmenter)


def test_card_of_another_stage_is_refused(nano):
    with pytest.raises(CheckpointError, match="card mine is for a segmenter"):
        open_detector(TrackingConfig(), CPU, checkpoint(nano.path, stage="segmenter", loader="onnx"))


@pytest.mark.parametrize(
    "inputs",
    [
        {"colour": "red"},
        {"size": [416]},
        {"size": [400, 416]},
        {"channels": "grey"},
        {"mean": [1, 2]},
        {"scale": "1/255"},
    ],
    ids=str,
)
def test_card_with_other_conventions_is_refused(inputs):
    with pytest.raises(CheckpointError, match="card mine: `inputs`"):
        YoloxInputs.from_card("mine", {**INPUTS, **inputs})


def test_no_checkpoint_is_a_configuration_error():
    with pytest.raises(ConfigError, match="yolox needs one"):
        open_detector(TrackingConfig(), CPU, None)


@pytest.mark.parametrize(("size", "backend"), [((417, 416), "auto"), ((832, 832), "onnxruntime")], ids=str)
def test_input_size_that_the_network_does_not_take_is_a_configuration_error(nano, size, backend):
    with pytest.raises(ConfigError, match=r"tracking\.input_size"):
        open_detector(TrackingConfig(input_size=size), RuntimeConfig(device="cpu", engine=backend), nano)

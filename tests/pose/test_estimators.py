"""MoveNet on real frames, RTMPose's way of saying where a joint is, and networks that estimate no pose."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from odd_checkpoints import with_values

from pipeline.config import PoseConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.pose import ESTIMATORS, open_estimator
from pipeline.pose.crop import cut_pose
from pipeline.pose.estimators import decode_simcc
from pipeline.skeletons import COCO17
from pipeline.video import open_video
from pipeline.weights.checkpoints import Card, Checkpoint, resolve

CPU = RuntimeConfig(device="cpu", threads=1)
SIDES, DOWN = ("left", "right"), ("shoulder", "hip", "knee", "ankle")
JOINT = {name: index for index, name in enumerate(COCO17.joints)}


def checkpoint(path, **inputs):
    return Checkpoint(Card(name=path.stem, stage="pose", loader="test", file=path.name, inputs=inputs), path, "")


@pytest.fixture(scope="module")
def movenet(shared):
    found = resolve("movenet_singlepose_lightning_int8", folders=[shared / "checkpoints"], stage="pose")
    return open_estimator(PoseConfig(estimator="movenet"), CPU, found)


def test_every_estimator_that_is_listed_can_be_imported():
    for name in ESTIMATORS:
        with pytest.raises(CheckpointError, match=f"{name} needs one"):
            open_estimator(PoseConfig(estimator=name), CPU, None)


def test_an_unknown_estimator_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match=r"pose\.estimator.*did you mean 'movenet'"):
        open_estimator(PoseConfig(estimator="movnet"), CPU, None)


def test_weights_that_diverged_are_blamed(shared, tmp_path):
    lightning = shared / "checkpoints/movenet_singlepose_lightning_int8_4.tflite"
    path = with_values(lightning, tmp_path / "bad.tflite", np.nan)
    with pytest.raises(CheckpointError, match=r"bad\.tflite: its weights are no finite numbers"):
        open_estimator(PoseConfig(estimator="movenet"), CPU, checkpoint(path))


def test_joints_lie_on_the_demo_s_people(shared, movenet):
    """In the boxes that were labelled by hand, noses are above shoulders, shoulders above hips, and so on."""
    labels = np.loadtxt(shared / "videos/demo/gallery.gt.txt", delimiter=",")
    row = {int(frame): labels[labels[:, 0] == frame] for frame in (60, 120, 180)}
    scores = []
    with open_video(shared / "videos/demo/gallery.mp4") as video:
        for frame in video:
            for _, _, x, y, width, height, *_ in row.get(frame.index + 1, []):
                crop = cut_pose(frame.image, np.array([x, y, x + width, y + height]), movenet.view, 1, frame.index)
                joints = crop.to_frame(movenet.estimate(crop.image[None])[0])
                shares = (joints[:, 1] - y) / height
                heights = [shares[0], *(shares[[JOINT[f"{side} {name}"] for side in SIDES]].mean() for name in DOWN)]
                assert heights == sorted(heights)  # nose, shoulders, hips, knees, ankles
                assert -0.05 < heights[0] < 0.28 and 0.38 < heights[2] < 0.6 and 0.8 < heights[4] < 1.02
                assert (np.abs(joints[:, 0] - x - width / 2) < 0.75 * width).all()
                scores.append(joints[:, 2].mean())
    assert len(scores) >= 9 and np.mean(scores) > 0.6


def test_one_alone_and_one_among_others_are_the_same(shared, movenet):
    crops = np.random.default_rng(0).integers(0, 256, (5, 192, 192, 3), np.uint8)
    together = movenet.estimate(crops)
    assert together.shape == (5, 17, 3) and together.dtype == np.float32
    assert np.array_equal(together, np.concatenate([movenet.estimate(crop[None]) for crop in crops]))
    assert movenet.estimate(crops[:0]).shape == (0, 17, 3)


@pytest.mark.parametrize("estimator", ["movenet", "rtmpose"])
def test_a_network_for_something_else_is_refused(shared, estimator):
    path = shared / "checkpoints" / "human_pp_humansegv1_lite_192x192.onnx"
    with pytest.raises(CheckpointError, match=r"no pose estimator .* Choose another pose\.checkpoint"):
        open_estimator(PoseConfig(estimator=estimator), CPU, checkpoint(path, size=[192, 192]))


def test_a_damaged_file_is_refused(shared, tmp_path):
    path = tmp_path / "cut.tflite"
    shutil.copy(shared / "checkpoints/movenet_singlepose_lightning_int8_4.tflite", path)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(CheckpointError, match=r"cut\.tflite"):
        open_estimator(PoseConfig(estimator="movenet"), CPU, checkpoint(path))


@pytest.mark.parametrize("size", [[192], "large", [0, 192], [192, 99999]])
def test_a_card_with_an_impossible_size_is_refused(shared, size):
    path = shared / "checkpoints/movenet_singlepose_lightning_int8_4.tflite"
    with pytest.raises(CheckpointError, match=r"inputs\.size"):
        open_estimator(PoseConfig(estimator="movenet"), CPU, checkpoint(path, size=size))


def test_columns_and_rows_become_places():
    across, down = np.full((1, 2, 384), -1.0, np.float32), np.full((1, 2, 512), -1.0, np.float32)
    across[0, 0, 101], down[0, 0, 300] = 0.8, 0.6
    joints = decode_simcc(across, down, (2.0, 2.0))
    assert joints[0, 0] == pytest.approx([50.5, 150, 0.6])
    assert not joints[0, 1].any()  # nowhere better than 0: not found


@pytest.fixture
def brightest(tmp_path):
    """A network with RTMPose's interface: all joints are where the picture's red is brightest."""
    onnx = pytest.importorskip("onnx")
    helper, proto = onnx.helper, onnx.TensorProto
    constants = {
        "red": np.array(0, np.int64), "split": np.array([0, 1, -1], np.int64), "last": np.array([3], np.int64),
        "first": np.array([1], np.int64), "twice": np.array([1, 1, 1, 2], np.int64),
        "joints": np.array([1, 17, 1], np.int64),
    }  # fmt: skip
    nodes = [helper.make_node("Gather", ["input", "red"], ["plane"], axis=1)]
    for name, axis in (("simcc_x", 1), ("simcc_y", 2)):
        nodes += [
            helper.make_node("ReduceMax", ["plane"], [f"{name}_max"], axes=[axis], keepdims=0),
            helper.make_node("Unsqueeze", [f"{name}_max", "first"], [f"{name}_one"]),
            helper.make_node("Unsqueeze", [f"{name}_one", "last"], [f"{name}_wide"]),
            helper.make_node("Tile", [f"{name}_wide", "twice"], [f"{name}_twice"]),
            helper.make_node("Reshape", [f"{name}_twice", "split"], [f"{name}_line"]),
            helper.make_node("Tile", [f"{name}_line", "joints"], [name]),
        ]
    graph = helper.make_graph(
        nodes,
        "brightest",
        [helper.make_tensor_value_info("input", proto.FLOAT, ["n", 3, 256, 192])],
        [
            helper.make_tensor_value_info("simcc_x", proto.FLOAT, ["n", 17, 384]),
            helper.make_tensor_value_info("simcc_y", proto.FLOAT, ["n", 17, 512]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path / "brightest.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_rtmpose_s_interface_is_read(brightest, backend):
    runtime = RuntimeConfig(device="cpu", threads=1, engine=backend)
    estimator = open_estimator(PoseConfig(estimator="rtmpose"), runtime, checkpoint(brightest))
    crops = np.full((3, 256, 192, 3), 20, np.uint8)
    for crop, (x, y) in zip(crops, [(10, 20), (150, 60), (96, 250)], strict=True):
        crop[y, x] = (0, 0, 255)  # BGR
    joints = estimator.estimate(crops)
    assert joints.shape == (3, 17, 3)
    assert joints[:, 3, :2] == pytest.approx(np.array([(10, 20), (150, 60), (96, 250)]))
    assert (joints[..., 2] == 1).all()  # a red of 255 is 2.2 deviations above the mean

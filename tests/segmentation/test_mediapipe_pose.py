"""MediaPipe Pose's landmark networks: the mask and the joints of the one person that a crop is about."""

from __future__ import annotations

import av
import numpy as np
import pytest

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.errors import CheckpointError
from pipeline.segmentation import open_segmenter, quality
from pipeline.segmentation.mediapipe_pose import MediaPipePose
from pipeline.segmentation.sequences import cut_people, finish
from pipeline.skeletons import COCO17
from pipeline.types import Frame, TrackedBoxes
from pipeline.weights.checkpoints import resolve

CPU = RuntimeConfig(device="cpu")
CONFIG = SegmentationConfig()
INDEX = {joint: number for number, joint in enumerate(COCO17.joints)}


@pytest.fixture(scope="module", params=["lite", "full"])
def network(request, shared):
    checkpoint = resolve(f"mediapipe_pose_{request.param}", None, [shared / "checkpoints"], stage="segmenter")
    return open_segmenter(SegmentationConfig(checkpoint=checkpoint.card.name), CPU, checkpoint)


@pytest.fixture(scope="module")
def people(shared):
    """A frame of four who come towards the camera side by side, and their boxes."""
    rows = np.loadtxt(shared / "videos/demo/gallery.gt.txt", delimiter=",")
    here = rows[rows[:, 0] == 31]
    with av.open(str(shared / "videos/demo/gallery.mp4")) as container:
        picture = next(one for index, one in enumerate(container.decode(video=0)) if index == 30)
    boxes = np.concatenate([here[:, 2:4], here[:, 2:4] + here[:, 4:6]], axis=1).astype(np.float32)
    tracked = TrackedBoxes(30, here[:, 1].astype(np.int64), boxes, np.ones(len(here), np.float32))
    return Frame(30, 1.0, picture.to_ndarray(format="bgr24")), tracked


def test_the_card_names_the_segmenter(network):
    assert isinstance(network, MediaPipePose)


def test_everybody_is_cut_out_alone_though_others_walk_beside_them(network, people):
    crops = cut_people(*people, CONFIG, network.view)
    segmented = network.segment(np.stack([crop.image for crop in crops]))
    assert segmented.presence.min() > 0.9
    for crop, one in zip(crops, finish(crops, segmented, CONFIG), strict=True):
        assert one.reason is None and one.quality["extent"] > 0.8
        x1, _, x2, _ = crop.crop.to_crop(crop.box[None])[0]
        marked = segmented.person[crops.index(crop)] > 0.5
        beside = np.delete(marked, np.s_[int(x1 - 0.2 * (x2 - x1)) : int(x2 + 0.2 * (x2 - x1))], axis=1)
        assert beside.sum() < 0.02 * marked.sum(), "a neighbour's body"


def test_joints_lie_where_the_body_has_them(network, people):
    crops = cut_people(*people, CONFIG, network.view)
    segmented = network.segment(np.stack([crop.image for crop in crops]))
    for crop, joints in zip(crops, segmented.joints, strict=True):
        in_frame = crop.crop.to_frame(joints)
        x1, y1, x2, y2 = crop.box
        height = [(in_frame[INDEX[joint], 1] - y1) / (y2 - y1) for joint in ("nose", "left hip", "left knee")]
        assert 0 < height[0] < 0.2
        assert 0.4 < height[1] < 0.6 < height[2] < 0.85
        for pair in ("shoulder", "hip"):  # they come towards us: their left is on our right
            left, right = in_frame[INDEX[f"left {pair}"], 0], in_frame[INDEX[f"right {pair}"], 0]
            assert x1 < right < left < x2
        body = [number for joint, number in INDEX.items() if "wrist" not in joint]
        on_mask = segmented.person[crops.index(crop)][tuple(joints[body, 1::-1].astype(int).T)] > 0.5
        assert on_mask.mean() > 0.9
        assert joints[:, 2].min() > 0 and joints[body, 2].min() > 0.5


def test_where_nobody_is_there_is_nobody(network, people):
    frame, _ = people
    ground = TrackedBoxes(30, np.array([1]), np.array([[20, 350, 90, 470]], np.float32), np.ones(1, np.float32))
    crops = cut_people(frame, ground, CONFIG, network.view)
    segmented = network.segment(np.stack([crop.image for crop in crops]))
    (one,) = finish(crops, segmented, CONFIG)
    assert one.reason == quality.NOBODY
    assert segmented.joints[0, :, 2].max() < 0.5


def test_the_frames_edge_goes_on_outside_of_it(network, people):
    frame, _ = people
    corner = TrackedBoxes(30, np.array([1]), np.array([[0, 0, 60, 120]], np.float32), np.ones(1, np.float32))
    (crop,) = cut_people(frame, corner, CONFIG, network.view)
    above = crop.image[:20].astype(int)
    assert np.abs(above - above[0]).max() <= 1 and above[0].std() > 0


def test_the_number_of_crops_does_not_change_an_answer(network):
    crops = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    together = network.segment(crops)
    alone = [network.segment(crop[None]) for crop in crops]
    np.testing.assert_array_equal(together.person, np.concatenate([one.person for one in alone]))
    np.testing.assert_array_equal(together.joints, np.concatenate([one.joints for one in alone]))
    assert network.segment(crops[:0]).person.shape == (0, 256, 256)
    with pytest.raises(ValueError, match="N×256×256×3"):
        network.segment(crops[:, :128])


@pytest.mark.parametrize("file", ["movenet_singlepose_lightning_int8_4.tflite", "yolox_nano.onnx"])
def test_another_network_is_refused_in_one_line(shared, file):
    card = resolve("mediapipe_pose_lite", None, [shared / "checkpoints"], stage="segmenter")
    other = type(card)(card.card, shared / "checkpoints" / file, "")
    with pytest.raises(
        CheckpointError, match=rf"{file}: another network than was expected: it has no output Identity"
    ) as found:
        MediaPipePose(CPU, other)
    assert "\n" not in str(found.value)


def test_it_cannot_do_without_weights():
    with pytest.raises(CheckpointError, match=r"segmentation\.checkpoint: mediapipe_pose needs one"):
        open_segmenter(SegmentationConfig(segmenter="mediapipe_pose", checkpoint=None), CPU, None)

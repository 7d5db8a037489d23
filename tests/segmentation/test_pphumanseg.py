"""The ways PaddleSeg exports a network, and checkpoints that are none."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from odd_checkpoints import with_values

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.segmentation import SEGMENTERS, open_segmenter
from pipeline.weights.checkpoints import Card, Checkpoint

FOLDER = "human_pp_humansegv1_lite_192x192"
CPU = RuntimeConfig(device="cpu")


def checkpoint(path, **inputs):
    card = Card(name=path.stem, stage="segmenter", loader="onnx", file=path.name, licence="none", inputs=inputs)
    return Checkpoint(card, path, "")


def load(path, runtime=CPU, **inputs):
    return open_segmenter(SegmentationConfig(), runtime, checkpoint(path, **inputs))


def save_network(path, kind, height=32, width=32):
    """A network that calls a pixel a person by how red it is, exported in one of PaddleSeg's ways."""
    onnx = pytest.importorskip("onnx")
    helper, proto = onnx.helper, onnx.TensorProto
    weights = np.zeros((2, 3, 1, 1), np.float32)
    weights[1, 0] = 4  # channel 0 is red where the crop is given as RGB
    nodes = [helper.make_node("Conv", ["x", "weights"], ["logits"])]
    shape, dtype, last = ["n", 2, height, width], proto.FLOAT, "logits"
    if kind == "softmax":
        nodes.append(helper.make_node("Softmax", ["logits"], ["maps"], axis=1))
        last = "maps"
    elif kind.startswith("argmax"):
        keep = int(kind == "argmax with channel")
        nodes.append(helper.make_node("ArgMax", ["logits"], ["maps"], axis=1, keepdims=keep))
        shape, dtype, last = ["n", 1, height, width] if keep else ["n", height, width], proto.INT64, "maps"
    graph = helper.make_graph(
        nodes,
        "red",
        [helper.make_tensor_value_info("x", proto.FLOAT, ["n", 3, height, width])],
        [helper.make_tensor_value_info(last, dtype, shape)],
        [onnx.numpy_helper.from_array(weights, "weights")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_weights_that_diverged_are_blamed(shared, tmp_path, backend):
    path = with_values(shared / f"checkpoints/{FOLDER}.onnx", tmp_path / "bad.onnx", np.inf)
    with pytest.raises(CheckpointError, match=r"bad\.onnx: its weights are no finite numbers"):
        load(path, RuntimeConfig(device="cpu", engine=backend))


@pytest.fixture
def crops():
    crops = np.zeros((3, 32, 32, 3), np.uint8)
    crops[1, :16, :, 2] = 255  # red above
    crops[2, :, 8:] = (255, 0, 255)
    return crops


@pytest.fixture
def red(crops):
    return crops[..., 2] > 0


@pytest.mark.parametrize("kind", ["softmax", "logits", "argmax", "argmax with channel"])
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_every_export_says_where_the_person_is(tmp_path, crops, red, kind, backend):
    path = save_network(tmp_path / "net.onnx", kind)
    people = load(path, RuntimeConfig(device="cpu", engine=backend), size=[32, 32]).segment(crops).person
    assert people.dtype == np.float32 and people.shape == (3, 32, 32)
    np.testing.assert_array_equal(people > 0.5, red)


def test_logits_and_softmax_give_the_same_probability(tmp_path, crops):
    logits = load(save_network(tmp_path / "a.onnx", "logits"), size=[32, 32]).segment(crops).person
    softmax = load(save_network(tmp_path / "b.onnx", "softmax"), size=[32, 32]).segment(crops).person
    np.testing.assert_allclose(logits, softmax, atol=1e-5)


def test_the_card_says_order_scale_and_channel(tmp_path, crops, red):
    path = save_network(tmp_path / "net.onnx", "softmax")
    as_blue = load(path, size=[32, 32], channels="bgr").segment(crops).person
    np.testing.assert_array_equal(as_blue > 0.5, crops[..., 0] > 0)
    background = load(path, size=[32, 32], person_channel=0).segment(crops).person
    np.testing.assert_array_equal(background < 0.5, red)
    shifted = load(path, size=[32, 32], mean=[0, 0.5, 0.5], std=[2, 1, 1]).segment(crops).person
    np.testing.assert_allclose(shifted[1, 0, 0], 1 / (1 + np.exp(-2)), atol=1e-5)


def test_a_network_that_is_not_square_takes_square_crops(tmp_path, crops, red):
    path = save_network(tmp_path / "net.onnx", "softmax", height=32, width=16)
    people = load(path, size=[32, 16]).segment(crops).person
    assert people.shape == (3, 32, 32)
    np.testing.assert_array_equal(people[:2] > 0.5, red[:2])


def test_no_crops_give_no_maps(tmp_path):
    segmenter = load(save_network(tmp_path / "net.onnx", "softmax"), size=[32, 32])
    assert segmenter.segment(np.zeros((0, 32, 32, 3), np.uint8)).person.shape == (0, 32, 32)


def test_crops_of_another_size_are_refused(tmp_path):
    segmenter = load(save_network(tmp_path / "net.onnx", "softmax"), size=[32, 32])
    with pytest.raises(ValueError, match="N×32×32×3"):
        segmenter.segment(np.zeros((1, 64, 64, 3), np.uint8))


def test_batches_do_not_change_the_answer(shared):
    path = shared / "checkpoints" / FOLDER
    crops = np.random.default_rng(1).integers(0, 256, (5, 192, 192, 3), np.uint8)
    segmenter = load(path)
    one_by_one = np.concatenate([segmenter.segment(crops[i : i + 1]).person for i in range(5)])
    np.testing.assert_allclose(segmenter.segment(crops).person, one_by_one, atol=1e-6)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_detector_is_refused_as_a_segmenter(shared, backend):
    with pytest.raises(CheckpointError, match=r"yolox_nano\.onnx.*PP-HumanSeg"):
        load(shared / "checkpoints" / "yolox_nano.onnx", RuntimeConfig(device="cpu", engine=backend))


@pytest.fixture
def folder(shared, tmp_path):
    return shutil.copytree(shared / "checkpoints" / FOLDER, tmp_path / FOLDER)


def test_the_folder_and_the_files_in_it_are_the_same_checkpoint(folder):
    crops = np.zeros((1, 192, 192, 3), np.uint8)
    np.testing.assert_array_equal(
        load(folder).segment(crops).person, load(folder / "model.pdiparams").segment(crops).person
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        pytest.param("", "deploy.yaml", id="empty"),
        pytest.param("Deploy: [1, 2]", "deploy.yaml", id="a list"),
        pytest.param("Deploy: {model: model.pdmodel}", "deploy.yaml", id="no parameters"),
        pytest.param("Deploy: {model: model.json, params: model.pdiparams}", "pdmodel", id="newer format"),
        pytest.param("Deploy: {model: ../model.pdmodel, params: model.pdiparams}", "outside", id="climbs out"),
        pytest.param("Deploy: {model: model.pdmodel, params: gone.pdiparams}", "missing", id="missing file"),
        pytest.param(
            "Deploy: {model: model.pdmodel, params: model.pdiparams, transforms: [{type: Rotate}]}",
            "Rotate",
            id="unknown transform",
        ),
        pytest.param(
            "Deploy: {model: model.pdmodel, params: model.pdiparams, transforms: [{type: Normalize, std: 0}]}",
            "deploy.yaml",
            id="division by zero",
        ),
    ],
)
def test_a_bad_description_is_refused(folder, text, complaint):
    (folder / "deploy.yaml").write_text(text)
    with pytest.raises(CheckpointError, match=complaint):
        load(folder)


def test_truncated_weights_are_refused(folder):
    weights = folder / "model.pdiparams"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match=FOLDER):
        load(folder)


def test_no_checkpoint_is_refused():
    with pytest.raises(CheckpointError, match=r"segmentation\.checkpoint"):
        open_segmenter(SegmentationConfig(), CPU, None)


def test_an_unknown_segmenter_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="pphumanseg"):
        open_segmenter(SegmentationConfig(segmenter="pphumansegg"), CPU, None)
    assert "pphumanseg" in SEGMENTERS

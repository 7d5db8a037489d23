"""YOLOX against the authors' code and ByteTrack's copy of it (../shared/golden/yolox_*)."""

import json
from functools import cache

import numpy as np
import pytest
import torch

from pipeline.tracking.overlap import strongest
from pipeline.tracking.yolox.format import Letterbox, YoloxInputs, cells, people, to_pixels
from pipeline.tracking.yolox.network import Yolox
from pipeline.weights.safeload import load_state_dict, load_strictly

FOLDERS = ("yolox_megvii", "yolox_bytetrack")
MEGVII = YoloxInputs((160, 288))
BYTETRACK = YoloxInputs((160, 288), "rgb", 1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
PREPARED = {  # (folder, output): (conventions, picture)
    ("yolox_megvii", "preproc_image_160x288"): (MEGVII, "image_bgr"),
    ("yolox_megvii", "preproc_image_tall_160x288"): (MEGVII, "image_tall_bgr"),
    ("yolox_megvii", "valtransform_legacy_image"): (BYTETRACK, "image_bgr"),
    ("yolox_megvii", "valtransform_legacy_image_tall"): (BYTETRACK, "image_tall_bgr"),
    ("yolox_bytetrack", "preproc_image_160x288_legacy"): (BYTETRACK, "image_bgr"),
    ("yolox_bytetrack", "preproc_image_tall_160x288_legacy"): (BYTETRACK, "image_tall_bgr"),
    ("yolox_bytetrack", "preproc_image_160x288_no_mean_std"): (YoloxInputs((160, 288), "rgb", 1 / 255), "image_bgr"),
}
NETWORKS = {  # name of the golden network: (variant, classes, depthwise)
    "nano_depthwise_nc1": ("nano", 1, True),
    "nano_mot_nc1_not_depthwise": ("nano", 1, False),
    "tiny_nc1": ("tiny", 1, False),
    "s_nc1": ("s", 1, False),
    "s_nc80": ("s", 80, False),
    "m_nc1": ("m", 1, False),
    "l_nc1": ("l", 1, False),
    "x_nc1": ("x", 1, False),
}
RUN = ("nano_depthwise_nc1", "nano_mot_nc1_not_depthwise", "s_nc80")


@pytest.fixture(scope="module", params=FOLDERS)
def reference(request, golden):
    folder = golden(request.param)
    info = json.loads((folder / "info.json").read_text())
    return folder, dict(np.load(folder / "input.npz")), dict(np.load(folder / "output.npz")), info


@pytest.mark.parametrize(("folder", "name"), PREPARED, ids=lambda value: value)
def test_preprocessing(golden, assert_close_to_rms, folder, name):
    conventions, picture = PREPARED[folder, name]
    image = np.load(golden(folder) / "input.npz")[picture]
    ratio = min(160 / image.shape[0], 288 / image.shape[1])
    (letterboxed,) = Letterbox(conventions.pad, (160, 288)).each([image], ratio)
    assert_close_to_rms(conventions.pictures.planes(letterboxed)[0], np.load(golden(folder) / "output.npz")[name], 1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_keys_and_shapes(reference, name):
    folder, *_ = reference
    variant, classes, depthwise = NETWORKS[name]
    with torch.device("meta"):
        state = Yolox(variant, classes, depthwise).state_dict()
    ours = {key: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for key, tensor in state.items()}
    assert ours == json.loads((folder / f"keys_{name}.json").read_text())


@pytest.mark.parametrize("name", RUN)
def test_network_before_and_after_folding_batch_norms(reference, by_rule, assert_close_to_rms, name):
    _, inputs, outputs, info = reference
    network = Yolox(*NETWORKS[name]).eval()
    _fill(network, by_rule(name), info[f"{name}_preds_weight_scale_power_of_two_applied_after_RULE"])
    images = torch.from_numpy(inputs["net_in"])[None]
    with torch.inference_mode():
        for level, feature in enumerate(network.backbone(images)):
            assert_close_to_rms(feature[:, :8].numpy(), outputs[f"{name}_fpn{level}"])
        plain = network(images).numpy()
        _assert_answer(plain, outputs, info, name, assert_close_to_rms)
        _assert_answer(network.fuse()(images).numpy(), outputs, info, name, assert_close_to_rms)


def test_pth_tar_in_the_reference_format(reference, assert_close_to_rms):
    folder, inputs, outputs, info = reference
    path = folder / "weights_nano_depthwise_nc1.pth.tar"
    network = Yolox("nano", 1, depthwise=True).eval()
    load_strictly(network, load_state_dict(path), path)
    with torch.inference_mode():
        answer = network.fuse()(torch.from_numpy(inputs["net_in"])[None]).numpy()
    _assert_answer(answer, outputs, info, "nano_depthwise_nc1", assert_close_to_rms)


@pytest.mark.parametrize("image", [0, 1])
@pytest.mark.parametrize(
    ("head", "settings"),
    [
        ("head_nc1_seed1", "nc1_conf0.001_nms0.7_seed1"),
        ("head_nc1_seed2", "nc1_conf0.3_nms0.45_seed2"),
        ("head_nc1_seed3", "nc1_conf0.9_nms0.3_seed3"),
        ("head_nc80_seed4", "nc80_conf0.25_nms0.45_seed4"),
    ],
)
def test_postprocessing(reference, head, settings, image):
    """Every class in turn plays the person: of rows whose best class is another, the reference knows nothing."""
    _, inputs, outputs, _ = reference
    rows, expected = inputs[head][image], outputs[f"post_{settings}_img{image}"]
    conf, nms = (float(part[len(name) :]) for name, part in zip(("conf", "nms"), settings.split("_")[1:3], strict=True))
    best_class = rows[:, 5:].argmax(axis=1)
    for person in range(rows.shape[1] - 5):
        mine = rows[best_class == person]
        wanted = mine[:, YoloxInputs((32, 32), person_class=person).columns]
        boxes, scores = people(wanted, np.zeros((len(mine), 3), np.float32), conf, decoded=True)
        kept = strongest(boxes, scores, nms)
        wanted = expected[expected[:, 6] == person]
        np.testing.assert_allclose(boxes[kept], wanted[:, :4], rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(scores[kept], wanted[:, 4] * wanted[:, 5], rtol=1e-5)


@pytest.fixture(scope="module")
def by_rule(weight_rule):
    """by_rule(name) are the weights that the rule gives a network of NETWORKS: the same for both references."""
    return cache(lambda name: weight_rule.fill(Yolox(*NETWORKS[name])))


def _fill(network, weights, scale):
    heads = {key for key in weights if key.startswith("head.") and "_preds." in key and key.endswith(".weight")}
    network.load_state_dict({key: value * scale if key in heads else value for key, value in weights.items()})


def _assert_answer(answer, outputs, info, name, assert_close_to_rms):
    every = info[f"{name}_net"]["rows_kept_every"]
    assert_close_to_rms(answer[:, ::every], outputs[f"{name}_raw_not_decoded"])
    decoded = np.concatenate([to_pixels(answer[0], cells((160, 288))), answer[0][:, 4:]], axis=1)
    assert_close_to_rms(decoded[None, ::every], outputs[f"{name}_decoded"])

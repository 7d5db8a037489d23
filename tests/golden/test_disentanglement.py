"""The disentanglement's autoencoder and recognition network equal the reference's: golden/disentanglement."""

from __future__ import annotations

import json
import zlib

import numpy as np
import pytest
import torch

from pipeline.recognition.layers.skeleton_autoencoder import without_depth
from pipeline.recognition.models.disentanglement import (
    Architecture,
    Disentanglement,
    load_autoencoder,
)
from pipeline.research.training.losses.disentangling import autoencoder_losses, centre_loss, smooth_cross_entropy


@pytest.fixture(scope="module")
def reference(golden):
    """(the authors' autoencoder, walks, outputs)."""
    folder = golden("disentanglement")
    with np.load(folder / "input.npz") as given, np.load(folder / "output.npz") as output:
        walks = torch.from_numpy(given["x"])
        yield load_autoencoder(folder / "autoencoder_00050000.pt"), walks, {name: output[name] for name in output.files}


def test_codes_equal_the_reference(reference, assert_close_to_rms):
    autoencoder, walks, output = reference
    with torch.inference_mode():
        codes = autoencoder.encode(walks)
    names = {"motion": "motion", "body": "body", "view": "view", "body_frames": "body_seq", "view_frames": "view_seq"}
    for ours, theirs in names.items():
        assert_close_to_rms(getattr(codes, ours).numpy(), output[theirs])


def test_walks_put_together_again_equal_the_reference(reference, assert_close_to_rms):
    autoencoder, walks, output = reference
    with torch.inference_mode():
        codes = autoencoder.encode(walks)
        again = autoencoder.decode(codes.motion, codes.body, codes.view)
        assert_close_to_rms(again.numpy(), output["decoded_45"])
        assert_close_to_rms(without_depth(again).numpy(), output["decoded_2d_30"])


@pytest.mark.parametrize("swapped", ["motion", "view"])
def test_a_code_of_another_walk_equals_the_reference(swapped, golden, reference, assert_close_to_rms):
    autoencoder, walks, output = reference
    with np.load(golden("disentanglement") / "input.npz") as given, torch.inference_mode():
        codes, other = (autoencoder.encode(some) for some in (walks, torch.from_numpy(given["x_v"])))
        parts = {name: getattr(other if name == swapped else codes, name) for name in ("motion", "body", "view")}
        assert_close_to_rms(autoencoder.decode(**parts).numpy(), output[f"decoded_swap_{swapped}"])


def test_the_layout_of_the_reference_is_kept_for_its_files(golden, reference):
    autoencoder, _, output = reference
    with np.load(golden("disentanglement") / "input.npz") as given:
        first = torch.from_numpy(given["raw_data_T96_15_2"][0, :64])[None]  # 64 frames, so none are drawn
    assert np.array_equal(autoencoder.rows(first)[0].numpy(), output["dataset_x_30_64"][0])
    assert torch.equal(autoencoder.points(autoencoder.rows(first)), first)


def rule_by_rows(key, shape):
    """The weight rule for a matrix too large for float64: drawn in the same order, a few rows at a time."""
    generator = np.random.Generator(np.random.Philox(zlib.crc32(key.encode())))
    matrix = np.empty(shape, np.float32)
    for start in range(0, shape[0], 32):
        rows = matrix[start : start + 32]
        rows[:] = generator.standard_normal(rows.shape) * np.sqrt(2.0 / shape[1])
    return torch.from_numpy(matrix)


def test_the_recognition_network_equals_the_reference(golden, reference, weight_rule, assert_close_to_rms):
    autoencoder, walks, output = reference
    keys = json.loads((golden("disentanglement") / "state_dict_keys_fc.json").read_text())
    with torch.device("meta"):
        network = Disentanglement(Architecture())
    assert {key: list(value.shape) for key, value in network.fc.state_dict().items()} == {
        key: shape for key, (shape, _) in keys.items()
    }
    weights = {
        key: rule_by_rows(key, shape)
        if key == "fc.weight"
        else torch.from_numpy(np.asarray(weight_rule.make(key, shape, dtype == "int64")).reshape(shape))
        for key, (shape, dtype) in keys.items()
    }
    network.fc.load_state_dict(weights, assign=True)
    network.autoencoder = autoencoder
    network.eval()
    with torch.inference_mode():
        features = network.recognise(walks)
        assert_close_to_rms(features.numpy(), output["fc_feature_combined"])
        assert_close_to_rms(network.logits(features[..., None])[..., 0].numpy(), output["fc_logits_combined"])


THEIR_NAMES = {
    "reconstruction": "loss_recon",
    "exchanged view": "loss_recon_view",
    "body": "loss_inv_b_ls",
    "motion": "loss_inv_m_ls",
    "view": "loss_inv_v_ls",
    "time": "loss_time_inv_body",
    "time of other view": "loss_time_inv_body_ls",
    "triplet body": "triplet_body_loss",
    "triplet motion": "triplet_motion_loss",
    "triplet view": "triplet_view_loss",
}


@pytest.fixture
def three(golden):
    """(their figures, a fresh autoencoder, walks of one person in two views and of another person)."""
    folder = golden("disentanglement")
    with np.load(folder / "input.npz") as given:
        walks = [torch.from_numpy(given[name]) for name in ("x", "x_v", "x_i")]
    info = json.loads((folder / "info.json").read_text())
    return info, load_autoencoder(folder / "autoencoder_00050000.pt"), walks


def test_the_autoencoder_s_losses_equal_the_reference(three):
    info, autoencoder, walks = three
    figures = info["ae_update_eval_mode_no_dropout"]
    with torch.inference_mode():
        losses = autoencoder_losses(autoencoder, *walks)
    assert {name: float(loss) for name, loss in losses.items()} == pytest.approx(
        {name: figures[theirs] for name, theirs in THEIR_NAMES.items()}, rel=1e-5
    )
    assert sum(float(loss) for loss in losses.values()) == pytest.approx(figures["loss_total"], rel=1e-5)


def test_gradients_and_a_step_equal_the_reference(three, reference, assert_close_to_rms):
    info, autoencoder, walks = three
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=2e-4, betas=(0.5, 0.999), weight_decay=1e-4)
    sum(autoencoder_losses(autoencoder, *walks).values()).backward()
    norms = {name: float(parameter.grad.norm()) for name, parameter in autoencoder.named_parameters()}
    assert norms == pytest.approx(info["grad_norms_eval_mode"], rel=1e-4)
    optimizer.step()
    first = autoencoder.motion_encoder.model[1].weight.detach().numpy()
    assert_close_to_rms(first, reference[2]["after_one_adam_step_motion_conv0_weight"], 1e-6)


def test_the_recognition_s_losses_equal_the_reference(golden, reference, weight_rule):
    _, _, output = reference
    info = json.loads((golden("disentanglement") / "info.json").read_text())["losses"]
    features, logits = (torch.from_numpy(output[f"fc_{name}_combined"]) for name in ("feature", "logits"))
    with np.load(golden("disentanglement") / "input.npz") as given:
        labels = torch.from_numpy(given["label"])
    centres = torch.from_numpy(weight_rule.make("center_loss.centers", (74, 512)))
    assert float(smooth_cross_entropy(logits, labels, 0.1)) == pytest.approx(info["smooth_ce"], rel=1e-5)
    assert float(centre_loss(features, centres, labels)) == pytest.approx(info["center"], rel=1e-5)

"""Losses equal OpenGait's, values and gradients: golden/losses."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from pipeline.research.training.losses import metric as losses


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("losses")
    given = {name: torch.from_numpy(array) for name, array in np.load(folder / "input.npz").items()}
    return given, np.load(folder / "output.npz"), json.loads((folder / "info.json").read_text())


CASES = {
    "triplet_m0.2": ("emb", lambda x, g: losses.triplet(x, g["labels"], 0.2)),
    "triplet_m0.3": ("emb", lambda x, g: losses.triplet(x, g["labels"], 0.3)),
    "triplet_m20.0": ("emb", lambda x, g: losses.triplet(x, g["labels"], 20.0)),
    "triplet_all_satisfied_part_zero": ("emb_separated", lambda x, g: losses.triplet(x, g["labels"], 0.2)),
    "ce_scale16_smoothTrue": ("logits", lambda x, g: losses.cross_entropy(x, g["labels"], 16)),
    "ce_scale1_smoothTrue": ("logits", lambda x, g: losses.cross_entropy(x, g["labels"], 1)),
    "ce_scale16_smoothFalse": ("logits", lambda x, g: losses.cross_entropy(x, g["labels"], 16, False)),
    "supcon_re_t0.01": ("sup_feat", lambda x, g: losses.supervised_contrastive(x, g["sup_labels"], 0.01)),
    "supcon_re_t0.5": ("sup_feat", lambda x, g: losses.supervised_contrastive(x, g["sup_labels"], 0.5)),
    "supcon_lp_t0.01": (
        "sup_feat_lp",
        lambda x, g: losses.supervised_contrastive_by_distance(x, g["sup_labels"], 0.01, reference=True),
    ),
    "supcon_lp_t0.5": ("sup_feat_lp", lambda x, g: losses.supervised_contrastive_by_distance(x, g["sup_labels"], 0.5)),
    "bce": ("bce_pred", lambda x, g: losses.binary_cross_entropy(x, g["bce_mask"])),
}


@pytest.mark.parametrize("case", CASES)
def test_value_gradient_and_log_equal_the_reference(reference, assert_close_to_rms, case):
    given, output, info = reference
    name, compute = CASES[case]
    x = given[name].clone().requires_grad_()
    loss, logged = compute(x, given)
    assert_close_to_rms(loss.detach().numpy(), output[f"{case}_loss"])
    for key, value in info[case]["info"].items():
        np.testing.assert_allclose(logged[key].numpy(), value, rtol=1e-4, atol=1e-6, err_msg=key)
    loss.mean().backward()
    gradient = output[f"{case}_grad"]
    if np.isfinite(gradient).all():
        assert_close_to_rms(x.grad.numpy(), gradient)
    else:  # the reference's exponentials underflow there (golden/losses, note 8); ours are finite
        assert torch.isfinite(x.grad).all()

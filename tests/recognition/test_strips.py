"""Which rows a part stands for, as the encoders themselves show it."""

from __future__ import annotations

import numpy as np
import pytest
import runs
from small_networks import BACKENDS, save_small

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition import open_encoder
from pipeline.recognition.layers.strips import by_rows, strips_of
from pipeline.types import SilhouetteSequence

CPU = RuntimeConfig(device="cpu", threads=1)
NETWORKS = ("gaitbase", "deepgaitv2", "gaitpart", "gaitgl", "gaitset", "gaitssb", "gln", "swingait")


@pytest.fixture(params=["gei", "hog", *NETWORKS])
def encoder(request, tmp_path):
    name = request.param
    checkpoint = save_small(BACKENDS[name], tmp_path / f"{name}.pt") if name in NETWORKS else None
    return open_encoder(RecognitionConfig(encoder=name), CPU, checkpoint)


def test_a_change_of_the_feet_shows_in_the_parts_at_the_feet(encoder):
    masks = runs.walker(6, 12)
    other = masks.copy()
    other[:, 54:] = 255 - other[:, 54:]
    before, after = encoder.encode([SilhouetteSequence("v", 1, some, np.arange(12)) for some in (masks, other)])
    change = np.linalg.norm(after.parts - before.parts, axis=0)
    strips = strips_of(encoder.model, len(change))
    assert strips is not None and len(strips) == len(change)
    rows = by_rows(change.astype(np.float32), strips, 64)
    assert rows[54:].mean() > 1.5 * rows[:24].mean()
    low = [value for value, (top, bottom) in zip(change, strips, strict=True) if top >= 0.75]
    high = [value for value, (top, bottom) in zip(change, strips, strict=True) if bottom <= 0.5]
    assert np.mean(low) > 2 * np.mean(high)


@pytest.mark.parametrize(
    "model", ["gaitgraph2", "gaittr-neck", "fused-gei-16*1+hog*1", "disentanglement", "parsinggait"]
)
def test_parts_of_other_networks_are_no_strips(model):
    assert strips_of(model, 16) is None


@pytest.mark.parametrize(
    "model", ["gei-16", "gaitbase-16-neck+both", "gaitset-logits", "hog", "gaitgl", "gaitedge", "biggergait"]
)
def test_strips_cover_every_row_and_equal_values_stay_equal(model):
    parts = {"gaitset-logits": 62, "hog": 7, "gaitgl": 64, "gaitedge": 64, "biggergait": 192}.get(model, 16)
    rows = by_rows(np.full(parts, 0.7, np.float32), strips_of(model, parts), 64)
    np.testing.assert_allclose(rows, 0.7, rtol=1e-5)

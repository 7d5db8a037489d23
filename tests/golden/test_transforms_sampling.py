"""Samplers, collation and transforms equal OpenGait's under the same seeds: golden/transforms_sampling."""

from __future__ import annotations

import json

import numpy as np
import pytest

from pipeline.training.draws import Draws
from pipeline.training.sampling import FrameChoice

LENGTHS = (20, 5, 11)
COLLATED = {
    "fixed_unordered": {"fixed": 8},
    "fixed_ordered": {"fixed": 8, "skip": 4},
    "unfixed_unordered": {"most": 9, "least": 5},
    "unfixed_ordered": {"most": 9, "least": 5, "skip": 2},
    "all_ordered": {},
    "all_ordered_limit6": {"limit": 6},
    "fixed_allordered": {"fixed": 8},
}


@pytest.fixture(scope="module")
def reference(golden):
    folder = golden("transforms_sampling")
    return (
        np.load(folder / "input.npz"),
        np.load(folder / "output.npz"),
        json.loads((folder / "info.json").read_text()),
    )


@pytest.mark.parametrize("name", COLLATED)
def test_the_same_frames_are_chosen(reference, name):
    _, output, info = reference
    choose = FrameChoice(name.removesuffix("_limit6"), **COLLATED[name])
    draws = Draws.seeded(3)
    chosen = [choose(length, draws) for length in LENGTHS]
    np.testing.assert_array_equal(np.concatenate(chosen), output[f"collate_{name}"])
    lengths = info[f"collate_{name}"]["seqL"]
    assert choose.concatenated == (lengths is not None)
    assert lengths is None or [len(one) for one in chosen] == lengths[0]

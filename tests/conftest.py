"""Shared fixtures: where the real material lies, and how the golden weights are made."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_templates import made  # noqa: F401 - a fixture

SHARED = Path(os.environ.get("GAIT_SHARED", Path(__file__).resolve().parents[2] / "shared"))

# Started in a shell's background this process ignores Ctrl-C, and those it starts would too.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"reference material missing: {path} (set GAIT_SHARED to where it lies)")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference material; the test skips where it is missing."""
    return _need(SHARED)


@pytest.fixture(scope="session")
def golden(shared: Path) -> Callable[[str], Path]:
    """golden("bytetrack") is that reference's folder."""
    return lambda name: _need(shared / "golden" / name)


@pytest.fixture(scope="session")
def weight_rule(shared: Path):
    """The rule that fills every tensor of a golden model from its key and shape (golden/RULE.txt)."""
    spec = importlib.util.spec_from_file_location("weight_rule", _need(shared / "golden/weight_rule.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def assert_close_to_rms() -> Callable[..., None]:
    """Golden parity: the largest difference is at most `tolerance` of the reference's rms."""

    def check(actual: np.ndarray, reference: np.ndarray, tolerance: float = 1e-4) -> None:
        actual, reference = np.asarray(actual, np.float64), np.asarray(reference, np.float64)
        assert actual.shape == reference.shape, f"{actual.shape} against {reference.shape}"
        rms = float(np.sqrt(np.mean(reference**2)))
        worst = float(np.abs(actual - reference).max())
        assert worst <= tolerance * rms, f"max difference {worst:.3g} is {worst / rms:.3g} of rms {rms:.3g}"

    return check

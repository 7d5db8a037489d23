"""PP-HumanSeg gives the same probabilities from Paddle's files and from ONNX, whichever engine runs it."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
from processes import run_program

from pipeline.config import RuntimeConfig, SegmentationConfig
from pipeline.segmentation import open_segmenter
from pipeline.weights.checkpoints import Card, Checkpoint

FOLDER, ONNX = "human_pp_humansegv1_lite_192x192", "human_pp_humansegv1_lite_192x192.onnx"


def probabilities(shared, name, backend, crops):
    path = shared / "checkpoints" / name
    if not path.exists():
        pytest.skip(f"reference material missing: {path}")
    loader = "onnx" if name == ONNX else "paddle"
    card = Card(name=name, stage="segmenter", loader=loader, file=name, licence="Apache-2.0")
    runtime = RuntimeConfig(device="cpu", engine=backend)
    return open_segmenter(SegmentationConfig(), runtime, Checkpoint(card, path, "")).segment(crops).person


@pytest.fixture(scope="module")
def crops(golden):
    """Real crops, as the reference cut them."""
    expected = np.load(golden("all_in_one_crop") / "output.npz")
    return np.stack([expected[name] for name in expected.files])


@pytest.fixture(scope="module")
def by_default(shared, crops):
    return probabilities(shared, FOLDER, "auto", crops)


def test_the_default_engine_finds_something_to_compare(by_default):
    assert by_default.min() < 0.1 and by_default.max() > 0.9


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_onnx_agrees_with_the_paddle_files(shared, crops, by_default, backend):
    assert np.abs(probabilities(shared, ONNX, backend, crops) - by_default).max() < 1e-4


def test_paddles_own_engine_agrees(shared, crops, by_default, tmp_path):
    if importlib.util.find_spec("paddle") is None:
        pytest.skip("Paddle is not installed (pip install '.[paddle]')")
    folder = shared / "checkpoints" / FOLDER
    np.save(tmp_path / "crops.npy", crops)
    arguments = [folder, tmp_path / "crops.npy", tmp_path / "answer.npy"]
    run_program("paddle_segments", *arguments)
    assert np.abs(np.load(tmp_path / "answer.npy") - by_default).max() < 1e-4

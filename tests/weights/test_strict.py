"""Strict loading of state dicts."""

from pathlib import Path

import pytest
import torch

from pipeline.errors import CheckpointError
from pipeline.weights.safeload import load_strictly

PATH = Path("weights.pth")


def test_equal_keys_and_shapes_are_copied():
    source, target = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    load_strictly(target, source.state_dict(), PATH)
    assert torch.equal(target.weight, source.weight)


def test_half_precision_is_converted():
    target = torch.nn.Linear(3, 2)
    load_strictly(target, {k: v.half() for k, v in torch.nn.Linear(3, 2).state_dict().items()}, PATH)
    assert target.weight.dtype == torch.float32


def test_error_names_file_and_differing_keys_on_one_line():
    target = torch.nn.Linear(3, 2)
    before = target.weight.clone()
    with pytest.raises(CheckpointError) as error:
        load_strictly(target, {"weight": torch.zeros(5, 3), "fc.weight": torch.zeros(1)}, PATH)
    text = str(error.value)
    assert "weights.pth" in text and "\n" not in text
    assert "1 missing (bias)" in text and "1 unexpected (fc.weight)" in text
    assert "weight 5×3 instead of 2×3" in text
    assert torch.equal(target.weight, before)

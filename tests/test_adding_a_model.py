"""docs/adding-a-model.md shows lines of the files that it names, in their order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(
    r"```(?:python|yaml)\n# (\S+)\n(.*?)```", (ROOT / "docs/adding-a-model.md").read_text(encoding="utf-8"), re.DOTALL
)


def test_every_place_is_shown():
    assert len(BLOCKS) >= 10
    assert len({path for path, _ in BLOCKS}) >= 8


@pytest.mark.parametrize(("path", "block"), BLOCKS, ids=[path for path, _ in BLOCKS])
def test_a_block_is_what_the_file_says(path, block):
    lines = iter((ROOT / path).read_text(encoding="utf-8").splitlines())
    for wanted in block.rstrip().splitlines():
        assert any(line.split(" #")[0] == wanted for line in lines), f"{path}: no such line from there on: {wanted}"

"""Looks at the 8-bit codes of all templates: first at their beginnings, then at the whole of those that may be near."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.gallery.index import Codes

BEGINNING = 128  # values of a code that are looked at of everybody: they have most of the variance
LOOKED_AT_WHOLE = 2048  # templates whose whole code is looked at
BLOCK = 1 << 16


class Scan:
    """Finds the codes that are nearest to one by the L2 distance. codes: N×D int8."""

    def __init__(self, codes: Codes) -> None:
        import torch

        self._codes = codes
        beginnings = np.ascontiguousarray(codes[:, :BEGINNING])
        squares = np.zeros(len(codes), np.int32)
        for first in range(0, len(codes), BLOCK):
            block = beginnings[first : first + BLOCK].astype(np.int32)
            squares[first : first + BLOCK] = np.einsum("nd,nd->n", block, block)
        self._beginnings, self._squares = torch.from_numpy(beginnings), torch.from_numpy(squares)

    def nearest(self, code: Codes, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Positions of at most `count` codes near to this one (D), nearest first, and their squared distances."""
        import torch

        if not len(self._codes):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        few = min(max(LOOKED_AT_WHOLE, 4 * count), len(self._codes))
        products = _products(self._beginnings, torch.from_numpy(np.ascontiguousarray(code[:BEGINNING])))
        likely = torch.topk(self._squares - 2 * products, few, largest=False, sorted=False).indices.numpy()
        apart = np.square(self._codes[likely].astype(np.float32) - code).sum(axis=1)
        order = np.argsort(apart, kind="stable")[:count]
        return likely[order], apart[order]


def _products(codes: Tensor, code: Tensor) -> Tensor:
    """Dot products of N×D with D, int32."""
    import torch

    if _integer_products_are_right():
        return torch._int_mm(codes, code[:, None])[:, 0]
    starts = range(0, len(codes), BLOCK)
    return torch.cat([(codes[at : at + BLOCK].float() @ code.float()).int() for at in starts])  # exact: below 2^24


@functools.cache
def _integer_products_are_right() -> bool:
    """Whether torch multiplies 8-bit integers on this processor, without cutting sums off (old ones may)."""
    import torch

    sample = torch.full((64, BEGINNING), -127, dtype=torch.int8)
    try:
        return bool((torch._int_mm(sample, sample[:1].T) == 127 * 127 * BEGINNING).all())
    except (AttributeError, RuntimeError):
        return False

"""Looks at the 8-bit codes of all templates: first at their beginnings, then at the whole of those that may be near."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.networks.runtime import torch_threads

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.gallery.index import Codes

BEGINNING = 64  # values of a code that are looked at of everybody: they have most of the variance
LOOKED_AT_WHOLE = 8192  # templates whose whole code is looked at
SAMPLED = 1 << 14  # distances from which it is estimated how near those templates are
BLOCK = 1 << 16
IN_CACHE = 1 << 12  # codes that are made floats at a time: a megabyte


class Scan:
    """Finds the codes that are nearest to one by the L2 distance. codes: N×D int8."""

    def __init__(self, codes: Codes) -> None:
        import torch

        self._codes = codes
        self._beginnings = torch.from_numpy(np.ascontiguousarray(codes[:, :BEGINNING]))
        self._squares = _squares(codes)
        self._squares_of_beginnings = torch.from_numpy(_squares(codes[:, :BEGINNING]))

    def nearest(self, code: Codes, count: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Positions of at most `count` codes near to this one (D), nearest first, and their squared distances."""
        if not len(self._codes):
            return np.zeros(0, np.int64), np.zeros(0, np.int32)
        import torch

        probe = torch.from_numpy(np.ascontiguousarray(code))
        with torch_threads(1):  # it waits for memory, and more threads would spin while LanceDB's want their core
            apart = _products(self._beginnings, probe[:BEGINNING]).mul_(-2).add_(self._squares_of_beginnings).numpy()
            likely = _least(apart, min(max(LOOKED_AT_WHOLE, 4 * count), len(apart)))
            products = _products(torch.from_numpy(self._codes[likely]), probe).numpy()
        whole = self._squares[likely] - 2 * products + _squares(code[None])
        order = np.argsort(whole, kind="stable")[:count]
        return likely[order], whole[order]


def _squares(codes: Codes) -> NDArray[np.int32]:
    """The squared lengths of N×D codes."""
    found = np.zeros(len(codes), np.int32)
    for first in range(0, len(codes), BLOCK):
        block = codes[first : first + BLOCK].astype(np.int32)
        found[first : first + BLOCK] = np.einsum("nd,nd->n", block, block)
    return found


def _least(values: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Positions of the `count` least values, in any order: those below a limit that a sample suggests, then exactly."""
    if count >= len(values):
        return np.arange(len(values))
    sample = values[:: max(1, len(values) // SAMPLED)]
    above = int(1.25 * count * len(sample) / len(values)) + 8  # a margin of many standard deviations
    if above < len(sample):
        positions = np.flatnonzero(values <= np.partition(sample, above)[above])
        if len(positions) >= count:  # else those near lie between the sampled ones
            return np.asarray(positions[np.argpartition(values[positions], count - 1)[:count]])
    return np.asarray(np.argpartition(values, count - 1)[:count])


def _products(codes: Tensor, code: Tensor) -> Tensor:
    """Dot products of N×D with D, int32."""
    import torch

    if _integer_products_pay():
        return torch._int_mm(codes, code[:, None])[:, 0]
    starts = range(0, len(codes), IN_CACHE)
    return torch.cat([(codes[at : at + IN_CACHE].float() @ code.float()).int() for at in starts])  # exact: below 2^24


@functools.cache
def _integer_products_pay() -> bool:
    """Whether torch multiplies 8-bit integers quickly on this processor, and without cutting sums off.

    Quickly where it has instructions for that (VNNI): a million codes took 7 ms there, and 48 without, floats 29.
    """
    import torch

    try:
        if not torch.cpu._is_vnni_supported():
            return False
    except AttributeError:  # of a later torch
        return False
    sample = torch.full((64, BEGINNING), -127, dtype=torch.int8)
    try:
        return bool((torch._int_mm(sample, sample[:1].T) == 127 * 127 * BEGINNING).all())
    except (AttributeError, RuntimeError):
        return False

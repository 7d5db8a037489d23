"""Which rows of the silhouette each part of an embedding stands for.

Networks that pool their last feature map in horizontal strips keep the strips' order; how far each part sees beyond
its strip, the network decides.
"""

from __future__ import annotations

import numpy as np

from pipeline.types import FloatArray

Strip = tuple[float, float]  # upper and lower edge as shares of the silhouette's height, from the top

_PYRAMID = (16, 8, 4, 2, 1)  # Fu et al., AAAI 2019
_EQUAL = {
    *("biggait", "deepgaitv2", "denoisinggait", "gaitbase", "gaitpart", "gei", "lidargait", "multigaitpp", "sconet"),
    *("skeletongait", "skeletongaitpp", "swingait", "untrained"),
}
_PYRAMIDS = frozenset({"foundationgait", "gaitset", "gaitssb", "gln", "smplgait"})


def strips_of(model: str, parts: int) -> list[Strip] | None:
    """The strip of each of P parts of a model's embeddings (as `Embedding.model` names it).

    None where parts are no strips of the body: networks for joints.
    """
    encoder = model.partition("+")[0].partition("-")[0]
    if encoder == "hog":  # rows of blocks, each two cells high and one below the other
        return [(row / (parts + 1), (row + 2) / (parts + 1)) for row in range(parts)]
    if encoder in _PYRAMIDS and parts % sum(_PYRAMID) == 0:
        return [strip for bins in _PYRAMID for strip in _equal(bins)] * (parts // sum(_PYRAMID))
    if encoder == "biggergait" and parts % 32 == 0:  # those of one group of layers after another
        return _equal(32) * (parts // 32)
    if encoder in ("gaitedge", "gaitgl") and parts % 2 == 0:  # the map of the whole body lies above that of its strips
        return _equal(parts // 2) * 2
    return _equal(parts) if encoder in _EQUAL else None


def _equal(count: int) -> list[Strip]:
    return [(row / count, (row + 1) / count) for row in range(count)]


def by_rows(values: FloatArray, strips: list[Strip], rows: int) -> FloatArray:
    """Values of parts (P) as values of the silhouette's rows: each row has the mean of the parts that cover it."""
    middles = (np.arange(rows) + 0.5) / rows
    edges = np.array(strips)
    covers = (edges[:, :1] <= middles) & (middles < edges[:, 1:])  # P×rows
    shown = covers.sum(axis=0)
    return np.asarray((values @ covers) / np.maximum(shown, 1), np.float32)

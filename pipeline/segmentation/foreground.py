"""Two witnesses of who stands in a crop: the network, which knows people, and what differs from the empty scene."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

# Chosen on made-up walkers (docs/accuracy.md). The network's answers are too sure of themselves where people are small;
# who is as grey as the wall behind is no foreground, so a network that is sure of a person is believed.
NETWORK = 0.5  # weight of its log-odds
OF_NETWORK = 0.001, 0.999  # probabilities beyond count as these: it can be wrong
OF_FOREGROUND = 0.1, 0.98
UNKNOWN = 128  # foreground of which nothing is known: the network decides


def with_foreground(probability: FloatArray, foreground: NDArray[np.uint8]) -> FloatArray:
    """The probability of person by both, S×S float32: the sum of their log-odds, as of independent witnesses.

    probability: S×S float32, the network's; foreground: S×S uint8, 255 × the probability that it is not background.
    """
    odds = NETWORK * _log_odds(probability, OF_NETWORK) + FOREGROUND_ODDS[foreground]
    return np.asarray(1 / (1 + np.exp(-odds)), np.float32)


def _log_odds(probability: FloatArray, limits: tuple[float, float]) -> FloatArray:
    limited = np.clip(probability, *limits)
    return np.asarray(np.log(limited / (1 - limited)), np.float32)


FOREGROUND_ODDS = _log_odds(np.linspace(0, 1, 256).astype(np.float32), OF_FOREGROUND)

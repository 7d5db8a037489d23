"""Pictures of an open-set evaluation: DET curve and reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.research.charts import Axis, plot
from pipeline.types import Image

PERCENT = {float(value): f"{value} %" for value in range(0, 101, 20)}  # of an axis


def open_set_pictures(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, Image]:
    """Of open-set figures by encoder.

    det.png: missed against falsely named; reliability.png: how often names of a confidence are right.
    """

    def values(numbers: Sequence[float | None]) -> NDArray[np.float64]:
        return 100 * np.array([np.nan if number is None else number for number in numbers], np.float64)

    det = plot(
        "Enrolled people who are not named rightly, against strangers who are named (DET)",
        {name: (values(one["det"]["fpir"]), values(one["det"]["fnir"])) for name, one in figures.items()},
        Axis("strangers named (FPIR)", 0.5, 100, {v: f"{v:g} %" for v in (0.5, 1, 2, 5, 10, 20, 50, 100)}, log=True),
        Axis("", 0, 100, PERCENT),
        highest=False,
    )
    reliable = {
        name: (values(one["confidence"]["said"]), values(one["confidence"]["happened"]))
        for name, one in figures.items()
        if one["confidence"] is not None
    }
    return {"det.png": det, "reliability.png": reliability_diagram(reliable)}


def reliability_diagram(lines: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Image:
    """Confidences against how often they came true, both in percent."""
    return plot(
        "How often the nearest person is the right one, by the confidence in it",
        lines,
        Axis("confidence", 0, 100, PERCENT),
        Axis("", 0, 100, PERCENT),
        diagonal=True,
    )

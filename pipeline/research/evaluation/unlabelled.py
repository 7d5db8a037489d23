"""How honest "unknown" is where nobody labelled a clip: what matching/evidence.py promises against what happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.jobs.people import People
from pipeline.matching.confidence import reliability
from pipeline.matching.evidence import FPIR, deviations
from pipeline.matching.scores import Cohort, Comparison
from pipeline.research.evaluation.ranks import PeopleBootstrap
from pipeline.types import Embedding

CLOSE = 0.05  # to the promised rate

Labels = NDArray[np.int64]


def without_labels(
    probes: Sequence[Embedding],
    gallery: Sequence[Embedding],
    whose: tuple[Labels, Labels],
    made_up: Callable[[], Cohort],
    matching: MatchingConfig,
    splits: Sequence[NDArray[np.bool_]],
) -> dict[str, Any]:
    """Realised rates and the reliability of probabilities, over draws of who is enrolled.

    Args:
        probes: N clips, all of which are searched for in every draw.
        gallery: M clips.
        whose: Of the probes and of the gallery, people numbered from 0.
        made_up: Made-up people as the encoder sees them.
        matching: The settings; no threshold applies.
        splits: Draws of who is enrolled.

    Returns:
        fpir: mean share of strangers' searches that come as near as the limit, of a promise of 0.1; close: in how many
        draws it is within 0.05 of it; fixed: the same for the one limit that would have been right in the mean;
        named_strangers, named_rightly: shares of the strangers' and of the enrolled people's searches; names, said,
        right: names given, their mean confidence, and how many of them were right; ece: calibration error of the
        likeliest person's probability, over all searches; ece_names: over names given. fpir_ci95 and so on: 95 %
        intervals over people, of the searches of all draws together; None with one person only.
    """
    cohort = made_up()
    nearest, strangers, said, right, named, close = [], [], [], [], [], []
    for enrolled in splits:
        rows = np.flatnonzero(enrolled[whose[1]]).tolist()
        owners = [str(whose[1][row]) for row in rows]
        names = {owner: owner for owner in owners}
        people = People(
            names,
            names,
            [gallery[row] for row in rows],
            owners,
            [1.0] * len(rows),
            Comparison(matching.model_copy(update={"threshold": None})),
            lambda: cohort,
        )
        distances = people.distances(probes)
        evidence, apart = people.evidence, np.zeros((len(probes), len(probes)), np.bool_)
        assert evidence is not None
        nearest.append(deviations(distances, people.usual(probes, apart)).min(axis=1))
        close.append(nearest[-1] <= evidence.limit)
        answers = people.match(probes, [], {}, distances)
        likely = [max(answer.candidates, key=lambda one: one.probability or 0.0) for answer in answers]
        strangers.append(~enrolled[whose[0]])
        said.append(np.array([one.probability for one in likely]))
        right.append(np.array([one.identity == str(own) for one, own in zip(likely, whose[0], strict=True)]))
        named.append(np.array([answer.status == "known" for answer in answers]))
    rates = np.array([near[out].mean() for near, out in zip(close, strangers, strict=True)])
    best = float(np.quantile(np.concatenate([near[out] for near, out in zip(nearest, strangers, strict=True)]), FPIR))
    fixed = np.array([(near <= best)[out].mean() for near, out in zip(nearest, strangers, strict=True)])
    out, sure, good, name, near = (np.concatenate(side) for side in (strangers, said, right, named, close))
    searched = np.tile(whose[0], len(splits))
    intervals = {
        f"{key}_ci95": _interval(hits[rows], searched[rows])
        for key, hits, rows in (
            ("fpir", near, out),
            ("named_strangers", name, out),
            ("named_rightly", name & good, ~out),
        )
    }
    return {
        "splits": len(splits),
        "fpir": _round(rates.mean()),
        "close": _round((np.abs(rates - FPIR) <= CLOSE).mean()),
        "fixed": _round((np.abs(fixed - FPIR) <= CLOSE).mean()),
        "named_strangers": _round(name[out].mean()),
        "named_rightly": _round((name & good)[~out].mean()),
        "names": int(name.sum()),
        "said": _round(sure[name].mean()) if name.any() else None,
        "right": _round(good[name].mean()) if name.any() else None,
        "ece": _round(reliability(sure, good).error),
        "ece_names": _round(reliability(sure[name], good[name]).error) if name.any() else None,
        **intervals,
    }


def _interval(hits: NDArray[np.bool_], people: Labels) -> list[float] | None:
    found = PeopleBootstrap(people).interval(hits.astype(np.float64))
    return found and [_round(bound) for bound in found]


def _round(value: float) -> float:
    return round(float(value), 4)

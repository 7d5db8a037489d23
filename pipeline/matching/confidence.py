"""What a distance is worth: the threshold for a wanted rate of false names, and the probability that a name is right.

Terms as in ISO/IEC 19795-1 and NIST FRVT 1:N: FPIR, the share of searches for somebody who is not enrolled that name
somebody all the same; TPIR, the share of searches for somebody enrolled that name the right person.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Weights = NDArray[np.float64] | None

RIDGE = 1e-2  # of the logistic regression: keeps it finite where right and wrong can be told apart without error
STEPS = 100
FARTHEST = 30.0


def threshold_at(rate: float, strangers: Floats, weights: Weights = None) -> float | None:
    """The largest threshold at which at most `rate` of the strangers' nearest distances are at or below it.

    It lies midway between the last distance that may pass and the first that may not; just below the first where no
    distance may. weights: how much each search counts. None when a single search would be too many: so few cannot show
    so small a rate.
    """
    weights = np.ones(len(strangers)) if weights is None else weights
    strangers, weights = strangers[weights > 0], weights[weights > 0]
    order = np.argsort(strangers, kind="stable")
    distances, passed = strangers[order], np.cumsum(weights[order])
    if not len(distances) or passed[-1] <= 0 or rate * passed[-1] < 1:
        return None
    allowed = int(np.searchsorted(passed, rate * passed[-1] * (1 + 1e-12), side="right"))
    if allowed >= len(distances):
        return math.inf
    first = distances[allowed]
    allowed = int(np.searchsorted(distances, first, side="left"))  # equals pass together, or not at all
    if not allowed:
        return float(np.nextafter(first, -math.inf))
    last = distances[allowed - 1]
    return float((last + first) / 2) if math.isfinite(first) else float(last)


def share_at(threshold: float | None, distances: Floats, counted: NDArray[np.bool_], weights: Weights = None) -> float:
    """The share of the searches that count (`counted`) and whose distance is not above the threshold; NaN of none."""
    weights = np.ones(len(distances)) if weights is None else weights
    total = float(weights.sum())
    if threshold is None or total <= 0:
        return math.nan
    return float(weights[counted & (distances <= threshold)].sum()) / total


@dataclass(frozen=True, slots=True)
class Confidence:
    """Logistic regression of "the nearest person is the right one" on its distance and on the gap to the next person
    (Platt, 1999): the probability of being right, for searches as often for strangers as those it was fitted on.

    centre, scale: of the two, before they are weighed.
    """

    centre: tuple[float, float]
    scale: tuple[float, float]
    weights: tuple[float, float, float]

    def __call__(self, nearest: Floats, gap: Floats) -> Floats:
        """Probabilities of N searches. gap: how much farther the next person is; infinite where there is none."""
        return np.asarray(
            1 / (1 + np.exp(-(_features(nearest, gap, self.centre, self.scale) @ np.array(self.weights))))
        )


def fit_confidence(nearest: Floats, gap: Floats, right: NDArray[np.bool_]) -> Confidence | None:
    """Fit on searches whose answer is known; None where all of them, or none, were right."""
    known = np.isfinite(nearest)
    nearest, gap, right = nearest[known], gap[known], right[known]
    if not right.any() or right.all():
        return None
    finite = gap[np.isfinite(gap)]
    centre = float(nearest.mean()), float(finite.mean()) if len(finite) else 0.0
    scale = _spread(nearest), _spread(finite)
    features = _features(nearest, gap, centre, scale)
    positives, negatives = int(right.sum()), int((~right).sum())
    target = np.where(right, (positives + 1) / (positives + 2), 1 / (negatives + 2))  # Platt's, against overconfidence
    weights = np.zeros(3)
    penalty = RIDGE * np.diag([0.0, 1.0, 1.0])
    for _ in range(STEPS):  # Newton
        found = 1 / (1 + np.exp(-(features @ weights)))
        gradient = features.T @ (found - target) + penalty @ weights
        curvature = (features * (found * (1 - found))[:, None]).T @ features + penalty + 1e-9 * np.eye(3)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-8:
            break
    return Confidence(centre, scale, (float(weights[0]), float(weights[1]), float(weights[2])))


def _features(nearest: Floats, gap: Floats, centre: tuple[float, float], scale: tuple[float, float]) -> Floats:
    """N×3: one, how near, how far ahead; in deviations, and never more than FARTHEST of them."""
    far = np.clip(np.where(np.isfinite(nearest), (nearest - centre[0]) / scale[0], np.inf), -FARTHEST, FARTHEST)
    ahead = np.clip(np.where(np.isfinite(gap), (gap - centre[1]) / scale[1], 0.0), -FARTHEST, FARTHEST)
    return np.stack([np.ones(len(far)), -far, ahead], axis=1)


def _spread(values: Floats) -> float:
    return float(values.std()) if len(values) > 1 and values.std() > 0 else 1.0


@dataclass(frozen=True, slots=True)
class Reliability:
    """Probabilities against what happened, in bins of equally many searches.

    said, happened: means of each bin; count: searches in it; error: expected calibration error, the mean of |said −
    happened| over searches (Naeini et al., AAAI 2015); brier: mean squared error.
    """

    said: Floats
    happened: Floats
    count: NDArray[np.int64]
    error: float
    brier: float


def nearest_and_gap(to_people: Floats) -> tuple[Floats, Floats]:
    """Of N searches among P people: the distance of the nearest, and how much farther the next one is.

    The gap is infinite where there is no next one at a finite distance.
    """
    two = np.sort(to_people, axis=1)[:, :2]
    nearest = two[:, 0]
    if two.shape[1] < 2:
        return nearest, np.full(len(nearest), math.inf)
    with np.errstate(invalid="ignore"):
        return nearest, np.where(np.isfinite(two[:, 1]), two[:, 1] - nearest, math.inf)


def left_out_in_turn(
    nearest: Floats, gap: Floats, right: NDArray[np.bool_], whose: NDArray[np.int64]
) -> Reliability | None:
    """How reliable confidences are that were fitted without the person that they are about; None where none can be."""
    said = np.zeros(len(nearest))
    for person in np.unique(whose):
        about = whose == person
        fitted = fit_confidence(nearest[~about], gap[~about], right[~about])
        if fitted is None:
            return None
        said[about] = fitted(nearest[about], gap[about])
    return reliability(said, right)


def reliability(probabilities: Floats, right: NDArray[np.bool_], bins: int = 10) -> Reliability:
    """Of N searches; fewer bins where there are few searches."""
    order = np.argsort(probabilities, kind="stable")
    groups = [group for group in np.array_split(order, min(bins, max(1, len(order) // 10))) if len(group)]
    said = np.array([probabilities[group].mean() for group in groups])
    happened = np.array([right[group].mean() for group in groups])
    count = np.array([len(group) for group in groups], np.int64)
    error = float((np.abs(said - happened) * count).sum() / max(count.sum(), 1))
    brier = float(((probabilities - right) ** 2).mean()) if len(right) else math.nan
    return Reliability(said, happened, count, error, brier)

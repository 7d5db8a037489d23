"""Is a silhouette good enough to recognise somebody by? Named parts, and the reason where it is not.

The parts of a frame (lengths of the box are those of the tracked box, not of the mask):

height_px     height of the box inside the picture, pixels of the frame
coverage      area of the mask / area of the box; a walker fills 0.4 to 0.75
extent        rows that the mask reaches / height of the box; below 1 where the head, the feet or a part between is lost
width         width of the mask / height of the box
solidity      area of the mask / area of its own bounding box; 1 is a block
confidence    mean probability of the mask's pixels
certainty     mean of |2p − 1| over the box: 1 where the network has no doubt, 0 where it guesses
dropped       share of the marked pixels that cleaning took away
cut           longest touch of the mask with an edge of the picture / length of the box along that edge
outside       share of the box outside of the picture
occluded      largest share of the box behind the box of somebody nearer to the camera
contact       border shared with pixels of somebody else / height of the box
presence      how sure the segmenter is that there is anybody (1 where it does not tell)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.segmentation.clean import Cleaned
from pipeline.segmentation.crop import Crop
from pipeline.types import FloatArray

OUTSIDE = "outside the picture"
TOO_SMALL = "too small"
CUT = "cut by the picture edge"
OCCLUDED = "occluded by another person"
MERGED = "merged with another person"
NOBODY = "no person found"
INCOMPLETE = "body incomplete"
ODD_SHAPE = "odd shape"
LOW_CONFIDENCE = "low confidence"
REASONS = (OUTSIDE, TOO_SMALL, CUT, OCCLUDED, MERGED, NOBODY, INCOMPLETE, ODD_SHAPE, LOW_CONFIDENCE)


@dataclass(frozen=True, slots=True)
class Limits:
    """How good a silhouette must be: the smallest or the largest value of each part.

    These were chosen for PP-HumanSeg on real walkers (front, rear, side and from above; 47 to 210 px tall), by looking
    at what each rule leaves out. A segmenter with other faults brings its own.
    """

    occluded: float = 0.3
    contact: float = 0.3
    outside: float = 0.1
    cut: float = 0.15
    extent: float = 0.8
    coverage: tuple[float, float] = (0.25, 0.85)
    width: tuple[float, float] = (0.12, 0.8)
    solidity: float = 0.82
    confidence: float = 0.75
    certainty: float = 0.6
    presence: float = 0.0


USUAL = Limits()

SAME_DEPTH = 0.04  # feet that differ by less than this share of the height stand equally near
EDGE = 0.015  # of the crop: the network is unsure of the last pixels before an edge


def measure(
    crop: Crop, box: FloatArray, neighbours: FloatArray, probability: FloatArray, cleaned: Cleaned
) -> dict[str, float]:
    """The named parts of one frame. box (4) and neighbours (N×4) in frame pixels, probability S×S."""
    own = crop.to_crop(box[None])[0]
    width, height = max(float(own[2] - own[0]), 1.0), max(float(own[3] - own[1]), 1.0)
    mask = cleaned.mask > 0
    area = float(np.count_nonzero(mask))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    tall = float(rows[-1] - rows[0] + 1) if len(rows) else 0.0
    wide = float(columns[-1] - columns[0] + 1) if len(columns) else 0.0
    x1, y1, x2, y2 = np.clip(np.round(own), 0, mask.shape[0]).astype(int)
    inside = probability[y1:y2, x1:x2]
    frame_height, frame_width = crop.frame_size
    shown_width = min(float(box[2]), frame_width) - max(float(box[0]), 0)
    shown_height = min(float(box[3]), frame_height) - max(float(box[1]), 0)
    return {
        "height_px": shown_height,
        "coverage": area / (width * height),
        "extent": len(rows) / height,
        "width": wide / height,
        "solidity": area / (tall * wide) if area else 0.0,
        "confidence": float(probability[mask].mean()) if area else 0.0,
        "certainty": float(np.abs(2 * inside - 1).mean()) if inside.size else 0.0,
        "dropped": cleaned.dropped,
        "cut": _touch(mask, crop, width, height),
        "outside": 1 - shown_width * shown_height / float((box[2] - box[0]) * (box[3] - box[1])),
        "occluded": _occluded(box, neighbours),
        "contact": cleaned.contact,
    }


def verdict(quality: Mapping[str, float], min_height: int, limits: Limits) -> str | None:
    """The reason not to use the frame, the most telling one first; None where it is good enough."""
    rules = (
        (TOO_SMALL, quality["height_px"] < min_height),
        (CUT, quality["outside"] > limits.outside or quality["cut"] > limits.cut),
        (OCCLUDED, quality["occluded"] > limits.occluded),
        (NOBODY, quality["coverage"] == 0 or quality["presence"] < limits.presence),
        (MERGED, quality["contact"] > limits.contact),
        (INCOMPLETE, quality["extent"] < limits.extent or quality["coverage"] < limits.coverage[0]),
        (
            ODD_SHAPE,
            quality["coverage"] > limits.coverage[1]
            or quality["solidity"] > limits.solidity
            or not limits.width[0] <= quality["width"] <= limits.width[1],
        ),
        (
            LOW_CONFIDENCE,
            quality["confidence"] < limits.confidence or quality["certainty"] < limits.certainty,
        ),
    )
    return next((reason for reason, broken in rules if broken), None)


def _touch(mask: NDArray[np.bool_], crop: Crop, width: float, height: float) -> float:
    """How much of the mask lies on those sides of the crop's picture that are sides of the frame."""
    band = max(round(EDGE * mask.shape[0]), 1)
    x1, y1, x2, y2 = (int(value) for value in np.clip(np.round(crop.picture()), 0, mask.shape[0]))
    left, top, right, bottom = crop.source
    frame_height, frame_width = crop.frame_size
    sides = (
        (left <= 0, mask[:, x1 : x1 + band].any(axis=1), height),
        (right >= frame_width, mask[:, max(x2 - band, 0) : x2].any(axis=1), height),
        (top <= 0, mask[y1 : y1 + band].any(axis=0), width),
        (bottom >= frame_height, mask[max(y2 - band, 0) : y2].any(axis=0), width),
    )
    return max((float(np.count_nonzero(touched) / length) for ends, touched, length in sides if ends), default=0.0)


def _occluded(box: FloatArray, neighbours: FloatArray) -> float:
    """On level ground, feet lower in the picture are nearer; equally near counts as nearer, for nobody can tell."""
    if not len(neighbours):
        return 0.0
    corner = np.maximum(box[:2], neighbours[:, :2])
    sides = np.clip(np.minimum(box[2:], neighbours[:, 2:]) - corner, 0, None)
    shares = sides.prod(axis=1) / float((box[2] - box[0]) * (box[3] - box[1]))
    nearer = neighbours[:, 3] > box[3] - SAME_DEPTH * (box[3] - box[1])
    return float(np.where(nearer, shares, 0).max())

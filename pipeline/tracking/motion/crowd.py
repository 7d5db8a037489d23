"""Who is in which part of the foreground: people walk into one another's outlines and out again.

While somebody is apart from others, the outline is the box. Where several become one outline, each keeps the size that
it had and goes on as before, moved by where its colours are; when they part, everybody is measured again.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.tracking.motion.blobs import Blob
from pipeline.tracking.motion.people import Clothes, Stature
from pipeline.types import Image

Box = tuple[float, float, float, float]  # x1, y1, x2, y2
Floats = NDArray[np.float64]

INSIDE = 0.4  # share of an expected box in an outline that makes the person part of it
LEARNING = 0.3  # weight of the newest measurement, of speeds
MERGED_LEARNING = 0.1  # … in a group
SIZING = 0.2  # … and of sizes
COASTING = 3  # frames that somebody is expected on without an outline
UNSUPPORTED = 20  # frames that somebody is believed to be in a group that does not show it
WIDE = 0.75  # statures: no single walker is wider, but with a bag
TORSO = 0.5  # statures: columns that hold so much are bodies, not limbs
APART = 0.28  # statures between the middles of two bodies
VALLEY = 0.7  # of the lower of two bodies: there has to be so much less between them
SEARCH = 0.25  # statures to either side of the expected place that somebody in a group is looked for …
NEAR = 0.1  # … and those at which a find costs a sixth of what a whole body gains
BESIDE = 0.1  # share of an outline within somebody's expected box that makes it that person who left a group
BODY = 0.13  # statures: half the width of a body without limbs

SURE, LIKELY, HIDDEN, DOUBTFUL = 0.95, 0.8, 0.55, 0.3  # scores


@dataclass(slots=True, eq=False)
class _Person:
    """Where somebody is, and goes: middle of the body and row of the feet, size, pixels a frame."""

    x: float
    feet: float
    width: float
    height: float
    speed: tuple[float, float] = (0.0, 0.0)
    clothes: Clothes = field(default_factory=Clothes)
    age: int = 0
    missed: int = 0
    unsupported: int = 0

    @property
    def box(self) -> Box:
        return self.x - self.width / 2, self.feet - self.height, self.x + self.width / 2, self.feet

    def expect(self) -> None:
        self.x += self.speed[0]
        self.feet += self.speed[1]

    def move_to(self, x: float, feet: float, weight: float = LEARNING) -> None:
        """It is here, not where it was expected."""
        step = weight if self.age else 0.0
        self.speed = self.speed[0] + step * (x - self.x), self.speed[1] + step * (feet - self.feet)
        self.x, self.feet = x, feet
        self.age += 1

    def measure_alone(self, blob: Blob, image: Image) -> None:
        """It is alone in this outline."""
        rate = SIZING if self.age > 3 else 1.0
        self.width += rate * (blob.width - self.width)
        self.height += rate * (blob.height - self.height)
        self.move_to(_middle(blob), float(blob.y2))
        self.clothes.learn(image[blob.y1 : blob.y2, blob.x1 : blob.x2], blob.mask)
        self.unsupported = 0


class Crowd:
    """The people of one video, frame by frame."""

    def __init__(self, height: int, width: int, stature: Stature) -> None:
        self._height, self._width, self._stature = height, width, stature
        self._people: list[_Person] = []

    def explain(self, blobs: Sequence[Blob], image: Image) -> list[tuple[Box, float]]:
        """Boxes and scores of the people whose outlines these are. image: H×W×3, the picture."""
        for person in self._people:
            person.expect()
        members = self._members(blobs)
        found: list[tuple[Box, float]] = []
        kept = [person for person in self._people if 0 < person.missed <= COASTING and self._in_picture(person)]
        for blob, group in zip(blobs, members, strict=True):
            if len(group) >= 2:
                _place(group, blob, image)
                seen = [p for p in group if p.unsupported <= UNSUPPORTED and self._in_picture(p)]
                found += [(person.box, _visibility(person, seen)) for person in seen]
                kept += seen
                continue
            unmatched = group
            for piece in self._pieces(blob):
                score = self._score(piece)
                found.append(((piece.x1, piece.y1, piece.x2, piece.y2), score))
                known = _of(piece, unmatched)
                if known is None and score < LIKELY:
                    continue
                person = known or _Person(_middle(piece), float(piece.y2), piece.width, piece.height)
                unmatched = [] if known else unmatched
                person.measure_alone(piece, image)
                kept.append(person)
        self._people = kept
        return found

    def _members(self, blobs: Sequence[Blob]) -> list[list[_Person]]:
        """Who is expected in which outline."""
        members: list[list[_Person]] = [[] for _ in blobs]
        for person in self._people:
            shares = [_overlap(person.box, _box(blob)) for blob in blobs]
            place = int(np.argmax(shares)) if shares else 0
            person.missed = 0 if shares and shares[place] >= INSIDE else person.missed + 1
            if not person.missed:
                members[place].append(person)
        members = [_without_doubles(group) for group in members]
        for place, blob in enumerate(blobs):
            if not members[place] and self._score(blob, learn=False) >= LIKELY:
                _take_back(place, blob, members)
        return members

    def _in_picture(self, person: _Person) -> bool:
        return 0 < person.x < self._width and person.feet - person.height < self._height

    def _score(self, blob: Blob, learn: bool = True) -> float:
        """How much somebody alone looks like a person."""
        stature = self._stature.at(blob.y2)
        ratio = blob.height / stature
        cut = blob.touches(self._height, self._width)
        slim = blob.height / blob.width
        typical = 1.4 <= slim <= 5 and (not self._stature.known or 0.7 <= ratio <= 1.4)
        if learn and not cut and typical and blob.height >= 0.06 * self._height:
            self._stature.learn(blob.y2, blob.height)
        if not self._stature.known:
            return LIKELY if blob.height >= 0.1 * self._height and slim >= 0.9 else DOUBTFUL
        if cut:
            return LIKELY if 0.3 <= ratio <= 1.5 and blob.area >= 0.03 * stature**2 else DOUBTFUL
        if 0.75 <= ratio <= 1.35 and slim >= 1.1:
            return SURE
        return LIKELY if 0.6 <= ratio <= 1.6 and slim >= 0.9 else DOUBTFUL

    def _pieces(self, blob: Blob) -> list[Blob]:
        """The outline cut between bodies that stand beside each other."""
        stature = self._stature.at(blob.y2)
        if not self._stature.known or blob.width <= WIDE * stature:
            return [blob]
        columns = blob.mask.sum(axis=0).astype(np.float64)
        window = max(round(0.08 * stature), 1)
        columns = np.convolve(columns, np.ones(window) / window, mode="same")
        cuts = _valleys(columns, TORSO * stature, APART * stature)
        edges = [0, *cuts, blob.width]
        pieces = [_columns(blob, left, right) for left, right in itertools.pairwise(edges)]
        return [piece for piece in pieces if piece is not None]


def _place(group: list[_Person], blob: Blob, image: Image) -> None:
    """Find everybody of a group again, the nearest to the camera first: what shows these hides the others."""
    picture, mask = image[blob.y1 : blob.y2, blob.x1 : blob.x2], blob.mask > 0
    free = np.ones(mask.shape)
    for person in sorted(group, key=lambda p: -p.feet):
        top, feet = person.feet - person.height - blob.y1, person.feet - blob.y1
        like = np.where(mask, 0.3 + person.clothes.likeness(picture, top, feet), -1.0) * free
        rows = slice(max(round(top), 0), max(round(feet), 1))
        evidence = np.pad(like[rows].sum(axis=0) / person.height, blob.width)
        reach = max(round(SEARCH * person.height), 1)
        shifts = sorted(range(-reach, reach + 1), key=abs)  # the smallest of equally good ones
        middle = person.x - blob.x1 + blob.width
        columns = np.arange(len(evidence)) + 0.5
        half = BODY * person.height
        gains = [
            float(evidence[np.abs(columns - middle - shift) <= half].sum()) / (2 * half)
            - 0.15 * (shift / (NEAR * person.height)) ** 2
            for shift in shifts
        ]
        best = int(np.argmax(gains))
        person.unsupported = person.unsupported + 1 if gains[best] <= 0.05 else 0
        trusted = shifts[best] if gains[best] > 0.1 else 0
        person.move_to(person.x + trusted, person.feet, MERGED_LEARNING)
        person.speed = person.speed[0], 0.8 * person.speed[1]
        aside = np.abs(np.arange(blob.width) + 0.5 + blob.x1 - person.x)
        free[rows, aside <= half] = 0


def _visibility(person: _Person, group: list[_Person]) -> float:
    nearer = [p for p in group if p is not person and p.feet > person.feet]
    covered = max((_overlap(person.box, p.box) for p in nearer), default=0.0)
    return LIKELY if covered < 0.5 else HIDDEN


def _take_back(place: int, blob: Blob, members: list[list[_Person]]) -> None:
    """An outline that nobody was expected in is perhaps somebody who has just left a group."""
    pairs = [
        (share, group, person)
        for group in members
        if len(group) >= 2
        for person in group
        if (share := _overlap(_box(blob), person.box)) > BESIDE
    ]
    if pairs:
        _, group, person = max(pairs, key=lambda pair: pair[0])
        group.remove(person)
        members[place].append(person)


def _without_doubles(group: list[_Person]) -> list[_Person]:
    """Newcomers that were a part of somebody else only."""
    kept: list[_Person] = []
    for person in sorted(group, key=lambda p: -p.age):
        part = any(_overlap(person.box, other.box) > 0.6 for other in kept)
        if not part or person.age > 10:
            kept.append(person)
    return kept


def _of(piece: Blob, group: list[_Person]) -> _Person | None:
    return group[0] if group and _overlap(group[0].box, _box(piece)) >= INSIDE else None


def _middle(blob: Blob) -> float:
    """The column of the body: half of the outline lies on each side, which limbs move less than the box."""
    mass = np.cumsum(blob.mask.sum(axis=0))
    return blob.x1 + float(np.searchsorted(mass, mass[-1] / 2)) + 0.5


def _box(blob: Blob) -> Box:
    return blob.x1, blob.y1, blob.x2, blob.y2


def _overlap(first: Box, second: Box) -> float:
    """Share of the first box inside the second."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    area = (first[2] - first[0]) * (first[3] - first[1])
    return max(width, 0) * max(height, 0) / max(area, 1e-9)


def _valleys(columns: Floats, body: float, apart: float) -> list[int]:
    """Columns between bodies: minima between peaks of at least `body`, at least `apart` from each other."""
    peaks: list[int] = []
    for column in np.argsort(-columns, kind="stable").tolist():
        if columns[column] < body:
            break
        if all(abs(column - peak) >= apart for peak in peaks):
            lowest = [columns[min(column, p) : max(column, p) + 1].min() for p in peaks]
            if all(low <= VALLEY * columns[column] for low in lowest):
                peaks.append(column)
    peaks.sort()
    return [left + int(np.argmin(columns[left:right])) for left, right in itertools.pairwise(peaks)]


def _columns(blob: Blob, left: int, right: int) -> Blob | None:
    """The part of an outline between two of its columns."""
    part = blob.mask[:, left:right]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return None
    y1, y2, x1, x2 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Blob(blob.x1 + left + x1, blob.y1 + y1, blob.x1 + left + x2, blob.y1 + y2, part[y1:y2, x1:x2])

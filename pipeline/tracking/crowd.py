"""Who is in which part of the foreground: people walk into one another's outlines and out again.

While somebody is apart from others, the outline is the box. Where several become one outline, each keeps the size that
it had and goes on as before, moved by what the outline shows; when they part, everybody is measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.tracking.blobs import Blob
from pipeline.tracking.stature import Stature

Box = tuple[float, float, float, float]  # x1, y1, x2, y2

INSIDE = 0.4  # share of an expected box in an outline that makes the person part of it
LEARNING = 0.3  # weight of the newest measurement, of speeds
SIZING = 0.2  # … and of sizes
COASTING = 3  # frames that somebody is expected on without an outline
WIDE = 0.75  # statures: no single walker is wider, but with a bag
TORSO = 0.5  # statures: columns that hold so much are bodies, not limbs
APART = 0.28  # statures between the middles of two bodies
VALLEY = 0.7  # of the lower of two bodies: there has to be so much less between them
SEARCH = 0.08  # statures to either side of the expected place that somebody in a group is looked for

SURE, LIKELY, HIDDEN, DOUBTFUL = 0.95, 0.8, 0.55, 0.3  # scores


@dataclass(slots=True)
class _Person:
    """Where somebody is, and goes: middle of the box and row of the feet, size, pixels a frame."""

    x: float
    feet: float
    width: float
    height: float
    speed: tuple[float, float] = (0.0, 0.0)
    age: int = 0
    missed: int = 0

    @property
    def box(self) -> Box:
        return self.x - self.width / 2, self.feet - self.height, self.x + self.width / 2, self.feet

    def expect(self) -> None:
        self.x += self.speed[0]
        self.feet += self.speed[1]

    def moved(self, x: float, feet: float, weight: float = LEARNING) -> None:
        """It is here, not where it was expected."""
        error = x - self.x, feet - self.feet
        step = weight if self.age else 0.0
        if self.age == 1:
            step = 1.0
        self.speed = self.speed[0] + step * error[0], self.speed[1] + step * error[1]
        self.x, self.feet = x, feet
        self.age += 1

    def measured(self, blob: Blob) -> None:
        """It is alone in this outline."""
        rate = SIZING if self.age > 3 else 1.0
        self.width += rate * (blob.width - self.width)
        self.height += rate * (blob.height - self.height)
        self.moved((blob.x1 + blob.x2) / 2, float(blob.y2))


class Crowd:
    """The people of one video, frame by frame."""

    def __init__(self, height: int, width: int, stature: Stature) -> None:
        self._height, self._width, self._stature = height, width, stature
        self._people: list[_Person] = []

    def explain(self, blobs: Sequence[Blob]) -> list[tuple[Box, float]]:
        """Boxes and scores of the people whose outlines these are."""
        for person in self._people:
            person.expect()
        members: list[list[_Person]] = [[] for _ in blobs]
        for person in self._people:
            place = _outline(person, blobs)
            person.missed = 0 if place is not None else person.missed + 1
            if place is not None:
                members[place].append(person)
        found: list[tuple[Box, float]] = []
        kept: list[_Person] = [p for p in self._people if 0 < p.missed <= COASTING and self._in_picture(p)]
        for blob, group in zip(blobs, members, strict=True):
            group = _without_doubles(group)
            if len(group) >= 2:
                found += self._merged(blob, group)
                kept += group
                continue
            for piece in self._pieces(blob):
                person = _of(piece, group)
                if person is None:
                    person = _Person((piece.x1 + piece.x2) / 2, float(piece.y2), piece.width, piece.height)
                else:
                    group = []
                person.measured(piece)
                kept.append(person)
                found.append(((piece.x1, piece.y1, piece.x2, piece.y2), self._score(piece)))
        self._people = kept
        return found

    def _in_picture(self, person: _Person) -> bool:
        return 0 < person.x < self._width and person.feet - person.height < self._height

    def _score(self, blob: Blob) -> float:
        """How much somebody alone looks like a person."""
        ratio = blob.height / self._stature.at(blob.y2)
        cut = blob.touches(self._height, self._width)
        slim = blob.height / blob.width
        if not cut and 1.4 <= slim <= 5 and (not self._stature.known or 0.7 <= ratio <= 1.4):
            if blob.height >= 0.06 * self._height:
                self._stature.saw(blob.y2, blob.height)
        if not self._stature.known:
            return LIKELY if blob.height >= 0.1 * self._height and slim >= 0.9 else DOUBTFUL
        if cut:
            return LIKELY if 0.3 <= ratio <= 1.5 and blob.area >= 0.03 * self._stature.at(blob.y2) ** 2 else DOUBTFUL
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
        pieces = [_columns(blob, left, right) for left, right in zip(edges, edges[1:], strict=False)]
        return [piece for piece in pieces if piece is not None]

    def _merged(self, blob: Blob, group: list[_Person]) -> list[tuple[Box, float]]:
        """Place everybody of a group so that together they cover the outline's columns best."""
        columns = blob.mask.sum(axis=0).astype(np.float64)
        for _ in range(2):
            for person in group:
                others = np.max([_profile(p, blob) for p in group if p is not person], axis=0)
                reach = max(round(SEARCH * person.height), 1)
                shifts = sorted(range(-reach, reach + 1), key=abs)  # the smallest of equally good ones
                costs = [
                    np.abs(columns - np.maximum(others, _profile(person, blob, shift))).sum() + abs(shift)
                    for shift in shifts
                ]
                best = shifts[int(np.argmin(costs))]
                person.moved(person.x + best, person.feet, weight=0.1)
        return [(person.box, self._visibility(person, group)) for person in group]

    def _visibility(self, person: _Person, group: list[_Person]) -> float:
        nearer = [p for p in group if p is not person and p.feet > person.feet]
        covered = max((_overlap(person.box, p.box) for p in nearer), default=0.0)
        return LIKELY if covered < 0.5 else HIDDEN


def _outline(person: _Person, blobs: Sequence[Blob]) -> int | None:
    """The outline that holds most of an expected box."""
    shares = [_overlap(person.box, (blob.x1, blob.y1, blob.x2, blob.y2)) for blob in blobs]
    best = int(np.argmax(shares)) if shares else 0
    return best if shares and shares[best] >= INSIDE else None


def _without_doubles(group: list[_Person]) -> list[_Person]:
    """Newcomers that were a part of somebody else only."""
    kept: list[_Person] = []
    for person in sorted(group, key=lambda p: -p.age):
        part = any(_overlap(person.box, other.box) > 0.6 for other in kept)
        if not part or person.age > 10:
            kept.append(person)
    return kept


def _of(piece: Blob, group: list[_Person]) -> _Person | None:
    box = (piece.x1, piece.y1, piece.x2, piece.y2)
    return max(group, key=lambda p: _overlap(p.box, box)) if group and _overlap(group[0].box, box) >= INSIDE else None


def _overlap(first: Box, second: Box) -> float:
    """Share of the first box inside the second."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    area = (first[2] - first[0]) * (first[3] - first[1])
    return max(width, 0) * max(height, 0) / max(area, 1e-9)


def _profile(person: _Person, blob: Blob, shift: float = 0.0) -> NDArray[np.float64]:
    """Pixels of a walker in each column of the outline's box: a body in the middle, limbs to the sides."""
    columns = np.arange(blob.width) + 0.5 + blob.x1
    aside = np.abs(columns - person.x - shift) / (person.width / 2)
    return np.asarray(person.height * np.clip(1.15 - aside, 0, 0.85) * (aside <= 1))


def _valleys(columns: NDArray[np.float64], body: float, apart: float) -> list[int]:
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
    return [left + int(np.argmin(columns[left:right])) for left, right in zip(peaks, peaks[1:], strict=False)]


def _columns(blob: Blob, left: int, right: int) -> Blob | None:
    """The part of an outline between two of its columns."""
    part = blob.mask[:, left:right]
    rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
    if not len(rows):
        return None
    y1, y2, x1, x2 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return Blob(blob.x1 + left + x1, blob.y1 + y1, blob.x1 + left + x2, blob.y1 + y2, part[y1:y2, x1:x2])

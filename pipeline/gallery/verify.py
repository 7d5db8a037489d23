"""Proof from the bytes of a gallery's files: that somebody is gone from them, and that everything in them is accounted
for. LanceDB's own answers are not enough: a row that it no longer returns may still lie in a file.
"""

from __future__ import annotations

import contextlib
import dataclasses
import mmap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.errors import GalleryError
from pipeline.gallery.calibration import read_calibration
from pipeline.gallery.discriminant import discriminant_problems
from pipeline.gallery.index import rows_later
from pipeline.gallery.names import confusable_key
from pipeline.gallery.reviews import read_reviews
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, now, problem_of

MARK_BYTES = 32  # of an embedding or a compressed sequence: no two have them in common by chance
NO_PARTS = np.zeros((0, 0), np.float16)
SHORTEST_TEXT = 6  # bytes; shorter names are found by chance in a few megabytes of numbers


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was searched for before and after somebody was removed, in how many files and bytes.

    before: the marks that were found while the person was there; after: those that are still found (none, or the
    erasure has failed).
    """

    marks: int
    before: int
    after: int
    files: int
    bytes: int


def marks_of(gone: Sequence[Template], kept: Iterable[Template]) -> dict[str, bytes]:
    """What gives a person away in a file, by a name for it: identifiers, embeddings, silhouettes, name and notes.

    gone: with what is stored of their walks; what others share, word for word, is no mark.
    """
    rest = list(kept)
    others = {text for template in rest for text in _texts(template)}
    walks = {template.sequence_sha256 for template in rest}
    numbers = [template.parts.tobytes() for template in rest]
    marks: dict[str, bytes] = {}
    for template in gone:
        stored = template.stored
        marks[f"identity {template.identity}"] = template.identity.encode()
        marks[f"template {template.template}"] = template.template.encode()
        marks[f"embedding of {template.template}"] = _telling(template.parts.tobytes(), numbers)
        if stored is not None and template.sequence_sha256 not in walks:
            marks[f"silhouettes of {template.template}"] = _telling(_pictures(stored.sequence))
            if stored.poses:
                marks[f"poses of {template.template}"] = _telling(_pictures(stored.poses))
        for text in _texts(template):
            if len(text.encode()) >= SHORTEST_TEXT and not any(text in other for other in others):
                marks[f"text {text!r}"] = text.encode()
    return {name: mark for name, mark in marks.items() if mark}


def found_in(files: Iterable[Path], marks: Mapping[str, bytes]) -> dict[str, list[Path]]:
    """Which marks are in the bytes of which files; marks that are in none are left out."""
    found: dict[str, list[Path]] = {}
    for path in files:
        try:
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                for name, mark in marks.items():
                    if mark and content.find(mark) >= 0:
                        found.setdefault(name, []).append(path)
        except (ValueError, FileNotFoundError):  # an empty file, or one that is gone meanwhile
            continue
    return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """What `verify` found. problems: empty where everything is as it should be; remarks: what the user may want to do.

    absent: whether the text that was asked for is in no file; None where nobody asked.
    """

    people: int
    templates: int
    files: int
    bytes: int
    problems: list[str]
    remarks: list[str]
    absent: bool | None = None


def verify(gallery: Gallery, absent: str | None = None) -> Verdict:
    """Read every row and every file: hashes, encoders, names, old versions, files that no row needs.

    absent: a name, an identity or any other text that must be in no file (as it is, in UTF-8).
    Raises GalleryError where the gallery cannot be read at all.
    """
    with contextlib.ExitStack() as held:
        with contextlib.suppress(GalleryError):  # one that cannot be written has no writers to keep away
            held.enter_context(gallery.writing())
        return _verified(gallery, absent)


def _verified(gallery: Gallery, absent: str | None) -> Verdict:
    problems: list[str] = []
    found: list[Template] = []  # without silhouettes and embeddings
    for template in (template for portion in gallery.portions() for template in portion):
        wrong = problem_of(template)
        if wrong:
            problems.append(f"{template.name} (template {template.template}): {wrong}")
        found.append(dataclasses.replace(template, stored=None, parts=NO_PARTS))
    problems += mixtures(found)
    facts, files = gallery.facts(), gallery.files()
    if facts.rows != len(found) or len({template.template for template in found}) != len(found):
        problems.append(f"{facts.rows} rows, but {len(found)} templates, or the same one twice")
    remarks = _namesakes(found)
    stray = len(gallery.data_files()) - facts.data_files + len(gallery.half_written())
    if stray:
        problems.append(f"{stray} files of no version (an enrolment was killed). Remove them: gait gallery tidy")
    if later := gallery.reading(lambda: rows_later(gallery.table())):
        remarks.append(f"{later} templates are later than the index. Searching is faster after: gait gallery index")
    misfit, doubt = discriminant_problems(gallery.path, found)
    problems += misfit
    remarks += doubt
    try:
        read_calibration(gallery.path)
        read_reviews(gallery.path, ())
    except GalleryError as error:
        problems.append(str(error))
    expired = {template.name for template in found if template.expired(now())}
    if expired:
        remarks.append(f"{len(expired)} people are past their expiry and not matched. Remove them: gait gallery expire")
    gone = None
    if absent:
        where = _places(gallery, absent, found)
        gone = not where
        problems += [f"{absent!r} is in {place}" for place in where]
    people = len({template.identity for template in found})
    return Verdict(people, len(found), len(files), gallery.size(), problems, remarks, gone)


def _places(gallery: Gallery, text: str, templates: Sequence[Template]) -> list[str]:
    """Where a text is: in the rows, and in the bytes of which files.

    Raises GalleryError where text that is there is not found in the bytes either: then it proves nothing.
    """
    there = {template.identity: template.identity.encode() for template in templates}
    hits = found_in(gallery.files(), {**there, text: text.encode()})
    if not there.keys() <= hits.keys():
        raise GalleryError(f"{gallery.path}: its files keep text in another form, so they cannot be searched.")
    rows = {
        f"the row of {t.name}" for t in templates if any(text in known for known in (*_texts(t), t.identity, t.video))
    }
    return [*sorted(rows), *(str(path.relative_to(gallery.path)) for path in hits.get(text, []))]


def mixtures(templates: Sequence[Template]) -> list[str]:
    """What cannot stand in one gallery: one person under several names, embeddings of several encoders."""
    origins = sorted({template.origin for template in templates})
    names: dict[str, set[str]] = {}
    for template in templates:
        names.setdefault(template.identity, set()).add(template.name)
    problems = [f"one person is called {' and '.join(sorted(same))}" for same in names.values() if len(same) > 1]
    if len(origins) > 1:
        problems.append(f"embeddings of {len(origins)} encoders: {', '.join(model for model, _ in origins)}")
    return problems


def _namesakes(templates: Sequence[Template]) -> list[str]:
    alike: dict[str, dict[str, str]] = {}
    for template in templates:
        alike.setdefault(confusable_key(template.name), {})[template.identity] = template.name
    return [
        f"{' and '.join(sorted(same.values()))} look alike. Rename or merge them."
        for same in alike.values()
        if len(same) > 1
    ]


def _texts(template: Template) -> set[str]:
    return {template.name, template.consent, template.run} - {""}


def _pictures(stored: bytes) -> bytes:
    """The half of a file that has its silhouettes or joints; the names of measures at its end are everybody's."""
    return stored[: max(len(stored) // 2, MARK_BYTES)]


def _telling(content: bytes, others: Sequence[bytes] = ()) -> bytes:
    """The most varied bytes that none of the others has: many embeddings have the same zeros in the same places."""
    starts = range(0, max(len(content) - MARK_BYTES, 0) + 1, MARK_BYTES // 2)
    windows = sorted({content[at : at + MARK_BYTES] for at in starts}, key=lambda window: (-len(set(window)), window))
    return next((window for window in windows if not any(window in other for other in others)), b"")

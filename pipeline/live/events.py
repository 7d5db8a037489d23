"""What happened, as lines of JSON: one whenever the answer that is shown of somebody changes, and when they leave."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pipeline.drawing.lettering import one_line
from pipeline.files import json_line, writing
from pipeline.gallery.names import LONGEST
from pipeline.jobs.people import People
from pipeline.live.loop import Person, Sight


class Events:
    """Finds what has changed from one sight to the next, and appends it to a file, if there is one.

    A line: id (a random part for this process, and a number that grows by one), time (UTC), seconds (since the camera's
    first frame), camera (1, 2, …), source (without password), frame, track, event (looking, known, unknown, left),
    person (the identity, or the label of somebody unknown: the same on every camera), identity, name, watched,
    distance, confidence, silhouettes. No pictures.
    Raises OutputError where the file cannot be written.

    sources: what each camera is called; watched: identities whose events are marked.
    """

    def __init__(
        self, path: Path | None, known: People, sources: Mapping[int, str], watched: Collection[str] = ()
    ) -> None:
        self._path, self._known, self._sources, self._watched = path, known, sources, watched
        self._process, self._count = secrets.token_hex(4), 0
        self._shown: dict[tuple[int, int], tuple[str, str | None]] = {}  # by camera and track
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            with writing(self._path):
                self._file = self._path.open("a", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def meet(self, known: People) -> None:
        """Take names from these people from now on."""
        self._known = known

    def note(self, sight: Sight) -> list[dict[str, Any]]:
        """What is new in this sight."""
        found = []
        for person in sight.people:
            key = sight.camera, person.track_id
            if self._shown.get(key) != person.answer.who:
                self._shown[key] = person.answer.who
                found.append(self._event(sight, person, person.answer.status))
        for person in sight.gone:
            if self._shown.pop((sight.camera, person.track_id), None) is not None:
                found.append(self._event(sight, person, "left"))
        if self._file is not None and found and self._path is not None:
            with writing(self._path):
                self._file.writelines(json_line(event) + "\n" for event in found)
                self._file.flush()
        return found

    def people(self, sight: Sight) -> Sequence[Mapping[str, Any]]:
        """Everybody in the picture, in plain values, names as the picture shows them."""
        return [
            {
                "camera": sight.camera,
                "track": person.track_id,
                "status": person.answer.status,
                **self._answer(person),
                "name": one_line(person.answer.name, LONGEST) if person.answer.name else None,
            }
            for person in sight.people
        ]

    def _event(self, sight: Sight, person: Person, event: str) -> dict[str, Any]:
        self._count += 1
        return {
            "id": f"{self._process}-{self._count}",
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": round(sight.frame.time_s, 3),
            "camera": sight.camera,
            "source": self._sources[sight.camera],
            "frame": sight.frame.index,
            "track": person.track_id,
            "event": event,
            **self._answer(person),
        }

    def _answer(self, person: Person) -> Mapping[str, Any]:
        """Who somebody is taken for."""
        answer = person.answer
        identity = self._known.identities.get(answer.name) if answer.name else None
        return {
            "person": identity or person.stranger,
            "identity": identity,
            "name": answer.name,
            "watched": identity in self._watched,
            "distance": None if answer.distance is None else round(answer.distance, 6),
            "confidence": None if answer.confidence is None else round(answer.confidence, 4),
            "silhouettes": person.silhouettes,
        }

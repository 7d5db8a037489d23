"""What happened, as lines of JSON: one whenever the answer that is shown of somebody changes, and when they leave."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from pipeline.files import json_line, writing
from pipeline.jobs.people import People
from pipeline.live.loop import Person, Sight


class Events:
    """Finds what has changed from one sight to the next, and appends it to a file, if there is one.

    A line: time (UTC), seconds (since the first frame), frame, track, event (looking, known, unknown, left), identity,
    name, distance, confidence, silhouettes. No pictures, and nothing of the source.
    Raises OutputError where the file cannot be written.
    """

    def __init__(self, path: Path | None, known: People) -> None:
        self._path, self._known = path, known
        self._shown: dict[int, tuple[str, str | None]] = {}
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
            if self._shown.get(person.track_id) != person.answer.who:
                self._shown[person.track_id] = person.answer.who
                found.append(self._event(sight, person, person.answer.status))
        for person in sight.gone:
            if self._shown.pop(person.track_id, None) is not None:
                found.append(self._event(sight, person, "left"))
        if self._file is not None and found and self._path is not None:
            with writing(self._path):
                self._file.writelines(json_line(event) + "\n" for event in found)
                self._file.flush()
        return found

    def _event(self, sight: Sight, person: Person, event: str) -> dict[str, Any]:
        return {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "seconds": round(sight.frame.time_s, 3),
            "frame": sight.frame.index,
            "track": person.track_id,
            "event": event,
            **answer_as_json(person, self._known),
        }


def answer_as_json(person: Person, known: People) -> Mapping[str, Any]:
    """Who somebody is taken for, in plain values."""
    answer = person.answer
    return {
        "identity": known.identities.get(answer.name) if answer.name else None,
        "name": answer.name,
        "distance": None if answer.distance is None else round(answer.distance, 6),
        "confidence": None if answer.confidence is None else round(answer.confidence, 4),
        "silhouettes": person.silhouettes,
    }

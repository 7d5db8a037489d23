"""What the page lists: the cameras, who is before them, and who was seen where and when."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pipeline.drawing.lettering import one_line
from pipeline.gallery.names import LONGEST
from pipeline.live.source import LiveSource

MOST_VISITS = 200
SAME_VISIT = timedelta(seconds=10)  # who is back by then was not gone: the tracker lost them


@dataclass(slots=True)
class _Visit:
    """Somebody before a camera. tracks: that are in the picture now; until: when the last of them left."""

    camera: int
    person: str
    name: str | None
    watched: bool
    since: str
    until: str
    tracks: set[int] = field(default_factory=set)

    def goes_on(self, event: Mapping[str, Any]) -> bool:
        """Whether this event's person has been here until now."""
        if (self.camera, self.person) != (event["camera"], event["person"]):
            return False
        return bool(self.tracks) or datetime.fromisoformat(event["time"]) - _time(self.until) <= SAME_VISIT

    def as_json(self) -> Mapping[str, Any]:
        return {
            "camera": self.camera,
            "person": self.person,
            "name": self.name,
            "watched": self.watched,
            "since": self.since,
            "until": None if self.tracks else self.until,
        }


_time = datetime.fromisoformat


class Board:
    """Filled by the loop, and read by the page's thread. sources: the cameras, by number."""

    def __init__(self, sources: Mapping[int, LiveSource]) -> None:
        self._sources, self._lock = sources, threading.Lock()
        self._present: dict[int, Sequence[Mapping[str, Any]]] = {}
        self._visits: deque[_Visit] = deque(maxlen=MOST_VISITS)  # the newest first

    def see(self, camera: int, people: Sequence[Mapping[str, Any]]) -> None:
        """Who is before a camera now, as `events.person_as_json` has them."""
        with self._lock:
            self._present[camera] = people

    def note(self, event: Mapping[str, Any]) -> None:
        """Take an event: it begins a visit, or ends one."""
        with self._lock:
            for visit in self._visits:
                if visit.camera == event["camera"] and event["track"] in visit.tracks:
                    visit.tracks.remove(event["track"])
                    visit.until = event["time"]
            if event["person"] is None or event["event"] == "left":
                return
            visit = next((one for one in self._visits if one.goes_on(event)), None) or self._begun(event)
            visit.tracks.add(event["track"])

    def as_json(self) -> Mapping[str, Any]:
        """Everything, in plain values; nobody is before a camera whose pictures do not come."""
        with self._lock:
            cameras = [
                {"camera": number, "source": one_line(source.info.path, LONGEST), "state": source.state}
                for number, source in self._sources.items()
            ]
            on = {camera["camera"] for camera in cameras if camera["state"] == "on"}
            people = [person for number in self._present if number in on for person in self._present[number]]
            return {"cameras": cameras, "people": people, "seen": [visit.as_json() for visit in self._visits]}

    def _begun(self, event: Mapping[str, Any]) -> _Visit:
        name = one_line(event["name"], LONGEST) if event["name"] else None
        visit = _Visit(event["camera"], event["person"], name, event["watched"], event["time"], event["time"])
        self._visits.appendleft(visit)
        return visit

"""What a finished run has found, as the app shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.drawing.colours import GREY, identity_colour
from pipeline.files import read_json
from pipeline.report.page import Tag
from pipeline.report.people import People
from pipeline.report.pictures import Thrift
from pipeline.report.roster import roster_of, tag_of
from pipeline.runs.reader import FinishedRun, Track
from pipeline.web.content import Answers, Film, Row
from pipeline.web.guard import RUNS

MOST_RIVALS = 3
VERDICTS = {"known": "✓ recognised", "unknown": "? unknown", "unusable": "– not usable", "enrolled": "✓ enrolled"}
CAUTION = (
    "A distance compares outlines of walking and is no proof of who somebody is. Confidence is not calibrated: it says "
    "how much nearer the first is than the others."
)


def answers_of(folder: Path) -> Answers:
    """Of `gait run` and of `gait identify`. Raises InputError for a damaged run."""
    run = FinishedRun.open(folder)
    results = read_json(run.folder.results)
    people = People(run, Thrift.of(sum(len(tracks) for tracks in run.probes.values())), roster_of(run))
    names = _names(run, results)
    groups = [
        (video, [_row(people, (video, track), entry, names) for track, entry in tracks.items()])
        for video, tracks in run.probes.items()
    ]
    rows = [row for _, found in groups for row in found]
    known = sum(row.status == "known" for row in rows)
    lead = f"{known} of {len(rows)} people were recognised by how they walk." if rows else "Nobody was found."
    return Answers(lead, groups, _films(run), _report(run), _notices(run), CAUTION)


def enrolment_of(folder: Path) -> Answers:
    """Of `gait enrol`: who is who in the video."""
    run = FinishedRun.open(folder)
    people = People(run, Thrift.of(sum(len(tracks) for tracks in run.gallery.values())), roster_of(run))
    groups = []
    for video, tracks in run.gallery.items():
        rows = []
        for number, (track, entry) in enumerate(tracks.items()):
            enrolled = bool(entry.get("name"))
            tag = tag_of(str(entry["name"]), identity_colour(number)) if enrolled else tag_of(f"track {track}", GREY)
            reason = str(entry.get("outcome") if enrolled else entry["reason"])
            verdict = (
                VERDICTS["enrolled" if enrolled else "unusable"]
                if enrolled or entry["status"] == "unusable"
                else "– left out"
            )
            rows.append(
                Row(str(track), tag, "enrolled" if enrolled else "unusable", verdict, "", "", reason, (),
                    people.track((video, track), tag))
            )  # fmt: skip
        groups.append((video, rows))
    count = sum(row.status == "enrolled" for _, rows in groups for row in rows)
    lead = f"{count} {'person is' if count == 1 else 'people are'} enrolled from this video."
    return Answers(lead, groups, _films(run), _report(run), _notices(run))


def _names(run: FinishedRun, results: Mapping[str, Any]) -> dict[str, Tag]:
    """Identity → name and colour, as the annotated videos have them."""
    if "people" in results:  # of a gallery that lasts
        found = [(who, str(entry["name"])) for who, entry in results["people"].items()]
    else:
        found = [(who, who) for who in run.enrolled()]
    return {who: tag_of(name, identity_colour(number)) for number, (who, name) in enumerate(found)}


def _row(people: People, track: Track, entry: Mapping[str, Any], names: Mapping[str, Tag]) -> Row:
    status, identity = str(entry["status"]), entry["identity"]
    tag = names.get(identity or "", tag_of(str(entry.get("name") or "nobody known"), GREY))
    others = [one for one in entry["candidates"] if one["identity"] != identity][:MOST_RIVALS]
    rivals = [
        (names.get(one["identity"], tag_of(str(one["identity"]), GREY)), _number(one["distance"])) for one in others
    ]
    confidence = "" if entry["confidence"] is None or status != "known" else f"{100 * entry['confidence']:.0f} %"
    distance = entry["distance"]
    if distance is None and others:
        distance = others[0]["distance"]
    return Row(
        str(track[1]),
        tag,
        status,  # type: ignore[arg-type]  # one of them, as results.json has it
        VERDICTS[status],
        confidence,
        "" if distance is None else _number(distance),
        str(entry["reason"]),
        rivals,
        people.track(track, tag),
    )


def _films(run: FinishedRun) -> list[Film]:
    """The annotated videos that are there, the probes first."""
    found, first = [], next(iter(run.gallery), None)
    paths = [(run.folder.probe_video(first, probe), probe) for probe in run.probes] if first else []
    paths += [(run.folder.gallery_video(video), video) for video in run.videos]
    for path, video in paths:
        if path.is_file():
            width, height = (int(side) for side in run.about(video).get("size") or (0, 0))
            title = f"{video} (gallery)" if video in run.gallery and video != "gallery" else video
            found.append(Film(title, _address(run, f"videos/{path.name}"), width, height))
    return found


def _report(run: FinishedRun) -> str:
    return _address(run, run.folder.report.name) if run.folder.report.is_file() else ""


def _address(run: FinishedRun, inside: str) -> str:
    return RUNS + quote(f"{run.folder.path.name}/{inside}")


def _notices(run: FinishedRun) -> list[str]:
    unreadable = [str(one.get("problem", "")) for one in run.record.get("unreadable", [])]
    return [*map(str, run.record.get("warnings", [])), *unreadable]


def _number(distance: float) -> str:
    return f"{distance:.3g}"

"""What a finished run has found, as the app shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from pipeline.drawing.colours import GREY, identity_colour
from pipeline.report.cards import Cards
from pipeline.report.page import Tag
from pipeline.report.pictures import Thrift
from pipeline.report.roster import roster_of, tag_of
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
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
    run = Run.open(folder)
    people = Cards(run, Thrift.of(sum(len(tracks) for tracks in run.probes.values())), roster_of(run))
    names = _names(run)
    groups = [(video, [_row(people, track, names) for track in tracks]) for video, tracks in run.probes.items()]
    rows = [row for _, found in groups for row in found]
    known = sum(row.status == "known" for row in rows)
    lead = f"{known} of {len(rows)} people were recognised by how they walk." if rows else "Nobody was found."
    return Answers(lead, groups, _films(run), _report(run), _notices(run), CAUTION)


def enrolment_of(folder: Path) -> Answers:
    """Of `gait enrol`: who is who in the video."""
    run = Run.open(folder)
    people = Cards(run, Thrift.of(sum(len(tracks) for tracks in run.gallery.values())), roster_of(run))
    groups = []
    for video, tracks in run.gallery.items():
        rows = []
        for number, track in enumerate(tracks):
            enrolled = bool(track.outcome)
            tag = tag_of(str(track.name), identity_colour(number)) if enrolled else tag_of(f"track {track.id}", GREY)
            reason = track.outcome if enrolled else track.reason
            verdict = (
                VERDICTS["enrolled" if enrolled else "unusable"]
                if enrolled or track.status == "unusable"
                else "– left out"
            )
            rows.append(
                Row(str(track.id), tag, "enrolled" if enrolled else "unusable", verdict, "", "", reason, (),
                    people.track(track.key, tag))
            )  # fmt: skip
        groups.append((video, rows))
    count = sum(row.status == "enrolled" for _, rows in groups for row in rows)
    lead = f"{count} {'person is' if count == 1 else 'people are'} enrolled from this video."
    return Answers(lead, groups, _films(run), _report(run), _notices(run))


def _names(run: Run) -> dict[str, Tag]:
    """Identity → name and colour, as the annotated videos have them."""
    found = {who: str(entry["name"]) for who, entry in run.people.items()} or {who: who for who in run.enrolled()}
    return {who: tag_of(name, identity_colour(number)) for number, (who, name) in enumerate(found.items())}


def _row(people: Cards, track: TrackResult, names: Mapping[str, Tag]) -> Row:
    tag = names.get(track.identity or "", tag_of(track.name or "nobody known", GREY))
    others = [one for one in track.candidates if one.identity != track.identity][:MOST_RIVALS]
    rivals = [(names.get(one.identity, tag_of(one.identity, GREY)), _number(one.distance)) for one in others]
    known = track.status == "known" and track.confidence is not None
    distance = others[0].distance if track.distance is None and others else track.distance
    return Row(
        str(track.id),
        tag,
        track.status,  # type: ignore[arg-type]  # one of them, as results.json has it
        VERDICTS[track.status],
        f"{100 * (track.confidence or 0):.0f} %" if known else "",
        "" if distance is None else _number(distance),
        track.reason,
        rivals,
        people.track(track.key, tag),
    )


def _films(run: Run) -> list[Film]:
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


def _report(run: Run) -> str:
    return _address(run, run.folder.report.name) if run.folder.report.is_file() else ""


def _address(run: Run, inside: str) -> str:
    return RUNS + quote(f"{run.folder.path.name}/{inside}")


def _notices(run: Run) -> list[str]:
    unreadable = [str(one.get("problem", "")) for one in run.record.get("unreadable", [])]
    return [*map(str, run.record.get("warnings", [])), *unreadable]


def _number(distance: float) -> str:
    return f"{distance:.3g}"

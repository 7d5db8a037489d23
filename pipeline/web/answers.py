"""What a finished run has found, as the app shows it, under the names that people have today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pipeline.drawing.colours import GREY, identity_colour
from pipeline.errors import GaitError
from pipeline.report.cards import Cards
from pipeline.report.page import Card, Tag
from pipeline.report.pictures import Thrift
from pipeline.report.roster import roster_of, tag_of
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult
from pipeline.web.lists import names_now, refused_where_damaged

MOST_RIVALS = 3
MOST_NAMES = 300  # to choose from
VERDICTS = {"known": "✓ recognised", "unknown": "? unknown", "unusable": "– not usable", "enrolled": "✓ enrolled"}


@dataclass(frozen=True, slots=True)
class Row:
    """What was found about one track. rivals: names and distances of the others that it is nearest to.

    key: such as probe1/2, by which a person says who it is.
    """

    track: str
    key: str
    tag: Tag
    status: Literal["known", "unknown", "unusable", "enrolled"]
    verdict: str
    confidence: str
    distance: str
    reason: str
    rivals: Sequence[tuple[Tag, str]]
    person: Card
    silhouettes: int = 0


@dataclass(frozen=True, slots=True)
class Film:
    """An annotated video; src: its address on this server."""

    title: str
    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Answers:
    """The result of a job. groups: by video, with its rows; report: address of report.html, or "".

    names: of whom a person may say that somebody is it; reviewed: whether somebody has said anything already.
    """

    run: str
    lead: str
    groups: Sequence[tuple[str, Sequence[Row]]]
    films: Sequence[Film]
    report: str
    notices: Sequence[str] = ()
    caution: str = ""
    names: Sequence[str] = ()
    reviewed: bool = False


def answers_of(folder: Path, db: Path) -> Answers:
    """Of a run of any kind. db: the gallery of the server. Raises InputError for a damaged run."""
    with refused_where_damaged(folder.name):
        run = Run.open(folder)
        return _searched(run, names_now(db)) if run.probes else _enrolled(run)


def _searched(run: Run, called: Mapping[str, str]) -> Answers:
    """Of `gait run` and of `gait identify`."""
    roster = roster_of(run)
    people = Cards(run, Thrift.of(sum(len(tracks) for tracks in run.probes.values())), roster)
    names = _names(run, called)
    groups = [(video, [_row(people, track, names) for track in tracks]) for video, tracks in run.probes.items()]
    rows = [row for _, found in groups for row in found]
    known = sum(row.status == "known" for row in rows)
    lead = f"{known} of {len(rows)} people were recognised by how they walk." if rows else "Nobody was found."
    others = () if run.gallery else called.values()
    choices = tuple(dict.fromkeys([*(tag.name for tag in names.values()), *others]))[:MOST_NAMES]
    return Answers(
        run.path.name, lead, groups, _films(run), _report(run), _notices(run), roster.caution, choices, _reviewed(run)
    )


def _enrolled(run: Run) -> Answers:
    """Of `gait enrol`: who is who in the video, the best walks first, and which view of whom is missing."""
    people = Cards(run, Thrift.of(sum(len(tracks) for tracks in run.gallery.values())), roster_of(run))
    groups = []
    for video, tracks in run.gallery.items():
        rows = []
        for number, track in enumerate(tracks):
            enrolled = bool(track.outcome)
            tag = tag_of(str(track.name), identity_colour(number)) if enrolled else tag_of(f"track {track.id}", GREY)
            verdict = VERDICTS["enrolled" if enrolled else "unusable"]
            if not enrolled and track.status != "unusable":
                verdict = "– left out"
            reason = track.outcome if enrolled else track.reason
            rows.append(
                Row(str(track.id), f"{video}/{track.id}", tag, "enrolled" if enrolled else "unusable", verdict, "", "",
                    reason, (), people.track(track.key, tag), track.silhouettes)
            )  # fmt: skip
        groups.append((video, sorted(rows, key=lambda row: (row.status != "enrolled", -row.silhouettes))))
    count = sum(row.status == "enrolled" for _, rows in groups for row in rows)
    source = "this video" if len(groups) == 1 else "these clips"
    lead = f"{count} {'person is' if count == 1 else 'people are'} enrolled from {source}."
    left_out = [f"{clip.file}: {clip.reason}" for clip in run.clips if clip.reason]
    advice = [f"{name}: {words}." for name, words in run.advice.items()]
    return Answers(run.path.name, lead, groups, _films(run), _report(run), [*_notices(run), *left_out, *advice])


def _reviewed(run: Run) -> bool:
    """Whether somebody has said what is right or wrong in it."""
    from pipeline.feedback.again import gallery_of, reviews_of
    from pipeline.gallery.reviews import run_key
    from pipeline.gallery.store import Gallery

    try:
        reviews = reviews_of(Gallery.open(gallery_of(run, None)))
    except GaitError:  # among them: there is no gallery yet
        return False
    key = run_key(run.path.resolve().name, str(run.record.get("started", "")))
    return any(item.run == key for review in reviews for item in review.items)


def _names(run: Run, called: Mapping[str, str]) -> dict[str, Tag]:
    """Identity → name of today and colour, as the annotated videos have them."""
    found = {who: str(entry["name"]) for who, entry in run.people.items()} or {who: who for who in run.enrolled()}
    return {
        who: tag_of(called.get(who, name), identity_colour(number)) for number, (who, name) in enumerate(found.items())
    }


def _row(people: Cards, track: TrackResult, names: Mapping[str, Tag]) -> Row:
    tag = names.get(track.identity or "", tag_of(track.name or "nobody known", GREY))
    others = [one for one in track.candidates if one.identity != track.identity][:MOST_RIVALS]
    rivals = [(names.get(one.identity, tag_of(one.identity, GREY)), _number(one.distance)) for one in others]
    known = track.status == "known" and track.confidence is not None
    distance = others[0].distance if track.distance is None and others else track.distance
    return Row(
        str(track.id),
        f"{track.video}/{track.id}",
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
    return f"/api/runs/{quote(run.path.name)}/files/{quote(inside)}"


def _notices(run: Run) -> list[str]:
    unreadable = [str(one.get("problem", "")) for one in run.record.get("unreadable", [])]
    return [*map(str, run.record.get("warnings", [])), *unreadable]


def _number(distance: float) -> str:
    return f"{distance:.3g}"

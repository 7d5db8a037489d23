"""What was found in a run, and the whole page of it, from the run folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.report.answers import probes_of
from pipeline.report.cards import Cards, facts_of, rejected_of
from pipeline.report.overview import (
    checkpoints_of,
    configuration_of,
    films_of,
    inputs_of,
    matrix_of,
    stages_of,
    timelines_of,
)
from pipeline.report.page import Fact, Findings, GalleryEntry, Page, Probe, ProbeEntry, Words
from pipeline.report.pictures import Thrift
from pipeline.report.roster import Roster
from pipeline.runs.reader import Run
from pipeline.runs.results import TrackResult

WORDS = {
    "run": Words("Gait report", "The gallery's people", "Nobody was found in the gallery video."),
    "identify": Words("Identification report", "The enrolled people they are most like", "Nobody is like them."),
    "enrol": Words("Enrolment report", "Who was seen", "Nobody was found."),
}


def page_of(run: Run, roster: Roster) -> Page:
    """Everything that report.html says. Raises InputError for files of the run that are damaged."""
    people = _cards(run, roster)
    found = _found(people)
    return Page(
        title=" and ".join(_few(list(videos)) for videos in (run.gallery, run.probes) if videos),
        started=_date(str(run.record.get("started", ""))),
        found=found,
        matrix=matrix_of(run, people, found.probes),
        timelines=timelines_of(people, found.films),
        blurred=bool(run.record.get("config", {}).get("output", {}).get("blur_faces", False)),
        configuration=configuration_of(run),
        checkpoints=checkpoints_of(run),
        stages=stages_of(run),
        versions=[Fact(name, str(version)) for name, version in run.record.get("versions", {}).items()],
        inputs=inputs_of(run),
    )


def findings_of(run: Run, roster: Roster) -> Findings:
    """What was found in a run, without the files that nothing but the whole report needs. Raises InputError."""
    return _found(_cards(run, roster))


def _cards(run: Run, roster: Roster) -> Cards:
    return Cards(run, Thrift.of(sum(len(run.tracks(video)) for video in run.videos)), roster)


def _found(people: Cards) -> Findings:
    run, task, probes = people.run, people.roster.task, probes_of(people.run, people)
    lead, counts = _of_enrolment(run) if task == "enrol" else (_lead(probes), _counts(people, probes))
    return Findings(
        words=WORDS[task],
        caution=people.roster.caution,
        lead=lead,
        counts=counts,
        notices=_notices(run),
        gallery=_gallery(people, probes),
        probes=probes,
        films=films_of(people),
    )


def _notices(run: Run) -> list[str]:
    """What to know of it: warnings, videos and clips that were left out, and views that should be filmed."""
    return [
        *map(str, run.record.get("warnings", [])),
        *(str(one.get("problem", "")) for one in run.record.get("unreadable", [])),
        *(f"{clip.file}: {clip.reason}." for clip in run.clips if clip.reason),
        *(f"{name}: {words}." for name, words in run.advice.items()),
    ]


def _gallery(people: Cards, probes: Sequence[Probe]) -> list[GalleryEntry]:
    """Everybody of the run's gallery; of a gallery that lasts, those whom somebody was compared with on the page."""
    answers = [answer for probe in probes for answer in probe.answers]
    if people.roster.task == "identify":
        return [
            GalleryEntry(
                people.person(card, people.tag(identity)), "", "", card.facts, "", _seen(answers, people, identity)
            )
            for identity, card in people.beside.items()
        ]
    return [_gallery_track(people, track, answers) for tracks in people.run.gallery.values() for track in tracks]


def _gallery_track(people: Cards, track: TrackResult, answers: Sequence[ProbeEntry]) -> GalleryEntry:
    identity, enrolled = track.identity, track.status == "enrolled"
    if enrolled:
        tag = people.tag(identity)
    elif people.roster.task == "enrol" or identity is None:
        tag = people.tag(None, f"track {track.id}")
    else:
        tag = people.tag(None, identity)
    return GalleryEntry(
        person=people.track(track.key, tag),
        reason="" if enrolled else track.reason,
        outcome=track.outcome,
        facts=facts_of(track),
        rejected=rejected_of(track),
        seen=_seen(answers, people, identity) if people.roster.task == "run" else None,
    )


def _seen(answers: Sequence[ProbeEntry], people: Cards, identity: str | None) -> list[ProbeEntry]:
    return [answer for answer in answers if answer.status == "known" and answer.tag == people.tag(identity)]


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _lead(probes: Sequence[Probe]) -> str:
    answers = [answer for probe in probes for answer in probe.answers]
    known = sum(answer.status == "known" for answer in answers)
    if not answers:
        return "Nobody was found in the probe videos."
    return f"{known} of {len(answers)} walks in the probe videos were given a name from the gallery."


def _of_enrolment(run: Run) -> tuple[str, list[Fact]]:
    """The lead and the counts of an enrolment."""
    tracks = [track for found in run.gallery.values() for track in found]
    enrolled = [track for track in tracks if track.status == "enrolled"]
    where = "the video" if len(run.gallery) == 1 else f"{len(run.gallery)} videos"
    lead = f"{len(enrolled)} of {len(tracks)} walks in {where} belong to people who are enrolled now."
    counts = [Fact("people enrolled", str(len({track.identity for track in enrolled})))]
    for outcome, words in (("new", "new"), ("added", "walks added"), ("there already", "there already")):
        counts.append(Fact(words, str(sum(track.outcome == outcome for track in enrolled))))
    return lead, [*counts, Fact("left out", str(len(tracks) - len(enrolled)))]


def _counts(people: Cards, probes: Sequence[Probe]) -> list[Fact]:
    answers = [answer for probe in probes for answer in probe.answers]
    counts = [Fact("people in the gallery", str(people.roster.people))]
    for status, words in (("known", "recognised"), ("unknown", "unknown"), ("unusable", "not usable")):
        counts.append(Fact(words, str(sum(answer.status == status for answer in answers))))
    return counts


def _date(text: str) -> str:
    """An ISO time as people write it; as it is where it is none."""
    try:
        return datetime.fromisoformat(text).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    except ValueError:
        return text

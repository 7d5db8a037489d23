"""The whole page from a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pipeline.finished import FinishedRun
from pipeline.report.answers import probes_of
from pipeline.report.overview import (
    checkpoints_of,
    configuration_of,
    films_of,
    inputs_of,
    matrix_of,
    stages_of,
)
from pipeline.report.people import People, facts_of, rejected_of
from pipeline.views.report.page import Enrolled, Fact, Page, Probe
from pipeline.views.report.pictures import Thrift


def page_of(run: FinishedRun) -> Page:
    """Everything that report.html says. Raises InputError for files of the run that are damaged."""
    people = People(run, Thrift.of(sum(len(run.tracks(video)) for video in run.videos)))
    gallery = [(video, track_id, entry) for video in run.gallery for track_id, entry in run.gallery[video].items()]
    enrolled_tracks = {track: people.person(track, people.tag(name)) for name, track in people.enrolled.items()}
    probes = probes_of(run, people)
    seen = {name: [a for probe in probes for a in probe.answers if a.tag.name == name] for name in people.enrolled}
    enrolled = [
        Enrolled(
            enrolled_tracks.get((video, track_id))
            or people.person((video, track_id), people.tag(None, str(entry["identity"]))),
            "" if (video, track_id) in enrolled_tracks else str(entry["reason"]),
            facts_of(entry),
            rejected_of(entry),
            seen.get(str(entry["identity"]), []),
        )
        for video, track_id, entry in gallery
    ]
    config = run.record.get("config", {})
    return Page(
        title=f"{', '.join(run.gallery)} and {_few(list(run.probes))}",
        started=_date(str(run.record.get("started", ""))),
        lead=_lead(probes),
        counts=_counts(people, probes),
        notices=[
            *map(str, run.record.get("warnings", [])),
            *(str(one.get("problem", "")) for one in run.record.get("unreadable", [])),
        ],
        gallery=enrolled,
        probes=probes,
        matrix=matrix_of(run, people, probes),
        films=films_of(run, people),
        blurred=bool(config.get("output", {}).get("blur_faces", False)),
        configuration=configuration_of(run),
        checkpoints=checkpoints_of(run),
        stages=stages_of(run),
        versions=[Fact(name, str(version)) for name, version in run.record.get("versions", {}).items()],
        inputs=inputs_of(run),
    )


def _few(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def _lead(probes: Sequence[Probe]) -> str:
    answers = [answer for probe in probes for answer in probe.answers]
    known = sum(answer.status == "known" for answer in answers)
    if not answers:
        return "Nobody was found in the probe videos."
    return f"{known} of {len(answers)} walks in the probe videos were given a name from the gallery."


def _counts(people: People, probes: Sequence[Probe]) -> list[Fact]:
    answers = [answer for probe in probes for answer in probe.answers]
    counts = [Fact("people in the gallery", str(len(people.enrolled)))]
    for status, words in (("known", "recognised"), ("unknown", "unknown"), ("unusable", "not usable")):
        counts.append(Fact(words, str(sum(answer.status == status for answer in answers))))
    return counts


def _date(text: str) -> str:
    """An ISO time as people write it; as it is where it is none."""
    try:
        return datetime.fromisoformat(text).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    except ValueError:
        return text

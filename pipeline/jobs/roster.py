"""The people of a gallery as report.html shows them: names, the walks that were compared, what a distance is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from io import BytesIO

from pipeline.config import MatchingConfig
from pipeline.drawing.colours import identity_colour
from pipeline.errors import InputError
from pipeline.gallery.calibration import Calibration
from pipeline.gallery.people import Person
from pipeline.gallery.register import Who
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template
from pipeline.jobs.people import Matches, People
from pipeline.jobs.strangers import Newcomer
from pipeline.matching.distance import distance_matrix
from pipeline.report.cards import quality_of
from pipeline.report.page import Fact
from pipeline.report.roster import ESTIMATED, SET, TOLD, ReportCard, Roster, tag_of, threshold_in
from pipeline.segmentation.storage import read_sequence
from pipeline.types import Embedding, SilhouetteSequence, TrackKey

MOST_CANDIDATES = 20  # of a track that are told of, nearest first
MOST_OTHERS = 200  # people who tell which distance of a part is usual


def roster_of_gallery(
    gallery: Gallery,
    people: People,
    persons: Sequence[Person],
    matches: Matches,
    embeddings: Mapping[TrackKey, Embedding],
    new: Sequence[Newcomer],
) -> Roster:
    """For the report of `gait identify`.

    Silhouettes are read of those templates only that stand beside somebody on the page.

    Args:
        gallery: Where the people are stored.
        people: Whom probes were compared with.
        persons: The same people with their templates.
        matches: Every answer.
        embeddings: Of the probes.
        new: The unknown who were kept.
    """
    owner, person = people.identities, {person.identity: person for person in persons}
    answers = [match for found in matches.values() for match in found]
    near = {candidate.identity for match in answers for candidate in match.candidates[:MOST_CANDIDATES]}
    beside: dict[tuple[TrackKey, str], Template] = {}
    for match in answers:
        if match.candidates:
            track, identity = (match.video, match.track_id), owner[match.identity or match.candidates[0].identity]
            if found := nearest_template(embeddings[track], person[identity], people):
                beside[track, identity] = found
    wanted = {template.template for template in beside.values()}
    whole = {t.template: t for t in gallery.templates(stored=True, only=wanted)}
    cards = {
        key: _card(whole.get(template.template, template), len(person[key[1]].templates))
        for key, template in beside.items()
    }
    tags = {who: tag_of(name, people.colours[name]) for who, name in people.names.items()}
    for number, newcomer in enumerate(new, start=len(persons)):
        tags[newcomer.identity] = tag_of(newcomer.name, identity_colour(number))
    others = [
        replace(one.templates[-1].embedding(), video=one.identity, track_id=one.templates[-1].track)
        for one in persons[:: max(1, len(persons) // MOST_OTHERS)]
    ]
    return Roster(
        task="identify",
        people=len(persons),
        tags=tags,
        columns=[identity for identity, name in people.names.items() if name in near],
        card_of=lambda track, identity: cards.get((track, identity)),
        others=others,
        threshold=threshold_in(people.matching),
        caution=caution_of(people.calibration, people.matching, len(people.said.judged)),
    )


def roster_of_enrolment(people: Iterable[Who], enrolled: int) -> Roster:
    """For the report of `gait enrol`. people: those in the video; enrolled: how many people the gallery has."""
    tags = {who.identity: tag_of(who.name, identity_colour(who.number)) for who in people}
    return Roster("enrol", enrolled, tags, (), lambda track, identity: None, (), float("inf"), caution="")


def nearest_template(probe: Embedding, person: Person, people: People) -> Template | None:
    """The template of a person that is most like a probe, as the people are compared; None where all are of it."""
    own = people.said.own.get((probe.video, probe.track_id), ())
    others = [template for template in person.templates if template.template not in own]
    if not others:
        return None
    apart = people.how.transform.between if people.how.transform else distance_matrix
    to_others = apart([probe], [template.embedding() for template in others], people.matching.metric)
    return others[int(to_others[0].argmin())]


def caution_of(calibration: Calibration | None, matching: MatchingConfig, judged: int = 0) -> str:
    """What confidence is worth, and where the threshold is from. judged: searches whose answers persons told."""
    if calibration is None:
        worth = SET if matching.threshold is not None else TOLD.format(judged) if judged else ESTIMATED
        return f"{worth} How often strangers are named has not been measured: see gait calibrate."
    between = (
        "" if calibration.found_ci95 is None else " (95 % interval {:.1%} to {:.1%})".format(*calibration.found_ci95)
    )
    own = "" if not isinstance(matching.threshold, float) else " The threshold in use is another: that of the settings."
    return (
        f"The gallery is calibrated: at the threshold {calibration.threshold:.3g} at most {calibration.fpir:.1%} of "
        f"strangers' searches should name somebody; {calibration.found:.1%} did{between}, of "
        f"{len(calibration.strangers)} searches for {calibration.strangers_people} strangers.{own}"
    )


def _card(template: Template, count: int) -> ReportCard:
    where = f"enrolled from {template.video}, track {template.track}"
    quality = quality_of(template.quality)
    facts = [Fact("walks enrolled", str(count)), Fact("frames behind this one", str(template.frames_used)), *quality]
    return ReportCard(
        key=(f"/{template.template}", template.track),  # a video's name has no slash
        where=where if count == 1 else f"{where}: the nearest of {count} walks",
        sequence=_silhouettes(template),
        embedding=replace(template.embedding(), video=template.identity),
        fps=None,
        portrait=None,
        no_portrait="galleries keep no pictures",
        facts=facts,
    )


def _silhouettes(template: Template) -> SilhouetteSequence | None:
    """None where the gallery has none of that walk (any more), or damaged ones: `gait gallery verify` tells."""
    if template.stored is None:
        return None
    try:
        found = read_sequence(BytesIO(template.stored.sequence), template.video, template.track)
    except InputError:
        return None
    return found if len(found) else None

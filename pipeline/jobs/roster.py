"""The people of a gallery as report.html shows them: names, the walks that were compared, what a distance is worth."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from pipeline.config import MatchingConfig
from pipeline.drawing.colours import Colour, identity_colour
from pipeline.errors import InputError
from pipeline.gallery.calibration import Calibration, judged_by
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.people import Person
from pipeline.gallery.register import Who
from pipeline.gallery.store import Gallery
from pipeline.gallery.strangers import Newcomer
from pipeline.gallery.template import Template
from pipeline.matching.distance import distance_matrix
from pipeline.matching.match import threshold_of
from pipeline.report.page import Fact
from pipeline.report.people import facts_of
from pipeline.report.roster import UNCALIBRATED, Roster, Walk, tag_of
from pipeline.runs.reader import Track
from pipeline.segmentation.storage import read_sequence
from pipeline.types import Embedding, Match, SilhouetteSequence

MOST_CANDIDATES = 20  # of a track that are told of, nearest first
MOST_OTHERS = 200  # people who tell which distance of a part is usual


@dataclass(frozen=True)
class Compared:
    """A gallery's people as probes were compared with them.

    names, colours: of people, by identity; matches: every answer, candidates by name; embeddings: of the probes.
    """

    gallery: Gallery
    people: Sequence[Person]
    names: Mapping[str, str]
    colours: Mapping[str, Colour]
    matches: Mapping[str, Sequence[Match]]
    embeddings: Mapping[Track, Embedding]
    newcomers: Sequence[Newcomer]
    matching: MatchingConfig
    calibration: Calibration | None
    stored: StoredDiscriminant | None = None


def roster_of_gallery(compared: Compared) -> Roster:
    """For the report of `gait identify`.

    Silhouettes are read of those walks only that stand beside somebody on the page.
    """
    owner = {name: identity for identity, name in compared.names.items()}
    person = {person.identity: person for person in compared.people}
    near = {
        candidate.identity
        for found in compared.matches.values()
        for match in found
        for candidate in match.candidates[:MOST_CANDIDATES]
    }
    beside: dict[tuple[Track, str], Template] = {}
    for match in (match for found in compared.matches.values() for match in found if match.candidates):
        track = match.video, match.track_id
        identity = owner[match.identity or match.candidates[0].identity]
        beside[track, identity] = nearest_walk(
            compared.embeddings[track], person[identity], compared.matching, compared.stored
        )
    wanted = {template.template for template in beside.values()}
    whole = {t.template: t for t in compared.gallery.templates(stored=True, only=wanted)}
    walks = {
        key: _walk(whole.get(template.template, template), len(person[key[1]].templates))
        for key, template in beside.items()
    }
    tags = {who: tag_of(name, compared.colours[who]) for who, name in compared.names.items()}
    for number, newcomer in enumerate(compared.newcomers, start=len(compared.people)):
        tags[newcomer.identity] = tag_of(newcomer.name, identity_colour(number))
    others = [
        replace(one.templates[-1].embedding(), video=one.identity, track_id=one.templates[-1].track)
        for one in compared.people[:: max(1, len(compared.people) // MOST_OTHERS)]
    ]
    return Roster(
        task="identify",
        people=len(compared.people),
        tags=tags,
        columns=[one.identity for one in compared.people if compared.names[one.identity] in near],
        walk_of=lambda track, identity: walks.get((track, identity)),
        others=others,
        threshold=threshold_of(judged_by(compared.calibration, compared.matching), list(compared.embeddings.values())),
        caution=caution_of(compared.calibration, compared.matching),
    )


def roster_of_enrolment(people: Iterable[Who], enrolled: int) -> Roster:
    """For the report of `gait enrol`. people: those in the video; enrolled: how many people the gallery has."""
    tags = {who.identity: tag_of(who.name, identity_colour(who.number)) for who in people}
    return Roster("enrol", enrolled, tags, (), lambda track, identity: None, (), float("inf"), caution="")


def nearest_walk(
    probe: Embedding, person: Person, matching: MatchingConfig, stored: StoredDiscriminant | None = None
) -> Template:
    """The template of a person that is most like a probe, by the stored discriminant or as embedded."""
    walks = [template.embedding() for template in person.templates]
    apart = distance_matrix if stored is None else stored.discriminant.between
    return person.templates[int(apart([probe], walks, matching.metric)[0].argmin())]


def caution_of(calibration: Calibration | None, matching: MatchingConfig) -> str:
    """What confidence is worth, and where the threshold is from."""
    if calibration is None:
        return f"{UNCALIBRATED} How often strangers are named has not been measured: see gait calibrate."
    between = (
        "" if calibration.found_ci95 is None else " (95 % interval {:.1%} to {:.1%})".format(*calibration.found_ci95)
    )
    own = "" if matching.threshold is None else " The threshold in use is another: that of the settings."
    return (
        f"The gallery is calibrated: at the threshold {calibration.threshold:.3g} at most {calibration.fpir:.1%} of "
        f"strangers' searches should name somebody; {calibration.found:.1%} did{between}, of "
        f"{len(calibration.strangers)} searches for {calibration.strangers_people} strangers.{own}"
    )


def _walk(template: Template, count: int) -> Walk:
    where = f"enrolled from {template.video}, track {template.track}"
    quality = facts_of({"quality": template.quality})
    facts = [Fact("walks enrolled", str(count)), Fact("frames behind this one", str(template.frames_used)), *quality]
    return Walk(
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

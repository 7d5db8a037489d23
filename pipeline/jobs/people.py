"""The people whom probe tracks are compared with: of a gallery video, of a stored gallery, or of an earlier run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.drawing.annotate import UNUSABLE, Label
from pipeline.drawing.colours import GREY, Colour, identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.jobs.analyse import Analysis
from pipeline.jobs.session import Session
from pipeline.matching import match_distances
from pipeline.matching.evidence import FPIR, FROM_HERE, CohortDistances, Evidence, Judged, Usual, deviations
from pipeline.matching.match import Known, Settled, seen_together
from pipeline.matching.people import to_people
from pipeline.matching.scores import Cohort, Comparison, scores, scores_among
from pipeline.runs.results import TrackResult, TrackSummary
from pipeline.types import Embedding, Match, TrackKey, Tracklet, identity_of

if TYPE_CHECKING:
    from pipeline.gallery.calibration import Calibration
    from pipeline.gallery.template import Template
    from pipeline.matching.discriminants import Discriminant

Matches = Mapping[str, Sequence[Match]]  # by video
MadeUp = Callable[[], Cohort]  # walks of made-up people, as the encoder sees them
SAMPLE = 200  # templates that tell how far the enrolled are apart
MOST_OTHERS = 20  # deviations, the least, that are kept of a search whose answer a person told


@dataclass(frozen=True, slots=True)
class Said:
    """What persons said, of these probe tracks and of others before.

    Attributes:
        settled: The answers that are known.
        refused: The identities that a track is not of.
        own: The templates that were made of the track itself: it is not compared with them.
        judged: Searches whose answers are known: they tell what a deviation is worth.
    """

    settled: Mapping[TrackKey, Settled] = field(default_factory=dict)
    refused: Mapping[TrackKey, Collection[str]] = field(default_factory=dict)
    own: Mapping[TrackKey, Collection[str]] = field(default_factory=dict)
    judged: Sequence[Judged] = ()


@dataclass(frozen=True)  # without slots: what is derived is kept
class People:
    """M people with T templates.

    Attributes:
        names: By identity, each name once; in the order that gives people their colours.
        titles: By name: what annotated videos show.
        templates: T embeddings.
        owners: T identities; a person's place is where `owners` first names them.
        weights: T: how much each template counts.
        how: How they are compared, with the threshold that applies.
        made_up: Tells what a distance is worth where nobody measured it; None where the settings have a threshold.
        calibration: What a distance to these people is worth, where that was measured.
        enrolled: How many people there are; None: those here. More of them where only the nearest are here.
        aside: How many of the nearest of a probe tell nothing of what is usual.
        ids: T identifiers of the templates of a stored gallery.
        said: What persons said.
    """

    names: Mapping[str, str]
    titles: Mapping[str, str]
    templates: Sequence[Embedding]
    owners: Sequence[str]
    weights: Sequence[float]
    how: Comparison
    made_up: MadeUp | None = None
    calibration: Calibration | None = None
    enrolled: int | None = None
    aside: int = 1
    ids: Sequence[str] = ()
    said: Said = Said()

    @classmethod
    def of_tracks(
        cls, embeddings: Sequence[Embedding], matching: MatchingConfig, made_up: MadeUp | None = None
    ) -> People:
        """Everybody in a gallery video, a template each, under the names of their tracks."""
        owners = [identity_of(one.video, one.track_id) for one in embeddings]
        names = {identity: identity for identity in owners}
        titles, weights = distinct_titles(names), [1.0] * len(owners)
        return cls(names, titles, embeddings, owners, weights, _comparison(matching), made_up)

    @classmethod
    def of_gallery(
        cls,
        templates: Sequence[Template],
        matching: MatchingConfig,
        calibration: Calibration | None = None,
        transform: Discriminant | None = None,
        made_up: MadeUp | None = None,
    ) -> People:
        """The people of a stored gallery. Names that several share are told apart."""
        from pipeline.gallery.calibration import with_threshold
        from pipeline.gallery.names import unique_names

        names = unique_names({template.identity: template.name for template in templates})  # of each the newest
        return cls(
            names,
            {names[identity]: title for identity, title in distinct_titles(dict(names)).items()},
            [template.embedding() for template in templates],
            [template.identity for template in templates],
            [template.weight for template in templates],
            _comparison(with_threshold(calibration, matching), transform),
            made_up,
            calibration,
            ids=[template.template for template in templates],
        )

    @property
    def matching(self) -> MatchingConfig:
        """The settings, with the threshold that applies."""
        return self.how.config

    @cached_property
    def identities(self) -> dict[str, str]:
        """The identity behind each name."""
        return {name: identity for identity, name in self.names.items()}

    @cached_property
    def colours(self) -> dict[str, Colour]:
        """By name."""
        return {name: identity_colour(number) for number, name in enumerate(self.names.values())}

    @cached_property
    def cohort(self) -> CohortDistances | None:
        """Made-up people, compared with one another as these are; None where a threshold of distances decides."""
        if self.matching.threshold is not None or self.made_up is None or not self.templates:
            return None
        cohort = self.made_up()
        between = scores_among(cohort.embeddings, self.templates, self.owners, self.how)
        return CohortDistances(between, np.unique(np.array(cohort.people), return_inverse=True)[1])

    @cached_property
    def evidence(self) -> Evidence | None:
        """What a deviation is worth in a search among these people; None where a threshold of distances decides."""
        if self.cohort is None:
            return None
        templates = round(len(self.templates) / len(self.names))
        return self.cohort.evidence(self.enrolled or len(self.names), templates, self.said.judged)

    @cached_property
    def _apart(self) -> NDArray[np.float64]:
        """How far walks of the enrolled are from the others, of some of many templates."""
        some = range(0, len(self.templates), max(1, len(self.templates) // SAMPLE))
        probes, columns = [self.templates[row] for row in some], list(dict.fromkeys(self.owners))
        if len(columns) < 2:
            return np.zeros(0)
        to_templates = scores(probes, self.templates, self.owners, self.how)
        found = to_people(to_templates, self.owners, self.weights, self.matching.templates)
        own = np.array([columns.index(self.owners[row]) for row in some])
        return np.asarray(found[own[:, None] != np.arange(len(columns))])

    def usual(self, probes: Sequence[Embedding], together: NDArray[np.bool_]) -> Usual:
        """How far people are apart, as the enrolled show it and probes that were seen together.

        together: N×N, which probes were.
        """
        apart = self._apart
        if together.any():
            between = scores_among(probes, self.templates, self.owners, self.how)
            apart = np.concatenate([apart, between[np.triu(together)]])
        return Usual.of(apart, self.cohort.usual if self.cohort else None)

    def alike(self, probes: Sequence[Embedding], tracklets: Sequence[Tracklet]) -> tuple[NDArray[np.float64], float]:
        """How far probes are from one another, N×N, and below what two are rather one person than two."""
        return self.between(probes, tracklets), self.alike_below(len(probes))

    def between(self, probes: Sequence[Embedding], tracklets: Sequence[Tracklet]) -> NDArray[np.float64]:
        """How far probes are from one another, N×N."""
        between = scores_among(probes, self.templates, self.owners, self.how)
        if self.evidence is None:
            return between
        usual = self.usual(probes, seen_together(probes, tracklets))
        return deviations(np.where(np.eye(len(probes)) > 0, np.inf, between), usual)

    def alike_below(self, count: int) -> float:
        """Below what two of so many probes are rather one person than two; infinite where nothing tells."""
        if self.cohort is None:
            threshold = self.matching.threshold
            return threshold if isinstance(threshold, float) else float("inf")
        if count not in self._alike_below:
            self._alike_below[count] = self.cohort.evidence(max(1, count)).alike
        return self._alike_below[count]

    @cached_property
    def _alike_below(self) -> dict[int, float]:
        """By the number of probes: it takes up to half a second to find out."""
        return {}

    def untold(self, track: TrackKey) -> People:
        """The same as if nobody had said anything of this track. What is known of all others stays."""
        settled = {key: answer for key, answer in self.said.settled.items() if key != track}
        refused = {key: names for key, names in self.said.refused.items() if key != track}
        found = replace(self, said=replace(self.said, settled=settled, refused=refused))
        derived = ("cohort", "evidence", "_apart")  # the same for both, and dear
        vars(found).update({name: vars(self)[name] for name in derived if name in vars(self)})
        return found

    def distances(self, probes: Sequence[Embedding]) -> NDArray[np.float64]:
        """How far N probes are from every person, N×M; infinite from who it is not, as a person said.

        Raises ConfigError for embeddings that cannot be compared.
        """
        to_templates = scores(probes, self.templates, self.owners, self.how)
        found = to_people(to_templates, self.owners, self.weights, self.matching.templates)
        place = {identity: column for column, identity in enumerate(dict.fromkeys(self.owners))}
        for row, probe in enumerate(probes):
            key = probe.video, probe.track_id
            if own := self.said.own.get(key):
                others = [column for column, one in enumerate(self.ids) if one not in own]
                owners, weights = [self.owners[one] for one in others], [self.weights[one] for one in others]
                rest = to_people(to_templates[[row]][:, others], owners, weights, self.matching.templates)
                found[row] = np.inf
                found[row, [place[one] for one in dict.fromkeys(owners)]] = rest[0]
            found[row, [place[one] for one in self.said.refused.get(key, ()) if one in place]] = np.inf
        return found

    def judge(
        self, probes: Sequence[Embedding], tracklets: Sequence[Tracklet], answers: Mapping[TrackKey, str | None]
    ) -> dict[TrackKey, Judged]:
        """What the search for each of these tracks tells, given the identity that a person told; None for nobody."""
        if self.evidence is None:
            return {}
        usual = self.usual(probes, seen_together(probes, tracklets))
        found = deviations(self.distances(probes), usual, self.aside)
        place = {identity: column for column, identity in enumerate(dict.fromkeys(self.owners))}
        judged = {}
        for row, probe in zip(found, probes, strict=True):
            key = probe.video, probe.track_id
            if key in answers and np.isfinite(row).any():
                column = place.get(answers[key] or "", -1)
                own = float(row[column]) if column >= 0 and np.isfinite(row[column]) else None
                others = np.sort(np.delete(row, column) if column >= 0 else row)
                near = tuple(float(one) for one in others[np.isfinite(others)][:MOST_OTHERS])
                if near or own is not None:
                    judged[key] = Judged(own, near, self.enrolled or len(self.names))
        return judged

    def match(
        self,
        probes: Sequence[Embedding],
        tracklets: Sequence[Tracklet],
        unusable: Mapping[TrackKey, str],
        distances: NDArray[np.float64] | None = None,
    ) -> list[Match]:
        """The answer for every probe track, by name.

        Args:
            probes: N embeddings.
            tracklets: All tracks of the probes' video; they say who was seen together.
            unusable: Why a track has no embedding.
            distances: N×M, where they are known already.
        """
        distances = self.distances(probes) if distances is None else distances
        known = Known(list(self.names.values()), aside=self.aside, settled=self.said.settled)
        if self.evidence is not None:
            usual = self.usual(probes, seen_together(probes, tracklets))
            known = replace(known, evidence=self.evidence, usual=usual)
        found = match_distances(probes, distances, tracklets, unusable, known, self.matching)
        if self.calibration is None:
            return found
        from pipeline.gallery.calibration import with_calibration

        return [with_calibration(match, self.calibration) for match in found]

    def match_videos(self, session: Session, found: Analysis, videos: Sequence[str]) -> dict[str, list[Match]]:
        """The answers for every track of these videos, which are looked at together: they tell what is usual."""
        tracklets = [track.tracklet for video in videos for track in found.tracks[video]]
        probes = [embedding for video in videos for embedding in found.of(video)]
        reasons = {key: reason for key, reason in found.unusable.items() if key[0] in videos}
        with session.record.meter.time("match", tracks=len(tracklets)):
            matches = self.match(probes, tracklets, reasons)
        return {video: [match for match in matches if match.video == video] for video in videos}

    def decision(self, probes: int) -> dict[str, Any]:
        """What results.json says of how "unknown" was decided, for so many probes."""
        if self.evidence is None:
            by = "calibrated" if self.calibration else "set" if isinstance(self.matching.threshold, float) else "off"
            return {"from": by}
        pairs = len(self._apart) + probes * max(len(self.names) - self.aside, 0)
        return {
            "from": "self" if pairs >= FROM_HERE else "cohort",
            "pairs": pairs,
            "fpir": FPIR,
            "fpir_spread": list(self.evidence.spread),
            "min_confidence": self.matching.min_confidence,
            **({"judged": len(self.said.judged)} if self.said.judged else {}),
        }

    def label(self, match: Match) -> Label:
        """What is written at a probe track: name and confidence, in the colour that the person has everywhere.

        Of somebody unknown: whom they are most like, in grey.
        """
        name = match.identity or ""
        likely = max(match.candidates, key=lambda one: one.probability or 0.0, default=None)
        doubtful = ""
        if self.evidence is not None and match.status == "unknown" and likely is not None and likely.probability:
            doubtful = f"{self.titles[likely.identity]}? {100 * likely.probability:.0f} %"
        return Label.of(match, self.titles.get(name, ""), self.colours.get(name, GREY), doubtful)

    def labels(self, matches: Sequence[Match]) -> dict[int, Label]:
        """What is written at the probe tracks of one video."""
        return {match.track_id: self.label(match) for match in matches}

    def gallery_labels(self, tracks: Sequence[TrackSummary]) -> dict[int, Label]:
        """What is written at the tracks of the gallery video; grey where one cannot be recognised."""
        found = {}
        for track in tracks:
            name = self.names.get(identity_of(*track.key))
            found[track.tracklet.track_id] = Label(self.titles[name], "", self.colours[name]) if name else UNUSABLE
        return found

    def results(self, matches: Sequence[Match], tracks: Sequence[TrackSummary]) -> tuple[TrackResult, ...]:
        """What results.json says of the probe tracks of one video."""
        by_track = {match.track_id: match for match in matches}
        return tuple(TrackResult.of_match(by_track[track.key[1]], track, self.identities) for track in tracks)


def _comparison(matching: MatchingConfig, transform: Discriminant | None = None) -> Comparison:
    if not matching.cohort:
        return Comparison(matching, None, transform)
    from pipeline.gallery.cohort import comparison  # a gallery may be one: not read in every run

    return comparison(matching, transform)

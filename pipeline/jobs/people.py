"""The people whom probe tracks are compared with: of a gallery video, of a stored gallery, or of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.drawing.annotate import UNUSABLE, Label
from pipeline.drawing.colours import GREY, Colour, identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.jobs.analyse import Analysis
from pipeline.jobs.session import Session
from pipeline.matching import match_distances
from pipeline.matching.people import people_distances
from pipeline.matching.scores import Comparison
from pipeline.runs.results import TrackResult, TrackSummary
from pipeline.types import Embedding, Match, TrackKey, Tracklet, identity_of

if TYPE_CHECKING:
    from pipeline.gallery.calibration import Calibration
    from pipeline.gallery.template import Template
    from pipeline.matching.discriminants import Discriminant

Matches = Mapping[str, Sequence[Match]]  # by video


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
        calibration: What a distance to these people is worth, where that was measured.
    """

    names: Mapping[str, str]
    titles: Mapping[str, str]
    templates: Sequence[Embedding]
    owners: Sequence[str]
    weights: Sequence[float]
    how: Comparison
    calibration: Calibration | None = None

    @classmethod
    def of_tracks(cls, embeddings: Sequence[Embedding], matching: MatchingConfig) -> People:
        """Everybody in a gallery video, a template each, under the names of their tracks."""
        owners = [identity_of(one.video, one.track_id) for one in embeddings]
        names = {identity: identity for identity in owners}
        return cls(names, distinct_titles(names), embeddings, owners, [1.0] * len(owners), _comparison(matching))

    @classmethod
    def of_gallery(
        cls,
        templates: Sequence[Template],
        matching: MatchingConfig,
        calibration: Calibration | None = None,
        transform: Discriminant | None = None,
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
            calibration,
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

    def distances(self, probes: Sequence[Embedding]) -> NDArray[np.float64]:
        """How far N probes are from every person, N×M. Raises ConfigError for embeddings that cannot be compared."""
        return people_distances(probes, self.templates, self.owners, self.weights, self.how)

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
        found = match_distances(probes, list(self.names.values()), distances, tracklets, unusable, self.matching)
        if self.calibration is None:
            return found
        from pipeline.gallery.calibration import with_calibration

        return [with_calibration(match, self.calibration) for match in found]

    def match_videos(self, session: Session, found: Analysis, videos: Sequence[str]) -> dict[str, list[Match]]:
        """The answers for every track of these videos."""
        matches = {}
        for video in videos:
            tracklets = [track.tracklet for track in found.tracks[video]]
            reasons = {key: reason for key, reason in found.unusable.items() if key[0] == video}
            with session.record.meter.time("match", tracks=len(tracklets)):
                matches[video] = self.match(found.of(video), tracklets, reasons)
        return matches

    def label(self, match: Match) -> Label:
        """What is written at a probe track: name and confidence, in the colour that the person has everywhere."""
        name = match.identity or ""
        return Label.of(match, self.titles.get(name, ""), self.colours.get(name, GREY))

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

"""The answer of a verification: a probability with its interval, and what agrees."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.pose.angles import Measure
from pipeline.runs.results import View

Answer = Literal["same", "different", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Walker:
    """Who was compared.

    Attributes:
        file: The name of the clip's file.
        track: Their number in the clip.
        tracks: How many were found there.
        usable: How many frames of theirs the encoder can look at.
        view: The side of them that is seen (the left, of who walks to the left); "" where it is not clear.
        stretches: Of their walk, that were compared.
    """

    file: str
    track: int
    tracks: int
    usable: int
    view: View
    stretches: int = 0


@dataclass(frozen=True, slots=True)
class PartAgreement:
    """A region of the body, compared.

    Attributes:
        region: Its name, or "part 3" where parts are no strips of the body.
        difference: Distance, as a share of what is usual between two made-up people.
        one_person: The same between walks of one made-up person.
        alike: Whether it is nearer to one person's than to two people's.
    """

    region: str
    difference: float
    one_person: float
    alike: bool


@dataclass(frozen=True, slots=True)
class JointAgreement:
    """A joint's angle in the picture, compared.

    Attributes:
        joint: hip, knee, shoulder or elbow; both sides together.
        measure: median of the angle, or its range (5th to 95th percentile).
        first: Of the first walker, in degrees; 180 is straight.
        second: Of the second.
        difference: As a share of what is usual between two made-up people.
        one_person: The same between walks of one made-up person.
        alike: Whether it is nearer to one person's than to two people's.
    """

    joint: str
    measure: Measure
    first: float
    second: float
    difference: float
    one_person: float
    alike: bool


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether the walkers of two clips are one person.

    Attributes:
        verdict: same, different, or cannot tell: of too few silhouettes, or where the interval reaches to both sides
            of one half.
        reason: Why, in words.
        first: Who was compared of the first clip.
        second: Of the second.
        probability: That the two are one person, where that was as likely as not before (`prior`); 1 of the same
            footage, 0 of two in one frame; None where a walk has too few silhouettes.
        interval: In which nine of ten draws of the probability lie.
        distance: Between stretches of the walks; smaller is more alike. None where nothing was compared.
        usual: The mean distance between made-up people, or between people here where several are seen.
        parts: What agrees of the body; empty where nothing was compared.
        joints: What agrees of the joints' angles; empty where a clip has no joints.
        cautions: What makes the answer worth less.
        prior: The probability before anybody has looked.
    """

    verdict: Answer
    reason: str
    first: Walker
    second: Walker
    probability: float | None = None
    interval: tuple[float, float] | None = None
    distance: float | None = None
    usual: float | None = None
    parts: tuple[PartAgreement, ...] = ()
    joints: tuple[JointAgreement, ...] = ()
    cautions: tuple[str, ...] = ()
    prior: float = 0.5

    def as_json(self) -> dict[str, Any]:
        """Everything, for JSON."""
        found: dict[str, Any] = _rounded(asdict(self))
        return {"schema": 1, **found}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value

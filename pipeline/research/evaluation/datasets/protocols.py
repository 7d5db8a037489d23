"""Who is the gallery and who the probe: the test protocols of the public datasets.

They are OpenGait's (opengait/evaluation/evaluator.py), who has them from the datasets' authors. Types and views are the
folder names of the datasets in OpenGait's layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.research.arranging.partitions import rule_of
from pipeline.research.evaluation.datasets.features import Names
from pipeline.research.training.data.dataset import Partition

SETTINGS = ("H-scene2", "L-scene2", "H-scene3", "L-scene3", "H-scene3_s", "L-scene3_s")  # CASIA-E's probes


@dataclass(frozen=True, slots=True)
class Types:
    """Some of a dataset's types: exactly these names, or all that contain one of them."""

    names: Sequence[str]
    contained: bool = False

    def of(self, types: Names) -> NDArray[np.bool_]:
        if not self.contained:
            return np.asarray(np.isin(types, list(self.names)))
        return np.asarray(np.any([np.char.find(types, name) >= 0 for name in self.names], axis=0))


@dataclass(frozen=True, slots=True)
class ByView:
    """Every view of the probes against every view of the gallery; means leave identical views out.

    conditions: name → types of the probes; whole: the probes and the gallery of `--cross-view`, where each probe meets
    the gallery's samples of all views (but never its own person from its own view); without: views that do not count.
    """

    conditions: Mapping[str, Types]
    gallery: Types
    whole: tuple[Mapping[str, Types], Types] | None = None
    without: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Pairs:
    """CCPG: every condition has its own gallery; figures by view as in ByView, and those of person re-identification,
    where a probe meets samples of all views but never its own person from its own view.

    conditions: name → types of the probes and of the gallery. Views are cameras: 03 of the folder 03_1.
    """

    conditions: Mapping[str, tuple[Types, Types]]


@dataclass(frozen=True, slots=True)
class Whole:
    """All probes against the whole gallery. probes: their types, or None where the partition lists them by name;
    gallery: its types, or None for all that are no probes. lists_gallery: the partition lists that instead.
    """

    probes: Types | None
    gallery: Types | None = None
    lists_gallery: bool = False

    def listed(self, partition: Partition) -> Sequence[str]:
        """The names of samples in a partition that this protocol goes by."""
        return partition.gallery if self.lists_gallery else partition.probes


@dataclass(frozen=True, slots=True)
class Submission:
    """Answers for a competition's server, since the probes' labels are secret.

    grew: the 20 nearest labels of each probe; hid: the nearest label after re-ranking. probes: their types, or None
    where their label is "probe".
    """

    format: Literal["grew", "hid"]
    probes: Types | None
    gallery: Types | None


@dataclass(frozen=True, slots=True)
class Classes:
    """Scoliosis1K: the features are class scores, the types the classes."""

    names: Sequence[str]


Protocol = ByView | Pairs | Whole | Submission | Classes


def _named(*names: str) -> Types:
    return Types(names)


def _containing(*parts: str) -> Types:
    return Types(parts, contained=True)


PROTOCOLS: Mapping[str, Protocol] = {
    "casia-b": ByView(
        {"NM": _named("nm-05", "nm-06"), "BG": _named("bg-01", "bg-02"), "CL": _named("cl-01", "cl-02")},
        _named("nm-01", "nm-02", "nm-03", "nm-04"),
        whole=(
            {"NM": _named("nm-01"), "BG": _named("bg-01"), "CL": _named("cl-01")},
            _named("nm-02", "bg-02", "cl-02"),
        ),
    ),
    "oumvlp": ByView({"NM": _named("00")}, _named("01"), whole=({"NM": _named("00")}, _named("01"))),
    "casia-e": ByView(
        {
            name: _named(*(f"{setting}-{name.lower()}-{take}" for setting in SETTINGS for take in (1, 2)))
            for name in ("NM", "BG", "CL")
        },
        _named(*(f"{setting}-nm-{take}" for setting in ("H-scene1", "L-scene1") for take in (1, 2))),
        without=("270",),
    ),
    "sustech1k": ByView(
        {
            "Normal": _containing("01-nm"),
            "Bag": _containing("bg"),
            "Clothing": _containing("cl"),
            "Carrying": _containing("cr"),
            "Umbrella": _containing("ub"),
            "Uniform": _containing("uf"),
            "Occlusion": _containing("oc"),
            "Night": _containing("nt"),
            "Overall": _containing("01", "02", "03", "04"),
        },
        _containing("00-nm"),
    ),
    "ccpg": Pairs(
        {
            "CL": (_named("U0_D0_BG", "U0_D0"), _named("U1_D1", "U2_D2", "U3_D3")),
            "UP": (_named("U3_D3"), _named("U0_D3")),
            "DN": (_named("U1_D0"), _named("U1_D1")),
            "BG": (_named("U0_D0_BG"), _named("U0_D0")),
        }
    ),
    "gait3d": Whole(None),
    "freegait": Whole(None),
    "ccgr-mini": Whole(None, lists_gallery=True),
    "grew": Whole(_named("02"), _named("01")),
    "grew-submission": Submission("grew", _named("03"), _named("01", "02")),
    "hid": Submission("hid", None, None),
    "scoliosis1k": Classes(("negative", "neutral", "positive")),
}


def protocol_of(dataset_name: str) -> str | None:
    """The protocol for a dataset by OpenGait's name of it ("CASIA-B", "Gait3D-Parsing"), or None."""
    plain = dataset_name.lower()
    names = sorted((name for name in PROTOCOLS if plain.startswith(name)), key=len)
    return names[-1] if names else None


def identities_of_test(protocol: str, identities: Sequence[str]) -> list[str] | None:
    """The test set where the dataset's authors give it as a rule on the names; None where a list is needed."""
    rule = rule_of(protocol)
    return None if rule is None else [name for name in identities if rule(name) is False]

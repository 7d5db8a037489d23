"""People to compare with, made of names: `made_people.named({"0f66": "Ada"})`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.config import MatchingConfig
from pipeline.drawing.lettering import distinct_titles
from pipeline.jobs.people import People
from pipeline.matching.scores import Comparison
from pipeline.types import Embedding


def named(names: Mapping[str, str], templates: Sequence[Embedding] = (), **settings) -> People:
    """People by identity; templates: one each, or none at all; settings: of `matching`."""
    titles = distinct_titles({name: name for name in names.values()})
    owners = list(names) if templates else []
    return People(names, titles, templates, owners, [1.0] * len(owners), Comparison(MatchingConfig(**settings)))

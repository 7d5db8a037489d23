"""HTML from templates: whatever they are given is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any


def filled(template: str, **facts: Any) -> str:
    """The text of a template of ours, such as report/report.html.j2; a fact that it lacks is an error."""
    return str(_environment().get_template(template).render(facts))


@cache
def _environment() -> Any:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("pipeline", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )

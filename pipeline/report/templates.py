"""HTML from templates: whatever they are given is escaped."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def templates(package: str) -> Any:
    """The Jinja environment of the templates that lie in a package; what a template does not know is an error."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )

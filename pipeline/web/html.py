"""The HTML of what is shown in the app. Everything that did not come from us is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.report.templates import templates
from pipeline.web.content import Answers, Comparison, Somebody, Status


def status(shown: Status) -> str:
    """What becomes of a job, with a bar for each stage."""
    return _render("status", shown)


def answers(shown: Answers) -> str:
    """The rank table, the people, the annotated videos and the link to the report."""
    return _render("answers", shown)


def people(shown: Sequence[Somebody]) -> str:
    """Who is enrolled."""
    return _render("people", shown)


def comparison(shown: Comparison) -> str:
    """Two walks part by part."""
    return _render("comparison", shown)


def notice(words: str, problem: bool = True) -> str:
    """One line: what was refused and why, or what was done."""
    return _render("notice", {"words": words, "problem": problem})


def words(which: str, **facts: str | int) -> str:
    """What always stands on the page: head, blank, gallery, compare, foot."""
    return _safe(templates(__package__).get_template("words.html.j2").render(which=which, **facts))


def style() -> str:
    """The CSS of all of it."""
    return (Path(__file__).parent / "web.css").read_text(encoding="utf-8")


def _render(template: str, shown: Any) -> str:
    return _safe(templates(__package__).get_template(f"{template}.html.j2").render(shown=shown))


def _safe(html: str) -> str:
    # Gradio takes the HTML it shows for a template of its own; a name must not be one.
    return html.replace("${", "&#36;{").replace("{{", "&#123;&#123;").replace("@children", "&#64;children")

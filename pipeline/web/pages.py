"""The pages, as HTML. Whatever they show that did not come from us is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from pipeline.errors import GaitError, InputError
from pipeline.files import one_line
from pipeline.report.templates import templates
from pipeline.runs.reader import Run
from pipeline.web.answers import answers_of
from pipeline.web.api import Who
from pipeline.web.comparison import comparison_of, walks_of
from pipeline.web.jobs import Jobs, Kind
from pipeline.web.lists import listed_people, past_runs
from pipeline.web.orders import Setting
from pipeline.web.uploads import listed, suffixes
from pipeline.web.visitors import Visitor

TABS = (("/", "Identify"), ("/gallery", "Gallery"), ("/compare", "Compare"), ("/runs", "Past runs"),
        ("/strangers", "Who is this?"))  # fmt: skip
ASSETS = ("app.css", "app.js")


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pages say of the server."""

    profiles: Sequence[str]
    upload_mb: int
    hours: float
    db: str
    keeps_runs: bool


def pages(setting: Setting, jobs: Jobs, limits: Limits) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def shown(name: str, tab: str, **facts: Any) -> HTMLResponse:
        page = templates(__package__).get_template(f"templates/{name}.html.j2")
        return HTMLResponse(page.render(tabs=TABS, tab=tab, limits=limits, suffixes=suffixes(), **facts))

    def job_of(who: Visitor, *kinds: Kind) -> dict[str, Any] | None:
        """The newest job of these kinds."""
        return next((job.tree() for job in jobs.of(who) if job.kind in kinds), None)

    def videos(who: Visitor) -> list[tuple[str, str]]:
        """What can be chosen: (id, name)."""
        return [*((one.id, one.name) for one in who.uploads.values()), *((name, name) for name in listed())]

    @routes.get("/")
    def identify(who: Who) -> HTMLResponse:
        job = job_of(who, "run", "identify")
        folder = who.run(job["run"]) if job and job["run"] else None
        answers = answers_of(folder, setting.db) if folder else None
        return shown("identify", "/", job=job, answers=answers, videos=videos(who))

    @routes.get("/gallery")
    def gallery(who: Who, person: str = "") -> HTMLResponse:
        job, people, problem = job_of(who, "enrol"), [], ""
        folder = who.run(job["run"]) if job and job["run"] else None
        try:
            people = listed_people(setting.db, person)
        except GaitError as error:
            problem = one_line(error)
        answers = answers_of(folder, setting.db) if folder else None
        pairs = who.found.get("suggest", {}).get("pairs")
        facts = {"people": people, "person": person, "problem": problem, "pairs": pairs}
        return shown("gallery", "/gallery", job=job, answers=answers, videos=videos(who), **facts)

    @routes.get("/compare")
    def compare(who: Who, run: str = "", one: str = "", other: str = "") -> HTMLResponse:
        names = [folder.name for folder in who.run_folders()]
        folder = who.run(run) or (who.run(names[0]) if names else None)
        found, walks, problem = None, list[str](), "no run yet: identify somebody first." if not names else ""
        try:
            opened = Run.open(folder) if folder else None
            if opened is not None:
                walks, first, second = walks_of(opened)
                asked = bool(one and other and run)
                one, other = (one, other) if one in walks and other in walks else (first, second)
                if asked and one == other:
                    raise InputError(f"{one} is chosen twice. Choose two walks.")
                found = comparison_of(opened, one, other) if asked else None
        except GaitError as error:
            problem = one_line(error)
        facts = {"run": folder.name if folder else "", "walks": walks, "one": one, "other": other}
        return shown("compare", "/compare", runs=names, comparison=found, problem=problem, **facts)

    @routes.get("/runs")
    def runs(who: Who, person: str = "", day: str = "") -> HTMLResponse:
        return shown("runs", "/runs", runs=past_runs(who, setting.db, person, day), person=person, day=day)

    @routes.get("/runs/{run}")
    def one_run(who: Who, run: str) -> HTMLResponse:
        folder = who.run(run)
        if folder is None:
            raise InputError("there is no such run here.")
        return shown("run", "/runs", answers=answers_of(folder, setting.db))

    @routes.get("/strangers")
    def strangers(who: Who) -> HTMLResponse:
        found = who.found.get("strangers")
        return shown("strangers", "/strangers", groups=found["groups"] if found else None)

    @routes.get("/assets/{name}")
    def asset(name: str) -> FileResponse:
        if name not in ASSETS:
            raise InputError("there is no such file.")
        kind = "text/css" if name.endswith("css") else "text/javascript"
        return FileResponse(Path(__file__).parent / "templates" / name, media_type=kind)

    return routes


def problem_page(words: str, status: int, limits: Limits) -> HTMLResponse:
    """A page that says what was wrong."""
    page = templates(__package__).get_template("templates/problem.html.j2")
    return HTMLResponse(page.render(tabs=TABS, tab="", limits=limits, problem=words), status)

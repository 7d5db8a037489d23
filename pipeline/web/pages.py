"""The pages, as HTML. Whatever they show that did not come from us is escaped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, HTMLResponse

from pipeline import report
from pipeline.errors import GaitError, InputError
from pipeline.files import one_line
from pipeline.report.templates import filled
from pipeline.web.api import Folder, Who
from pipeline.web.jobs import Jobs, Kind
from pipeline.web.orders import Setting
from pipeline.web.uploads import SUFFIXES, listed
from pipeline.web.views import answers_of, comparison_of, opened, past_runs, people_of, walks_of
from pipeline.web.visitors import Visitor

TABS = (("/", "Identify"), ("/gallery", "Gallery"), ("/compare", "Compare"), ("/runs", "Past runs"),
        ("/strangers", "Who is this?"))  # fmt: skip
OURS = Path(__file__).parent / "templates"
ASSETS = {
    "report.css": (Path(report.__file__).parent, "text/css"),
    "app.css": (OURS, "text/css"),
    "app.js": (OURS, "text/javascript"),
}


def shown(setting: Setting, name: str, tab: str = "", status: int = 200, **facts: Any) -> HTMLResponse:
    """A page. tab: the one of those above that it belongs to."""
    page = filled(f"web/templates/{name}.html.j2", tabs=TABS, tab=tab, setting=setting, suffixes=SUFFIXES, **facts)
    return HTMLResponse(page, status)


def pages(setting: Setting, jobs: Jobs) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def facts_of(who: Visitor, *kinds: Kind) -> dict[str, Any]:
        """The newest job of these kinds, the latest answers, and the videos that can be chosen."""
        mine = [job for job in jobs.of(who) if job.kind in kinds]
        folder = next((found for job in mine if job.run and (found := who.run(job.run.name))), None)
        return {
            "job": mine[0].tree() if mine else None,
            "answers": answers_of(folder, setting.db) if folder else None,
            "uploads": list(who.uploads.values()),
            "inputs": listed(),
        }

    @routes.get("/")
    def identify(who: Who) -> HTMLResponse:
        return shown(setting, "identify", "/", **facts_of(who, "run", "identify"))

    @routes.get("/gallery")
    def gallery(who: Who, person: str = "") -> HTMLResponse:
        people = []
        with _said() as problems:
            people = people_of(setting.db, person)
        facts = facts_of(who, "enrol") | {"problems": problems, "suggested": who.found.get("suggest")}
        return shown(setting, "gallery", "/gallery", people=people, person=person, **facts)

    @routes.get("/compare")
    def compare(who: Who, run: str = "", one: str = "", other: str = "") -> HTMLResponse:
        names = [folder.name for folder in who.run_folders()]
        folder = who.run(run) or (who.run(names[0]) if names else None)
        found, walks = None, list[str]()
        with _said() as problems:
            if folder is None:
                raise InputError("no run yet: identify somebody first.")
            with opened(folder) as finished:
                walks, first, second = walks_of(finished)
                asked = bool(one and other and run)
                one, other = (one, other) if one in walks and other in walks else (first, second)
                if asked and one == other:
                    raise InputError(f"{one} is chosen twice. Choose two walks.")
                found = comparison_of(finished, one, other) if asked else None
        facts: dict[str, Any] = {"run": folder.name if folder else "", "walks": walks, "one": one, "other": other}
        return shown(setting, "compare", "/compare", runs=names, comparison=found, problems=problems, **facts)

    @routes.get("/runs")
    def runs(who: Who, person: str = "", day: str = "") -> HTMLResponse:
        found = past_runs(who, setting.db, person, day)
        return shown(setting, "runs", "/runs", runs=found, person=person, day=day)

    @routes.get("/runs/{run}")
    def one_run(folder: Folder) -> HTMLResponse:
        return shown(setting, "run", "/runs", answers=answers_of(folder, setting.db))

    @routes.get("/strangers")
    def strangers(who: Who) -> HTMLResponse:
        return shown(setting, "strangers", "/strangers", found=who.found.get("strangers"))

    @routes.get("/docs")
    def docs(request: Request) -> HTMLResponse:
        if request.app.openapi_url is None:
            raise InputError("there is no such page.")
        return shown(setting, "docs", schema=request.app.openapi())

    @routes.get("/assets/{name}")
    def asset(name: str) -> FileResponse:
        if name not in ASSETS:
            raise InputError("there is no such file.")
        folder, kind = ASSETS[name]
        return FileResponse(folder / name, media_type=kind)

    return routes


@contextlib.contextmanager
def _said() -> Iterator[list[str]]:
    """What is refused inside is said on the page, in one line."""
    problems: list[str] = []
    try:
        yield problems
    except GaitError as error:
        problems.append(one_line(error))

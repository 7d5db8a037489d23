"""The pages, as HTML. Whatever they show that did not come from us is escaped."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse

from pipeline.errors import GaitError, InputError
from pipeline.files import one_line
from pipeline.report.templates import templates
from pipeline.runs.reader import Run
from pipeline.web.answers import answers_of
from pipeline.web.api import Folder, Who
from pipeline.web.comparison import comparison_of, walks_of
from pipeline.web.jobs import Jobs, Kind
from pipeline.web.lists import listed_people, past_runs, refused_where_damaged
from pipeline.web.orders import Setting, Storage
from pipeline.web.uploads import listed, suffixes
from pipeline.web.visitors import Visitor

TABS = (("/", "Identify"), ("/gallery", "Gallery"), ("/compare", "Compare"), ("/runs", "Past runs"),
        ("/strangers", "Who is this?"))  # fmt: skip
ASSETS = ("app.css", "app.js")


def pages(setting: Setting, jobs: Jobs, storage: Storage) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

    def shown(name: str, tab: str, **facts: Any) -> HTMLResponse:
        page = templates(__package__).get_template(f"templates/{name}.html.j2")
        return HTMLResponse(
            page.render(tabs=TABS, tab=tab, storage=storage, profiles=setting.profiles, suffixes=suffixes(), **facts)
        )

    def facts_of(who: Visitor, *kinds: Kind) -> dict[str, Any]:
        """The newest job of these kinds, the latest answers, and what can be chosen: (id, name)."""
        mine = [job for job in jobs.of(who) if job.kind in kinds]
        folder = next((found for job in mine if job.run and (found := who.run(job.run.name))), None)
        return {
            "job": mine[0].tree() if mine else None,
            "answers": answers_of(folder, setting.db) if folder else None,
            "videos": [*((one.id, one.name) for one in who.uploads.values()), *((name, name) for name in listed())],
        }

    @routes.get("/")
    def identify(who: Who) -> HTMLResponse:
        return shown("identify", "/", **facts_of(who, "run", "identify"))

    @routes.get("/gallery")
    def gallery(who: Who, person: str = "") -> HTMLResponse:
        people = []
        with _said() as problems:
            people = listed_people(setting.db, person)
        pairs = who.found.get("suggest", {}).get("pairs")
        facts = {"people": people, "person": person, "problem": " ".join(problems), "pairs": pairs}
        return shown("gallery", "/gallery", **facts, **facts_of(who, "enrol"))

    @routes.get("/compare")
    def compare(who: Who, run: str = "", one: str = "", other: str = "") -> HTMLResponse:
        names = [folder.name for folder in who.run_folders()]
        folder = who.run(run) or (who.run(names[0]) if names else None)
        found, walks = None, list[str]()
        chosen = folder.name if folder else ""
        with _said() as problems, refused_where_damaged(chosen):
            if folder is None:
                raise InputError("no run yet: identify somebody first.")
            opened = Run.open(folder)
            walks, first, second = walks_of(opened)
            asked = bool(one and other and run)
            one, other = (one, other) if one in walks and other in walks else (first, second)
            if asked and one == other:
                raise InputError(f"{one} is chosen twice. Choose two walks.")
            found = comparison_of(opened, one, other) if asked else None
        facts = {"run": chosen, "walks": walks, "one": one, "other": other}
        return shown("compare", "/compare", runs=names, comparison=found, problem=" ".join(problems), **facts)

    @routes.get("/runs")
    def runs(who: Who, person: str = "", day: str = "") -> HTMLResponse:
        return shown("runs", "/runs", runs=past_runs(who, setting.db, person, day), person=person, day=day)

    @routes.get("/runs/{run}")
    def one_run(folder: Folder) -> HTMLResponse:
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


@contextlib.contextmanager
def _said() -> Iterator[list[str]]:
    """What is refused inside is said on the page, in one line."""
    problems: list[str] = []
    try:
        yield problems
    except GaitError as error:
        problems.append(one_line(error))


def problem_page(words: str, status: int, storage: Storage) -> HTMLResponse:
    """A page that says what was wrong."""
    page = templates(__package__).get_template("templates/problem.html.j2")
    return HTMLResponse(page.render(tabs=TABS, tab="", storage=storage, problem=words), status)

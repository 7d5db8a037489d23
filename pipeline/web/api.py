"""The HTTP API: what the app's own pages ask for, and programs that have the token. JSON in, JSON out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from pipeline.errors import InputError
from pipeline.gallery.people import delete as delete_person
from pipeline.gallery.people import merge as merge_people
from pipeline.gallery.people import rename as rename_person
from pipeline.gallery.store import Gallery
from pipeline.web.jobs import Job, Jobs, Kind
from pipeline.web.lists import listed_people, past_runs
from pipeline.web.orders import Enrol, Name, Names, Others, Review, Search, Setting
from pipeline.web.tasks import Task
from pipeline.web.uploads import Intake, listed
from pipeline.web.visitors import Visitor

LOOK_S = 0.25  # how often a job's state is looked at
QUIET_S = 15.0  # after so long without news a line says that the connection lives


def visitor_of(request: Request) -> Visitor:
    """Who asks; the guard has found out."""
    found: Visitor = request.state.visitor
    return found


Who = Annotated[Visitor, Depends(visitor_of)]


def folder_of(who: Who, run: str) -> Path:
    """Of the run that a request names. Raises InputError."""
    folder = who.run(run)
    if folder is None:
        raise InputError("there is no such run.")
    return folder


Folder = Annotated[Path, Depends(folder_of)]


def api(setting: Setting, jobs: Jobs, intake: Intake) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api")

    @routes.post("/uploads", summary="Send a video: its bytes are the body")
    async def upload(request: Request, who: Who, name: Annotated[str, Query(max_length=500)]) -> dict[str, Any]:
        return _tree(await intake.take(who, name, request.stream()), "path")

    @routes.get("/uploads", summary="What was sent, and what lies in inputs/")
    def uploads(who: Who) -> dict[str, Any]:
        return {"uploads": [_tree(one, "path") for one in who.uploads.values()], "inputs": listed()}

    @routes.delete("/mine", summary="Remove your uploads, jobs and, where they are not kept for all, runs")
    async def forget(who: Who) -> dict[str, Any]:
        await jobs.forget(who)
        return {"said": "Your uploads are removed, and your runs, unless this server keeps all runs."}

    @routes.post("/search", status_code=202, summary="Look for people in videos")
    def search(who: Who, wanted: Search) -> dict[str, Any]:
        return _begun(who, *setting.search(who, wanted))

    @routes.post("/enrol", status_code=202, summary="Enrol the people of a video, or of several clips")
    def enrol(who: Who, wanted: Enrol) -> dict[str, Any]:
        return _begun(who, *setting.enrol(who, wanted))

    def _begun(who: Visitor, kind: Kind, task: Task) -> dict[str, Any]:
        return jobs.add(kind, who, task).tree()

    @routes.get("/jobs", summary="Your jobs, the newest first")
    def all_jobs(who: Who) -> list[dict[str, Any]]:
        return [job.tree() for job in jobs.of(who)]

    @routes.get("/jobs/{key}", summary="How a job is")
    def job(who: Who, key: str) -> dict[str, Any]:
        return jobs.find(who, key).tree()

    @routes.get("/jobs/{key}/events", summary="The same as server-sent events, until it has ended")
    async def events(who: Who, key: str) -> StreamingResponse:
        return StreamingResponse(_news(jobs.find(who, key)), media_type="text/event-stream")

    @routes.delete("/jobs/{key}", summary="Stop a job")
    async def stop(who: Who, key: str) -> dict[str, Any]:
        found = jobs.find(who, key)
        jobs.stop(found)
        await found.ends(5)
        return found.tree()

    @routes.get("/runs", summary="Past runs, by name of a person in them, and by day")
    def runs(who: Who, person: str = "", day: str = "") -> list[dict[str, Any]]:
        return [_tree(one, "picture") for one in past_runs(who, setting.db, person, day)]

    @routes.get("/runs/{run}", summary="A run's results.json")
    def results(folder: Folder) -> FileResponse:
        return FileResponse(folder / "results.json")

    @routes.get("/runs/{run}/files/{inside:path}", summary="A file of a run: videos/…, report.html")
    def file(who: Who, run: str, inside: str) -> FileResponse:
        found = who.file(run, inside)
        if found is None:
            raise InputError("there is no such file.")
        return FileResponse(found)

    @routes.post("/runs/{run}/review", summary="Say what is right, what is wrong and who is new; it is decided again")
    async def review(who: Who, folder: Folder, wanted: Review) -> Any:
        return await jobs.now("review", who, setting.review(folder, wanted))

    @routes.post("/runs/{run}/undo", summary="Take the latest review of a run back")
    async def undo(who: Who, folder: Folder) -> Any:
        return await jobs.now("review", who, setting.review(folder, Review(), undo=True))

    @routes.get("/people", summary="Who is enrolled")
    def people(who: Who, person: str = "") -> list[dict[str, Any]]:
        return [_tree(one) for one in listed_people(setting.db, person)]

    @routes.patch("/people/{identity}", summary="Give a person another name")
    def rename(who: Who, identity: str, wanted: Name) -> dict[str, Any]:
        after = rename_person(Gallery.open(setting.db), identity, wanted.name)
        who.found.pop("suggest", None)
        return {"said": f"{after.identity[:8]} is now called {after.name}."}

    @routes.post("/people/{identity}/merge", summary="Make others one with this person")
    def merge(who: Who, identity: str, wanted: Others) -> dict[str, Any]:
        after = merge_people(Gallery.open(setting.db), identity, wanted.others)
        who.found.pop("suggest", None)
        return {"said": f"They are one person now: {after.name}."}

    @routes.delete("/people/{identity}", summary="Remove a person and every trace, for good")
    def delete(who: Who, identity: str) -> dict[str, Any]:
        gone, proof = delete_person(Gallery.open(setting.db), identity)
        who.found.pop("suggest", None)
        return {
            "said": f"{gone.name} is removed: {proof.before} of {proof.marks} marks of them were in the gallery's "
            f"files before, {proof.after} are now. Videos and exports elsewhere are not the gallery's to remove."
        }

    @routes.post("/strangers", summary="Who keeps coming without a name; names for groups enrol all of them")
    async def strangers(who: Who, wanted: Names) -> Any:
        task = await asyncio.to_thread(setting.strangers, who, wanted)
        who.found["strangers"] = found = await jobs.now("strangers", who, task)
        return found

    @routes.post("/suggest", summary="People who are probably one, or two")
    async def suggest(who: Who) -> Any:
        task = await asyncio.to_thread(setting.suggest, who)
        who.found["suggest"] = found = await jobs.now("suggest", who, task)
        return found

    return routes


async def _news(job: Job) -> AsyncIterator[str]:
    """A job's state whenever it has changed."""
    told, quiet = "", 0.0
    while True:
        ended = job.ended.is_set()
        now = json.dumps(job.tree())
        quiet = 0.0 if now != told else quiet + LOOK_S
        if now != told:
            yield f"data: {now}\n\n"
        elif quiet >= QUIET_S:
            quiet = 0.0
            yield ": still here\n\n"
        told = now
        if ended:
            return
        await asyncio.sleep(LOOK_S)


def _tree(one: Any, *without: str) -> dict[str, Any]:
    """A dataclass as JSON has it."""
    return {key: value for key, value in asdict(one).items() if key not in without}

"""The HTTP API: what the app's own pages ask for, and programs that have the token. JSON in, JSON out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, StreamingResponse

from pipeline.errors import InputError
from pipeline.gallery.people import delete as delete_person
from pipeline.gallery.people import merge as merge_people
from pipeline.gallery.people import rename as rename_person
from pipeline.gallery.store import Gallery
from pipeline.web import orders
from pipeline.web.jobs import Job, Jobs
from pipeline.web.orders import Setting
from pipeline.web.uploads import Intake, listed
from pipeline.web.views import past_runs, people_of
from pipeline.web.visitors import Upload, Visitor

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
        return _without_path(await intake.take(who, name, request.stream()))

    @routes.get("/uploads", summary="What was sent, and what lies in inputs/")
    def uploads(who: Who) -> dict[str, Any]:
        return {"uploads": [_without_path(one) for one in who.uploads.values()], "inputs": listed()}

    @routes.delete("/uploads/{key}", summary="Remove one of your uploads")
    def remove(who: Who, key: str) -> dict[str, Any]:
        if not who.remove(key):
            raise InputError("there is no such upload.")
        return {"said": "The upload is removed."}

    @routes.delete("/mine", summary="Remove your uploads, jobs and, where they are not kept for all, runs")
    async def forget(who: Who) -> dict[str, Any]:
        await jobs.forget(who)
        return {"said": "Your uploads are removed, and your runs, unless this server keeps all runs."}

    @routes.post("/search", status_code=202, summary="Look for people in videos")
    def search(who: Who, wanted: orders.Search) -> dict[str, Any]:
        return jobs.add("run" if wanted.gallery else "identify", who, setting.search(who, wanted)).tree()

    @routes.post("/enrol", status_code=202, summary="Enrol the people of a video, or of several clips")
    def enrol(who: Who, wanted: orders.Enrol) -> dict[str, Any]:
        return jobs.add("enrol", who, setting.enrol(who, wanted)).tree()

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
        return [one.tree() for one in past_runs(who, setting.db, person, day)]

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
    async def review(who: Who, folder: Folder, wanted: orders.Review) -> Any:
        return await jobs.now("review", who, partial(orders.review, setting, folder, wanted))

    @routes.post("/runs/{run}/undo", summary="Take the latest review of a run back")
    async def undo(who: Who, folder: Folder) -> Any:
        return await jobs.now("review", who, partial(orders.review, setting, folder, None))

    @routes.get("/people", summary="Who is enrolled")
    def people(who: Who, person: str = "") -> list[dict[str, Any]]:
        return [asdict(one) for one in people_of(setting.db, person)]

    @routes.patch("/people/{identity}", summary="Give a person another name")
    def rename(who: Who, identity: str, wanted: orders.Name) -> dict[str, Any]:
        after = rename_person(Gallery.open(setting.db), identity, wanted.name)
        who.found.pop("suggest", None)  # they are about people as they were
        return {"said": f"{after.identity[:8]} is now called {after.name}."}

    @routes.post("/people/{identity}/merge", summary="Make others one with this person")
    def merge(who: Who, identity: str, wanted: orders.Others) -> dict[str, Any]:
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
    async def strangers(who: Who, wanted: orders.Names) -> Any:
        task = partial(orders.strangers, setting, who.runs, wanted)
        who.found["strangers"] = found = await jobs.now("strangers", who, task)
        return found

    @routes.post("/suggest", summary="People who are probably one, or two")
    async def suggest(who: Who) -> Any:
        task = partial(orders.suggest, setting, setting.config(who))
        who.found["suggest"] = found = await jobs.now("suggest", who, task)
        return found

    return routes


async def _news(job: Job) -> AsyncIterator[str]:
    """A job's state whenever it has changed."""
    told, spoken, ended = "", time.monotonic(), False
    while not ended:
        ended = job.ended
        now = json.dumps(job.tree())
        if now != told or time.monotonic() - spoken >= QUIET_S:
            yield f"data: {now}\n\n" if now != told else ": still here\n\n"
            told, spoken = now, time.monotonic()
        await asyncio.sleep(0 if ended else LOOK_S)


def _without_path(upload: Upload) -> dict[str, Any]:
    return {"id": upload.id, "name": upload.name, "size": upload.size}

"""A job of the app in its process: how it ends, and what is told of it; and the visitors who ask for jobs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from pathlib import Path

import pytest
from odd_tasks import Chatty, Gone, Interrupted, Killed, Refused, SlowToGo
from starlette.exceptions import HTTPException

from pipeline.web import guard, visitors
from pipeline.web.jobs import Job, Jobs
from pipeline.web.visitors import Visitor, Visitors
from pipeline.web.work import MOST_NOTES, Task, Work


def worked(task: Task) -> Work:
    """What has become of a task that nobody stops."""
    work = Work()
    work.do(task, threading.Event())
    return work


def started(tmp_path: Path, task: Task, when: Callable[[Job], bool]) -> Job:
    """A job that is stopped as soon as something is so."""
    jobs, visitor = Jobs(), Visitor(tmp_path, tmp_path / "runs")
    job = jobs.add("run", visitor, task)
    while not when(job):
        time.sleep(0.001)
    jobs.stop(job)
    wait([job.future], 20)
    assert job.ended and not visitor.busy
    return job


def test_a_stopped_job_is_stopped_however_long_it_takes_to_go(tmp_path):
    job = started(tmp_path, SlowToGo(tmp_path / "runs"), lambda job: bool(job.work.stages))
    assert job.state == "stopped" and not job.work.problem and job.run is None
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_job_that_is_stopped_while_it_starts_is_stopped(tmp_path):
    job = started(tmp_path, SlowToGo(tmp_path / "runs"), lambda job: job.state != "waiting")
    assert job.state == "stopped"
    assert not (tmp_path / "runs").exists() or list((tmp_path / "runs").iterdir()) == []


def test_what_a_killed_job_has_begun_goes_and_what_others_have_begun_there_stays(tmp_path):
    (tmp_path / "other").mkdir()
    assert worked(Killed(tmp_path)).problem.startswith("the job ended without a word")
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def test_a_job_that_is_stopped_as_it_begins_its_run_leaves_no_folder(tmp_path):
    assert worked(Interrupted(tmp_path)).stopped and list(tmp_path.iterdir()) == []


def test_a_job_that_is_refused_says_why_and_was_not_stopped():
    work = worked(Refused())
    assert work.problem == "street.mp4: no such file" and not work.stopped


def test_a_job_that_dies_is_told_of():
    work = worked(Gone())
    assert work.problem.startswith("the job ended without a word") and not work.stopped


def test_of_many_notes_the_first_and_the_last_are_kept():
    work = worked(Chatty())
    assert work.result == {"frames": 300}
    assert len(work.notes) == MOST_NOTES and (work.notes[0], work.notes[-1]) == ("frame 0", "frame 299")


def test_the_files_of_a_visitor_go_when_the_time_is_over_though_nobody_asks(tmp_path):
    _, visitor = Visitors(tmp_path, 0.2).admit()
    (visitor.folder / "uploads").mkdir(parents=True)
    deadline = time.monotonic() + 20
    while visitor.folder.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_no_more_are_admitted_than_have_room(tmp_path, monkeypatch):
    monkeypatch.setattr(visitors, "MOST_VISITORS", 2)
    everybody = Visitors(tmp_path, 3600)
    for _ in range(5):  # who has nothing here makes room
        _, last = everybody.admit()
    last.folder.mkdir(parents=True)
    everybody.admit()[1].folder.mkdir(parents=True)
    assert everybody.admit() is None


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "LONGEST_BODY_S", 0.05)

    async def slow() -> dict:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def read() -> None:
        receive = guard._counted(slow)
        while True:
            await receive()

    with pytest.raises(HTTPException) as refused:
        asyncio.run(read())
    assert refused.value.status_code == 408

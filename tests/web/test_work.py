"""A job of the app in its process: how it ends, and what is told of it; and the visitors who ask for jobs."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest
from odd_tasks import Chatty, Gone, Interrupted, Refused, SlowToGo
from starlette.exceptions import HTTPException

from pipeline.web import guard, visitors
from pipeline.web.jobs import Jobs
from pipeline.web.visitors import Visitor, Visitors
from pipeline.web.work import MOST_NOTES, Work


def test_a_stopped_job_is_stopped_however_long_it_takes_to_go(tmp_path):
    work = Work(SlowToGo(tmp_path), tmp_path)
    for _ in work.steps():
        if work.stages:
            os.kill(work._process.pid, signal.SIGTERM)  # what another thread's `stop` does first
    assert work.stopped and work.problem is None and work.folder is None
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_is_stopped_as_it_begins_its_run_leaves_no_folder(tmp_path):
    work = Work(Interrupted(tmp_path), tmp_path)
    for _ in work.steps():
        pass
    assert work.stopped and list(tmp_path.iterdir()) == []


def test_a_job_that_is_refused_says_why_and_was_not_stopped(tmp_path):
    work = Work(Refused(), tmp_path)
    for _ in work.steps():
        pass
    assert work.problem == "street.mp4: no such file" and not work.stopped


def test_a_job_that_dies_is_told_of(tmp_path):
    work = Work(Gone(), tmp_path)
    for _ in work.steps():
        pass
    assert work.problem.startswith("the job ended without a word") and not work.stopped


def test_of_many_notes_the_first_and_the_last_are_kept(tmp_path):
    work = Work(Chatty(), tmp_path)
    for _ in work.steps():
        pass
    assert len(work.notes) == MOST_NOTES and (work.notes[0], work.notes[-1]) == ("frame 0", "frame 299")


def test_a_job_that_is_stopped_while_it_starts_is_stopped(tmp_path):
    jobs, visitor = Jobs(), Visitor(tmp_path, tmp_path / "runs")
    job = jobs.add("run", visitor, SlowToGo(tmp_path / "runs"))
    while job.state == "waiting":
        time.sleep(0.001)
    jobs.stop(job)  # its process is not there yet
    assert job.ended.wait(20) and job.state == "stopped" and visitor.busy == 0
    assert list((tmp_path / "runs").iterdir()) == []


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

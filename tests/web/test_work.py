"""A job of the app in its process: how it ends, and what is told of it."""

from __future__ import annotations

import os
import signal

from odd_tasks import Gone, Refused, SlowToGo

from pipeline.web.work import Work


def test_a_stopped_job_is_stopped_however_long_it_takes_to_go(tmp_path):
    work = Work(SlowToGo(tmp_path), tmp_path)
    for _ in work.steps():
        if work.stages:
            os.kill(work._process.pid, signal.SIGTERM)  # what another thread's `stop` does first
    assert work.stopped and work.problem is None and work.folder is None
    assert list(tmp_path.iterdir()) == []


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

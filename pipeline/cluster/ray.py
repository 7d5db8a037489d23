"""Extraction of many videos on a Ray cluster: `gait run --cluster ray`.

Every video is one task, and every stretch of a long one two (see stretches.py), on any machine that sees the run
folder, the videos and the weights under the same paths (shared storage). A worker that dies has its task done anew
elsewhere; what it left half-written never had a final name.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.cluster.stretches import Call, Steps, extract_in_stretches
from pipeline.engine.meter import Meter, Stages
from pipeline.errors import ConfigError, GaitError
from pipeline.extraction.crops import Extraction
from pipeline.extraction.extract import Extracted
from pipeline.extraction.processes import Task
from pipeline.files import reason_of
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video

REACHED = 5.0  # seconds within which a cluster answers
RETRIES = 3  # of a task whose worker died

_loaded: dict[str, Extraction] = {}  # of a worker process, by run folder: it extracts many videos


def extract_on_cluster(
    videos: Sequence[Video], task: Task, address: str | None
) -> Iterator[tuple[Video, Extracted, Stages]]:
    """Yield each video as it is done, with what was found and the stages' seconds and counts.

    address: of a running cluster, "auto" for the one that this machine belongs to; None starts one on this machine.
    runtime.threads cores are asked for each task, one unless set. Raises the first error of a task, as itself;
    GaitError for a cluster that cannot be reached and for a video whose workers keep dying.
    """
    ray = _ray()
    cores = task.config.runtime.threads or 1
    runtime = task.config.runtime.model_copy(update={"threads": cores, "workers": 1})
    task = replace(task, config=task.config.model_copy(update={"runtime": runtime}), folder=task.folder.resolve())
    _refuse_absent(address)
    try:
        ray.init(
            address=address, include_dashboard=None if address else False, log_to_driver=False, logging_level="error"
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise GaitError(
            f"--address {address}: no Ray cluster there ({reason_of(error)}). "
            "Where `ray start` has made a token, set RAY_AUTH_MODE=token."
        ) from None
    try:
        yield from _Cluster(ray, task, cores).extract(videos)
    finally:
        ray.shutdown()
        RunFolder(task.folder).sweep()


@dataclass(slots=True)
class _Course:
    """How far a video has come. steps: what is left to do; answers: to the calls last made, None until they come."""

    video: Video
    steps: Steps
    meter: Meter
    answers: list[Any] = field(default_factory=list)
    missing: int = 0


class _Cluster:
    """The calls that wait for workers, and whose they are."""

    def __init__(self, ray: Any, task: Task, cores: int) -> None:
        self._ray, self._task, self._shared, self._cores = ray, task, ray.put(task), cores
        self._remote = ray.remote(num_cpus=cores, max_retries=RETRIES)(_do)
        self._waiting: dict[Any, tuple[_Course, int]] = {}  # by Ray's reference: place among the answers

    def extract(self, videos: Sequence[Video]) -> Iterator[tuple[Video, Extracted, Stages]]:
        """Yield each video as it is done."""
        left = deque(videos)
        while left or self._waiting:
            while left and len(self._waiting) < self._room():
                self._begin(left.popleft())
            (done, *_), _ = self._ray.wait(list(self._waiting), num_returns=1)
            course, place = self._waiting.pop(done)
            course.answers[place], stages = _result(self._ray, done, course.video, self._task)
            course.missing -= 1
            course.meter.merge(stages)
            if course.missing:
                continue
            try:
                self._call(course, course.steps.send(course.answers))
            except StopIteration as end:
                yield course.video, end.value, course.meter.as_record()

    def _room(self) -> int:
        """Calls that should wait at least, so that nobody is idle; no more, so that video after video is finished."""
        workers = int(self._ray.cluster_resources().get("CPU", 1)) // self._cores
        return 2 * max(workers, 1)

    def _begin(self, video: Video) -> None:
        meter = Meter()
        steps = extract_in_stretches(video, self._task, meter)
        self._call(_Course(video, steps, meter), next(steps))

    def _call(self, course: _Course, calls: Sequence[Call]) -> None:
        course.answers, course.missing = [None] * len(calls), len(calls)
        for place, call in enumerate(calls):
            self._waiting[self._remote.options(name=call.name).remote(self._shared, call)] = course, place


def _refuse_absent(address: str | None) -> None:
    """Ray itself tries for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        reason = reason_of(error)
        raise GaitError(
            f"--address {address}: no Ray cluster there ({reason}). Start one with: ray start --head"
        ) from None


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "--cluster ray: Ray is not installed. Install it with: pip install 'gaitid[distributed]'"
        ) from None
    return ray


def _result(ray: Any, done: Any, video: Video, task: Task) -> tuple[Any, Stages]:
    try:
        answer, stages = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, GaitError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise GaitError(
            f"{video.name}: its worker died {RETRIES + 1} times, perhaps for want of memory ({type(error).__name__}). "
            f"Go on with: gait run --resume {task.folder}"
        ) from None
    return answer, stages


def _do(task: Task, call: Call) -> tuple[Any, Stages]:
    work = replace(_opened(task), meter=Meter())
    return call.does(work, *call.arguments), work.meter.as_record()


def _opened(task: Task) -> Extraction:
    key = str(task.folder)
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = task.open()
    return _loaded[key]

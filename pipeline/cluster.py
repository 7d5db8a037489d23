"""Following many videos on a Ray cluster: `gait run --engine ray`.

Every video is one task, on any machine that sees the run folder, the videos and the weights under the same paths
(shared storage). A worker that dies has its video followed anew elsewhere; what it left half-written never had a final
name.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pipeline.engine.job import Video
from pipeline.engine.record import Meter
from pipeline.engine.runfolder import RunFolder
from pipeline.errors import ConfigError, GaitError
from pipeline.follow import Followed, follow
from pipeline.views.progress import Silent
from pipeline.workers import Task, WalkNetworks

REACHED = 5.0  # seconds within which a cluster answers
RETRIES = 3  # of a video whose worker died

_loaded: dict[str, WalkNetworks] = {}  # of a worker process, by run folder: it follows many videos


def follow_on_cluster(
    videos: Sequence[Video], task: Task, address: str | None
) -> Iterator[tuple[Video, Followed, dict[str, dict[str, float]]]]:
    """Yield each video as it is done, with what was found and the stages' seconds and counts.

    address: of a running cluster, "auto" for the one that this machine belongs to; None starts one on this machine.
    runtime.threads cores are asked for each video, one unless set. Raises the first error of a task, as itself;
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
        raise GaitError(f"--address {address}: no Ray cluster there ({' '.join(str(error).split())[:160]}).") from None
    try:
        remote = ray.remote(num_cpus=cores, max_retries=RETRIES)(_follow)
        shared = ray.put(task)
        waiting = {remote.options(name=f"follow {video.name}").remote(shared, video): video for video in videos}
        while waiting:
            (done, *_), _ = ray.wait(list(waiting), num_returns=1)
            video = waiting.pop(done)
            yield video, *_result(ray, done, video, task)
    finally:
        ray.shutdown()
        RunFolder(task.folder).sweep()


def _refuse_absent(address: str | None) -> None:
    """Ray itself tries for minutes."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if not colon or not port.isdecimal():
        return
    try:
        socket.create_connection((host, int(port)), timeout=REACHED).close()
    except (OSError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise GaitError(
            f"--address {address}: no Ray cluster there ({reason}). Start one with: ray start --head"
        ) from None


def _ray() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
    try:
        import ray
    except ImportError:
        raise ConfigError(
            "--engine ray: Ray is not installed. Install it with: pip install 'gait[distributed]'"
        ) from None
    return ray


def _result(ray: Any, done: Any, video: Video, task: Task) -> tuple[Followed, dict[str, dict[str, float]]]:
    try:
        found, stages = ray.get(done)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, GaitError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise GaitError(
            f"{video.name}: its worker died {RETRIES + 1} times, perhaps for want of memory ({type(error).__name__}). "
            f"Go on with: gait run --resume {task.folder}"
        ) from None
    return found, stages


def _follow(task: Task, video: Video) -> tuple[Followed, dict[str, dict[str, float]]]:
    detector, segmenter, estimator = _networks(task)
    folder = RunFolder(task.folder)
    folder.clear("walks", video.name, *folder.walks(video.name).values())  # of a worker that died over it
    meter = Meter()
    return follow(video, detector, segmenter, estimator, task.config, folder, meter, Silent()), meter.as_record()


def _networks(task: Task) -> WalkNetworks:
    key = str(task.folder)
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = task.networks()
    return _loaded[key]

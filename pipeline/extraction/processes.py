"""Following several videos at once, each in a process of its own: `gait run --workers N`."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config import Config
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.parent import end_with_parent
from pipeline.engine.progress import Silent
from pipeline.errors import GaitError
from pipeline.extraction.extract import Followed, follow
from pipeline.inference.runtime import threads
from pipeline.pose import PoseEstimator, open_estimator
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video
from pipeline.runs.record import Meter
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.tracking import Detector, open_detector
from pipeline.weights.checkpoints import Checkpoint

WalkNetworks = tuple[Detector, Segmenter, PoseEstimator | None]


@dataclass(frozen=True, slots=True)
class Task:
    """All that a worker needs to know."""

    config: Config
    detector: Checkpoint | None
    segmenter: Checkpoint | None
    pose: Checkpoint | None  # None: no poses are wanted
    folder: Path

    def networks(self) -> WalkNetworks:
        """The loaded networks of the first pass over a video."""
        return_freed_pictures()
        config = self.config
        return (
            open_detector(config.tracking, config.runtime, self.detector),
            open_segmenter(config.segmentation, config.runtime, self.segmenter),
            open_estimator(config.pose, config.runtime, self.pose) if self.pose else None,
        )


_loaded: tuple[Task, WalkNetworks] | None = None  # of a worker process


def follow_in_processes(
    videos: Sequence[Video], task: Task, workers: int
) -> Iterator[tuple[Video, Followed, dict[str, dict[str, float]]]]:
    """Yield each video as it is done, with what was found and the stages' seconds and counts.

    The cores are shared out among the workers. Raises the first error of a worker, as itself; a worker that dies
    (out of memory, say) is a GaitError, never a wait without end.
    """
    each = max(1, threads(task.config.runtime) // workers)
    runtime = task.config.runtime.model_copy(update={"threads": each})
    task = replace(task, config=task.config.model_copy(update={"runtime": runtime}))
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_load, initargs=(task,))
    try:
        futures = {pool.submit(_follow, video): video for video in videos}
        for future in as_completed(futures):
            yield futures[future], *future.result()
    except BrokenProcessPool:
        raise GaitError(
            f"{task.folder}: a worker process died, perhaps for want of memory. "
            f"Go on with fewer: gait run --resume {task.folder} --workers {max(1, workers // 2)}"
        ) from None
    except BaseException:
        for process in list((pool._processes or {}).values()):  # Python 3.14 has terminate_workers() for this
            process.terminate()
        pool.shutdown(cancel_futures=True)
        RunFolder(task.folder).sweep()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _load(task: Task) -> None:
    global _loaded  # noqa: PLW0603 - a worker loads its networks once, for all its videos
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    end_with_parent()
    _loaded = task, task.networks()


def _follow(video: Video) -> tuple[Followed, dict[str, dict[str, float]]]:
    assert _loaded is not None  # set by the initializer
    task, (detector, segmenter, estimator) = _loaded
    meter = Meter()
    found = follow(video, detector, segmenter, estimator, task.config, RunFolder(task.folder), meter, Silent())
    return found, meter.as_record()

"""Several videos extracted at once, each in a process of its own: `gait run --workers N`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.config import Config
from pipeline.engine.children import starting
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.meter import Meter, Stages
from pipeline.engine.parent import end_with_parent
from pipeline.engine.progress import Silent
from pipeline.errors import GaitError
from pipeline.extraction.crops import Extraction
from pipeline.extraction.extract import Extracted, extract
from pipeline.extraction.networks import Checkpoints, open_networks
from pipeline.inference.runtime import threads
from pipeline.runs.folder import RunFolder
from pipeline.runs.job import Video


@dataclass(frozen=True, slots=True)
class Task:
    """What another process needs to extract videos.

    Attributes:
        config: The settings.
        checkpoints: By stage.
        folder: The run folder's path.
        keys: See Extraction.
    """

    config: Config
    checkpoints: Checkpoints
    folder: Path
    keys: Mapping[str, str] = field(default_factory=dict)

    def open(self) -> Extraction:
        """Load the networks; what the process does is counted from 0, and shown nowhere."""
        return_freed_pictures()
        networks = open_networks(self.config, self.checkpoints)
        return Extraction(networks, self.config, RunFolder(self.folder), Meter(), Silent(), self.keys)


_work: Extraction | None = None  # of a worker process


def extract_in_processes(
    videos: Sequence[Video], task: Task, workers: int
) -> Iterator[tuple[Video, Extracted, Stages]]:
    """Yield each video as it is done, with what was found and the stages' seconds and counts.

    The cores are shared out among the workers. Raises the first error of a worker, as itself; a worker that dies
    (out of memory, say) is a GaitError, never a wait without end.
    """
    each = max(1, threads(task.config.runtime) // workers)
    runtime = task.config.runtime.model_copy(update={"threads": each})
    task = replace(task, config=task.config.model_copy(update={"runtime": runtime}))
    pool = ProcessPoolExecutor(workers, starting(__name__), initializer=_load, initargs=(task,))
    try:
        futures = {pool.submit(_extract, video): video for video in videos}
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
    global _work  # noqa: PLW0603 - a worker loads its networks once, for all its videos
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    end_with_parent()
    _work = task.open()


def _extract(video: Video) -> tuple[Extracted, Stages]:
    assert _work is not None  # set by the initializer
    work = replace(_work, meter=Meter())
    return extract(video, work), work.meter.as_record()

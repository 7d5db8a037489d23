"""`gait convert`: a run's tracks, features and silhouettes in the formats of other tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.errors import ConfigError
from pipeline.files import atomic, private
from pipeline.runs.formats import detections_of
from pipeline.runs.reader import Run


def convert_command(run: Path, formats: Sequence[str], output: Path | None) -> None:
    """Write a run in each of the formats, below `output` (default: exports/ in the run folder); print where.

    Raises ConfigError for an unknown format, InputError for a folder that is no run.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"{unknown[0]!r}: no such format. There are: {', '.join(FORMATS)}.")
    finished = Run.open(run)
    with finished.folder.held() if output is None else private():
        for name in dict.fromkeys(formats):
            for path in FORMATS[name](finished, output or run / "exports"):
                print(path)


def supervision(run: Run, output: Path) -> list[Path]:
    """<video>.npz each, with the arrays of `supervision.Detections`."""
    paths = []
    for video in run.videos:
        path = output / "supervision" / f"{video}.npz"
        detections = detections_of(run.tracklets(video), run.tracks(video))
        with atomic(path) as stream:
            np.savez_compressed(stream, allow_pickle=False, fps=np.float64(run.fps(video)), **detections)
        paths.append(path)
    return paths


def parquet(run: Run, output: Path) -> list[Path]:
    """features.parquet: a row for each track."""
    table = run.features()
    from pyarrow.parquet import write_table

    path = output / "features.parquet"
    with atomic(path) as stream:
        write_table(table, stream)
    return [path]


def opengait(run: Run, output: Path) -> list[Path]:
    """A dataset in OpenGait's layout, a person a track (`gait dataset from-run` takes labels)."""
    from pipeline.research.training.data.from_run import dataset_from_run

    path = output / "opengait"
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigError(f"{path}: is not empty. Remove it, or name another folder with --output.")
    for _ in dataset_from_run(run.folder.path, path, None, 0.5):
        pass
    return [path]


FORMATS: Mapping[str, Callable[[Run, Path], list[Path]]] = {
    "supervision": supervision,
    "parquet": parquet,
    "opengait": opengait,
}

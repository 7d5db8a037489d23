"""What is done of a long video, kept stretch by stretch, so that a run that was interrupted goes on in its last one.

Only the tracker remembers anything from one stretch to the next, and it takes a hundredth of the time: it sees the
detections that were kept again. The frames themselves are decoded once more, and no network looks at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.extraction.crops import Crops
from pipeline.files import DAMAGED_NPZ, atomic
from pipeline.pose.poses import PoseBuilder
from pipeline.runs.folder import RunFolder
from pipeline.segmentation.rgb import RGBBuilder
from pipeline.segmentation.sequences import SequenceBuilder
from pipeline.types import Detections, FloatArray, IntArray, TrackedBoxes


@dataclass(frozen=True, slots=True)
class PackedBoxes:
    """The people of one frame after another.

    counts: of each frame, −1 where nobody looked; values: x1, y1, x2, y2, score of each person; track_ids: empty for
    people who are not tracked.
    """

    counts: IntArray
    values: FloatArray
    track_ids: IntArray

    def __post_init__(self) -> None:
        if np.maximum(self.counts, 0).sum() != len(self.values):
            raise ValueError(f"counts of {len(self.values)} people must add up to them")

    @classmethod
    def of(cls, frames: Sequence[Detections | TrackedBoxes | None]) -> PackedBoxes:
        looked = [one for one in frames if one is not None]
        values = [np.column_stack([one.boxes, one.scores]).astype(np.float32) for one in looked]
        ids = [one.track_ids for one in looked if isinstance(one, TrackedBoxes)]
        return cls(
            np.array([-1 if one is None else len(one) for one in frames], np.int64),
            np.concatenate([np.empty((0, 5), np.float32), *values]),
            np.concatenate(ids) if ids else np.empty(0, np.int64),
        )

    def detections(self, first: int) -> Iterator[tuple[int, Detections | None]]:
        """Frame indices, from the first one, with who was found; None where nobody looked."""
        for index, (count, values) in enumerate(zip(self.counts, self._split(self.values), strict=True), first):
            yield index, None if count < 0 else Detections(index, values[:, :4], values[:, 4])

    def tracked(self, first: int) -> Iterator[TrackedBoxes]:
        """The tracks of each frame, from the first one."""
        both = zip(self._split(self.track_ids), self._split(self.values), strict=True)
        for index, (track_ids, values) in enumerate(both, first):
            yield TrackedBoxes(index, track_ids, values[:, :4], values[:, 4])

    def _split(self, rows: Any) -> list[Any]:
        return np.split(rows, np.cumsum(np.maximum(self.counts, 0))[:-1])


class DoneStretches:
    """The stretches of one video that are done, in a run's folder; they are removed when the video is.

    Args:
        folder: Of the run.
        video: The video's name in it.
        key: What the results depend on; without one nothing is kept.
    """

    def __init__(self, folder: RunFolder, video: str, key: str | None) -> None:
        self._place, self._video, self._key = folder.stretches(video), video, key

    def any(self) -> bool:
        """Whether the first stretch is there."""
        return next(self._arrays(), None) is not None

    def read(self, frame_size: tuple[int, int], config: Config) -> Iterator[tuple[PackedBoxes, Crops]]:
        """What was found and cut out in one stretch after another, up to the first that is missing or damaged.

        Args:
            frame_size: Height and width in pixels.
            config: The settings.
        """
        for arrays in self._arrays():
            try:
                found = PackedBoxes(arrays["counts"], arrays["values"], np.empty(0, np.int64))
                if len(list(found.detections(0))) != config.tracking.stretch:
                    return
                yield found, _crops_of(arrays, self._video, frame_size, config)
            except DAMAGED_NPZ:
                return

    def write(self, number: int, found: Sequence[Detections | None], crops: Crops) -> None:
        """Keep a stretch. number: from 0; found: in each of its frames, None where nobody looked."""
        if self._key is None:
            return
        boxes = PackedBoxes.of(found)
        own: dict[str, Any] = {"key": np.array(self._key), "counts": boxes.counts, "values": boxes.values}
        path = self._path(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic(path) as stream:
            np.savez_compressed(stream, **(own | _arrays_of(crops)))

    def _arrays(self) -> Iterator[dict[str, NDArray[Any]]]:
        number = 0
        while self._key is not None:
            try:
                with np.load(self._path(number), allow_pickle=False) as file:
                    arrays = dict(file)
            except DAMAGED_NPZ:
                return
            if str(arrays.get("key")) != self._key:
                return
            yield arrays
            number += 1

    def _path(self, number: int) -> Path:
        return self._place / f"{number:06d}.npz"


def _arrays_of(crops: Crops) -> dict[str, NDArray[Any]]:
    parts = {"sequences": crops.sequences, "poses": crops.poses, "rgb": crops.rgb}
    return {"seen": np.array(sorted(crops.seen), np.int64)} | {
        f"{name}_{field}": values
        for name, part in parts.items()
        if part is not None
        for field, values in part.as_arrays().items()
    }


def _crops_of(arrays: dict[str, NDArray[Any]], video: str, frame_size: tuple[int, int], config: Config) -> Crops:
    """What `write` was given. Raises what damaged arrays raise."""

    def part(name: str) -> dict[str, NDArray[Any]]:
        return {field.removeprefix(f"{name}_"): values for field, values in arrays.items() if field.startswith(name)}

    crops = Crops.none(video, frame_size, config)
    for name, empty in _arrays_of(crops).items():
        if (arrays[name].dtype.kind, arrays[name].ndim) != (empty.dtype.kind, empty.ndim):
            raise ValueError(f"{name} must be like {empty.dtype} {empty.shape}, got {arrays[name].dtype}")
    return Crops(
        SequenceBuilder.of_arrays(video, config.segmentation, part("sequences")),
        PoseBuilder.of_arrays(video, frame_size, part("poses")) if crops.poses is not None else None,
        RGBBuilder.of_arrays(part("rgb")) if crops.rgb is not None else None,
        set(arrays["seen"].tolist()),
    )

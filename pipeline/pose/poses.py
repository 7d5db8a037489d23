"""From tracked frames to pose sequences: cut people out, estimate their joints, gather them by track."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import PoseConfig
from pipeline.pose.crop import PoseCrop, View, cut_pose
from pipeline.types import FloatArray, Frame, PoseSequence, TrackedBoxes


def cut_poses(frame: Frame, tracked: TrackedBoxes, config: PoseConfig, view: View) -> list[PoseCrop]:
    """Cut everybody tracked in the frame; nothing on frames that `config.every` leaves out."""
    if frame.index % config.every:
        return []
    people = zip(tracked.track_ids, tracked.boxes, strict=True)
    crops = (cut_pose(frame.image, box, view, int(track_id), frame.index) for track_id, box in people)
    return [crop for crop in crops if crop is not None]


@dataclass(slots=True)
class _Track:
    frame_indices: array[int] = field(default_factory=lambda: array("q"))
    joints: list[FloatArray] = field(default_factory=list)


class PoseBuilder:
    """Gathers the joints of one video by track. Feed it in the order of the frames."""

    def __init__(self, video: str, frame_size: tuple[int, int]) -> None:
        """frame_size: height, width."""
        self._video, self._frame_size = video, frame_size
        self._tracks: dict[int, _Track] = {}

    def add(self, track_id: int, frame_index: int, joints: FloatArray) -> None:
        """Keep somebody's joints in one frame, 17×3: x, y in frame pixels, and a score."""
        track = self._tracks.setdefault(track_id, _Track())
        track.frame_indices.append(frame_index)
        track.joints.append(joints)

    def join(self, later: PoseBuilder) -> None:
        """Take over what another has gathered of later frames of the same video, as if it had been added here."""
        for track_id, new in later._tracks.items():
            track = self._tracks.setdefault(track_id, _Track())
            track.frame_indices += new.frame_indices
            track.joints += new.joints
        later._tracks.clear()

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """What is gathered so far, for `of_arrays`."""
        joints = [one for track in self._tracks.values() for one in track.joints]
        rows = [(track_id, frame) for track_id, track in self._tracks.items() for frame in track.frame_indices]
        return {
            "tracks": np.array(rows, np.int64).reshape(-1, 2),
            "joints": np.stack(joints) if joints else np.empty((0, 17, 3), np.float32),
        }

    @classmethod
    def of_arrays(cls, video: str, frame_size: tuple[int, int], arrays: Mapping[str, NDArray[Any]]) -> PoseBuilder:
        """What `as_arrays` gave, to be joined."""
        builder = cls(video, frame_size)
        for (track_id, frame), joints in zip(arrays["tracks"].tolist(), arrays["joints"], strict=True):
            builder.add(track_id, frame, joints)
        return builder

    def finish(self, track_ids: Iterable[int]) -> Iterator[PoseSequence]:
        """The poses of every track asked for, those without any (T = 0) included; each once."""
        for track_id in track_ids:
            track = self._tracks.pop(track_id, _Track())
            joints = np.stack(track.joints) if track.joints else np.empty((0, 17, 3), np.float32)
            indices = np.array(track.frame_indices, np.int64)
            yield PoseSequence(self._video, track_id, joints, indices, self._frame_size)

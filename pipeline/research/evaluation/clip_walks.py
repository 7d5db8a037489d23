"""The silhouettes and poses of labelled clips: of the track that is meant, within the clip's frames, kept on disk."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.config import Config
from pipeline.errors import InputError
from pipeline.files import PARTIAL, read_json, write_json
from pipeline.pose.storage import read_poses, write_poses
from pipeline.recognition.encoder import EncoderInput
from pipeline.research.evaluation.manifest import Clip
from pipeline.runs.tracks import modalities_of_poses
from pipeline.segmentation.storage import read_sequence, write_sequence
from pipeline.tracking.heading import heading
from pipeline.types import GaitSequence, Modality, PoseSequence, SilhouetteSequence, Tracklet, from_poses

INDEX = "index.json"
OURS = re.compile(r"\d{5,}(\.poses)?\.npz|" + re.escape(PARTIAL) + ".*")  # what an interrupted evaluation leaves


def crop_clip(tracklet: Tracklet, sequence: SilhouetteSequence, clip: Clip) -> tuple[Tracklet, SilhouetteSequence]:
    """What lies inside the clip; the heading and the counts in the quality are those of the part."""
    boxes = (tracklet.frame_indices >= clip.first - 1) & (tracklet.frame_indices < clip.last)
    part = dataclasses.replace(
        tracklet,
        frame_indices=tracklet.frame_indices[boxes],
        boxes=tracklet.boxes[boxes],
        scores=tracklet.scores[boxes],
    )
    masks = (sequence.frame_indices >= clip.first - 1) & (sequence.frame_indices < clip.last)
    quality = {
        "frames_tracked": float(boxes.sum()),
        "frames_usable": float(masks.sum()),
        "usable_share": float(masks.sum() / max(boxes.sum(), 1)),
        "heading": heading(part),
    }
    walk = SilhouetteSequence(
        sequence.video, sequence.track_id, sequence.masks[masks], sequence.frame_indices[masks], quality
    )
    return part, walk


def sequence_of_clip(
    tracks: Sequence[tuple[Tracklet, SilhouetteSequence]], clip: Clip, size: tuple[int, int]
) -> SilhouetteSequence | None:
    """The walk that the clip means: of the track with the most usable silhouettes in it, cut to its frames.

    Of equals the one tracked in more frames, then the one nearer the middle of the picture (size: its width and height
    in pixels). None where nobody was
    tracked in these frames.
    """
    parts = [crop_clip(tracklet, sequence, clip) for tracklet, sequence in tracks]
    inside = [(part, walk) for part, walk in parts if len(part)]
    if not inside:
        return None
    return max(inside, key=lambda pair: (len(pair[1]), len(pair[0]), -_off_centre(pair[0], size)))[1]


def crop_poses(poses: PoseSequence, clip: Clip) -> PoseSequence:
    """The poses inside the clip."""
    inside = (poses.frame_indices >= clip.first - 1) & (poses.frame_indices < clip.last)
    return dataclasses.replace(poses, keypoints=poses.keypoints[inside], frame_indices=poses.frame_indices[inside])


def _off_centre(tracklet: Tracklet, size: tuple[int, int]) -> float:
    """Mean distance of the boxes' middles from the picture's, in picture sizes."""
    middles = (tracklet.boxes[:, :2] + tracklet.boxes[:, 2:]) / 2 / np.array(size)
    return float(np.linalg.norm(middles - 0.5, axis=1).mean())


class ClipFolder:
    """One .npz a clip, another for its poses, and index.json: which clip it is, which track, how many silhouettes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: list[dict[str, Any]] = []

    def holds(self, key: str) -> bool:
        """Whether it is complete, and for these clips of these videos under these settings (`key`).

        Raises InputError where it is for others: nothing of somebody's is overwritten.
        """
        index = self.path / INDEX
        if index.is_file():
            if read_json(index).get("key") == key:
                return True
            raise InputError(
                f"{self.path}: its silhouettes are of other clips, videos, networks or settings. Give another folder."
            )
        foreign = [path.name for path in self.path.glob("*") if not OURS.fullmatch(path.name)]
        if foreign:
            raise InputError(f"{self.path}: holds {foreign[0]}, so it is no folder of clips. Give a new folder.")
        return False

    def add(self, clip: Clip, walk: SilhouetteSequence | None, poses: PoseSequence | None = None) -> None:
        """Keep what was found for a clip."""
        if walk is not None and (len(walk) or poses):
            write_sequence(self.file(clip), walk)
        if poses:
            write_poses(self.file(clip, ".poses"), poses)
        self._rows.append(
            {
                "row": clip.row,
                "video": clip.video.name,
                **{name: getattr(clip, name) for name in ("first", "last", "person", "condition", "role")},
                "track": None if walk is None else walk.track_id,
                "silhouettes": 0 if walk is None else len(walk),
                "poses": len(poses or ()),
                "heading": None if walk is None else round(walk.quality["heading"], 3),
            }
        )

    def finish(self, key: str, facts: Mapping[str, Any]) -> None:
        """Write the index, after which the folder is complete."""
        write_json(self.path / INDEX, {"schema": 1, "key": key, **facts, "clips": self._rows})

    def usable(self, clips: Sequence[Clip], needs: Sequence[Modality], config: Config) -> list[int]:
        """How many frames of each clip have all that an encoder needs. Raises InputError when a file is damaged."""
        counts = self._column("poses" if from_poses(needs) else "silhouettes")
        if from_poses(needs):
            counts |= {clip.row: self._together(clip, needs, config) for clip in clips if counts[clip.row]}
        return [int(counts[clip.row]) for clip in clips]

    def _together(self, clip: Clip, needs: Sequence[Modality], config: Config) -> int:
        seen = self.read(clip, needs, config).modalities
        return len(reduce(np.intersect1d, [seen[need].frame_indices for need in needs]))

    def headings(self) -> dict[int, float]:
        """The heading of each clip's walk (tracking/heading.py), by its row; 0 where there is none."""
        return {row: float(value or 0) for row, value in self._column("heading").items()}

    def _column(self, name: str) -> dict[int, Any]:
        index = self.path / INDEX
        try:
            return {int(row["row"]): row[name] for row in read_json(index)["clips"]}
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{index}: not an index of clips. Give another folder.") from None

    def read(self, clip: Clip, needs: Sequence[Modality], config: Config) -> EncoderInput:
        """A clip with the modalities that an encoder needs. Raises InputError when a file is damaged."""
        key = clip.video.stem, clip.row
        walk = read_sequence(self.file(clip), *key)
        if not from_poses(needs):
            return walk
        poses = read_poses(self.file(clip, ".poses"), *key).usable(config.pose.min_score)
        return GaitSequence(*key, {**walk.modalities, **modalities_of_poses(poses, needs, config)}, walk.quality)

    def file(self, clip: Clip, what: str = "") -> Path:
        return self.path / f"{clip.row:05d}{what}.npz"

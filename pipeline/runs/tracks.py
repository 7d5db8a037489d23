"""Tracks as they lie in the run folder, read back in the modalities that an encoder looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from pipeline.config import Config
from pipeline.jobs.prepare import Source
from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.pose.storage import read_poses
from pipeline.recognition import encoder
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import Walk
from pipeline.segmentation.storage import read_frame_indices, read_sequence, read_summary
from pipeline.tracking.mot import read_mot
from pipeline.types import GaitSequence, IntArray, Modality, ModalityFrames, from_poses

SILHOUETTES_AT_ONCE = 20_000  # read into memory to be embedded together: 56 MB

Unusable = Mapping[tuple[str, int], str]  # (video, track) → why it has no embedding
Needs = Sequence[Modality]


def read_walks(source: Source, folder: RunFolder, needs: Needs, config: Config) -> list[Walk]:
    """The stored tracks of a video with what is known of their silhouettes and poses; these stay on disk."""
    walks = []
    for tracklet in read_mot(folder.tracks(source.name), source.name, source.info.fps):
        track = tracklet.video, tracklet.track_id
        silhouettes, quality, rejected = read_summary(folder.sequence(*track))
        usable, poses = silhouettes, None
        if from_poses(needs):
            frames = _pose_frames(track, folder, config)
            poses = len(frames)
            wanted = [frames] if Modality.SILHOUETTES not in needs else [frames, _silhouette_frames(track, folder)]
            usable = len(reduce(np.intersect1d, wanted))
        walks.append(Walk(tracklet, silhouettes, quality, rejected, poses, usable))
    return walks


def find_unusable(walks: Mapping[str, Sequence[Walk]], needs: Needs, config: Config) -> Unusable:
    """The tracks with too few usable frames, each with the reason that was the most frequent."""
    needed = config.recognition.min_frames
    what = _what(needs)
    reasons = {}
    for walk in (walk for video in walks.values() for walk in video):
        if walk.usable < needed:
            known = walk.rejected if Modality.SILHOUETTES in needs else {}
            mostly = f", mostly {max(known, key=lambda reason: known[reason])}" if known else ""
            reasons[walk.track] = f"{walk.usable} {what} in {len(walk.tracklet)} frames, {needed} needed{mostly}"
    return reasons


def read_walk(track: tuple[str, int], folder: RunFolder, needs: Needs, config: Config) -> encoder.Walk:
    """One track with the modalities that are needed. Skeleton maps are drawn when the encoder asks for them."""
    if not from_poses(needs):
        return read_sequence(folder.sequence(*track), *track)
    poses = read_poses(folder.poses(*track), *track).usable(config.pose.min_score)
    found: dict[Modality, ModalityFrames] = {}
    if Modality.SILHOUETTES in needs:
        found |= read_sequence(folder.sequence(*track), *track).modalities
    if Modality.KEYPOINTS in needs:
        found[Modality.KEYPOINTS] = ModalityFrames(poses.keypoints, poses.frame_indices)
    if Modality.SKELETON_MAPS in needs:
        maps = SkeletonMaps.of(poses.keypoints, use_score=config.pose.use_score)
        found[Modality.SKELETON_MAPS] = ModalityFrames(maps, poses.frame_indices)
    quality = read_summary(folder.sequence(*track))[1]
    return GaitSequence(*track, found, {**quality, "frames_with_pose": float(len(poses))})


def _what(needs: Needs) -> str:
    if not from_poses(needs):
        return "usable silhouettes"
    return "frames with a usable silhouette and pose" if Modality.SILHOUETTES in needs else "usable poses"


def _pose_frames(track: tuple[str, int], folder: RunFolder, config: Config) -> IntArray:
    return read_poses(folder.poses(*track), *track).usable(config.pose.min_score).frame_indices


def _silhouette_frames(track: tuple[str, int], folder: RunFolder) -> IntArray:
    return read_frame_indices(folder.sequence(*track))

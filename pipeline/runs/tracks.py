"""Tracks of a run folder, read in the modalities that an encoder needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np

from pipeline.config import Config
from pipeline.pose.skeleton_maps import SkeletonMaps
from pipeline.pose.storage import read_poses
from pipeline.recognition.encoder import EncoderInput
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import TrackSummary
from pipeline.segmentation.rgb import read_rgb
from pipeline.segmentation.storage import read_frame_indices, read_sequence, read_summary
from pipeline.tracking.mot import read_mot
from pipeline.types import (
    GaitSequence,
    IntArray,
    Modality,
    ModalityFrames,
    PoseSequence,
    TrackKey,
    from_crops,
    from_poses,
)

SILHOUETTES_AT_ONCE = 20_000  # read into memory to be embedded together: 56 MB
IN_COLOUR = 35  # silhouettes take as much memory as a crop in colour

Unusable = Mapping[TrackKey, str]  # why a track has no embedding
Needs = Sequence[Modality]


def read_tracks(video: str, fps: float, folder: RunFolder, needs: Needs, config: Config) -> list[TrackSummary]:
    """The stored tracks of a video with what is known of their silhouettes and poses; these stay on disk."""
    tracks = []
    for tracklet in read_mot(folder.tracks(video), video, fps):
        key = tracklet.video, tracklet.track_id
        silhouettes, quality, rejected = read_summary(folder.sequence(*key))
        usable, poses = silhouettes, None
        if from_poses(needs):
            frames = _pose_frames(key, folder, config)
            poses = len(frames)
            if Modality.SILHOUETTES in needs:
                frames = np.intersect1d(frames, read_frame_indices(folder.sequence(*key)))
            usable = len(frames)
        tracks.append(TrackSummary(tracklet, silhouettes, quality, rejected, poses, usable))
    return tracks


def unusable_tracks(tracks: Iterable[TrackSummary], needs: Needs, config: Config) -> Unusable:
    """The tracks with too few usable frames, each with the reason that was the most frequent."""
    needed = config.recognition.min_frames
    what = _what(needs)
    reasons = {}
    for track in tracks:
        if track.usable < needed:
            known = track.rejected if Modality.SILHOUETTES in needs else {}
            mostly = f", mostly {max(known, key=lambda reason: known[reason])}" if known else ""
            reasons[track.key] = f"{track.usable} {what} in {len(track.tracklet)} frames, {needed} needed{mostly}"
    return reasons


def read_input(track: TrackKey, folder: RunFolder, needs: Needs, config: Config) -> EncoderInput:
    """One track with the modalities that an encoder needs. Skeleton maps are drawn when the encoder reads them."""
    if set(needs) == {Modality.SILHOUETTES}:
        return read_sequence(folder.sequence(*track), *track)
    found: dict[Modality, ModalityFrames] = {}
    quality = read_summary(folder.sequence(*track))[1]
    if from_crops(needs):
        found |= read_rgb(folder.crops(*track), partial(folder.crop, *track))
    if Modality.SILHOUETTES in needs:
        found |= read_sequence(folder.sequence(*track), *track).modalities
    if not from_poses(needs):
        return GaitSequence(*track, found, quality)
    poses = read_poses(folder.poses(*track), *track).usable(config.pose.min_score)
    found |= modalities_of_poses(poses, needs, config)
    return GaitSequence(*track, found, {**quality, "frames_with_pose": float(len(poses))})


def modalities_of_poses(poses: PoseSequence, needs: Needs, config: Config) -> dict[Modality, ModalityFrames]:
    """What an encoder needs of a track's usable poses: keypoints, skeleton maps, or both."""
    found = {}
    if Modality.KEYPOINTS in needs:
        found[Modality.KEYPOINTS] = ModalityFrames(poses.keypoints, poses.frame_indices)
    if Modality.SKELETON_MAPS in needs:
        maps = SkeletonMaps.of(poses.keypoints, use_score=config.pose.use_score)
        found[Modality.SKELETON_MAPS] = ModalityFrames(maps, poses.frame_indices)
    return found


def size_of(track: TrackSummary, needs: Needs, config: Config) -> int:
    """How many silhouettes take as much memory as this track while it is embedded."""
    if from_crops(needs):
        return IN_COLOUR * min(track.silhouettes, config.recognition.max_frames)
    return track.silhouettes


def _what(needs: Needs) -> str:
    if not from_poses(needs):
        return "usable silhouettes"
    return "frames with a usable silhouette and pose" if Modality.SILHOUETTES in needs else "usable poses"


def _pose_frames(track: TrackKey, folder: RunFolder, config: Config) -> IntArray:
    return read_poses(folder.poses(*track), *track).usable(config.pose.min_score).frame_indices

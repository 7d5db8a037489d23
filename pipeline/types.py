"""What flows between the stages: frozen dataclasses of NumPy arrays that refuse what does not line up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]  # H×W×3, BGR, upright
FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
TrackKey = tuple[str, int]  # video, track

SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH = 64, 44


@dataclass(frozen=True, slots=True)
class Frame:
    """One upright picture of a video. `index` counts from 0, `time_s` is its presentation time in seconds.

    foreground: H×W uint8, 255 × the probability that a pixel is not part of the empty scene; only where somebody asked.
    """

    index: int
    time_s: float
    image: Image
    foreground: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ValueError(f"image must be H×W×3 uint8, got {self.image.shape} {self.image.dtype}")
        if self.foreground is not None and self.foreground.shape != self.image.shape[:2]:
            raise ValueError(f"foreground {self.foreground.shape} and image {self.image.shape} must have the same size")


@dataclass(frozen=True, slots=True)
class Detections:
    """The people of one frame: boxes N×4 float32 (x1, y1, x2, y2 in pixels), scores N float32 in [0, 1]."""

    frame_index: int
    boxes: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        _want_boxes(self.boxes)
        _same_length(boxes=self.boxes, scores=self.scores)

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def empty(cls, frame_index: int) -> Detections:
        return cls(frame_index, np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class TrackedBoxes:
    """The tracks alive in one frame: ids N (1-based), boxes N×4 float32 xyxy px, scores N float32."""

    frame_index: int
    track_ids: IntArray
    boxes: FloatArray
    scores: FloatArray

    def __post_init__(self) -> None:
        _want_boxes(self.boxes)
        _same_length(track_ids=self.track_ids, boxes=self.boxes, scores=self.scores)

    def __len__(self) -> int:
        return len(self.track_ids)

    @classmethod
    def nobody(cls, frame_index: int) -> TrackedBoxes:
        return cls(frame_index, np.zeros(0, np.int64), np.zeros((0, 4), np.float32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Tracklet:
    """One person followed through one video.

    video: its name in the run; track_id: 1-based, per video; frame_indices: T int64, rising;
    boxes: T×4 float32 xyxy px; scores: T float32; fps: frames per second of the source.
    """

    video: str
    track_id: int
    frame_indices: IntArray
    boxes: FloatArray
    scores: FloatArray
    fps: float

    def __post_init__(self) -> None:
        _want_boxes(self.boxes)
        _same_length(frame_indices=self.frame_indices, boxes=self.boxes, scores=self.scores)
        _rising(self.frame_indices)

    def __len__(self) -> int:
        return len(self.frame_indices)


class Modality(StrEnum):
    """What a gait network can look at: one array a frame, T of them for a walk."""

    SILHOUETTES = "silhouettes"  # T×H×W uint8, 0–255
    SKELETON_MAPS = "skeleton maps"  # T×2×H×W uint8, 0–255: limbs, joints
    KEYPOINTS = "keypoints"  # T×J×3 float32: x, y in pixels, confidence; COCO's 17 joints
    PARSING = "human parsing"  # T×H×W uint8: the body part of every pixel, 0 is background
    SMPL = "SMPL"  # T×85 float32: camera 3, pose 72, shape 10
    RGB = "RGB"  # T×3×H×W uint8: the person's crop, padded with black to 256×128
    ASPECT_RATIOS = "aspect ratios"  # T float32: width over height of the crop before it was padded
    BODIES = "bodies"  # T×64×32 uint8, 0–255: where the segmenter sees the person in the crop
    DIFFUSION = "diffusion features"  # T×4×96×48 float32: what Stable Diffusion's network makes of the crop in one step
    DEPTH = "depth pictures"  # T×3×H×W uint8: points of a LiDAR seen from the front, their depth in colours
    POINTS = "point clouds"  # T×N×3 float32, metres, z up


FROM_POSES = (Modality.KEYPOINTS, Modality.SKELETON_MAPS)
FROM_CROPS = (Modality.RGB, Modality.ASPECT_RATIOS, Modality.BODIES)


def from_poses(needs: Iterable[Modality]) -> bool:
    """Whether any of these modalities is made of poses."""
    return any(need in FROM_POSES for need in needs)


def from_crops(needs: Iterable[Modality]) -> bool:
    """Whether any of these modalities is made of crops in colour: pictures of people."""
    return any(need in FROM_CROPS for need in needs)


class Frames(Protocol):
    """T frames of something, indexed like the first axis of an array."""

    def __len__(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    def __getitem__(self, frames: slice | IntArray, /) -> NDArray[Any]: ...


@dataclass(frozen=True, slots=True)
class ModalityFrames:
    """One modality of one track: data T×… as `Modality` says, frame_indices T int64, rising.

    data: an array, or what makes the frames when they are asked for.
    """

    data: Frames
    frame_indices: IntArray

    def __post_init__(self) -> None:
        _same_length(data=self.data, frame_indices=self.frame_indices)
        _rising(self.frame_indices)

    def __len__(self) -> int:
        return len(self.data)


@dataclass(frozen=True, slots=True)
class PoseSequence:
    """The joints of one track: keypoints T×17×3 float32 (COCO's order; x, y in pixels of the frame, score in [0, 1]).

    frame_indices: T int64, rising; frame_size: height, width of the frames. Every frame that was looked at is here,
    whatever its scores: `usable` says which are good enough.
    """

    video: str
    track_id: int
    keypoints: FloatArray
    frame_indices: IntArray
    frame_size: tuple[int, int]

    def __post_init__(self) -> None:
        if self.keypoints.ndim != 3 or self.keypoints.shape[1:] != (17, 3):
            raise ValueError(f"keypoints must be T×17×3, got {self.keypoints.shape}")
        _same_length(keypoints=self.keypoints, frame_indices=self.frame_indices)
        _rising(self.frame_indices)

    def __len__(self) -> int:
        return len(self.keypoints)

    def usable(self, min_score: float) -> PoseSequence:
        """The frames whose joints have that score in the mean."""
        good = self.keypoints[..., 2].mean(axis=1) >= min_score
        return PoseSequence(self.video, self.track_id, self.keypoints[good], self.frame_indices[good], self.frame_size)


@dataclass(frozen=True, slots=True)
class GaitSequence:
    """One track in several modalities, each with frame indices of its own (a frame may be usable in one only)."""

    video: str
    track_id: int
    modalities: Mapping[Modality, ModalityFrames]
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SilhouetteSequence:
    """The usable silhouettes of one track: masks T×H×W uint8 (0–255, grey edges), aligned, usually 64×44.

    frame_indices: T int64, rising. quality: named parts, numbers (see segmentation/quality.py);
    rejected: reason → number of frames left out for it.
    """

    video: str
    track_id: int
    masks: NDArray[np.uint8]
    frame_indices: IntArray
    quality: Mapping[str, float] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.masks.ndim != 3 or self.masks.dtype != np.uint8:
            raise ValueError(f"masks must be T×H×W uint8, got {self.masks.shape} {self.masks.dtype}")
        _same_length(masks=self.masks, frame_indices=self.frame_indices)
        _rising(self.frame_indices)

    def __len__(self) -> int:
        return len(self.masks)

    @property
    def modalities(self) -> Mapping[Modality, ModalityFrames]:
        """The silhouettes as the one modality of this walk: what an encoder asks for."""
        return {Modality.SILHOUETTES: ModalityFrames(self.masks, self.frame_indices)}


@dataclass(frozen=True, slots=True)
class Embedding:
    """The gait of one track as C×P float32: P parts of the body with C values each.

    model: encoder name and architecture; checkpoint_sha256: "" where the encoder needs no weights;
    frames_used: silhouettes behind it; quality: copied from the sequence.
    """

    video: str
    track_id: int
    parts: FloatArray
    model: str
    checkpoint_sha256: str
    frames_used: int
    quality: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.parts.ndim != 2:
            raise ValueError(f"parts must be C×P, got {self.parts.shape}")
        if not np.isfinite(self.parts).all():
            raise ValueError(f"embedding of {self.video} track {self.track_id} has values that are not finite")


@dataclass(frozen=True, slots=True)
class Candidate:
    """One gallery identity with its distance to the probe track (smaller is more alike), and how likely it is."""

    identity: str
    distance: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """The answer for one probe track, always with its reason. candidates: the rank list, nearest first."""

    video: str
    track_id: int
    status: Literal["known", "unknown", "unusable"]
    identity: str | None
    distance: float | None
    confidence: float | None
    candidates: tuple[Candidate, ...]
    reason: str

    def __post_init__(self) -> None:
        if (self.status == "known") != (self.identity is not None):
            raise ValueError(f"status {self.status!r} and identity {self.identity!r} contradict each other")


def identity_of(video: str, track_id: int) -> str:
    """The name of a person who is known only by a gallery track: `gallery-001`."""
    return f"{video}-{track_id:03d}"


def _want_boxes(boxes: NDArray[Any]) -> None:
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ValueError(f"boxes must be N×4 (x1, y1, x2, y2), got {boxes.shape}")


def _same_length(**arrays: Frames) -> None:
    (first_name, first), *others = arrays.items()
    for name, array in others:
        if len(array) != len(first):
            raise ValueError(f"{first_name} {first.shape} and {name} {array.shape} must have the same length")


def _rising(frame_indices: IntArray) -> None:
    if len(frame_indices) > 1 and (np.diff(frame_indices) <= 0).any():
        raise ValueError("frame_indices must rise strictly")

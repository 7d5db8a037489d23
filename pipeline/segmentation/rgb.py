"""Crops of people in colour, for encoders that look at RGB: cut as OpenGait's pretreatment cuts them.

A crop is a picture of a person. Each goes to disk as a JPEG as soon as its silhouette is known to be usable, so that
memory holds a few hundred bytes a frame, whatever the length of the video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import InputError
from pipeline.files import DAMAGED_NPZ, atomic, reason_of
from pipeline.segmentation.crop import Crop, inside
from pipeline.types import FloatArray, IntArray, Modality, ModalityFrames

SIZE = (256, 128)
BODY = (64, 32)  # of the body in a crop
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95]
KEPT = 256  # crops of a track, evenly spread: four times what an encoder looks at


@dataclass(frozen=True, slots=True)
class RGBCrop:
    """What is shown of a person, as JPEG of 256×128. ratio: width over height of the box, before it was padded."""

    jpeg: bytes
    ratio: float


@dataclass(frozen=True, slots=True)
class RGBSequence:
    """The crops of one track, but for their pictures. ratios: T float32; bodies: T×256 uint8, 64×32 bits each.

    bodies: where the segmenter sees the person in the crop. frame_indices: T int64, rising.
    """

    track_id: int
    ratios: FloatArray
    bodies: NDArray[np.uint8]
    frame_indices: IntArray


@dataclass(frozen=True, slots=True)
class RGBFrames:
    """The pictures of a track, read when they are asked for: `frames[some]` is N×3×256×128 uint8, RGB."""

    files: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.files)

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self), 3, *SIZE

    def __getitem__(self, frames: slice | IntArray) -> NDArray[np.uint8]:
        chosen = [self.files[number] for number in np.arange(len(self))[frames]]
        pictures = np.empty((len(chosen), 3, *SIZE), np.uint8)
        for picture, file in zip(pictures, chosen, strict=True):
            found = cv2.imdecode(np.fromfile(file, np.uint8), cv2.IMREAD_COLOR_RGB) if _holds(file) else None
            if found is None or found.shape[:2] != SIZE:
                raise InputError(f"{file}: not a crop of {SIZE[0]}×{SIZE[1]}. Run again.")
            picture[:] = found.transpose(2, 0, 1)
        return pictures


def padded(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture H×W×3 as 256×128×3: scaled to the height, in the middle of black, or cut where it is wider."""
    height, width = SIZE
    scaled = cv2.resize(picture, (max(1, int(picture.shape[1] * height / picture.shape[0])), height))
    left = (width - scaled.shape[1]) // 2
    if left < 0:
        return np.asarray(scaled[:, -left : width - left], np.uint8)
    around = np.zeros((height, width, 3), np.uint8)
    around[:, left : left + scaled.shape[1]] = scaled
    return around


def cut_rgb(image: NDArray[np.uint8], box: FloatArray) -> RGBCrop | None:
    """Cut the box (x1, y1, x2, y2, pixels) out of a frame H×W×3 BGR; None where it shows no pixel."""
    corners = inside(box, image.shape)
    if corners is None:
        return None
    x1, y1, x2, y2 = corners
    jpeg = cv2.imencode(".jpg", padded(image[y1:y2, x1:x2]), JPEG)[1].tobytes()
    return RGBCrop(jpeg, (x2 - x1) / (y2 - y1))


def body_in_crop(mask: NDArray[np.uint8], crop: Crop, box: FloatArray) -> NDArray[np.uint8]:
    """The silhouette of a segmenter's crop (S×S uint8) as it lies in the RGB crop of the same box: 256 uint8, bits."""
    height, width = BODY
    corners = inside(box, crop.frame_size)
    assert corners is not None  # there is a crop
    x1, y1, x2, y2 = crop.to_crop(np.array([corners], np.float32))[0].astype(float)
    columns = height * (x2 - x1) / (y2 - y1)  # that the crop takes in the middle of the 32
    across, down, left = (x2 - x1) / columns, (y2 - y1) / height, (width - columns) / 2
    place = np.array([[across, 0, x1 + (0.5 - left) * across - 0.5], [0, down, y1 + 0.5 * down - 0.5]])
    body = cv2.warpAffine(mask, place, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP) > 127
    middles = np.arange(width) + 0.5
    return np.packbits(body & (middles >= left) & (middles <= left + columns))


class RGBBuilder:
    """Gathers what is known of the crops of one video, by track; their pictures are files."""

    def __init__(self) -> None:
        self._tracks: dict[int, dict[int, tuple[float, NDArray[np.uint8]]]] = {}

    def add(self, track_id: int, frame_index: int, ratio: float, body: NDArray[np.uint8]) -> list[int]:
        """Note a crop; returns the frames whose pictures are not needed any more."""
        track = self._tracks.setdefault(track_id, {})
        track[frame_index] = ratio, body
        return _thinned(track) if len(track) >= 2 * KEPT else []

    def join(self, later: RGBBuilder) -> None:
        """Take over what another has gathered of later frames of the same video."""
        for track_id, track in later._tracks.items():
            self._tracks.setdefault(track_id, {}).update(track)
        later._tracks.clear()

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """What is gathered so far, for `of_arrays`."""
        rows = [(track_id, frame, *kept) for track_id, track in self._tracks.items() for frame, kept in track.items()]
        bodies = [row[3] for row in rows]
        return {
            "tracks": np.array([row[:2] for row in rows], np.int64).reshape(-1, 2),
            "ratios": np.array([row[2] for row in rows], np.float64),
            "bodies": np.stack(bodies) if bodies else np.empty((0, BODY[0] * BODY[1] // 8), np.uint8),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> RGBBuilder:
        """What `as_arrays` gave, to be joined."""
        builder = cls()
        rows = zip(arrays["tracks"].tolist(), arrays["ratios"].tolist(), arrays["bodies"], strict=True)
        for (track_id, frame), ratio, body in rows:
            builder._tracks.setdefault(track_id, {})[frame] = ratio, body
        return builder

    def finish(self, track_ids: Iterable[int]) -> Iterator[tuple[RGBSequence, list[int]]]:
        """The sequence of every track asked for, those without a crop included, and the frames that are too many."""
        for track_id in track_ids:
            track = self._tracks.pop(track_id, {})
            dropped = _thinned(track)
            frames = sorted(track)
            bodies = [track[frame][1] for frame in frames]
            yield (
                RGBSequence(
                    track_id,
                    np.array([track[frame][0] for frame in frames], np.float32),
                    np.stack(bodies) if bodies else np.empty((0, BODY[0] * BODY[1] // 8), np.uint8),
                    np.array(frames, np.int64),
                ),
                dropped,
            )


def _thinned(track: dict[int, Any]) -> list[int]:
    """Leave KEPT frames; returns the others. Multiples of the golden ratio spread over the frames, whichever come."""
    dropped = sorted(track, key=lambda frame: frame * 2654435769 % 2**32)[KEPT:]
    for frame in dropped:
        del track[frame]
    return dropped


def write_rgb(path: Path, sequence: RGBSequence) -> None:
    """Write what is known of a track's crops: ratios (T), bodies (T×256, bits) and frame_indices (T)."""
    with atomic(path) as stream:
        np.savez_compressed(
            stream, ratios=sequence.ratios, bodies=sequence.bodies, frame_indices=sequence.frame_indices
        )


def read_rgb(path: Path, picture_of: Callable[[int], Path]) -> dict[Modality, ModalityFrames]:
    """What an encoder can see in a track's crops. picture_of: the file of a frame's picture, by frame index.

    Raises InputError when the file is damaged, or is gone since the run ended.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            indices, ratios = arrays["frame_indices"], arrays["ratios"].astype(np.float32)
            bodies = np.unpackbits(arrays["bodies"], axis=1).reshape(-1, *BODY) * np.uint8(255)
    except DAMAGED_NPZ as error:
        raise InputError(f"{path}: no crops of this track ({reason_of(error)}). Run again.") from None
    return {
        Modality.RGB: ModalityFrames(RGBFrames(tuple(map(picture_of, indices.tolist()))), indices),
        Modality.ASPECT_RATIOS: ModalityFrames(ratios, indices),
        Modality.BODIES: ModalityFrames(bodies, indices),
    }


def _holds(file: Path) -> bool:
    return file.is_file() and file.stat().st_size > 0

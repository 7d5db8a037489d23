"""From tracked frames to silhouette sequences: cut people out, finish their masks, gather them by track.

The run cuts while the frame is at hand (cheap, keeps small copies), segments crops in batches of its own size, and
finishes the masks: cleaned, judged and aligned.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SegmentationConfig
from pipeline.segmentation import Segmented
from pipeline.segmentation import quality as judge
from pipeline.segmentation.clean import Cleaned, clean
from pipeline.segmentation.crop import Crop, View, cut_person, cut_surroundings
from pipeline.segmentation.motion import UNKNOWN, with_foreground
from pipeline.segmentation.normalise import cut_width, normalise
from pipeline.segmentation.rgb import RGBCrop
from pipeline.types import (
    SILHOUETTE_HEIGHT,
    SILHOUETTE_WIDTH,
    FloatArray,
    Frame,
    SilhouetteSequence,
    TrackedBoxes,
)

LOOSE = 2048  # masks of all tracks together that are kept as they are; then those of each track are compressed


@dataclass(frozen=True, slots=True)
class PersonCrop:
    """One tracked person of one frame, cut out and waiting for the network.

    image: S×S×3 uint8 BGR, or S×S of the foreground, what the segmenter sees. crop: where it lies in the frame; None
    where the box shows nothing (the image is white, or black, then). box: 4, neighbours: N×4 float32, the tracked boxes
    in frame pixels. foreground: S×S uint8 of the same place, to be joined with the network's answer; None: its answer
    stands. rgb: the box alone in colour, where the encoder looks at it.
    """

    track_id: int
    frame_index: int
    image: NDArray[np.uint8]
    crop: Crop | None
    box: FloatArray
    neighbours: FloatArray
    foreground: NDArray[np.uint8] | None = None
    rgb: RGBCrop | None = None


@dataclass(frozen=True, slots=True)
class Silhouette:
    """One tracked person of one frame, segmented.

    mask: S×S uint8, 0 or 255, as segmented (and cleaned). aligned: 64×44 uint8 with grey edges, or the mask itself
    where `normalise` is off; None where it is not used, and then `reason` says why. quality: named parts (quality.py).
    """

    track_id: int
    frame_index: int
    mask: NDArray[np.uint8]
    aligned: NDArray[np.uint8] | None
    reason: str | None
    quality: Mapping[str, float]

    def __post_init__(self) -> None:
        if (self.aligned is None) != (self.reason is not None):
            raise ValueError(f"reason {self.reason!r} contradicts a silhouette that is {self.aligned is not None}")


def cut_people(
    frame: Frame,
    tracked: TrackedBoxes,
    config: SegmentationConfig,
    view: View,
    wanted: Collection[int] | None = None,
) -> list[PersonCrop]:
    """Cut people out of a frame; nothing on frames that `config.every` leaves out.

    Args:
        frame: The frame.
        tracked: Everybody in it.
        config: Says how.
        view: What the segmenter wants to see.
        wanted: The tracks that are cut out; all by default.

    Raises:
        ValueError: The frame does not have the foreground that is looked at.
    """
    if frame.index % config.every or (wanted is not None and not wanted):
        return []
    picture = frame.image if view.looks_at == "image" else frame.foreground
    if picture is None:
        raise ValueError(f"frame {frame.index} comes without its foreground")
    cut = cut_surroundings if config.surroundings == "scene" else cut_person
    margin = view.margin if config.margin is None else config.margin
    people = []
    for place, (track_id, box) in enumerate(zip(tracked.track_ids.tolist(), tracked.boxes, strict=True)):
        if wanted is not None and track_id not in wanted:
            continue
        crop = cut(picture, box, view.size, margin, view.around)
        image = crop.image if crop else np.full((view.size, view.size, *picture.shape[2:]), view.around or 0, np.uint8)
        others = np.delete(tracked.boxes, place, axis=0)
        x1, y1, x2, y2 = crop.source if crop else (0, 0, 0, 0)
        meets = (others[:, 0] < x2) & (others[:, 2] > x1) & (others[:, 1] < y2) & (others[:, 3] > y1)
        near = others[meets] if crop else others[:0]
        foreground = None
        if config.background and view.looks_at == "image" and crop is not None and frame.foreground is not None:
            foreground = crop.same_of(frame.foreground, UNKNOWN)
        people.append(PersonCrop(track_id, frame.index, image, crop, box.copy(), near, foreground))
    return people


def finish(crops: Sequence[PersonCrop], segmented: Segmented, config: SegmentationConfig) -> list[Silhouette]:
    """Turn the segmenter's answer for the crops into silhouettes, in the same order."""
    if len(crops) != len(segmented.person):
        raise ValueError(f"crops ({len(crops)}) and answers {segmented.person.shape} must have the same length")
    return [_finish_one(crop, segmented, number, config) for number, crop in enumerate(crops)]


@dataclass(slots=True)
class _Track:
    """What is kept of a track while the video runs: the aligned masks, compressed by and by, and a few numbers a frame.

    Somebody who is in the picture for an hour leaves 300 MB of masks, but 20 MB of compressed ones.
    """

    masks: list[NDArray[np.uint8]] = field(default_factory=list)
    packed: list[bytes] = field(default_factory=list)
    shape: tuple[int, ...] = (SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH)
    frame_indices: array[int] = field(default_factory=lambda: array("q"))
    heights: array[float] = field(default_factory=lambda: array("f"))
    parts: dict[str, array[float]] = field(default_factory=dict)
    rejected: Counter[str] = field(default_factory=Counter)

    def pack(self) -> None:
        if self.masks:
            self.packed.append(zlib.compress(np.stack(self.masks).tobytes(), level=1))
            self.masks.clear()

    def all_masks(self) -> NDArray[np.uint8]:
        """T×H×W; leaves nothing behind, so that the masks are in memory once."""
        self.pack()
        masks = np.empty((len(self.frame_indices), *self.shape), np.uint8)
        begin = 0
        while self.packed:
            rows = np.frombuffer(zlib.decompress(self.packed.pop(0)), np.uint8).reshape(-1, *self.shape)
            masks[begin : begin + len(rows)] = rows
            begin += len(rows)
        return masks

    def join(self, later: _Track) -> None:
        self.pack()
        later.pack()
        if later.packed:
            self.shape = later.shape
        self.packed += later.packed
        self.frame_indices += later.frame_indices
        self.heights += later.heights
        for part, values in later.parts.items():
            self.parts.setdefault(part, array("d")).extend(values)
        self.rejected.update(later.rejected)


class SequenceBuilder:
    """Gathers the silhouettes of one video by track. Feed it in the order of the frames."""

    MEANS = ("confidence", "certainty", "coverage", "dropped", "occluded")
    """Parts of the frames whose mean over the usable ones goes into the sequence, as mean_<part>."""

    def __init__(self, video: str, config: SegmentationConfig) -> None:
        self._video = video
        self._config = config
        self._tracks: dict[int, _Track] = {}
        self._loose = 0  # masks of all tracks that are not compressed yet

    def add(self, silhouette: Silhouette) -> None:
        """Count a silhouette, and keep its aligned mask if it is usable."""
        track = self._tracks.setdefault(silhouette.track_id, _Track())
        if silhouette.aligned is None:
            track.rejected[str(silhouette.reason)] += 1
            return
        track.shape = silhouette.aligned.shape
        track.masks.append(silhouette.aligned)
        self._loose += 1
        if self._loose == LOOSE:
            for one in self._tracks.values():
                one.pack()
            self._loose = 0
        track.frame_indices.append(silhouette.frame_index)
        track.heights.append(silhouette.quality.get("height_px", 0.0))
        for part in self.MEANS:
            track.parts.setdefault(part, array("d")).append(silhouette.quality.get(part, 0.0))

    def join(self, later: SequenceBuilder) -> None:
        """Take over what another has gathered of later frames of the same video, as if it had been added here."""
        for track_id, track in later._tracks.items():
            self._tracks.setdefault(track_id, _Track()).join(track)
        later._tracks.clear()

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """What is gathered so far, for `of_arrays`; masks are left as they are."""
        tracks = self._tracks
        for track in tracks.values():
            track.pack()
        rejected = [(track_id, *one) for track_id, track in tracks.items() for one in track.rejected.items()]
        rows = [(track_id, frame) for track_id, track in tracks.items() for frame in track.frame_indices]
        shapes = {track.shape for track in tracks.values() if track.packed} or {_Track().shape}
        masks = b"".join(zlib.decompress(one) for track in tracks.values() for one in track.packed)
        return {
            "order": np.array(list(tracks), np.int64),
            "tracks": np.array(rows, np.int64).reshape(-1, 2),
            "masks": np.frombuffer(masks, np.uint8).reshape(-1, *shapes.pop()),
            "heights": np.array([one for track in tracks.values() for one in track.heights], np.float32),
            "parts": np.array(
                [[one for track in tracks.values() for one in track.parts.get(part, ())] for part in self.MEANS]
            ),
            "rejected": np.array([(track_id, frames) for track_id, _, frames in rejected], np.int64).reshape(-1, 2),
            "reasons": np.array([reason for _, reason, _ in rejected], dtype=str),
        }

    @classmethod
    def of_arrays(cls, video: str, config: SegmentationConfig, arrays: Mapping[str, NDArray[Any]]) -> SequenceBuilder:
        """What `as_arrays` gave, to be joined."""
        builder = cls(video, config)
        tracks = builder._tracks
        tracks.update((track_id, _Track(shape=arrays["masks"].shape[1:])) for track_id in arrays["order"].tolist())
        rows = zip(arrays["tracks"].tolist(), arrays["masks"], arrays["heights"], arrays["parts"].T, strict=True)
        for (track_id, frame), mask, height, parts in rows:
            track = tracks[track_id]
            track.masks.append(mask)
            track.frame_indices.append(frame)
            track.heights.append(height)
            for part, value in zip(cls.MEANS, parts.tolist(), strict=True):
                track.parts.setdefault(part, array("d")).append(value)
        for (track_id, frames), reason in zip(arrays["rejected"].tolist(), arrays["reasons"].tolist(), strict=True):
            tracks[track_id].rejected[reason] = frames
        for track in tracks.values():
            track.pack()
        return builder

    def finish(self, track_ids: Iterable[int]) -> Iterator[SilhouetteSequence]:
        """The sequence of every track asked for, those without a usable silhouette included (T = 0); each once.

        Their quality: frames_tracked (those looked at, see `every`), frames_segmented (somebody was found),
        frames_usable, usable_share, median_height_px and the MEANS.
        """
        for track_id in track_ids:
            yield self._sequence(track_id, self._tracks.pop(track_id, _Track()))

    def _sequence(self, track_id: int, track: _Track) -> SilhouetteSequence:
        usable = len(track.frame_indices)
        tracked = usable + track.rejected.total()
        nobody = track.rejected[judge.NOBODY] + track.rejected[judge.OUTSIDE]
        quality = {
            "frames_tracked": float(tracked),
            "frames_segmented": float(tracked - nobody),
            "frames_usable": float(usable),
            "usable_share": usable / tracked if tracked else 0.0,
            "median_height_px": float(np.median(track.heights)) if usable else 0.0,
            **{f"mean_{part}": fsum(track.parts[part]) / usable if usable else 0.0 for part in self.MEANS},
        }
        return SilhouetteSequence(
            self._video,
            track_id,
            track.all_masks(),
            np.array(track.frame_indices, np.int64),
            quality,
            dict(track.rejected.most_common()),
        )


def _finish_one(person: PersonCrop, segmented: Segmented, number: int, config: SegmentationConfig) -> Silhouette:
    probability = segmented.person[number]
    if person.foreground is not None:
        probability = with_foreground(probability, person.foreground, segmented.trust)
    marked = np.where(probability >= np.float32(config.threshold), np.uint8(255), np.uint8(0))
    if person.crop is None:
        return Silhouette(person.track_id, person.frame_index, np.zeros_like(marked), None, judge.OUTSIDE, {})
    if config.clean:
        own, others = person.crop.to_crop(person.box[None])[0], person.crop.to_crop(person.neighbours)
        cleaned = clean(marked, own, others)
    else:
        cleaned = Cleaned(marked, 0.0, 0.0)
    parts = judge.measure(person.crop, person.box, person.neighbours, probability, cleaned)
    parts["presence"] = 1.0 if segmented.presence is None else float(segmented.presence[number])
    reason = judge.verdict(parts, config.min_height, segmented.limits) if config.reject else None
    aligned: NDArray[np.uint8] | None = None
    if reason is None:
        square = normalise(cleaned.mask) if config.normalise else None
        aligned = cleaned.mask if not config.normalise else None if square is None else cut_width(square).copy()
        reason = judge.NOBODY if aligned is None else None
    return Silhouette(person.track_id, person.frame_index, cleaned.mask, aligned, reason, parts)

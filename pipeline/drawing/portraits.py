"""One picture of each tracked person, cut from the frame in which they are seen best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np

from pipeline.drawing.canvas import BgrCanvas, Canvas, PlanarCanvas
from pipeline.drawing.faces import Heads, blur_heads
from pipeline.types import FloatArray, Image, IntArray, Tracklet
from pipeline.video import VideoSource, open_video

HEIGHT = 240  # pixels; people who are shown smaller stay as they are
MARGIN = 0.08  # of the box's height, on each side
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 80, cv2.IMWRITE_JPEG_OPTIMIZE, 1]


@dataclass(frozen=True, slots=True)
class Shot:
    """Whom to cut from which frame: box x1, y1, x2, y2 in pixels."""

    track_id: int
    frame_index: int
    box: FloatArray


class Portraits:
    """Cuts everybody out while the frames of a video go by."""

    def __init__(self, shots: Sequence[Shot], save: Callable[[int, bytes], None]) -> None:
        """save: gets the track's id and the picture as the bytes of a JPEG file."""
        self._save = save
        self._shots = defaultdict[int, list[Shot]](list)
        for shot in shots:
            self._shots[shot.frame_index].append(shot)

    def look(self, frame_index: int, image: Callable[[], Image]) -> None:
        """Take from this frame what was wanted of it; `image` makes the picture, and is asked only then."""
        shots = self._shots.pop(frame_index, None)
        if not shots:
            return
        picture = image()
        for shot in shots:
            cut = _cut(picture, shot.box)
            if cut is not None:
                self._save(shot.track_id, cv2.imencode(".jpg", cut, JPEG)[1].tobytes())

    @property
    def complete(self) -> bool:
        """Whether no later frame is wanted."""
        return not self._shots


def best_shots(tracklets: Sequence[Tracklet], usable: Mapping[int, IntArray]) -> list[Shot]:
    """For each track the frame in which the person is large, surely found, and hidden by nobody.

    usable: track → frames whose silhouette was good enough; they come first, if there are any.
    """
    everybody: dict[int, list[FloatArray]] = defaultdict(list)
    for tracklet in tracklets:
        for index, box in zip(tracklet.frame_indices.tolist(), tracklet.boxes, strict=True):
            everybody[index].append(box)
    return [_best(tracklet, usable.get(tracklet.track_id), everybody) for tracklet in tracklets if len(tracklet)]


def take_portraits(source: str, portraits: Portraits, heads: Heads, turn: int = 0) -> None:
    """Decode a video as far as portraits are wanted of it. heads: to be blurred. Raises InputError."""
    with open_video(source, turn=turn) as video:
        size = video.info.width, video.info.height
        for frame_index, canvas, image in _pictures(video):
            blur_heads(canvas, heads.get(frame_index), size)
            portraits.look(frame_index, image)
            if portraits.complete:
                return


def _pictures(video: VideoSource) -> Iterator[tuple[int, Canvas, Callable[[], Image]]]:
    """Every frame: its index, something to paint on, and what gives its picture as painted."""
    colours = video.colours
    if colours is None:
        for frame in video:
            yield frame.index, BgrCanvas(frame.image), partial(np.asarray, frame.image)
    else:
        for picture in video.planar():
            yield picture.index, PlanarCanvas(picture, colours), partial(picture.image, colours)


def _best(tracklet: Tracklet, usable: IntArray | None, everybody: Mapping[int, Sequence[FloatArray]]) -> Shot:
    boxes = tracklet.boxes
    worth = (boxes[:, 3] - boxes[:, 1]) * tracklet.scores
    if usable is not None and len(usable):
        worth = np.where(np.isin(tracklet.frame_indices, usable), worth, worth * 1e-3)
    order = np.argsort(-worth, kind="stable")[:: max(1, len(worth) // 50)]  # a look at fifty of them is enough
    clear = [worth[row] * (1 - _hidden(boxes[row], everybody[int(tracklet.frame_indices[row])])) for row in order]
    best = int(order[int(np.argmax(clear))])
    return Shot(tracklet.track_id, int(tracklet.frame_indices[best]), boxes[best])


def _hidden(box: FloatArray, people: Sequence[FloatArray]) -> float:
    """The share of a box that lies in other people's, at most 1; `people` holds the box itself, too."""
    others = np.stack(people)
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0, None)
    own = float((box[2] - box[0]) * (box[3] - box[1]))
    return min(1.0, float(sides.prod(axis=1).sum()) / max(own, 1e-6) - 1)


def _cut(image: Image, box: FloatArray) -> Image | None:
    x1, y1, x2, y2 = (float(value) for value in box)
    margin = MARGIN * (y2 - y1)
    left, top = (max(0, round(side - margin)) for side in (x1, y1))
    cut = image[top : max(top, round(y2 + margin)), left : max(left, round(x2 + margin))]
    if not cut.size:
        return None
    scale = HEIGHT / cut.shape[0]
    if scale >= 1:
        return cut
    return np.asarray(cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)

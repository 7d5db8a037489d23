"""Draw who is who on the frames of a video, from the tracklets that are stored: nothing is tracked a second time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.drawing.boxes import boxes_by_frame
from pipeline.drawing.canvas import BgrCanvas, Canvas, PlanarCanvas, even
from pipeline.drawing.colours import GREY, Colour, text_colour
from pipeline.drawing.faces import blur_heads, heads_by_frame
from pipeline.drawing.lettering import REACH, draw_text, fit_text, ink_onto, one_line
from pipeline.drawing.portraits import Portraits
from pipeline.types import FloatArray, Image, IntArray, Match, Tracklet
from pipeline.video import VideoSink, VideoSource

_Rect = tuple[int, int, int, int]  # x1, y1, x2, y2


@dataclass(frozen=True, slots=True)
class Label:
    """What is written at a person's box: title (name), subtitle (confidence), in a colour, in the style of a status."""

    title: str
    subtitle: str = ""
    colour: Colour = GREY
    status: Literal["known", "unknown", "unusable"] = "known"

    @classmethod
    def of(cls, match: Match, title: str, colour: Colour, doubtful: str = "") -> Label:
        """The label of a probe track: `title` and `colour` are those of its identity, used only where it has one.

        doubtful: whom somebody unknown is most like.
        """
        if match.status == "known":
            sure = "" if match.confidence is None else f"{100 * match.confidence:.0f} %"
            return cls(title, sure, colour)
        return cls("unknown", doubtful, status="unknown") if match.status == "unknown" else UNUSABLE


UNUSABLE = Label("-", status="unusable")
"""Of tracks that cannot be judged, and of those that nobody gave a label."""


class Annotator:
    """Draws boxes and labels on the frames of one video; remembers where labels stood, so that they do not hop."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        # Sizes grow more slowly than the picture: legible at 480p, not gigantic at 4k.
        scale = min(width, height) / 480
        self._line = max(1, round(2 * scale**0.75))
        self._text = max(7, round(10 * scale**0.75))
        self._last_slot: dict[Label, int] = {}

    def draw(self, canvas: Canvas, boxes: FloatArray, labels: Sequence[Label]) -> None:
        """Draw N labelled boxes. boxes: N×4 xyxy px, may reach outside; labels: N."""
        if len(boxes) != len(labels):
            raise ValueError(f"boxes {boxes.shape} and labels ({len(labels)},) must have the same length")
        corners = [self._corners(box) for box in boxes]
        for corner, label in zip(corners, labels, strict=True):
            self._draw_box(canvas, corner, label)
        if min(self._width, self._height) < 4 * self._text:
            return  # no room for a word
        plates = [LabelPlate(label, self._text, self._width) for label in labels]
        places: list[_Rect] = []
        for position, (corner, plate) in enumerate(zip(corners, plates, strict=True)):
            others = corners[:position] + corners[position + 1 :]
            places.append(self._place(plate, corner, places, others))
        for corner, label, place in zip(corners, labels, places, strict=True):
            self._draw_stem(canvas, corner, place, label.colour)
        for plate, place in zip(plates, places, strict=True):
            canvas.paste(place[0], place[1], plate)

    def _corners(self, box: FloatArray) -> _Rect:
        """Whole pixels inside the picture."""
        x1, y1, x2, y2 = np.nan_to_num(np.asarray(box, np.float64), posinf=1e6, neginf=-1e6)
        right, bottom = self._width - 1, self._height - 1
        left, top = min(max(round(x1), 0), right), min(max(round(y1), 0), bottom)
        return left, top, min(max(round(x2), left), right), min(max(round(y2), top), bottom)

    def _draw_box(self, canvas: Canvas, corner: _Rect, label: Label) -> None:
        x1, y1, x2, y2 = corner
        line = self._line if label.status != "unusable" else max(1, self._line // 2)
        edges = _sides(corner, line)
        if label.status == "known":  # a dark rim keeps a bright box visible on a bright ground
            rim = (max(x1 - 1, 0), max(y1 - 1, 0), min(x2 + 1, self._width - 1), min(y2 + 1, self._height - 1))
            _fill(canvas, _sides(rim, 1), _darker(label.colour))
        elif label.status == "unknown":  # light dashes on dark, for the same reason
            _fill(canvas, edges, _darker(label.colour))
            edges = [piece for edge in edges for piece in _dashes(edge, 4 * self._line)]
        _fill(canvas, edges, label.colour)

    def _place(self, plate: LabelPlate, corner: _Rect, taken: list[_Rect], others: list[_Rect]) -> _Rect:
        """Where the plate hides least of the other plates and boxes, if need be away from its own box."""
        label, (height, width) = plate.label, plate.image.shape[:2]
        slots = self._slots(corner, width, height)
        cost = 0.1 * np.arange(len(slots)) + 10 * _covered(slots, taken) + _covered(slots, others)
        if label in self._last_slot:
            cost[self._last_slot[label]] -= 0.25  # stay, unless moving gains something
        best = self._last_slot[label] = int(cost.argmin())
        x1, y1, x2, y2 = (int(value) for value in slots[best])
        return x1, y1, x2, y2

    def _draw_stem(self, canvas: Canvas, corner: _Rect, place: _Rect, colour: Colour) -> None:
        """Join a plate that stands away from its box to it."""
        left = min(max(corner[0], place[0]), place[2] - self._line)
        for start, end in ((place[3], corner[1]), (corner[3], place[1])):  # the plate is above, or below
            if start < end:
                canvas.fill(left, start, left + self._line, end, colour)

    def _slots(self, corner: _Rect, width: int, height: int) -> IntArray:
        """Places for a plate, best first, S×4: above the box (at four levels), below it, inside it."""
        x1, y1, x2, y2 = corner
        step = height + self._line
        tops = [y1 - height, y1 - height - step, y1 - height - 2 * step, y2 + 1, y1 - height - 3 * step, y1]
        lefts = [x1, x2 + 1 - width]
        spots = np.array([(left, top) for top in tops for left in lefts], np.int64)
        spots = np.clip(spots, 0, (max(self._width - width, 0), max(self._height - height, 0))) // 2 * 2
        return np.hstack([spots, np.minimum(spots + np.array((width, height)), (self._width, self._height))])


def draw(image: Image, boxes: FloatArray, labels: Sequence[Label]) -> Image:
    """Draw N labelled boxes (N×4 xyxy px) on one picture, in place. For videos keep one Annotator."""
    Annotator(image.shape[1], image.shape[0]).draw(BgrCanvas(image), boxes, labels)
    return image


@dataclass(frozen=True, slots=True)
class Scene:
    """Who is drawn on a video.

    Attributes:
        tracklets: Their boxes.
        labels: By track; tracks without one are drawn as unusable.
        portraits: Pictures that are taken on the way, before boxes are drawn.
    """

    tracklets: Sequence[Tracklet]
    labels: Mapping[int, Label]
    portraits: Portraits | None = None


@dataclass(frozen=True, slots=True)
class Style:
    """How an annotated video is made. crf: of the encoder, lower is better; blur: heads are made unrecognisable;
    threads: of the encoder, 0 for as many as it likes.
    """

    crf: int = 23
    blur: bool = False
    threads: int = 0


def write_annotated(
    source: VideoSource,
    path: Path,
    scene: Scene,
    style: Style = Style(),
    progress: Callable[[int], None] | None = None,
) -> int:
    """Decode a video, draw its tracklets and encode it.

    Args:
        source: The video.
        path: The annotated one.
        scene: Who is drawn.
        style: How it is made.
        progress: Called with the frames done so far.

    Returns:
        The number of frames written.

    Raises:
        InputError: The video cannot be read.
        OutputError: The file cannot be written; one that could not be finished does not appear.
    """
    drawn, heads = boxes_by_frame(scene.tracklets), heads_by_frame(scene.tracklets) if style.blur else {}
    with source as video:
        info, colours = video.info, video.colours
        annotator = Annotator(info.width, info.height)

        def annotate(canvas: Canvas, frame_index: int, image: Callable[[], Image]) -> None:
            blur_heads(canvas, heads.get(frame_index), (info.width, info.height))
            if scene.portraits is not None:
                scene.portraits.look(frame_index, image)
            if frame_index in drawn:
                track_ids, boxes = drawn[frame_index]
                annotator.draw(canvas, boxes, [scene.labels.get(track_id, UNUSABLE) for track_id in track_ids])

        size = info.width, info.height, info.fps, info.time_base
        with VideoSink(path, *size, style.crf, colours=colours, threads=style.threads) as sink:
            for written in _annotated(video, annotate, sink):
                if progress is not None:
                    progress(written)
        return sink.frames_written


def _annotated(
    video: VideoSource, annotate: Callable[[Canvas, int, Callable[[], Image]], None], sink: VideoSink
) -> Iterator[int]:
    """Copy a video frame by frame into the sink, annotated; yields the number of frames so far."""
    colours = video.colours
    if colours is None:
        for frame in video:
            annotate(BgrCanvas(frame.image), frame.index, partial(np.asarray, frame.image))
            sink.write(frame.image, frame.time_s)
            yield sink.frames_written
    else:
        for picture in video.planar():
            annotate(PlanarCanvas(picture, colours), picture.index, partial(picture.image, colours))
            sink.write_planar(picture)
            yield sink.frames_written


def _covered(slots: IntArray, rects: Sequence[_Rect]) -> FloatArray:
    """How much of each slot the rectangles cover, as a share of its area, summed: S."""
    if not rects:
        return np.zeros(len(slots), np.float32)
    other = np.array(rects)
    shared = np.minimum(slots[:, None, 2:], other[None, :, 2:]) - np.maximum(slots[:, None, :2], other[None, :, :2])
    area = np.prod(slots[:, 2:] - slots[:, :2], axis=1)
    return np.asarray(np.clip(shared, 0, None).prod(axis=2).sum(axis=1) / area, np.float32)


def _sides(rect: _Rect, line: int) -> list[_Rect]:
    """The four sides of a rectangle, `line` px thick, inside of it."""
    x1, y1, x2, y2 = rect
    return [
        (x1, y1, x2, min(y1 + line - 1, y2)),
        (x1, max(y2 - line + 1, y1), x2, y2),
        (x1, y1, min(x1 + line - 1, x2), y2),
        (max(x2 - line + 1, x1), y1, x2, y2),
    ]


def _fill(canvas: Canvas, rects: Iterable[_Rect], colour: Colour) -> None:
    for left, top, right, bottom in rects:
        canvas.fill(left, top, right + 1, bottom + 1, colour)


def _dashes(edge: _Rect, dash: int) -> list[_Rect]:
    x1, y1, x2, y2 = edge
    if x2 - x1 >= y2 - y1:
        return [(x, y1, min(x + dash - 1, x2), y2) for x in range(x1, x2 + 1, 2 * dash)]
    return [(x1, y, x2, min(y + dash - 1, y2)) for y in range(y1, y2 + 1, 2 * dash)]


def _darker(colour: Colour) -> Colour:
    blue, green, red = colour
    return blue // 3, green // 3, red // 3


@dataclass(frozen=True, slots=True)
class LabelPlate:
    """The plate of a label: text `text` px tall, at most `widest` px wide."""

    label: Label
    text: int
    widest: int

    @property
    def image(self) -> Image:
        """h×w×3 uint8 BGR with even sides."""
        return _plate(self.label, self.text, self.widest)


@lru_cache(maxsize=512)
def _plate(label: Label, text: int, widest: int) -> Image:
    """The label as a small picture: text `text` px tall (capitals) on its colour, at most `widest` px wide."""
    gap, margin, side = round(0.8 * text), max(2, round(0.4 * text)), max(3, round(0.5 * text))
    subtitle = draw_text(label.subtitle, text) if label.subtitle else None
    room = widest - 2 * side - (subtitle.ink.shape[1] + gap if subtitle else 0)
    if room < 2 * text:  # who it is counts for more than how sure that is
        subtitle, room = None, widest - 2 * side
    title = draw_text(fit_text(one_line(label.title), text, room), text) if label.title else None
    pieces = [piece.ink for piece in (title, subtitle) if piece]
    baseline, reach = margin + text, math.ceil(text * (1 + REACH))
    width = min(widest, sum(piece.shape[1] for piece in pieces) + gap * (len(pieces) - 1) + 2 * side)
    ink = np.zeros((reach + math.ceil(text * REACH), width), np.uint8)
    left = side
    for piece in pieces:
        place = ink[:, left : left + piece.shape[1]]
        place[:] = piece[:, : place.shape[1]]
        left += piece.shape[1] + gap
    ink = _trimmed(ink, reach - baseline, reach - baseline + round(text * 1.35) + 2 * margin)
    ground = np.broadcast_to(np.array(label.colour, np.uint8), (*ink.shape, 3))
    return even(ink_onto(ground, ink, text_colour(label.colour)))


def _trimmed(ink: NDArray[np.uint8], top: int, bottom: int) -> NDArray[np.uint8]:
    """The rows from top to bottom, and those beyond that have ink, with one more."""
    rows = np.flatnonzero(ink.any(axis=1))
    if len(rows):
        top, bottom = min(top, max(int(rows[0]) - 1, 0)), max(bottom, int(rows[-1]) + 2)
    return ink[top:bottom]

"""Pictures as H.264 holds them, 4:2:0: drawn on without the way to BGR and back, which would cost time and colour.

Time: 16 % of drawing a demo video, 2 % of a run. Colour: where an HD video does not say its matrix, frames in BGR are
22 levels of red darker than players show them.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from pipeline.types import Image
from pipeline.video.orientation import Orientation

HD_HEIGHT = 720  # from here on players assume BT.709 where nothing is said

_UNSAID = 2
_WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114)}  # of red and blue in the luma, by matrix number
_LIMITED = (0, 1)  # ranges: unsaid, and 16–235


@dataclass(frozen=True, slots=True)
class Colours:
    """How a video's numbers stand for colours (ITU-T H.273): matrix, primaries, transfer; 2 where it does not say."""

    matrix: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Colours | None:
        """Of a frame that can be drawn on as it is: 4:2:0 of 8 bits, even sides, limited range, a usual matrix."""
        plain = frame.format.name == "yuv420p" and frame.width % 2 == 0 and frame.height % 2 == 0
        if not plain or int(frame.color_range) not in _LIMITED:
            return None
        matrix = int(frame.colorspace)
        if matrix != _UNSAID and matrix not in _WEIGHTS:
            return None
        return cls(matrix, int(frame.color_primaries), int(frame.color_trc))

    def matrix_at(self, height: int) -> int:
        """The number of the matrix of pictures of that height: what players assume, where the video does not say."""
        return (1 if height >= HD_HEIGHT else 6) if self.matrix == _UNSAID else self.matrix

    def of_bgr(self, colours: NDArray[np.uint8], height: int) -> NDArray[np.uint8]:
        """BGR …×3 → luma, blue and red difference …×3, as this video would code them; height: of its pictures."""
        red, blue = _WEIGHTS[self.matrix_at(height)]
        bgr = np.asarray(colours, np.float32) / np.float32(255)
        luma = blue * bgr[..., 0] + (1 - red - blue) * bgr[..., 1] + red * bgr[..., 2]
        u, v = (bgr[..., 0] - luma) / (2 - 2 * blue), (bgr[..., 2] - luma) / (2 - 2 * red)
        coded = np.stack([16 + 219 * luma, 128 + 224 * u, 128 + 224 * v], axis=-1)
        return np.asarray(np.rint(coded), np.uint8)


@dataclass(frozen=True, slots=True)
class Planar:
    """One upright picture in 4:2:0. planes: luma H×W and the blue and red differences H/2×W/2, views of `frame`."""

    index: int
    time_s: float
    frame: av.VideoFrame
    planes: tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]

    @classmethod
    def of(cls, index: int, time_s: float, frame: av.VideoFrame, orientation: Orientation) -> Planar:
        """A copy, free to be drawn on: the decoder still looks at the frame itself."""
        width, height = (frame.height, frame.width) if orientation.transpose else (frame.width, frame.height)
        # Not VideoFrame.from_numpy_buffer: PyAV 18 misplaces the colours where the height is no multiple of 16.
        copy = av.VideoFrame(width, height, "yuv420p")
        planes = _planes(copy)
        for plane, coded in zip(planes, _planes(frame), strict=True):
            plane[:] = coded if orientation == Orientation() else orientation.apply(coded)
        return cls(index, time_s, copy, planes)

    @property
    def size(self) -> tuple[int, int]:
        """Width, height."""
        return self.frame.width, self.frame.height

    def image(self, colours: Colours) -> Image:
        """The picture as it is now, H×W×3 uint8 BGR."""
        bgr = VideoReformatter().reformat(
            self.frame, format="bgr24", src_colorspace=colours.matrix_at(self.size[1]), threads=1
        )
        return np.asarray(bgr.to_ndarray(), np.uint8)


def _planes(frame: av.VideoFrame) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    y, u, v = (
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[  # type: ignore[call-overload]  # a buffer, but its stub does not say so
            : plane.height, : plane.width
        ]
        for plane in frame.planes
    )
    return y, u, v


def subsampled(picture: Image, colours: Colours, height: int) -> list[NDArray[np.uint8]]:
    """A BGR picture of even sides as three planes, the colour differences averaged over the pixels they stand for."""
    coded = colours.of_bgr(picture, height)
    rows, columns = picture.shape[0] // 2, picture.shape[1] // 2
    halves = coded[..., 1:].reshape(rows, 2, columns, 2, 2).mean(axis=(1, 3)).round().astype(np.uint8)
    return [coded[..., 0], halves[..., 0], halves[..., 1]]

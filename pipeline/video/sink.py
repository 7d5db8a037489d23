"""Where frames go: H.264 in mp4, which browsers and notebooks play, and animated GIFs, which need no player."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Self

import av
import cv2
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, Interpolation, VideoReformatter

from pipeline.errors import OutputError
from pipeline.files import PARTIAL, write_bytes
from pipeline.types import Image
from pipeline.video.planar import HD_HEIGHT, Colours, Planar

# Measured on the demo, a frame of 480×854: 3.2 ms and 6.3 MB. As "superfast" comes: 4.6 ms and 5.4 MB, the same PSNR;
# CABAC is most of the difference. "ultrafast": 2.6 ms and 12.9 MB; "veryfast": 7 ms and 4.9 MB.
_PRESET, _FASTER = "superfast", "partitions=none:weightp=0:cabac=0"

_FINEST_TICK = Fraction(1, 1_000_000)  # mp4 counts in 32 bits
# Unlike the default, this rounds: no darkening by half a level, and colour averaged over the four pixels it stands for.
_EXACT = Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


class VideoSink:
    """Writes BGR frames as H.264 yuv420p mp4 that starts playing before it is all there; a context manager.

    path: .mp4; it appears when the sink closes cleanly and is never half written: an exception inside the `with`
    block (or Ctrl-C) leaves no file. width, height: of the pictures; odd sides gain a pixel, the edge repeated.
    fps: nominal rate; time_base: the clock of the frames' times, so that a variable frame rate survives exactly
    (default: 1/fps). crf: 0–51, smaller is better and larger. colours: those of the planar pictures it will be given,
    with even sides; without, it takes BGR pictures. threads: of the encoder; 0: its own choice.
    Raises OutputError where the file cannot be written (folder, permissions, disk full).
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        fps: float,
        time_base: Fraction | None = None,
        crf: int = 23,
        colours: Colours | None = None,
        threads: int = 0,
    ) -> None:
        self.path = Path(path)
        self.frames_written = 0
        self._size = width, height
        self._pad = width % 2, height % 2
        rate = Fraction(fps).limit_denominator(10_000)
        self._tick = time_base or 1 / rate
        if self._tick.denominator > _FINEST_TICK.denominator:
            self._tick = _FINEST_TICK
        self._last_pts: int | None = None
        self._frame_ticks = max(1, round(1 / (fps * self._tick)))
        self._reformatter = VideoReformatter()
        hd = min(width, height) >= HD_HEIGHT
        self._matrix = Colorspace.ITU709 if hd else Colorspace.ITU601
        self._partial = self.path.with_name(f"{PARTIAL}{os.getpid()}-{self.path.name}")
        clock = {"movflags": "+faststart", "video_track_timescale": str(self._tick.denominator)}
        self._open = False
        with self._telling():
            self._partial.touch()  # FFmpeg would notice a missing folder only at the first frame
            self._container = av.open(str(self._partial), "w", format="mp4", container_options=clock)
            self._open = True
            # Without B-frames files grow by a tenth, but every frame's duration is exact at a variable rate too.
            options = {"crf": str(crf), "preset": _PRESET, "x264-params": _FASTER, "bf": "0"}
            self._stream = self._container.add_stream("libx264", rate=rate, options=options)
        context = self._stream.codec_context
        context.width, context.height = width + self._pad[0], height + self._pad[1]
        context.pix_fmt = "yuv420p"
        context.time_base = self._tick
        context.thread_count = threads
        own = Colours(1, int(ColorPrimaries.BT709), int(ColorTrc.BT709))
        if not hd:  # said in any case: players guess differently
            own = Colours(6, int(ColorPrimaries.SMPTE170M), int(ColorTrc.SMPTE170M))
        said = colours or own
        context.color_range = ColorRange.MPEG
        context.colorspace, context.color_primaries, context.color_trc = said.matrix, said.primaries, said.transfer

    def write(self, image: Image, time_s: float | None = None) -> None:
        """Append one H×W×3 uint8 BGR picture of the size given, shown at `time_s` (default: 1/fps after the last)."""
        width, height = self._size
        if image.shape != (height, width, 3):
            raise ValueError(f"image {image.shape} and sink ({height}, {width}, 3) must have the same shape")
        if any(self._pad):
            image = cv2.copyMakeBorder(image, 0, self._pad[1], 0, self._pad[0], cv2.BORDER_REPLICATE)
        frame = self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="bgr24"),
            format="yuv420p",
            dst_colorspace=self._matrix,
            dst_color_range=ColorRange.MPEG,
            interpolation=_EXACT,
            threads=1,  # the other cores are the encoder's
        )
        self._append(frame, time_s)

    def write_planar(self, picture: Planar) -> None:
        """Append one picture in 4:2:0 of the size and the colours given, shown at its own time."""
        if picture.size != self._size:
            raise ValueError(f"picture {picture.size} and sink {self._size} must have the same size")
        self._append(picture.frame, picture.time_s)

    def _append(self, frame: av.VideoFrame, time_s: float | None) -> None:
        frame.pts, frame.time_base = self._next_pts(time_s), self._tick
        with self._telling():
            self._mux(frame)
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file and move it into place. Raises OutputError where that fails or nothing was written."""
        if not self._open:
            return
        if not self.frames_written:
            self.discard()
            raise OutputError(f"{self.path}: no frame to write. Give the video at least one.")
        with self._telling():
            self._mux(None)
            self._container.close()
            self._partial.replace(self.path)
        self._open = False

    def discard(self) -> None:
        """Give up: no file appears."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(av.FFmpegError, OSError):
            self._container.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _next_pts(self, time_s: float | None) -> int:
        step = 0 if self._last_pts is None else self._last_pts + self._frame_ticks
        pts = step if time_s is None else round(time_s * self._tick.denominator / self._tick.numerator)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)  # damaged clocks jump back; every frame is kept all the same
        self._last_pts = pts
        return pts

    def _mux(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            packet.duration = self._frame_ticks  # only the last frame's counts: the others end where the next begins
            self._container.mux(packet)

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn whatever stops the writing into one line, and leave nothing behind."""
        try:
            yield
        except (av.FFmpegError, av.codec.codec.UnknownCodecError, OSError) as error:
            self.discard()
            raise OutputError(f"{self.path}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    advice = {
        errno.ENOSPC: "the disk is full. Free some space, or choose another --output.",
        errno.EFBIG: "the file outgrows the limit of its file system. Choose another --output.",
        errno.EACCES: "may not be written. Choose a folder that you own with --output.",
        errno.EROFS: "its disk is read-only. Choose another --output.",
        errno.ENOENT: "its folder does not exist. Create it.",
    }
    if isinstance(error, av.codec.codec.UnknownCodecError):
        return "this build of PyAV has no H.264 encoder (libx264). Install PyAV's own wheel: pip install av."
    known = advice.get(getattr(error, "errno", None) or 0)
    return known or f"cannot be written ({getattr(error, 'strerror', None) or error}). Choose another --output."


_TICK = Fraction(1, 100)  # GIF counts in hundredths of a second


def write_gif(path: Path, images: Iterable[Image], fps: float) -> None:
    """Write H×W×3 uint8 BGR pictures of one size as an endless loop; the file appears when it is whole.

    Raises ValueError where there is no picture, OutputError where the file cannot be written.
    """
    pictures = [np.ascontiguousarray(image) for image in images]
    if not pictures:
        raise ValueError(f"{path}: no pictures to show")
    height, width = pictures[0].shape[:2]
    graph = av.filter.Graph()
    source = graph.add_buffer(width=width, height=height, format=av.VideoFormat("bgr24"), time_base=_TICK)
    split, palette, use, sink = (graph.add(name) for name in ("split", "palettegen", "paletteuse", "buffersink"))
    source.link_to(split)
    split.link_to(palette, 0)
    split.link_to(use, 1, 0)
    palette.link_to(use, 0, 1)
    use.link_to(sink)
    graph.configure()
    whole = BytesIO()
    with av.open(whole, "w", format="gif") as container:
        stream = container.add_stream("gif", rate=Fraction(fps).limit_denominator(1000))
        stream.width, stream.height, stream.pix_fmt = width, height, "pal8"
        stream.codec_context.time_base = _TICK
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = round(number / fps / _TICK), _TICK
            source.push(frame)
        source.push(None)
        while True:
            try:
                chosen = graph.vpull()
            except (av.error.EOFError, av.error.BlockingIOError):
                break
            container.mux(stream.encode(chosen))
        container.mux(stream.encode(None))
    write_bytes(path, whole.getvalue())

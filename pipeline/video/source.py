"""Where frames come from: a video file, a folder of images, a camera, a network stream."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from pipeline.errors import InputError
from pipeline.files import file_sha256, from_home, natural
from pipeline.types import Image
from pipeline.video.address import OwnHost
from pipeline.video.container import check_size, open_address, open_camera, open_file, pick_stream
from pipeline.video.info import Picture, VideoInfo, VideoSource
from pipeline.video.orientation import Orientation, orientation_of, square_size
from pipeline.video.planar import Colours, Planar

DEFAULT_FPS = 25.0  # of image folders, and of streams that do not say

_CAMERA = re.compile(r"(?:camera:)?(\d{1,3})")
_ADDRESS = re.compile(r"(rtsps?|rtmps?|https?|udp|rtp|srt|tcp)://", re.IGNORECASE)
_CLOCK_STARTS_ANYWHERE = 0x0200  # AVFMT_TS_DISCONT: transport streams and the like

# Of four people who were squeezed to half their width, 60 of 96 silhouettes are usable with this, 48 with bilinear.
_STRETCHING = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT

_UNSEEN = np.empty((0, 0, 3), np.uint8)  # in place of a picture that is passed over


def open_video(source: str | Path, name: str | None = None, *, turn: int = 0) -> VideoSource:
    """Open a video.

    Args:
        source: A video file, a folder of images (in natural order), a camera ("0", "/dev/video0") or an address.
        name: Its name in the run; default: the file's name without suffix.
        turn: Degrees clockwise, 0, 90, 180 or 270, by which the picture that a player shows is turned.

    Raises:
        InputError: One line that says what is wrong, with which source, and what to do.
    """
    text = str(source)
    if _ADDRESS.match(text):
        shown = mask_credentials(text)
        container, host = open_address(text, shown)
        return StreamSource(container, shown, name or "stream", live=True, host=host, turn=turn)
    camera = _CAMERA.fullmatch(text)
    if text.startswith("/dev/video") or (camera and not Path(text).exists()):
        device = text if camera is None else camera.group(1)
        known = name or f"camera{Path(device).name}"
        return StreamSource(open_camera(device), text, known, live=True, turn=turn)
    path = from_home(text)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where folders above may not be searched
        return FolderSource(path, name or path.resolve().name, turn)
    return StreamSource(open_file(path, text), text, name or path.stem, live=False, turn=turn)


def mask_credentials(address: str) -> str:
    """An address that may be shown: without user and password, and without a query, where tokens stand."""
    return re.sub(r"\?.*", "?***", re.sub(r"//[^/?#]*@", "//***@", address, count=1), flags=re.DOTALL)


def is_file(source: str) -> bool:
    """Whether a source can be read from its beginning again: no camera and no address."""
    path = from_home(source)
    return not _ADDRESS.match(source) and path.exists() and not path.is_char_device()


def sha256_of(path: str | Path) -> str:
    """Hexadecimal sha256 of a file. Raises InputError where it cannot be read."""
    try:
        return file_sha256(Path(path))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from None


class StreamSource(VideoSource):
    """Whatever FFmpeg opens: files, cameras, network streams."""

    def __init__(
        self,
        container: InputContainer,
        shown: str,
        name: str,
        *,
        live: bool,
        host: OwnHost | None = None,
        turn: int = 0,
    ) -> None:
        """host: who fetches for the container; it is closed with it. turn: see `open_video`."""
        super().__init__()
        self._container, self._live, self._host = container, live, host
        self._packets, self._end, self._read_failed = 0, 0, False
        self._reformatter = VideoReformatter()
        try:
            self._stream = pick_stream(container, shown)
            self._stream.thread_type = "SLICE" if live else "AUTO"
            self._stream.thread_count = 0  # as many as cores
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise InputError(
                    f"{shown}: not one frame can be decoded: it is damaged, or its pictures lie in another file. "
                    "Pass another copy."
                )
            self._coded_size = self._first.width, self._first.height
            self._pixel = self._stream.codec_context.sample_aspect_ratio  # as the pictures themselves say
            self._shown_pixel = self._stream.sample_aspect_ratio or self._pixel or Fraction(1)
            self._square_size = square_size(*self._coded_size, self._shown_pixel)
            stretched = self._square_size != self._coded_size
            self._interpolation = _STRETCHING if stretched else Interpolation.BILINEAR
            check_size(*self._square_size, shown)
        except BaseException:
            self.close()
            raise
        self._orientation, self._colours = orientation_of(self._first).turned(turn), Colours.of(self._first)
        anywhere = live or bool(int(container.format.flags) & _CLOCK_STARTS_ANYWHERE)
        first_pts = self._first.pts or 0
        self._origin = first_pts if anywhere or first_pts < 0 else 0
        self.info = self._describe(shown, name)

    def _describe(self, shown: str, name: str) -> VideoInfo:
        stream = self._stream
        average, guessed = stream.average_rate, stream.guessed_rate
        if average and guessed and 3 * average < guessed <= 120:  # gaps: the camera records when something moves
            average = guessed
        rate = next((r for r in (average, guessed) if r and 0.01 <= r <= 1000), None)
        tick = stream.time_base or 1 / (rate or Fraction(25))
        seconds = float(stream.duration * tick) if stream.duration else (self._container.duration or 0) / av.time_base
        # The index of an mp4 leaves out what its edit list trims; the header's count does not.
        indexed = len(stream.index_entries) if "mp4" in self._container.format.name else 0
        width, height = reversed(self._square_size) if self._orientation.transpose else self._square_size
        return VideoInfo(
            path=shown,
            name=name,
            width=width,
            height=height,
            fps=float(rate) if rate else DEFAULT_FPS,
            time_base=tick,
            frame_count=None if self._live else indexed or stream.frames or None,
            rotation=self._orientation.rotation,
            duration_s=None if self._live or seconds <= 0 else seconds,
            codec=stream.codec_context.name,
            pixel=self._shown_pixel,
        )

    def _decode(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                self._read_failed = True
                packet = None
            if packet is None:
                self._read_failed |= self._host is not None and self._host.lost()
                break
            self._packets += packet.size > 0
            self._end = max(self._end, (packet.pts or 0) + (packet.duration or 0))
            if packet.is_corrupt and not self._live:
                # The last one of a cut file: half its picture would be grey, and its error would cost
                # the frames that the decoder's other threads hold.
                self.skipped += 1
                continue
            yield from self._frames_of(packet)
        if self._read_failed:  # otherwise the last packet was the empty one that flushes
            yield from self._frames_of(None)

    def _frames_of(self, packet: av.Packet[VideoStream] | None) -> list[av.VideoFrame]:
        try:
            return self._stream.decode(packet)
        except (av.FFmpegError, OSError):
            self.skipped += 1
            return []

    @property
    def colours(self) -> Colours | None:
        return self._colours

    def planar(self) -> Iterator[Planar]:
        for time_s, frame in self._timed():
            self.frames_read += 1
            same = (frame.width, frame.height) == self._square_size and frame.format.name == "yuv420p"
            plain = frame if same else self._in_square_pixels(frame, "yuv420p")
            yield Planar.of(self.frames_read - 1, time_s, plain, self._orientation)

    def _pictures(self) -> Iterator[Picture]:
        for time_s, frame in self._timed():
            if self.frames_read < self.begin:
                yield time_s, _UNSEEN
                continue
            bgr = self._in_square_pixels(frame, "bgr24").to_ndarray()
            yield time_s, self._orientation.apply(np.asarray(bgr, np.uint8))

    def _timed(self) -> Iterator[tuple[float, av.VideoFrame]]:
        time_s, step = 0.0, 1 / self.info.fps
        while frame := self._first or next(self._decoded, None):
            first, self._first = self._first is not None, None
            if frame.pts is None:  # raw streams carry no clock
                time_s = 0.0 if first else time_s + step
            else:
                tick = self.info.time_base
                time_s = (frame.pts - self._origin) * tick.numerator / tick.denominator
            if (frame.width, frame.height) != self._coded_size:
                self._rescaled += 1
            elif self._stream.codec_context.sample_aspect_ratio != self._pixel:
                self._reshaped = True
            yield time_s, frame
        claimed, whole = self.info.frame_count, False
        if self._container.format.name == "avi":  # its count holds the frames, too, that were dropped in recording
            whole = self._end >= (self._stream.duration or 0)
        if self._read_failed or (claimed and self._packets < claimed and not whole):
            self.truncated_after = self.frames_read

    def _in_square_pixels(self, frame: av.VideoFrame, form: str) -> av.VideoFrame:
        # One thread: the other cores are the decoder's.
        return self._reformatter.reformat(
            frame, *self._square_size, format=form, interpolation=self._interpolation, threads=1
        )

    def close(self) -> None:
        self._first = None
        self._container.close()
        if self._host is not None:
            self._host.close()


IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class FolderSource(VideoSource):
    """A folder of images, each a frame."""

    def __init__(self, folder: Path, name: str, turn: int) -> None:
        super().__init__()
        self._orientation = Orientation().turned(turn)
        try:
            files = [path for path in folder.glob("[!.]*") if path.suffix.lower() in IMAGE_SUFFIXES]
        except OSError as error:
            raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None
        if not files:
            raise InputError(f"{folder}: a folder without images. Pass a video, or a folder of .png or .jpg frames.")
        self._files = sorted(files, key=lambda path: natural(path.name))
        first = next((image for image in map(_read_image, self._files) if image is not None), None)
        if first is None:
            raise InputError(f"{folder}: none of its {len(files)} images can be read. Pass whole image files.")
        height, width = self._orientation.apply(first).shape[:2]
        check_size(width, height, str(folder))
        fps, count = DEFAULT_FPS, len(files)
        self.info = VideoInfo(
            str(folder), name, width, height, fps, 1 / Fraction(fps), count, turn, count / fps, "images"
        )

    def _pictures(self) -> Iterator[Picture]:
        size = self.info.width, self.info.height
        for position, path in enumerate(self._files):
            image = _read_image(path)
            if image is None:
                self.skipped += 1
                continue
            image = self._orientation.apply(image)
            if image.shape[1::-1] != size:
                self._rescaled += 1
                image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
            yield position / self.info.fps, image

    def close(self) -> None:
        """Nothing is held open between two images."""


def _read_image(path: Path) -> Image | None:
    try:
        data = np.fromfile(path, np.uint8)  # reads names that OpenCV cannot
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, np.uint8)

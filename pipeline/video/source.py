"""Where frames come from: a video file, a folder of images, a camera, a network stream."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from pipeline.errors import InputError
from pipeline.files import file_sha256, from_home
from pipeline.types import Frame, Image
from pipeline.video.container import check_size, open_address, open_camera, open_file, pick_stream
from pipeline.video.orientation import orientation_of
from pipeline.video.planar import Colours, Planar

IMAGE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
DEFAULT_FPS = 25.0  # of image folders, and of streams that do not say

_CAMERA = re.compile(r"(?:camera:)?(\d{1,3})")
_ADDRESS = re.compile(r"(rtsps?|rtmps?|https?|udp|rtp|srt|tcp)://", re.IGNORECASE)
_CLOCK_STARTS_ANYWHERE = 0x0200  # AVFMT_TS_DISCONT: transport streams and the like

_Picture = tuple[float, Image]  # seconds, upright


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known of a video before it is read.

    path: as given (a password in an address is masked); name: its name in the run; width, height: upright, pixels;
    fps: average frames per second, long gaps left out; time_base: seconds of one tick of its clock; frame_count: as the
    file claims, None where it does not; rotation: degrees clockwise by which the coded picture is turned to be upright;
    duration_s: None where nobody knows; codec: FFmpeg's name for it.
    Pixels are taken to be square: an anamorphic picture keeps its coded size. Interlaced frames stay interlaced.
    """

    path: str
    name: str
    width: int
    height: int
    fps: float
    time_base: Fraction
    frame_count: int | None
    rotation: int
    duration_s: float | None
    codec: str


class VideoSource(ABC):
    """Upright BGR frames in order, read once; a context manager.

    info: known from the start, since opening decodes the first frame. frames_read, skipped (packets or images that
    did not decode), truncated_after and warning are final when the iteration has ended.
    """

    info: VideoInfo
    first_index = 0  # of its frames: more where only a later stretch of a video is read

    def __init__(self) -> None:
        self.frames_read = 0
        self.skipped = 0
        self.truncated_after: int | None = None
        self._rescaled = 0

    def __iter__(self) -> Iterator[Frame]:
        for time_s, image in self._pictures():
            self.frames_read += 1
            yield Frame(self.first_index + self.frames_read - 1, time_s, image)

    @property
    def colours(self) -> Colours | None:
        """How the pictures are coded, where `planar` can give them as they are; None: iterate over BGR frames."""
        return None

    def planar(self) -> Iterator[Planar]:
        """The same frames as the file holds them, in place of the BGR ones: see `colours`."""
        raise ValueError(f"{self.info.path}: its pictures are not coded in 4:2:0")

    @property
    def warning(self) -> str | None:
        """One line on what is wrong with a video that could be read all the same, or None."""
        remarks = []
        if self.truncated_after is not None:
            claim = f" of {self.info.frame_count}" if self.info.frame_count else ""
            remarks.append(f"damaged after frame {self.truncated_after}{claim}; used what decodes")
        elif self.skipped:
            remarks.append(f"{self.skipped} damaged frames left out, {self.frames_read} used")
        if self._rescaled:
            remarks.append(f"{self._rescaled} frames of another size scaled to {self.info.width}×{self.info.height}")
        return f"{Path(self.info.path).name}: {'; '.join(remarks)}" if remarks else None

    @abstractmethod
    def _pictures(self) -> Iterator[_Picture]: ...

    @abstractmethod
    def close(self) -> None:
        """Release the file or device; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_video(
    source: str | Path, name: str | None = None, *, fps: float = DEFAULT_FPS, threads: int = 0
) -> VideoSource:
    """Open a video file, a folder of images (in natural order, at `fps`), a camera ("0", "/dev/video0") or an address.

    name: in the run; default: the file's name without suffix. threads: of the decoder; 0: as many as cores.
    Raises InputError: one line that says what is wrong, with which source, and what to do.
    """
    text = str(source)
    if _ADDRESS.match(text):
        shown = masked(text)
        return StreamSource(open_address(text, shown), shown, name or "stream", threads, live=True)
    camera = _CAMERA.fullmatch(text)
    if text.startswith("/dev/video") or (camera and not Path(text).exists()):
        device = text if camera is None else camera.group(1)
        return StreamSource(open_camera(device), text, name or f"camera{Path(device).name}", threads, live=True)
    path = from_home(text)
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where folders above may not be searched
        return _FolderSource(path, name or path.resolve().name, fps)
    return StreamSource(open_file(path, text), text, name or path.stem, threads, live=False)


def masked(address: str) -> str:
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

    def __init__(self, container: InputContainer, shown: str, name: str, threads: int, *, live: bool) -> None:
        super().__init__()
        self._container, self._live = container, live
        self._packets, self._end, self._read_failed = 0, 0, False
        self._reformatter = VideoReformatter()
        try:
            self._stream = pick_stream(container, shown)
            self._stream.thread_type = "SLICE" if live else "AUTO"
            self._stream.thread_count = threads
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise InputError(f"{shown}: not one frame can be decoded. The file is damaged; pass another copy.")
            check_size(self._first.width, self._first.height, shown)
        except BaseException:
            container.close()
            raise
        self._orientation, self._colours = orientation_of(self._first), Colours.of(self._first)
        self._coded_size = self._first.width, self._first.height
        self._origin = self._clock_origin(self._first.pts)
        self.info = self._describe(shown, name)

    def _describe(self, shown: str, name: str) -> VideoInfo:
        stream = self._stream
        average, guessed = stream.average_rate, stream.guessed_rate
        if average and guessed and 3 * average < guessed <= 120:  # gaps: the camera records when something moves
            average = guessed
        rate = next((r for r in (average, guessed) if r and 0.01 <= r <= 1000), None)
        tick = stream.time_base or 1 / (rate or Fraction(25))
        seconds = float(stream.duration * tick) if stream.duration else (self._container.duration or 0) / av.time_base
        width, height = reversed(self._coded_size) if self._orientation.transpose else self._coded_size
        return VideoInfo(
            path=shown,
            name=name,
            width=width,
            height=height,
            fps=float(rate) if rate else DEFAULT_FPS,
            time_base=tick,
            frame_count=None if self._live else self._claimed_frames(),
            rotation=self._orientation.rotation,
            duration_s=None if self._live or seconds <= 0 else seconds,
            codec=stream.codec_context.name,
        )

    def _claimed_frames(self) -> int | None:
        # The index of an mp4 leaves out what its edit list trims; the header's count does not.
        indexed = len(self._stream.index_entries) if "mp4" in self._container.format.name else 0
        return indexed or self._stream.frames or None

    def _clock_origin(self, first_pts: int | None) -> int:
        if first_pts is None:
            return 0
        anywhere = self._live or bool(int(self._container.format.flags) & _CLOCK_STARTS_ANYWHERE)
        return first_pts if anywhere or first_pts < 0 else 0

    def _decode(self) -> Iterator[av.VideoFrame]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                self._read_failed = True
                packet = None
            if packet is None:
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
            same = (frame.width, frame.height) == self._coded_size and frame.format.name == "yuv420p"
            plain = frame if same else self._reformatter.reformat(frame, *self._coded_size, format="yuv420p", threads=1)
            yield Planar.of(self.frames_read - 1, time_s, plain, self._orientation)

    def _pictures(self) -> Iterator[_Picture]:
        for time_s, frame in self._timed():
            yield time_s, self._upright(frame)

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
            yield time_s, frame
        claimed, whole = self.info.frame_count, False
        if self._container.format.name == "avi":  # its count holds the frames, too, that were dropped in recording
            whole = self._end >= (self._stream.duration or 0)
        if self._read_failed or (claimed and self._packets < claimed and not whole):
            self.truncated_after = self.frames_read

    def _upright(self, frame: av.VideoFrame) -> Image:
        # One thread: the other cores are the decoder's.
        bgr = self._reformatter.reformat(frame, *self._coded_size, format="bgr24", threads=1)
        return self._orientation.apply(np.asarray(bgr.to_ndarray(), np.uint8))

    def close(self) -> None:
        self._first = None
        self._container.close()


class _FolderSource(VideoSource):
    """A folder of images, each a frame."""

    def __init__(self, folder: Path, name: str, fps: float) -> None:
        super().__init__()
        try:
            files = [path for path in folder.glob("[!.]*") if path.suffix.lower() in IMAGE_SUFFIXES]
        except OSError as error:
            raise InputError(f"{folder}: cannot be listed ({error.strerror}). Check its permissions.") from None
        if not files:
            raise InputError(f"{folder}: a folder without images. Pass a video, or a folder of .png or .jpg frames.")
        self._files = sorted(files, key=lambda path: _natural(path.name))
        first = next((image for image in map(_read_image, self._files) if image is not None), None)
        if first is None:
            raise InputError(f"{folder}: none of its {len(files)} images can be read. Pass whole image files.")
        height, width = first.shape[:2]
        check_size(width, height, str(folder))
        tick, count = 1 / Fraction(fps).limit_denominator(100_000), len(files)
        self.info = VideoInfo(str(folder), name, width, height, fps, tick, count, 0, count / fps, "images")

    def _pictures(self) -> Iterator[_Picture]:
        size = self.info.width, self.info.height
        for position, path in enumerate(self._files):
            image = _read_image(path)
            if image is None:
                self.skipped += 1
                continue
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


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts frame_2 before frame_10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name.lower())]

"""Awkward clips for everybody's tests, made on the spot: `import clips`, then `clips.vfr(tmp_path / "vfr.mp4")`.

Every maker writes one file (or folder), returns its path, and takes well under a second. The picture is a grey
gradient with a red square in its upper left corner, a blue one in its lower right, and a white bar whose left edge
moves one pixel a frame, so that orientation and frame order can be checked after decoding.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

SIZE = (96, 64)  # width, height


def picture(index: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """The test picture of frame `index`, H×W×3 uint8 BGR."""
    width, height = size
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(40, 200, width).astype(np.uint8)[None, :, None]
    bar = index % max(width - 4, 1)
    image[height // 3 : 2 * height // 3, bar : bar + 4] = 255
    corner_h, corner_w = max(height // 4, 1), max(width // 4, 1)
    image[:corner_h, :corner_w] = (0, 0, 255)
    image[height - corner_h :, width - corner_w :] = (255, 0, 0)
    return image


def write(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    fps: Fraction | int = 25,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    options: dict[str, str] | None = None,
    pixel: Fraction | None = None,
) -> Path:
    """Encode BGR pictures. pts: ticks of `time_base` (default: one tick of 1/fps a frame); pixel: width by height."""
    time_base = time_base or 1 / Fraction(fps)
    muxer = {"movflags": "+faststart", "video_track_timescale": str(time_base.denominator)}
    with av.open(str(path), "w", options=muxer if path.suffix == ".mp4" else {}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps), options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pix_fmt
        stream.codec_context.time_base = time_base
        if pixel is not None:
            stream.codec_context.sample_aspect_ratio = pixel
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pix_fmt)
            frame.pts = index if pts is None else pts[index]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def plain(path: Path, frames: int = 20, size: tuple[int, int] = SIZE, fps: Fraction | int = 25) -> Path:
    """An ordinary H.264 mp4."""
    # 4:4:4 where 4:2:0 cannot hold an odd side
    pix_fmt = "yuv444p" if size[0] % 2 or size[1] % 2 else "yuv420p"
    return write(path, [picture(index, size) for index in range(frames)], fps=fps, pix_fmt=pix_fmt)


VFR_PTS = (0, 40, 80, 200, 210, 220, 400, 401, 700, 1000)  # milliseconds


def vfr(path: Path, pts: Sequence[int] = VFR_PTS) -> Path:
    """Variable frame rate: frames at `pts` milliseconds."""
    images = [picture(index) for index in range(len(pts))]
    return write(path, images, fps=10, pts=pts, time_base=Fraction(1, 1000))


def rotated(path: Path, degrees: int = 90, frames: int = 6, size: tuple[int, int] = SIZE) -> Path:
    """A phone video: players must turn it clockwise by `degrees` (0, 90, 180 or 270); `size` is the size as coded."""
    return set_display_matrix(plain(path, frames, size), {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1),
                                                          270: (0, -1, 1, 0)}[degrees])  # fmt: skip


def mirrored(path: Path, frames: int = 6) -> Path:
    """A video whose display matrix flips it left to right, as some front cameras write it."""
    return set_display_matrix(plain(path, frames), (-1, 0, 0, 1))


def set_display_matrix(path: Path, abcd: tuple[int, int, int, int]) -> Path:
    """Overwrite a, b, c, d of the track header's matrix (ISO/IEC 14496-12, 8.3.2: x' = ax + cy, y' = bx + dy)."""
    data = bytearray(path.read_bytes())
    # Version 0 of tkhd: after the type come 40 bytes (flags, times, ids, layer, volume), then nine 32-bit numbers.
    matrix = data.index(b"tkhd") + 44
    a, b, c, d = (value * 0x10000 for value in abcd)
    data[matrix : matrix + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


def odd_size(path: Path, frames: int = 5) -> Path:
    """Both sides odd (97×65)."""
    return plain(path, frames, (97, 65))


def one_frame(path: Path) -> Path:
    """A video of a single frame."""
    return plain(path, 1)


def one_pixel(path: Path, frames: int = 3) -> Path:
    """A 1×1 video (lossless, in Matroska or AVI: name it .mkv or .avi; H.264 4:2:0 has no such size)."""
    return write(path, [picture(index, (1, 1)) for index in range(frames)], codec="ffv1", pix_fmt="bgr0")


def external(path: Path, target: Path) -> Path:
    """A QuickTime file whose picture data is said to lie in another file (`alis` in its data references)."""
    data = bytearray(plain(path).read_bytes())
    # Version 2 of an alias: names of fixed length, how many folders to go up and down, then the absolute path (type 2).
    alias = bytes(10) + b"\x03" + b"vol".ljust(27, b"\0") + bytes(12) + b"\x04" + b"name".ljust(63, b"\0") + bytes(16)
    name = str(target).encode() + bytes(len(str(target)) % 2)
    alias += struct.pack(">HH", 1, 1) + bytes(16) + struct.pack(">HH", 2, len(str(target))) + name + b"\xff\xff\0\0"
    alias = struct.pack(">I4sI", 12 + len(alias), b"alis", 0) + alias
    at = data.index(b"url ", data.index(b"dref")) - 4
    for box in (b"dref", b"dinf", b"minf", b"mdia", b"trak", b"moov"):
        size = data.rindex(box, 0, at) - 4
        struct.pack_into(">I", data, size, struct.unpack_from(">I", data, size)[0] + len(alias) - 12)
    data[at : at + 12] = alias
    path.write_bytes(data)
    return path


def gray(path: Path, frames: int = 5) -> Path:
    """Luma only, no colour planes."""
    return write(path, [picture(index) for index in range(frames)], pix_fmt="gray")


def ten_bit(path: Path, frames: int = 5) -> Path:
    """10 bits a channel."""
    return write(path, [picture(index) for index in range(frames)], pix_fmt="yuv420p10le")


def audio_only(path: Path) -> Path:
    """An mp4 with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16000, layout="mono")
        for index in range(10):
            samples = (0.1 * np.sin(np.arange(1024) * 0.05)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = 16000, index * 1024
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def text_renamed(path: Path) -> Path:
    """A text file under a video's name."""
    path.write_text("this is not a video, whatever its name says\n" * 50)
    return path


def empty(path: Path) -> Path:
    """A file of zero bytes."""
    path.write_bytes(b"")
    return path


def dropped(path: Path) -> Path:
    """An AVI (Motion JPEG) whose second frame was dropped in recording: its header counts 21 frames, it holds 20."""
    images = [picture(index) for index in range(20)]
    return write(path, images, pts=(0, *range(2, 21)), codec="mjpeg", pix_fmt="yuvj420p")


def truncated(path: Path, frames: int = 40, keep: float = 0.5) -> Path:
    """The index is whole (it comes first), but only the first `keep` of the picture data is there."""
    data = _noisy(path, frames).read_bytes()
    body = data.index(b"mdat") + 4
    path.write_bytes(data[: body + int((len(data) - body) * keep)])
    return path


def truncated_without_index(path: Path, frames: int = 20) -> Path:
    """A recording that was cut off: the index (moov), which would have come last, is missing."""
    data = _noisy(path, frames, faststart=False).read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])
    return path


def corrupted(path: Path, frames: int = 40, seed: int = 0) -> Path:
    """The middle tenth of the picture data is overwritten with noise."""
    data = bytearray(_noisy(path, frames).read_bytes())
    body = data.index(b"mdat") + 4
    start, length = body + int((len(data) - body) * 0.45), (len(data) - body) // 10
    data[start : start + length] = np.random.default_rng(seed).bytes(length)
    path.write_bytes(data)
    return path


def _noisy(path: Path, frames: int, faststart: bool = True) -> Path:
    """A clip with several key frames whose frames all weigh about the same, so that cuts land where they should."""
    rng = np.random.default_rng(1)
    images = [picture(index) // 2 + rng.integers(0, 60, (SIZE[1], SIZE[0], 3), np.uint8) for index in range(frames)]
    write(path, images, options={"g": "10", "crf": "28"})
    if not faststart:
        _index_last(path)
    return path


def _index_last(path: Path) -> None:
    """Rewrite the same streams with the index at the end, as cameras do."""
    source = path.with_name(path.stem + ".first.mp4")
    path.rename(source)
    with av.open(str(source)) as reader, av.open(str(path), "w") as writer:
        stream = writer.add_stream_from_template(reader.streams.video[0])
        for packet in reader.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                writer.mux(packet)
    source.unlink()


def image_folder(path: Path, frames: int = 12, size: tuple[int, int] = SIZE) -> Path:
    """A folder of PNG pictures named so that only a natural sort puts them in order (frame_2 before frame_10)."""
    path.mkdir(parents=True, exist_ok=True)
    for index in range(frames):
        write(path / f"frame_{index}.png", [picture(index, size)], codec="png", pix_fmt="rgb24")
    return path


UNREADABLE: dict[str, Callable[[Path], Path]] = {
    "empty.mp4": empty,
    "text.mp4": text_renamed,
    "audio.mp4": audio_only,
    "cut.mp4": truncated_without_index,
}
"""File name → maker of a file in which there is no video to be had."""

"""Open what FFmpeg can open, choose the stream to decode, and refuse the rest with one line."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from pipeline.errors import InputError
from pipeline.video.address import TIMEOUT_S, UNREACHABLE, OwnHost

MAX_SIDE, MAX_PIXELS = 16384, 8192 * 8192

# FFmpeg's names of formats whose files are whole in themselves. The others are refused before their header is read:
# playlists (hls, concat, dash, imf, sdp, …) and picture patterns open whatever they name.
_WHOLE = (
    "mov,matroska,avi,mpegts,mpegtsraw,mpeg,flv,live_flv,asf,asf_o,ogg,mxf,gxf,lxf,nut,nuv,nsv,dv,rm,wtv,ivf,swf,gif,apng,"
    "dhav,kux,lmlm4,mtv,pva,ty,cine,amv,h261,h263,h264,hevc,vvc,evc,av1,obu,m4v,mpegvideo,vc1,vc1test,cavsvideo,avs2,avs3,"
    "dirac,mjpeg,mjpeg_2000,mpjpeg,yuv4mpegpipe,mp3,wav,flac,aac"
)
_OF_STREAMS = "rtsp,rtsps,rtp,srtp,rtmp,rtmps,tcp,tls,udp,srt"  # protocols; http is read by OwnHost
_LISTS = ("#EXTM3U", "ffconcat version", "<MPD", "<CompositionPlaylist", "v=0\no=", "[playlist]", "[Reference]")


def open_file(path: Path, shown: str) -> InputContainer:
    """A video file. Raises InputError for what is missing, empty, no video, cut off, or a list of other files."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise InputError(f"{path}: no such file. Check the path.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be reached ({error.strerror}). Check the path and its permissions.") from None
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path}: not a regular file. Pass a video file.")
    if found.st_size == 0:
        raise InputError(f"{path}: the file is empty (0 bytes). Copy or download it again.")
    # "file:" keeps a colon in the name from being read as a protocol.
    options = {"protocol_whitelist": "file", "format_whitelist": _WHOLE, "enable_drefs": "0"}
    return _open(f"file:{path.resolve()}", shown, live=False, options=options)


def open_address(address: str, shown: str) -> tuple[InputContainer, OwnHost | None]:
    """A network stream; of an http address also who fetches it. Raises InputError where it does not answer in time."""
    if not address.lower().startswith("http"):
        options = {
            "rtsp_transport": "tcp",
            "protocol_whitelist": _OF_STREAMS,
            "format_whitelist": f"{_WHOLE},rtsp,rtp",
        }
        return _open(address, shown, live=True, options=options), None
    host = None
    try:
        host = OwnHost(address, shown)
        # Kept connections are FFmpeg's own only: with another client hls would abort the process.
        options = {"format_whitelist": f"{_WHOLE},hls", "http_persistent": "0", "http_multiple": "0"}
        container = av.open(host.file, "r", format=host.format, options=options, io_open=host)
        host.check()
    except (av.FFmpegError, *UNREACHABLE) as error:
        if host is not None:
            host.close()
        failure = error if host is None or host.failure is None else host.failure
        if not isinstance(failure, (av.FFmpegError, *UNREACHABLE)):
            raise failure from None
        raise _no_answer(shown, failure) from None
    return container, host


def open_camera(device: str) -> InputContainer:
    """A camera by number or device file. Raises InputError where there is none."""
    if sys.platform == "darwin":
        return _open(device, f"camera {device}", live=True, options={"framerate": "30"}, form="avfoundation")
    if sys.platform == "win32":
        return _open(f"video={device}", f"camera {device}", live=True, options={}, form="dshow")
    path = f"/dev/video{device}" if device.isdigit() else device
    return _open(path, f"camera {path}", live=True, options={}, form="v4l2")


def pick_stream(container: InputContainer, shown: str) -> VideoStream:
    """The default stream, or the largest; raises InputError where there is none to decode."""
    # The cover picture of a music file is a video stream too.
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        kind = "file is audio only" if container.streams.audio else "nothing in it to see"
        raise InputError(f"{shown}: no video stream ({kind}). Pass a video.")
    decodable = [stream for stream in streams if stream.codec_context is not None]
    if not decodable:
        raise InputError(f"{shown}: no decoder for its video codec. Convert it to H.264 mp4.")
    best = max(decodable, key=lambda one: (bool(one.disposition & Disposition.default), one.width * one.height))
    check_size(best.width, best.height, shown)
    # Holds where the true size comes to light only in the picture data.
    best.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return best


def check_size(width: int, height: int, shown: str) -> None:
    """Raises InputError for pictures that would fill the memory."""
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise InputError(f"{shown}: pictures of {width}×{height} pixels are too large. Scale it down to 8192×8192.")


def _open(location: str, shown: str, *, live: bool, options: dict[str, str], form: str | None = None) -> InputContainer:
    try:
        return av.open(location, "r", format=form, options=options, timeout=TIMEOUT_S if live else None)
    except (av.FFmpegError, OSError, ValueError) as error:
        if live:
            raise _no_answer(shown, error) from None
        if isinstance(error, PermissionError):
            raise InputError(f"{shown}: may not be read. Change its permissions.") from None
        raise InputError(f"{shown}: {_why_not_a_video(location)}") from None


def _no_answer(shown: str, error: BaseException) -> InputError:
    reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__
    return InputError(f"{shown}: cannot be opened ({reason}). Check that it is on, reachable and not in use.")


def _why_not_a_video(location: str) -> str:
    with Path(location.removeprefix("file:")).open("rb") as file:
        head = file.read(4096)
    if head[4:8] in (b"ftyp", b"mdat", b"moov"):
        return "cut off before its index (moov) was written, so no frame can be found. Copy or record it again."
    text = head.decode("utf-8", "replace").replace("\r\n", "\n")
    if any(mark in text for mark in _LISTS):
        return "a list of other files or addresses, not a video; nothing of it was opened. Pass the video itself."
    if b"\0" not in head and "\ufffd" not in text[:-4]:
        return "this is text, not a video. Pass a video."
    return "not a video that can be read. Pass a video file such as .mp4, .mov, .mkv or .avi."

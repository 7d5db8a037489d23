"""Which videos a run is about: the gallery and the probes, with a unique name each."""

from __future__ import annotations

import glob
import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pipeline.errors import ConfigError, InputError
from pipeline.files import safe_name
from pipeline.video import VideoInfo, VideoSource, open_video, sha256_of
from pipeline.video.orientation import QUARTERS

INPUTS = Path("inputs")
LONGEST_NAME = 80  # bytes
VIDEO_SUFFIXES = {
    ".mp4",
    ".m4v",
    ".mov",
    ".avi",
    ".mkv",
    ".webm",
    ".mpg",
    ".mpeg",
    ".ts",
    ".mts",
    ".wmv",
    ".flv",
    ".3gp",
}


@dataclass(frozen=True, slots=True)
class Video:
    """A source under the name that all its files and identities bear in the run; turn: see `open_video`."""

    name: str
    source: str
    turn: int = 0

    def __post_init__(self) -> None:
        if self.turn not in QUARTERS:
            raise InputError(f"{self.name}: a picture cannot be turned by {self.turn}°. Start a new run.")
        if not self.name or self.name != safe_name(self.name):  # of somebody else's run.json: it would lead out
            raise InputError(f"{self.name!r} cannot be the name of a video in a run. Start a new run.")

    def open(self) -> VideoSource:
        """The video, to be read from its beginning. Raises InputError."""
        return open_video(self.source, self.name, turn=self.turn)

    def inspect(self) -> VideoInfo:
        """What the video says of itself, its first frame decoded. Raises InputError."""
        with self.open() as opened:
            return opened.info

    @property
    def absolute(self) -> str:
        """The source so that it is found from any folder; cameras and addresses as they are."""
        return os.path.realpath(self.source) if os.path.exists(self.source) else self.source  # noqa: PTH110 - never raises

    @property
    def file(self) -> str:
        """The name of its file, or the end of its address: nothing of where it lies, and no password."""
        return _end_of(self.source) if "://" in self.source else Path(self.source).name


@dataclass(frozen=True, slots=True)
class Source:
    """A video of a job: what it says of itself, and the keys of what its results depend on.

    sha256: of its file, "" for cameras and streams; tracks_key: of tracklets, silhouettes and poses; features_key: of
    embeddings.
    """

    video: Video
    info: VideoInfo
    sha256: str
    tracks_key: str
    features_key: str

    @property
    def name(self) -> str:
        """The video's name in the run."""
        return self.video.name

    def as_json(self) -> dict[str, Any]:
        """The video as run.json describes it."""
        return {
            "name": self.name,
            "path": self.video.file,
            "sha256": self.sha256,
            "frames": self.info.frame_count,
            "fps": round(self.info.fps, 6),
            "size": [self.info.width, self.info.height],
            "rotation": self.info.rotation,
            "turn": self.video.turn,
            "codec": self.info.codec,
        }


@dataclass(frozen=True, slots=True)
class Job:
    """One gallery and any number of probes. A probe that is the gallery's own file is the same Video."""

    gallery: Video
    probes: tuple[Video, ...]

    @property
    def videos(self) -> tuple[Video, ...]:
        """Every video once, the gallery first."""
        return tuple(dict.fromkeys((self.gallery, *self.probes)))

    @property
    def namesakes(self) -> list[str]:
        """A line for each video whose file has the name of another's: which name in the run is whose."""
        stems = Counter(_stem(video.source).casefold() for video in self.videos)
        return [f"{video.name} is {video.source}" for video in self.videos if stems[_stem(video.source).casefold()] > 1]

    def turned(self, rotate: Literal["auto"] | int) -> Job:
        """The same with every video turned by so many degrees clockwise; auto: as they are."""
        if rotate == "auto":
            return self
        gallery, *probes = (replace(video, turn=rotate) for video in (self.gallery, *self.probes))
        return Job(gallery, tuple(probes))


def plan(gallery: str | None, probes: Sequence[str]) -> Job:
    """Name the videos after their files; without arguments take inputs/gallery.* and every inputs/probe*.*.

    A probe may be a pattern such as 'inputs/*.mp4' (the gallery is then left out of what it matches).
    Raises InputError when something is missing, ConfigError when only one half was given.
    """
    if gallery is None and not probes:
        gallery, probes = _from_inputs()
    if gallery is None:
        raise ConfigError(
            "--probe was given without --gallery. Give both, or neither to use inputs/gallery.* and inputs/probe*.*."
        )
    if not probes:
        raise ConfigError(f"--gallery {gallery} was given without --probe. Give at least one probe video.")
    # `--gallery=~/g.mp4` reaches us with its tilde.
    gallery, *probes = (os.path.expanduser(source) for source in (gallery, *probes))  # noqa: PTH111 - addresses, too
    names: dict[str, str] = {}
    videos: dict[str, Video] = {}  # by name: one file under two spellings of its path is one video
    first, *others = (
        videos.setdefault(name, Video(name, source))
        for source in (gallery, *_expand(probes, gallery))
        for name in [_name(source, names)]
    )
    return Job(first, tuple(dict.fromkeys(others)))


def called(names: Mapping[str, str]) -> tuple[Video, ...]:
    """Videos under names that are wanted for them, each made safe and unique. names: by file."""
    taken: dict[str, str] = {}
    return tuple(
        Video(_unique(safe_name(name, LONGEST_NAME) or "video", source, taken), source)
        for source, name in names.items()
    )


def fingerprint(video: Video) -> str:
    """sha256 of a video file, or of the names and bytes of a folder of images; "" for cameras and streams."""
    path = Path(video.source)
    if path.is_dir():
        parts = [f"{child.name} {sha256_of(child)}" for child in sorted(path.iterdir()) if child.is_file()]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return sha256_of(path) if path.is_file() else ""


def _expand(probes: Sequence[str], gallery: str) -> list[str]:
    found: list[str] = []
    for probe in probes:
        if not glob.has_magic(probe) or os.path.exists(probe) or "://" in probe:  # noqa: PTH110 - as above
            found.append(probe)
            continue
        matches = [m for m in sorted(glob.glob(probe)) if _identity(m) != _identity(gallery)]  # noqa: PTH207 - user's pattern
        if not matches:
            raise InputError(f"--probe {probe}: matches no file. Check the folder and the pattern.")
        found += matches
    return found


def _from_inputs() -> tuple[str, list[str]]:
    files = sorted(p for p in INPUTS.glob("*") if p.suffix.lower() in VIDEO_SUFFIXES) if INPUTS.is_dir() else []
    galleries = [p for p in files if p.stem.lower() == "gallery"]
    probes = [p for p in files if p.stem.lower().startswith("probe")]
    if not galleries or not probes:
        missing = "gallery.mp4" if not galleries else "probe1.mp4"
        raise InputError(f"inputs/{missing}: not found. Put it there, or give --gallery and --probe.")
    if len(galleries) > 1:
        raise InputError(f"inputs/: {galleries[0].name} and {galleries[1].name} are both galleries. Keep one.")
    return str(galleries[0]), [str(p) for p in probes]


def _name(source: str, taken: dict[str, str]) -> str:
    """The file's stem, made safe for file names and unique."""
    return _unique(_stem(source), _identity(source), taken)


def _unique(stem: str, owner: str, taken: dict[str, str]) -> str:
    """The stem, `-2`, `-3`, … appended where another has it already. taken: owners by name."""
    name, attempt = stem, 1
    while taken.setdefault(name.casefold(), owner) != owner:
        attempt += 1
        name = f"{stem}-{attempt}"
    return name


def _stem(source: str) -> str:
    stem = _end_of(source) if "://" in source else Path(source).stem or Path(source).name
    # The names of two videos, and more, must fit into the 255 bytes of one file name.
    return safe_name(stem, LONGEST_NAME) or "video"


def _end_of(address: str) -> str:
    """The last part of an address' path, or its host; never the password or the token beside them."""
    host, _, path = address.partition("://")[2].partition("?")[0].rstrip("/").partition("/")
    return path.rpartition("/")[2] or host.rpartition("@")[2]


def _identity(source: str) -> str:
    return source if "://" in source or source.isdigit() else os.path.realpath(source)

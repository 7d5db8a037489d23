"""The timestamped folder of a run: the names of its files, and what is done in it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from loguru import logger

from pipeline.engine.lock import locked
from pipeline.errors import InputError, OutputError
from pipeline.files import PARTIAL, digests, private, read_json, write_json, writing
from pipeline.runs.job import Video

STAMP = "%Y_%m_%d_%H_%M_%S"


class RunFolder:
    """Names and writers of one run's files. See DESIGN, section 4, for the layout.

    announce: is told of each folder that this process makes, for who has to remove what an interrupted job leaves.
    """

    announce: ClassVar[Callable[[Path], None]] = staticmethod(lambda path: None)

    def __init__(self, path: Path) -> None:
        self.path = path
        self._sure: set[Path] = set()  # marks whose files are known to be what they were
        self._places = {path.parent, path.resolve().parent, Path.cwd(), Path(os.path.expanduser("~"))}  # noqa: PTH111

    @classmethod
    def create(cls, output: Path, now: datetime) -> RunFolder:
        """A new folder named after `now`, `_2`, `_3`, … appended where two runs start in the same second."""
        stamp = now.strftime(STAMP)
        with writing(output):
            output.mkdir(parents=True, exist_ok=True)
            for attempt in range(1, 1000):
                path = output / (stamp if attempt == 1 else f"{stamp}_{attempt}")
                try:
                    path.mkdir(mode=0o700)
                except FileExistsError:
                    continue
                cls.announce(path)
                return cls(path)
        raise OutputError(f"{output}: a thousand runs in one second. Remove some.")

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """An existing run. Raises InputError for a folder that is none."""
        if not (path / "run.json").is_file():
            raise InputError(f"{path}: not a run folder (no run.json). Give the timestamped folder of an earlier run.")
        return cls(path)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep all other processes from writing into the folder, and remove what killed ones left half-written.

        What is written inside the block is private. The lock ends with its process. Raises OutputError, which says who
        works on the run, where it is held.
        """
        holder = self.path / ".working.json"

        def refuse() -> None:
            try:
                known = read_json(holder)
                who = f"process {known['pid']} on {known['host']} has worked on it since {known['since']}"
            except (InputError, KeyError):  # it has only just begun, or is just ending
                who = "another process works on it"
            raise OutputError(f"{self.path}: {who}. Wait until it has ended, or stop it.")

        with contextlib.ExitStack() as kept:
            kept.enter_context(private())
            with writing(self.path):
                kept.enter_context(locked(self.path / ".working", refuse))
            self.sweep()
            since = datetime.now(UTC).isoformat(timespec="seconds")
            write_json(holder, {"pid": os.getpid(), "host": platform.node(), "since": since})
            kept.callback(holder.unlink, missing_ok=True)
            yield

    def sweep(self) -> None:
        """Remove what killed processes left half-written."""
        for leftover in self.path.rglob(f"{PARTIAL}*"):
            self.remove(leftover)

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def log(self) -> Path:
        return self.path / "run.log"

    @property
    def resumption(self) -> Path:
        """What --resume needs. It has paths of this machine, so it lies beside the folder, which may be handed on."""
        whole = self.path.resolve()
        return whole.parent / ".resume" / f"{whole.name}.json"

    def keep_for_resuming(self, config: Mapping[str, Any], videos: Sequence[Video]) -> None:
        """Note settings and videos, the gallery first, with their paths; where that may not be, it is logged."""
        self.hide_paths_of(videos)
        found = [{"name": video.name, "path": video.absolute, "turn": video.turn} for video in videos]
        try:
            write_json(self.resumption, {"config": config, "videos": found})
        except OutputError as error:  # of another user, in a folder that several share
            logger.warning(f"this run cannot be resumed: {error}")

    @property
    def compared(self) -> Path:
        """Which gallery the run was compared with, and by what settings: paths of this machine, kept beside it, too."""
        whole = self.path.resolve()
        return whole.parent / ".resume" / f"{whole.name}.gallery.json"

    def keep_gallery(self, gallery: Path, config: Mapping[str, Any]) -> None:
        """Note the gallery and the settings, to decide again; where that may not be, it is logged."""
        try:
            write_json(self.compared, {"db": os.path.realpath(gallery), "config": config})
        except OutputError as error:
            logger.warning(f"to decide this run again its gallery has to be named (--db): {error}")

    def hide_paths_of(self, videos: Iterable[Video]) -> None:
        """Let no file of the folder say where these videos lie."""
        self._places |= {Path(path).parent for video in videos for path in (video.source, video.absolute)}

    def without_paths(self, value: Any) -> Any:
        """Plain values, or a line of text, with the names of files instead of paths of this machine."""
        if isinstance(value, dict):
            return {key: self.without_paths(one) for key, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.without_paths(one) for one in value]
        if not isinstance(value, str):
            return value
        if Path(value).is_absolute() and ": " not in value:  # else it is a message that begins with a path
            return Path(value).name
        for place in sorted(map(str, filter(Path.is_absolute, self._places)), key=len, reverse=True):
            if len(place) > 1:  # a root is in every path
                value = value.replace(place + os.sep, "").replace(place, Path(place).name)
        return value

    def tracks(self, video: str) -> Path:
        return self.path / "tracks" / f"{video}.txt"

    def silhouettes(self, video: str, track_id: int) -> Path:
        """Folder of one track's masks, as OpenGait's pretreatment reads it: id/type/view."""
        return self.path / "silhouettes" / video / f"{track_id:03d}" / "undefined"

    def silhouette(self, video: str, track_id: int, frame_index: int) -> Path:
        return self.silhouettes(video, track_id) / f"{track_id:03d}-{frame_index:06d}.png"

    def sequence(self, video: str, track_id: int) -> Path:
        return self.path / "sequences" / video / f"{track_id:03d}.npz"

    def poses(self, video: str, track_id: int) -> Path:
        return self.path / "poses" / video / f"{track_id:03d}.npz"

    def crops(self, video: str, track_id: int) -> Path:
        """What is known of one track's crops in colour; their pictures lie beside it."""
        return self.path / "crops" / video / f"{track_id:03d}" / "crops.npz"

    def crop(self, video: str, track_id: int, frame_index: int) -> Path:
        """A crop in colour: a picture of a person."""
        return self.crops(video, track_id).with_name(f"{track_id:03d}-{frame_index:06d}.jpg")

    def features(self, video: str, track_id: int) -> Path:
        return self.path / "features" / video / f"{track_id:03d}.npz"

    def portrait(self, video: str, track_id: int) -> Path:
        """One picture of the person, cut from a frame of the video, for the report."""
        return self.path / "portraits" / video / f"{track_id:03d}.jpg"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def gallery_video(self, gallery: str) -> Path:
        return self.path / "videos" / f"{gallery}.mp4"

    def probe_video(self, gallery: str, probe: str) -> Path:
        return self.path / "videos" / f"G-{gallery}_P-{probe}.mp4"

    def stretches(self, video: str) -> Path:
        """Folder of what is done of a long video while it is extracted (extraction/stretches.py)."""
        return self.path / ".stretches" / video

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Hold the folder, and append everything that is logged inside the block to run.log."""

        def append(line: str) -> None:
            with contextlib.suppress(OSError), self.log.open("a", encoding="utf-8") as log:  # a full disk: see run.json
                log.write(self.without_paths(line))

        handler = logger.add(append, level="DEBUG", format="{time:YYYY-MM-DD HH:mm:ss.SSS} {level:<7} {message}")
        try:
            with self.held():
                yield
        finally:
            logger.remove(handler)

    def made_by(self, stage: str, video: str) -> dict[str, Path]:
        """The files and folders that a stage leaves behind for a video, by name. stage `video`: a drawn one."""
        if stage == "extraction":
            names = ("silhouettes", "sequences", "poses", "crops")
            return {"tracks": self.tracks(video), **{name: self.path / name / video for name in names}}
        return {stage: self.gallery_video(video) if stage == "video" else self.path / stage / video}

    def mark_done(self, stage: str, video: str, key: str, **facts: Any) -> None:
        """Note, after all files of a stage are whole, what they were made from (`key`) and what is known of them."""
        mark = self._mark(stage, video)
        write_json(mark, {"key": key, "files": digests(self.made_by(stage, video)), **facts})
        self._sure.add(mark)
        self._forget_stretches(stage, video)

    def done(self, stage: str, video: str, key: str) -> dict[str, Any] | None:
        """The facts noted when the stage ended.

        None when it has not ended, was made from something else, or a file of it has changed since: that is logged.
        """
        mark = self._mark(stage, video)
        try:
            facts = read_json(mark)
        except InputError:  # missing, or damaged by a power cut: the stage is done anew
            return None
        files = facts.pop("files", None)
        if facts.pop("key", None) != key or not isinstance(files, dict):
            return None
        if mark not in self._sure:
            there = digests(self.made_by(stage, video))
            if changed := [name for name, sha256 in files.items() if there.get(name) != sha256]:
                logger.warning(f"{self.path}: {changed[0]} of {video} is not what was written; made anew")
                return None
            self._sure.add(mark)
        return facts

    def clear(self, stage: str, video: str) -> None:
        """Forget and remove a stage's result before it is made anew."""
        self._mark(stage, video).unlink(missing_ok=True)
        for path in self.made_by(stage, video).values():
            self.remove(path)
        self._forget_stretches(stage, video)

    def remove(self, path: Path) -> None:
        """Remove a file or a folder of the run, if it is there."""
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _forget_stretches(self, stage: str, video: str) -> None:
        if stage == "extraction":
            self.remove(self.stretches(video))
            with contextlib.suppress(OSError):  # there are others, or never were any
                self.stretches(video).parent.rmdir()

    def _mark(self, stage: str, video: str) -> Path:
        return self.path / ".done" / f"{stage}-{video}.json"


def key_of(*parts: Any) -> str:
    """A digest of everything that a result depends on (plain values only)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

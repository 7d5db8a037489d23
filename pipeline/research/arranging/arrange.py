"""Arrange a data set as identity/type/view/files, whatever it looks like: the one engine behind all layouts.

Folders are linked, archives unpacked file by file. Names come from paths through a layout's patterns; each must be a
plain name, so that nothing is ever written outside of the target.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath

from pipeline.errors import InputError
from pipeline.files import atomic, link_or_copy, safe_name
from pipeline.research.arranging.archives import TAR, ZIP, Member, Secret, is_encrypted, members
from pipeline.research.arranging.layouts import Part, Place
from pipeline.research.training.data.dataset import sample_path
from pipeline.research.training.data.processes import in_processes

UNREADABLE_ARCHIVES = (".7z", ".rar")


@dataclass(frozen=True, slots=True)
class Work:
    """A folder's own files, or an archive. path: from the source, with slashes."""

    path: str
    archive: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to arrange: folders and archives, and what is left out of them already: (path, why)."""

    source: Path
    work: tuple[Work, ...]
    refused: tuple[tuple[str, str], ...]

    def encrypted(self) -> bool:
        return any(is_encrypted(self.source / one.path) for one in self.work if one.path.lower().endswith(ZIP))


@dataclass(slots=True)
class Arranged:
    """What became of a folder or an archive: files placed, files that were there already, and the walks they belong to.

    others: files that are not of this part, and the first of them; refused: (path, why).
    """

    files: int = 0
    there: int = 0
    walks: set[str] = field(default_factory=set)
    others: int = 0
    other: str = ""
    refused: list[tuple[str, str]] = field(default_factory=list)


def find(source: Path, target: Path) -> Found:
    """Every folder with files and every archive in a source, but for the target where it lies there, too.

    Links are not followed out of the source, those of folders never.

    Raises InputError for a source that is no folder.
    """
    if not source.is_dir():
        raise InputError(f"{source}: no such folder. Give the folder of the data set as it was published.")
    source = source.resolve()
    work, refused = list[Work](), list[tuple[str, str]]()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        files = False
        with os.scandir(source / folder) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                if entry.name.startswith(".") or source / path == target.resolve():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif entry.is_symlink() and (entry.is_dir() or not _is_within(source, source / path)):
                    refused.append((path, "a link, which is not followed. Give its target as --source"))
                elif path.lower().endswith((*ZIP, *TAR)):
                    work.append(Work(path, archive=True))
                elif path.lower().endswith(UNREADABLE_ARCHIVES):
                    refused.append((path, "no archive that can be read here. Unpack it with 7z first"))
                else:
                    files = True
        if files:
            work.append(Work(folder, archive=False))
    return Found(source, tuple(sorted(work, key=lambda one: one.path)), tuple(refused))


def _is_within(source: Path, link: Path) -> bool:
    return link.exists() and link.resolve().is_relative_to(source)


def arrange(
    found: Found, part: Part, target: Path, password: Secret | None = None, workers: int = 1
) -> Iterator[Arranged]:
    """Place the files of a part under target/identity/type/view, and yield what became of each folder and archive.

    Files that are there already stay, so that a second run goes on where the first was stopped.
    """
    target.mkdir(parents=True, exist_ok=True)
    work = partial(_arrange, source=found.source, part=part, target=target.resolve(), password=password)
    yield from in_processes(work, found.work, workers)


def _arrange(work: Work, source: Path, part: Part, target: Path, password: Secret | None) -> Arranged:
    done = Arranged()
    files = _in_archive(work, source, password, target) if work.archive else _in_folder(work, source)
    try:
        for file in files:
            _place(file, part, target, done)
    except InputError as error:  # an archive that is damaged ends here
        done.refused.append((work.path, str(error).removeprefix(f"{source / work.path}: ")))
    return done


def _place(file: _File, part: Part, target: Path, done: Arranged) -> None:
    match = next(((place, one) for place in part.places if (one := _pattern(place.path).match(file.path))), None)
    if match is None:
        done.others, done.other = done.others + 1, done.other or file.path
        return
    try:
        path = _target(*match, file, target)
    except InputError as error:
        done.refused.append((file.path, str(error)))
        return
    done.walks.add(str(path.parent))
    if path.is_file():
        done.there += 1
    else:
        file.copy(path)
        done.files += 1


@dataclass(frozen=True, slots=True)
class _File:
    """path: from the source. why: it must not be read. all_paths: of what is numbered with it."""

    path: str
    why: str
    copy: Callable[[Path], None]
    all_paths: Callable[[], Sequence[str]]


def _in_folder(work: Work, source: Path) -> Iterator[_File]:
    def siblings() -> list[str]:
        above = (source / work.path).parent
        folders = [each for each in above.iterdir() if each.is_dir() and not each.name.startswith(".")]
        return [f"{each.relative_to(source).as_posix()}/" for each in folders]

    for path in sorted((source / work.path).iterdir()):
        known = path.name.startswith(".") or path.name.lower().endswith((*ZIP, *TAR, *UNREADABLE_ARCHIVES))
        if not known and path.is_file() and (not path.is_symlink() or _is_within(source, path)):
            yield _File(f"{work.path}/{path.name}", "", partial(link_or_copy, path), siblings)


def _in_archive(work: Work, source: Path, password: Secret | None, target: Path) -> Iterator[_File]:
    for member in members(source / work.path, work.path, password, target):
        if not PurePosixPath(member.path).name.startswith("."):
            yield _File(member.path, member.why, partial(_unpack, member), member.all_paths)


def _unpack(member: Member, path: Path) -> None:
    with atomic(path) as stream:
        member.copy_to(stream)


def _target(place: Place, match: re.Match[str], file: _File, target: Path) -> Path:
    """Where a file goes. Raises InputError for one that must not be read, and for names that are no plain ones."""
    if file.why:
        raise InputError(file.why)
    names = match.groupdict()
    if "{number}" in place.type:
        names["number"] = f"{_number(match, file.all_paths()):02d}"
    identity, kind, view = (text.format(**names) for text in (place.identity, place.type, place.view))
    name = file.path.rpartition("/")[2]
    if name != safe_name(name):
        raise InputError(f"{name!r} cannot name a file of a dataset")
    return sample_path(target, identity, kind, view).with_name(name)


def _number(match: re.Match[str], paths: Sequence[str]) -> int:
    """The place of {view} among the folders beside it, sorted, from 1."""
    above, view = match.string[: match.start("view")], match["view"]
    beside = {path[len(above) :].partition("/")[0] for path in paths if path.startswith(above)}
    return sorted(beside | {view}).index(view) + 1


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """A place's path as a pattern of the end of a path: {name} and * stand for what has no slash."""
    text = re.escape(path).replace(r"\*", "[^/]*")
    return re.compile("(?:.*/)?" + re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", text) + "$", re.DOTALL)

"""Writing so that no half-written file ever bears a final name, and refusals worded for people."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import itertools
import json
import lzma
import os
import re
import shutil
import struct
import threading
import tokenize
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import InputError, OutputError

UNREADABLE = (OSError, ValueError, OverflowError, RecursionError, csv.Error)
"""What comes of a text that is not what it should be: no UTF-8, no YAML, JSON or CSV, no number, or too large a one."""

DAMAGED_NPZ = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, EOFError, MemoryError, RuntimeError,
    SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What NumPy and the libraries below it raise for an .npz that is none, or not whole, or of other arrays."""

LONGEST_REASON = 200  # characters

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices of Windows, as any file's stem

PARTIAL = ".partial-"  # prefix of every file that is still being written


def safe_name(text: str, most: int = 255) -> str:
    """The text as the name of a file, in at most `most` bytes; empty where nothing of it is left.

    Letters of all scripts stay, with their marks, composed (NFC) as most systems write them; what separates folders, or
    is no text, becomes "_". It begins and ends with no dot and no blank, and is no device of Windows.
    """
    composed = unicodedata.normalize("NFC", text)
    kept = "".join(
        c if c.isalnum() or c in "-_. +" or unicodedata.category(c).startswith("M") else "_" for c in composed
    )
    if _RESERVED.fullmatch(kept := kept.strip(". ")):
        kept = f"_{kept}"
    return kept.encode("utf-8")[:most].decode("utf-8", "ignore").rstrip(". ")


_REMEDIES = (  # names of errno; where it holds: writing (w), anything else (r); what to do
    ("ENOSPC", "wr", "Free some space, or choose another disk{option}."),
    ("EDQUOT", "wr", "Your disk quota is used up; free some space, or choose another disk{option}."),
    ("EROFS", "wr", "The disk is read-only; choose another{option}."),
    ("EIO", "wr", "The disk fails; choose another{option}."),
    ("EACCES EPERM", "w", "Choose a folder that you may write to{option}."),
    ("EACCES EPERM", "r", "Check its permissions, and those of the folders above it."),
    ("ENAMETOOLONG", "w", "Give the video a shorter name, or choose a shorter path{option}."),
    ("ENAMETOOLONG", "r", "Give a shorter path."),
    ("ENOTDIR EEXIST", "w", "A file stands where a folder should be; choose another folder{option}."),
    ("ENOENT", "w", "No folder can be made there; choose another{option}."),
    ("EISDIR", "w", "A folder stands where the file should be; remove it, or choose another{option}."),
    ("EFBIG", "w", "Files may not be that large there; choose another disk{option}."),
    ("ENOLCK EOPNOTSUPP", "w", "The disk keeps no locks; choose another{option}."),
    ("ELOOP", "r", "Its links lead in a circle; give the file itself."),
    ("EMFILE", "r", "Too few files may be open at once; raise the limit (ulimit -n)."),
    ("ENFILE", "r", "Too few files may be open at once; end other programs."),
)


def _remedy(error: OSError, where: str) -> str | None:
    for names, holds, remedy in _REMEDIES:
        if where in holds and error.errno in [getattr(errno, name) for name in names.split()]:
            return remedy
    return None


@contextlib.contextmanager
def writing(path: Path, option: str = " with --output") -> Iterator[None]:
    """Turn the system's refusals to write into OutputErrors of one line: which file, why, what to do.

    option: what chooses another place.
    """
    try:
        yield
    except OSError as error:
        if (remedy := _remedy(error, "w")) is None:
            raise
        reason = os.strerror(error.errno or 0)
        raise OutputError(f"{path}: cannot be written ({reason}). {remedy.format(option=option)}") from error


def refusal(error: OSError) -> str | None:
    """One line on what the system refuses to any program: which file, why, what to do. None for other errors."""
    remedy = _remedy(error, "r")
    return remedy and f"{error.filename or 'output'}: {os.strerror(error.errno or 0)}. {remedy.format(option='')}"


_umask_lock = threading.Lock()
_umasks: list[int] = []  # an entry for each block that is open, the first of them the one to return to


@contextlib.contextmanager
def private() -> Iterator[None]:
    """Let whatever is created inside the block be readable by its owner alone (0600, 0700): it is about people.

    The umask is the process's, so other threads' files are private too meanwhile, as are those of processes that are
    started inside, and of libraries that write by themselves. Works as a decorator, too.
    """
    with _umask_lock:
        _umasks.append(os.umask(0o077))
    try:
        yield
    finally:
        with _umask_lock:
            first = _umasks[0]
            _umasks.pop()
            if not _umasks:
                os.umask(first)


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """Open a file that appears under `path` only when the block has ended without an error."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{PARTIAL}{os.getpid()}-{threading.get_ident()}-{path.name}")
        try:
            with partial.open("xb") as stream:
                yield stream
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def link_or_copy(source: Path, target: Path) -> None:
    """Let a file stand under another name, too: the same bytes where the disk can (a hard link), else a copy of them.

    A target that is there already stays.
    """
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(source.resolve())
        except FileExistsError:
            pass
        except OSError:  # another disk, or one without links
            with source.open("rb") as given, atomic(target) as stream:
                shutil.copyfileobj(given, stream)


def from_home(path: str | Path) -> Path:
    """A path whose leading ~ is the user's home. Where there is no such user it stays, and is refused as a path."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - Path.expanduser raises RuntimeError there


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with atomic(path) as stream:
        stream.write(content)


def write_json(path: Path, tree: Mapping[str, Any]) -> None:
    """Write JSON atomically: readable, UTF-8, never NaN."""
    write_bytes(path, json_bytes(tree))


def json_bytes(tree: Mapping[str, Any]) -> bytes:
    """JSON as it is written to files."""
    try:
        content = json.dumps(tree, indent=2, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError:  # a file name that is no Unicode survives as escapes only
        content = json.dumps(tree, indent=2, allow_nan=False).encode("ascii")
    return content + b"\n"


def json_line(tree: Mapping[str, Any]) -> str:
    """JSON on one line, whatever is in its texts: readable, but for what is invisible or would turn the line around."""
    line = json.dumps(tree, ensure_ascii=False)
    return line if line.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in line)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of ours. Raises InputError when it is damaged, or no file: a pipe would never end."""
    try:
        if path.exists() and not path.is_file():
            raise ValueError("not a file")
        tree = parse_json(path.read_text(encoding="utf-8"))
    except UNREADABLE as error:
        raise InputError(f"{path}: not readable ({reason_of(error)}). Start a new run.") from None
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected an object, found {type(tree).__name__}. Start a new run.")
    return tree


def one_line(text: object) -> str:
    """A text, or what an error says, without line breaks."""
    return " ".join(str(text).split())


def reason_of(error: object, end: bool = False) -> str:
    """What an error says, on one line of bearable length.

    end: keep the end of what is too long, where libraries have a trace of their own before it.
    """
    text = one_line(error) or type(error).__name__
    if len(text) <= LONGEST_REASON:
        return text
    return "…" + text[-LONGEST_REASON:] if end else text[:LONGEST_REASON] + "…"


def parse_json(text: str | bytes) -> Any:
    """The values of a JSON text. Raises ValueError, also where it is nested too deeply for Python's stack."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_table(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV whose first line names `columns`, in any order and among others: the line, and text by column.

    As spreadsheets write it: with commas, semicolons or tabs, a byte order mark, any line ends, and rows left empty.
    Raises InputError for a file that is none, or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)
            file.seek(0)
            table = csv.reader(file, delimiter=delimiter, skipinitialspace=True)
            names = [name.strip() for name in next(table, [])]
            rows = [(table.line_num, [text.strip() for text in row]) for row in table]
    except UNREADABLE as error:
        raise InputError(f"{path}: not a readable CSV file ({reason_of(error)}). Save it as CSV in UTF-8.") from None
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}. The first line must name the columns {', '.join(columns)}."
        )
    return [
        (line, dict(itertools.zip_longest(names, row[: len(names)], fillvalue=""))) for line, row in rows if any(row)
    ]


def parse_yaml(text: str) -> Any:
    """The values of a YAML text, without objects of its own. Raises ValueError with the line, also for a repeated key.

    By libyaml where PyYAML was built with it: seven times as fast, and too deep a nesting is an error, not the end of
    Python's stack.
    """
    import yaml

    try:
        loader = _yaml_loader()(text)
        try:
            node = loader.get_single_node()
            _refuse_contradictions(node)
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(reason_of(error)) from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


@cache
def _yaml_loader() -> Any:
    """A safe loader whose errors name the value that is not what it seems (2020-99-99 is no date)."""
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # both are safe

    class Loader(base):  # type: ignore[misc]  # of a class that is known at run time only
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            try:
                return super().construct_object(node, deep)
            except (yaml.YAMLError, RecursionError):
                raise
            except Exception as error:  # PyYAML lets through whatever int(), date() and its own tables raise
                shown = str(node.value)[:40] + ("…" if len(str(node.value)) > 40 else "")
                reason = str(error).partition(";")[0]
                raise ValueError(f"line {node.start_mark.line + 1}: {shown!r}: {reason}") from None

    return Loader


def digests(paths: Mapping[str, Path]) -> dict[str, str]:
    """sha256 of files by their names, of those in folders as <name>/<path in the folder>; what is missing is left out.

    Raises OSError.
    """
    found = {}
    for name, path in paths.items():
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found["/".join((name, *file.relative_to(path).parts))] = file_sha256(file)
    return found


def _refuse_contradictions(root: Any) -> None:
    """PyYAML takes the last of several values of a key and forgets the others without a word."""
    import yaml

    seen, todo = set[int](), [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo += node.value
        elif isinstance(node, yaml.MappingNode):
            values = dict[str, Any]()
            for key, value in node.value:
                todo += (key, value)
                if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
                    continue
                earlier = values.setdefault(key.value, value)
                same = isinstance(value, yaml.ScalarNode) and (earlier.tag, earlier.value) == (value.tag, value.value)
                if earlier is not value and not same:
                    line = key.start_mark.line + 1
                    raise ValueError(f"{key.value!r} has a second value in line {line}; keep one of them")


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes. Raises OSError: the caller knows what the file is for."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key that puts frame_2 before frame_10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"([0-9]+)", name.lower())]

"""Writing so that no half-written file ever bears a final name, and refusals worded for people."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import itertools
import json
import os
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import InputError, OutputError

DAMAGED_NPZ = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)
"""What NumPy and the libraries below it raise for an .npz that is none, or not whole."""

PARTIAL = ".partial-"  # prefix of every file that is still being written


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one line: which file, why, what to do."""
    try:
        yield
    except OSError as error:
        remedy = {
            errno.ENOSPC: "Free some space, or choose another disk with --output.",
            errno.EDQUOT: "Your disk quota is used up; free some space, or choose another disk with --output.",
            errno.EACCES: "Choose a folder that you may write to with --output.",
            errno.EPERM: "Choose a folder that you may write to with --output.",
            errno.EROFS: "The disk is read-only; choose another with --output.",
            errno.ENOTDIR: "A file stands where a folder should be; choose another folder with --output.",
            errno.EEXIST: "A file stands where a folder should be; choose another folder with --output.",
            errno.EISDIR: "A folder stands where the file should be; remove it, or choose another with --output.",
            errno.EFBIG: "Files may not be that large there; choose another disk with --output.",
            errno.ENAMETOOLONG: "Give the video a shorter name, or choose a shorter path with --output.",
            errno.EIO: "The disk fails; choose another with --output.",
        }.get(error.errno or 0)
        if remedy is None:
            raise
        raise OutputError(f"{path}: cannot be written ({os.strerror(error.errno or 0)}). {remedy}") from error


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


def refusal(error: OSError) -> str | None:
    """One line on what the system refuses whatever program asks: which file, why, what to do. None for the rest."""
    remedy = {
        errno.EACCES: "Check its permissions, and those of the folders above it.",
        errno.EPERM: "Check its permissions, and those of the folders above it.",
        errno.EROFS: "The disk is read-only; choose another.",
        errno.ENOSPC: "Free some space, or choose another disk.",
        errno.EDQUOT: "Your disk quota is used up; free some space, or choose another disk.",
        errno.ENAMETOOLONG: "Give a shorter path.",
        errno.ELOOP: "Its links lead in a circle; give the file itself.",
        errno.EMFILE: "Too few files may be open at once; raise the limit (ulimit -n).",
        errno.ENFILE: "Too few files may be open at once; end other programs.",
        errno.EIO: "The disk fails; choose another.",
    }.get(error.errno or 0)
    return remedy and f"{error.filename or 'output'}: {os.strerror(error.errno or 0)}. {remedy}"


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


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of ours. Raises InputError when it is damaged."""
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable ({' '.join(str(error).split())}). Start a new run.") from None
    if not isinstance(tree, dict):
        raise InputError(f"{path}: expected an object, found {type(tree).__name__}. Start a new run.")
    return tree


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
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a readable CSV file ({reason}). Save it as CSV in UTF-8.") from None
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(
            f"{path}: no column {missing[0]!r}. The first line must name the columns {', '.join(columns)}."
        )
    return [
        (line, dict(itertools.zip_longest(names, row[: len(names)], fillvalue=""))) for line, row in rows if any(row)
    ]


def parse_yaml(text: str) -> Any:
    """What YAML says, without any objects of its own. Raises yaml.YAMLError, also for a key that has two values.

    By libyaml where PyYAML was built with it: seven times as fast, and too deep a nesting is an error, not the end of
    Python's stack.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)  # both are safe
    try:
        node = loader.get_single_node()
        _refuse_contradictions(node)
        return None if node is None else loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError("it is nested too deeply") from None
    finally:
        loader.dispose()


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
                    raise yaml.YAMLError(f"{key.value!r} has a second value in line {line}; keep one of them")


def file_sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes. Raises OSError: the caller knows what the file is for."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

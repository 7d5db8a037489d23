"""The enrolled in one file: a zip of gallery.json (facts), and for each template <id>.npz (its embedding) and
<id>.sequence.npz, <id>.poses.npz (what it was made from). Nothing in it is ever unpickled, and nothing is trusted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import GaitError, GalleryError
from pipeline.files import atomic, private, reason_of
from pipeline.gallery.names import checked_name, confusable_key
from pipeline.gallery.people import find_person, namesakes, newest_of
from pipeline.gallery.register import Register
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import ID_LENGTH, Stored, Template
from pipeline.gallery.verify import mixtures
from pipeline.pose.storage import read_poses
from pipeline.segmentation.storage import read_sequence

FACTS = "gallery.json"
KIND = "gait gallery export"
SCHEMA = 1
MOST_TEMPLATES = 1_000_000
MOST_FACTS = 16 << 10  # bytes of gallery.json for each template
MOST_EMBEDDING = 1 << 20  # float16 values
MOST_STORED = 256 << 20  # bytes of a walk's silhouettes or poses, compressed or not
LONGEST_TEXT = 4096  # characters

_ID = re.compile(rf"[0-9a-f]{{{ID_LENGTH}}}")
_SHA256 = re.compile(r"([0-9a-f]{64})?")
_MEMBER = re.compile(rf"{re.escape(FACTS)}|[0-9a-f]{{{ID_LENGTH}}}(\.sequence|\.poses)?\.npz")


@private()
def export(gallery: Gallery, path: Path, wanted: Sequence[str] = ()) -> int:
    """Write everybody, or those who are wanted (names or identities), into one file; returns how many templates."""
    chosen = None
    if wanted:
        register = Register.of(gallery)
        chosen = {find_person(register, one).identity for one in wanted}
    templates = gallery.templates(stored=True, only=chosen, by="identity")
    if not templates:
        raise GalleryError(f"{gallery.path}: nobody is enrolled, so there is nothing to export.")
    with atomic(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        # ZipInfo: without the time of day, which a zip cannot hold where a clock without a battery says 1970.
        tree = {"kind": KIND, "schema": SCHEMA, "templates": [_facts(template) for template in templates]}
        archive.writestr(zipfile.ZipInfo(FACTS), json.dumps(tree, indent=1, ensure_ascii=False, allow_nan=False))
        for template in templates:
            embedding = io.BytesIO()
            np.savez(embedding, parts=template.parts)
            archive.writestr(zipfile.ZipInfo(f"{template.template}.npz"), embedding.getvalue())
            if template.stored is not None:
                archive.writestr(zipfile.ZipInfo(f"{template.template}.sequence.npz"), template.stored.sequence)
                if template.stored.poses:
                    archive.writestr(zipfile.ZipInfo(f"{template.template}.poses.npz"), template.stored.poses)
    return len(templates)


def read_archive(path: Path) -> list[Template]:
    """The templates in a file that `export` wrote, every part of them checked.

    Raises GalleryError for a file that is anything else, damaged, or larger inside than it can rightly be.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # JSON takes up to thirty times its size in memory, so it is bounded before it is parsed: by the files that
            # every template has, and by the archive, whose other files are larger and cannot be compressed much.
            most = min(_templates_in(archive) * MOST_FACTS, path.stat().st_size)
            tree = json.loads(_member(archive, FACTS, most))
            if not isinstance(tree, dict) or tree.get("kind") != KIND:
                raise ValueError(f"{FACTS} is not that of an export")
            if tree.get("schema") != SCHEMA:
                raise ValueError(f"schema {tree.get('schema')!r} is not {SCHEMA}")
            rows = tree["templates"]
            if not isinstance(rows, list) or len(rows) != _templates_in(archive):
                raise ValueError(f"{FACTS} tells of other templates than there are")
            found = [_read(archive, row) for row in rows]
    except GaitError as error:
        raise GalleryError(f"{path}: refused ({error})") from None
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise GalleryError(f"{path}: cannot be read ({error.strerror}). Give the file of an export.") from None
    except Exception as error:  # damaged bytes make zipfile, zlib, json and NumPy raise whatever they like
        reason = reason_of(error)
        raise GalleryError(f"{path}: not a whole export of a gallery ({reason}). Export it again.") from None
    if len({template.template for template in found}) < len(found):
        raise GalleryError(f"{path}: refused (the same template twice)")
    if problems := mixtures(found):
        raise GalleryError(f"{path}: refused ({problems[0]}). Mend the gallery that it is from, and export it again.")
    return found


def take_in(gallery: Gallery, templates: Sequence[Template], merge: bool) -> int:
    """Add templates that are not there yet, in one commit; returns how many. Identities stay what they are.

    merge: somebody who has such a name already gets the templates; else that is refused, as are the same identity
    under another name and a changed template under an identifier that is there.
    """
    new = []
    with gallery.writing() as writer:
        register = Register.of(gallery)
        there = {one.template: one for one in gallery.templates(only=[template.template for template in templates])}
        people = register.of_identities(template.identity for template in templates)
        taken = namesakes(register, {template.name for template in templates})
        newest = newest_of(gallery, [*people.values(), *taken.values()])
        for template in templates:
            known = there.get(template.template)
            if known is not None:
                if known.parts.tobytes() != template.parts.tobytes():
                    raise GalleryError(
                        f"{template.name}: template {template.template} is there with another embedding."
                    )
                continue
            same, alike = people.get(template.identity), taken.get(confusable_key(template.name))
            if same is None and alike is not None and not merge:
                raise GalleryError(
                    f"{template.name!r} looks like {alike.name!r}, who is enrolled ({alike.identity[:8]}). "
                    "Give --merge to make them one person, or rename one of them first."
                )
            if same is not None and confusable_key(same.name) != confusable_key(template.name) and not merge:
                raise GalleryError(
                    f"{template.name!r} is enrolled as {same.name!r} ({same.identity[:8]}). "
                    "Give --merge to keep that name."
                )
            who = same or alike
            person = newest[who.identity] if who else None
            new.append(
                dataclasses.replace(template, identity=person.identity, name=person.name) if person else template
            )
        writer.add(new)
    return len(new)


def _facts(template: Template) -> dict[str, Any]:
    left_out = ("parts", "stored", "enrolled", "expires", "quality", "run")  # run: a folder of this machine
    facts = {f.name: getattr(template, f.name) for f in dataclasses.fields(template) if f.name not in left_out}
    return facts | {
        "quality": dict(template.quality),
        "enrolled": template.enrolled.isoformat(),
        "expires": template.expires.isoformat() if template.expires else None,
    }


def _read(archive: zipfile.ZipFile, row: Any) -> Template:
    """One template, each field of the type and size that it must have."""
    if not isinstance(row, dict):
        raise ValueError("a template is no object")
    who = _text(row, "template", _ID)
    sequence = _member(archive, f"{who}.sequence.npz", MOST_STORED)
    poses = b"" if f"{who}.poses.npz" not in archive.NameToInfo else _member(archive, f"{who}.poses.npz", MOST_STORED)
    expected = _text(row, "sequence_sha256", _SHA256), _text(row, "poses_sha256", _SHA256)
    if expected != (hashlib.sha256(sequence).hexdigest(), hashlib.sha256(poses).hexdigest() if poses else ""):
        raise ValueError(f"the silhouettes of {who} are not those that were exported")
    _refuse_odd_walk(sequence, lambda path: len(read_sequence(path, who, 1)))
    if poses:
        _refuse_odd_walk(poses, lambda path: len(read_poses(path, who, 1)))
    quality = row["quality"]
    if not isinstance(quality, dict) or len(quality) > 100:
        raise ValueError("quality is no object")
    return Template(
        template=who,
        identity=_text(row, "identity", _ID),
        name=checked_name(_text(row, "name")),
        named=row["named"] is True,
        video=_text(row, "video"),
        video_sha256=_text(row, "video_sha256", _SHA256),
        track=_count(row, "track"),
        run="",  # a folder of another machine
        parts=_embedding(_member(archive, f"{who}.npz", 2 * MOST_EMBEDDING + 4096)),
        model=_text(row, "model"),
        checkpoint_sha256=_text(row, "checkpoint_sha256", _SHA256),
        frames_used=_count(row, "frames_used"),
        enrolled=_moment(_text(row, "enrolled")),
        quality={str(name)[:LONGEST_TEXT]: _number(value) for name, value in quality.items()},
        consent=_text(row, "consent"),
        expires=None if row["expires"] is None else _moment(_text(row, "expires")),
        sequence_sha256=expected[0],
        poses_sha256=expected[1],
        stored=Stored(sequence, poses),
    )


def _templates_in(archive: zipfile.ZipFile) -> int:
    """How many templates an archive has files of. Raises ValueError for files that no export has."""
    names = archive.namelist()
    odd = next((name for name in names if not _MEMBER.fullmatch(name)), None)
    if odd is not None:
        raise ValueError(f"it holds {odd[:40]!a}")
    if len(set(names)) < len(names):
        raise ValueError("it holds two files of one name")
    embeddings = sum(name.count(".") == 1 for name in names if name != FACTS)
    if not 0 < embeddings <= MOST_TEMPLATES:
        raise ValueError("no templates, or too many")
    return embeddings


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A file of the archive, never more of it than `most` bytes, whatever it says of its size."""
    with archive.open(name) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise ValueError(f"{name} is larger than {most} bytes")
    return content


def _embedding(content: bytes) -> np.ndarray[Any, np.dtype[np.float16]]:
    _refuse_bomb(content, 2 * MOST_EMBEDDING + 4096)
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        parts = arrays["parts"]
    if parts.ndim != 2 or parts.dtype != np.float16 or not 0 < parts.size <= MOST_EMBEDDING:
        raise ValueError(f"an embedding is {parts.shape} {parts.dtype}, not C×P float16")
    if not np.isfinite(parts).all():
        raise ValueError("an embedding has values that are not finite")
    return np.ascontiguousarray(parts)


def _refuse_odd_walk(content: bytes, length_of: Callable[[Path], int]) -> None:
    """Read a stored walk as a run would, from a file of its own."""
    _refuse_bomb(content, MOST_STORED)
    with tempfile.TemporaryDirectory(prefix="gait-") as made:
        path = Path(made) / "walk.npz"
        path.write_bytes(content)
        if not length_of(path):
            raise ValueError("a walk without a frame")


def _refuse_bomb(content: bytes, most: int) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as inner:
        if sum(info.file_size for info in inner.infolist()) > most:
            raise ValueError("an array is larger than it can rightly be")


def _text(row: dict[str, Any], name: str, pattern: re.Pattern[str] | None = None) -> str:
    value = row[name]
    if not isinstance(value, str) or len(value) > LONGEST_TEXT or (pattern and not pattern.fullmatch(value)):
        raise ValueError(f"{name} is not what it must be")
    value.encode("utf-8")
    return value


def _count(row: dict[str, Any], name: str) -> int:
    value = row[name]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 53:
        raise ValueError(f"{name} is not what it must be")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError("quality has something else than numbers")
    return float(value)


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)

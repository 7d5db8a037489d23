"""A gallery in its folder: a LanceDB table of templates that many processes read and write at once.

What LanceDB 0.40 does, and what this makes of it (all of it measured; tests/gallery keep it so):
- A commit is one manifest that appears under its final name: a writer that is killed leaves the old version or the new
  one, and files that no version knows. LanceDB's clean-up removes the whole ones of them but not those half-written
  (data/.tmp…); the next writer here removes both.
- Appends of several processes are rebased on one another and none is lost; an overwrite that was prepared before an
  append loses it without a word. So whoever writes holds the gallery's lock, from reading to the commit.
- `delete` and `optimize` leave the deleted row's bytes in its data file, and the condition in a transaction file. So
  people are removed by rewriting the table without them, in one commit, and then dropping every older version.
- A reader of a version whose files have been dropped gets an error: reading starts again with the newest.
- Changed bytes within a page are returned as they are: every row carries its digest.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import re
import shutil
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from pipeline.engine.lock import locked
from pipeline.errors import GalleryError
from pipeline.files import PARTIAL, private
from pipeline.gallery.discriminant_file import drop_learnt
from pipeline.gallery.folder import (
    MARK,
    RESTORE,
    files_in,
    is_missing_file,
    read_json,
    refusals,
    refuse_address,
    refuse_older,
    version_told,
    write_json,
)
from pipeline.gallery.reviews import drop_gone
from pipeline.gallery.rows import COLUMNS, LARGE, briefs_of, from_rows, schema_of, to_rows
from pipeline.gallery.template import Template

if TYPE_CHECKING:
    import pyarrow as pa

TABLE = "templates"
LOCK = "gallery"
KIND = "gait gallery"
SCHEMA = 1
ROWS_AT_ONCE = 256  # read with their silhouettes at a time: some 10 MB
ATTEMPTS = 8  # of a reader whose files other processes drop
OLD_INDEX = "index"  # a folder of earlier versions of this program, with projections of embeddings
COMPACT_FROM = 32  # data files; each enrolment adds one
HALF_WRITTEN = re.compile(rf"^\.tmp|#\d+$|^{re.escape(PARTIAL)}")  # LanceDB's, its object store's and our own names

Identifier = Literal["template", "identity", "video_sha256"]  # columns of hexadecimal digits

_T = TypeVar("_T")


class Gallery:
    """People's templates in a folder. Get one with `create` or `open`; write into it with `writing`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    @private()
    def create(cls, path: Path) -> Gallery:
        """The gallery in this folder; a new one where there is none yet.

        Raises GalleryError for a folder that holds something else, and where nothing can be written.
        """
        if not cls.exists(path):
            with refusals(path, "made"):
                path.mkdir(parents=True, exist_ok=True)
                with locked(path / LOCK):
                    if not cls.exists(path):  # else another process was first
                        _make(path)
        return cls.open(path)

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is one. Raises GalleryError for an address."""
        refuse_address(path)
        return (path / MARK).is_file()

    @classmethod
    def open(cls, path: Path) -> Gallery:
        """An existing gallery. Raises GalleryError where there is none, or one of a later version of this program."""
        refuse_address(path)
        try:
            known = read_json(path / MARK)
        except (FileNotFoundError, NotADirectoryError):
            raise GalleryError(
                f"{path}: no gallery there (no {MARK}). Make one with: gait enrol VIDEO --db {path}"
            ) from None
        except PermissionError:
            raise GalleryError(
                f"{path}: you may not read it. Ask its owner, or change the rights of the folder."
            ) from None
        except (OSError, ValueError):
            raise GalleryError(f"{path}: damaged ({MARK} is not readable). {RESTORE}") from None
        if known.get("kind") != KIND or not isinstance(known.get("schema"), int):
            raise GalleryError(f"{path}: {MARK} is not that of a gallery. Give another folder.")
        if known["schema"] > SCHEMA:
            raise GalleryError(f"{path}: made by a later version of gait (schema {known['schema']}). Update gait.")
        return cls(path)

    def templates(
        self, *, stored: bool = False, only: Collection[str] | None = None, by: Identifier = "template"
    ) -> list[Template]:
        """Every template, in the order of enrolment; stored: with the silhouettes that each was made from.

        only: the templates of these identifiers, or by those of people or videos; others' embeddings are not read.
        Raises GalleryError for a damaged gallery.
        """
        columns = [*COLUMNS, *LARGE] if stored else list(COLUMNS)
        if only is not None and not only:
            return []
        if not all(re.fullmatch("[0-9a-f]+", one) for one in only or ()):
            raise ValueError("identifiers are hexadecimal digits")  # they become part of a condition

        def read() -> list[Template]:
            rows = _opened(self.path).search().select(columns)
            if only:
                rows = rows.where(f"{by} IN ({', '.join(repr(one) for one in only)})")
            return from_rows(rows.to_arrow(), str(self.path))

        return sorted(self.reading(read), key=lambda template: (template.enrolled, template.template))

    def portions(self) -> Iterator[list[Template]]:
        """Every template with its silhouettes, so many at a time as memory holds. For those who keep writers away."""
        with refusals(self.path, "read"):
            batches = iter(_opened(self.path).search().to_batches(ROWS_AT_ONCE))
        while True:
            with refusals(self.path, "read"):
                batch = next(batches, None)
            if batch is None:
                return
            yield from_rows(_table_of(batch), str(self.path))

    @contextlib.contextmanager
    def writing(self) -> Iterator[Writer]:
        """Keep all other writers away for the block; readers go on. Raises GalleryError where nobody may write."""
        with contextlib.ExitStack() as held:
            held.enter_context(private())
            with refusals(self.path, "changed"):
                held.enter_context(locked(self.path / LOCK))
            yield Writer(self)

    def facts(self) -> TableFacts:
        """What the table's newest version says of itself."""

        def read() -> TableFacts:
            table = _opened(self.path)
            versions = table.list_versions()
            noted = versions[-1]["metadata"]
            return TableFacts(len(versions), int(noted["total_data_files"]), int(noted["total_rows"]))

        return self.reading(read)

    def version(self) -> int:
        """Differs after every change."""
        return int(self.reading(lambda: _opened(self.path).version))

    def table(self) -> Any:
        """LanceDB's table in its newest version, to read from within `reading`."""
        return _opened(self.path)

    def files(self) -> list[Path]:
        """Every file of the folder."""
        return files_in(self.path)

    def size(self) -> int:
        """Of all files, in bytes."""
        total = 0
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):  # gone meanwhile
                total += path.stat().st_size
        return total

    def data_files(self) -> list[Path]:
        """The table's data files, those included that no version knows."""
        return [path for path in self.files() if path.parent.name == "data" and not HALF_WRITTEN.search(path.name)]

    def half_written(self) -> list[Path]:
        """What killed writers had not finished. While nobody writes, nobody needs it."""
        return [path for path in self.files() if HALF_WRITTEN.search(path.name)]

    def reading(self, read: Callable[[], _T]) -> _T:
        """Read, again where another process has meanwhile dropped the version that was being read.

        Raises GalleryError for what cannot be read.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with refusals(self.path, "read"):
                    return read()
            except GalleryError as error:
                if attempt == ATTEMPTS or not is_missing_file(error.__cause__):
                    raise
                time.sleep(0.05 * attempt)
        raise AssertionError("unreachable")


@dataclasses.dataclass(frozen=True, slots=True)
class TableFacts:
    """versions: of the table on disk; data_files: of the newest version; rows: in it."""

    versions: int
    data_files: int
    rows: int


class Writer:
    """The one process that may write into a gallery now. Every change is one commit: it is there, or it is not."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._path = gallery.path

    def add(self, templates: Sequence[Template]) -> None:
        """Add rows. Templates of another size than the others are refused."""
        if templates:
            with refusals(self._path, "changed"):
                self._add(templates)

    def _add(self, templates: Sequence[Template]) -> None:
        self.sweep()
        facts = self._gallery.facts()
        if facts.rows:
            table = _opened(self._path)
            row = table.search().select(["model", "checkpoint_sha256"]).limit(1).to_arrow().to_pylist()[0]
            if any(template.origin != (row["model"], row["checkpoint_sha256"]) for template in templates):
                raise GalleryError(f"{self._path}: its embeddings are of another encoder. See: gait gallery reenrol -h")
            table.add(to_rows(templates, table.schema))
            if facts.data_files + 1 > max(COMPACT_FROM, math.isqrt(facts.rows)):
                self.tidy()
        else:  # the size of the embeddings is settled now
            self._replace(schema_of(templates[0].parts.size), iter([list(templates)]))

    def rewrite(self, changed: Mapping[str, Template | None]) -> None:
        """Change templates (by their identifier) or remove them (None), and drop every trace of the old ones.

        What is stored of their walks stays as it is. Where every template gets an embedding of another size, the table
        takes that size.
        """
        if changed:
            with refusals(self._path, "changed"):
                self._rewrite(changed)

    def _rewrite(self, changed: Mapping[str, Template | None]) -> None:
        table = _opened(self._path)
        schema = table.schema
        sizes = {template.parts.size for template in changed.values() if template is not None}
        if len(sizes) == 1 and len(changed) == table.count_rows():
            schema = schema_of(sizes.pop())

        def rows() -> Iterator[list[Template]]:
            for batch in table.search().to_batches(ROWS_AT_ONCE):
                kept = from_rows(_table_of(batch), str(self._path))
                yield [
                    dataclasses.replace(after, stored=row.stored)
                    for row in kept
                    if (after := changed.get(row.template, row)) is not None
                ]

        self._replace(schema, rows())

    def sweep(self) -> None:
        """Remove what a killed writer left, if there is anything."""
        if len(self._gallery.data_files()) > self._gallery.facts().data_files or self._gallery.half_written():
            self.tidy()

    def tidy(self) -> None:
        """Merge small data files; remove old versions, what killed writers left, and reviews of who has gone."""
        with refusals(self._path, "changed"), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # LanceDB warns of other writers: we hold the lock
            _opened(self._path).optimize(cleanup_older_than=timedelta(0), delete_unverified=True)
            shutil.rmtree(self._path / OLD_INDEX, ignore_errors=True)
            for left in self._gallery.half_written():
                left.unlink(missing_ok=True)
            drop_gone(self._path, {brief.template: brief.identity for brief in briefs_of(_opened(self._path), None)})

    def _replace(self, schema: pa.Schema, portions: Iterator[list[Template]]) -> None:
        """A new version of exactly these rows, after which it is the only one.

        An index of the old rows goes with them; a discriminant that has learnt from them goes first.
        """
        import pyarrow as pa

        drop_learnt(self._path)

        failure: list[BaseException] = []

        def batches() -> Iterator[pa.RecordBatch]:
            try:
                for templates in portions:
                    yield from to_rows(templates, schema).to_batches()
            except BaseException as error:  # LanceDB would turn it into an error of its own
                failure.append(error)
                raise

        try:
            reader = pa.RecordBatchReader.from_batches(schema, batches())
            _connected(self._path).create_table(TABLE, data=reader, schema=schema, mode="overwrite")
        except Exception:
            if failure:
                raise failure[0] from None
            raise
        self.tidy()


def _make(path: Path) -> None:
    """Turn an empty folder into a gallery; the mark comes last, so that whatever bears it has a table."""
    there = {file.relative_to(path).parts[0] for file in files_in(path)} - {f"{LOCK}.lock", f"{TABLE}.lance"}
    if there:
        raise GalleryError(f"{path}: holds {min(there)!r} and no {MARK}, so it is no gallery. Give a new folder.")
    if not any((path / f"{TABLE}.lance").rglob("*.lance")):  # else only the mark was lost
        _connected(path).create_table(TABLE, schema=schema_of(1), mode="overwrite")
    _opened(path)
    write_json(path / MARK, {"kind": KIND, "schema": SCHEMA})


def _connected(path: Path) -> Any:
    os.environ.setdefault("LANCEDB_LOG", "error")  # read once, at the import; else it warns of every new table
    import lancedb

    return lancedb.connect(str(path))


def _opened(path: Path) -> Any:
    told = version_told(path / f"{TABLE}.lance")  # before the table: others go on writing
    table = _connected(path).open_table(TABLE)
    refuse_older(path, table.version, told)
    return table


def _table_of(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([batch])

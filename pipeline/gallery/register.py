"""Who is enrolled, an entry a person: read from a gallery's narrow columns, without an embedding or a silhouette.

A row's digest covers its embedding, so what is read here is not checked against it. Whoever writes something of it into
another row reads the row whole (`Gallery.templates(only=…)`), and `gait gallery verify` reads them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.gallery.store import Gallery

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("template", "identity", "name", "named", "enrolled", "expires", "model", "checkpoint_sha256")
AT_ONCE = 4096  # people who are Python objects at the same time
EVER = np.iinfo(np.int64).max  # for a template that does not expire

Numbers = NDArray[np.int64]


class Who(NamedTuple):
    """A person without their walks.

    number: the place in the order of enrolment, from 0, which settles the colour; name, named: as in the newest
    template, whose identifier is `newest`; templates: how many there are.
    """

    number: int
    identity: str
    name: str
    named: bool
    newest: str
    templates: int


class Register:
    """Everybody of a gallery, first enrolled first. Get one with `of`.

    encoders: model and sha256 of the checkpoint; more than one only in a damaged gallery.
    """

    def __init__(self, rows: pa.Table) -> None:
        import pyarrow as pa

        enrolled, expires = (_microseconds(rows.column(name)) for name in ("enrolled", "expires"))
        order = np.lexsort((_numbers(rows.column("template")), enrolled))
        _, first, person, count = np.unique(
            _numbers(rows.column("identity"))[order], return_index=True, return_inverse=True, return_counts=True
        )
        last, until = np.zeros_like(first), np.full_like(first, np.iinfo(np.int64).min)
        np.maximum.at(last, person, np.arange(len(order)))
        np.maximum.at(until, person, expires[order])
        people = np.argsort(first)
        newest = order[last[people]]
        known = rows.select(["identity", "name", "named", "template"]).take(newest)
        self._people = known.append_column("templates", pa.array(count[people]))
        self._enrolled: Numbers = enrolled[newest]
        self._expires: Numbers = until[people]
        pairs = rows.group_by(["model", "checkpoint_sha256"]).aggregate([]).to_pylist()
        self.encoders = sorted((pair["model"], pair["checkpoint_sha256"]) for pair in pairs)

    @classmethod
    def of(cls, gallery: Gallery) -> Register:
        """Who is in the gallery now. Raises GalleryError for one that cannot be read."""
        return gallery.reading(lambda: cls(gallery.table().search().select(list(COLUMNS)).to_arrow()))

    def __len__(self) -> int:
        return int(self._people.num_rows)

    def __iter__(self) -> Iterator[Who]:
        number = 0
        for batch in self._people.to_batches(AT_ONCE):
            for facts in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield Who(number, *facts)
                number += 1

    def of_identities(self, identities: Iterable[str]) -> dict[str, Who]:
        """Those of them who are enrolled, by identity."""
        wanted = set(identities)
        return {who.identity: who for who in self if who.identity in wanted}

    def enrolled(self, who: Who) -> datetime:
        """When the newest of the person's templates was enrolled, UTC."""
        return _moment(self._enrolled[who.number])

    def expires(self, who: Who) -> datetime | None:
        """When the last of the person's templates expires, UTC; None where one never does."""
        until = self._expires[who.number]
        return None if until == EVER else _moment(until)


def _numbers(identifiers: pa.ChunkedArray) -> NDArray[np.uint64]:
    """16 hexadecimal digits each as numbers in the same order.

    Raises ValueError for texts that are not hexadecimal, or shorter.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    heads = pc.utf8_slice_codeunits(identifiers, 0, 16).cast(pa.binary()).cast(pa.binary(16)).combine_chunks()
    digits = memoryview(heads.buffers()[1])[: 16 * len(heads)].tobytes().decode()
    return np.frombuffer(bytes.fromhex(digits), ">u8").astype(np.uint64)


def _microseconds(moments: pa.ChunkedArray) -> Numbers:
    return np.asarray(moments.cast("int64").fill_null(EVER).to_numpy(), np.int64)


def _moment(microseconds: np.int64) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds))

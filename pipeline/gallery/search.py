"""Which templates probes are compared with: all of a small gallery, the likely ones of a large gallery that is indexed.

However they were found, templates are then compared by their whole embeddings, as everywhere else.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.index import Codes, Entries, Index, embeddings_of, entries, in_order, load
from pipeline.gallery.index_files import IndexFacts, read_facts
from pipeline.gallery.rows import COLUMNS, briefs_of, from_rows
from pipeline.gallery.scan import Scan
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Brief, Template, now
from pipeline.matching.distance import distances_between
from pipeline.types import Embedding, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

EXACT_UP_TO = 10_000  # templates: comparing with all of them takes a fraction of a second
CANDIDATES = 48  # templates whose whole embedding is read for each probe; of half of them the whole row
KNOWN_BY = 16  # values of a code that tell whether a row is the one that was indexed
ROWS_AT_ONCE = 4096

_T = TypeVar("_T")


class Hit(NamedTuple):
    """A template: its position in the table, whose it is, how far the probe is from it."""

    position: int
    identity: str
    distance: float


class Search:
    """Searches a gallery again and again; what others enrol is found at once.

    fitted: the gallery's stored discriminant, where matching.transform takes it; exact_up_to: templates up to which an
    index is not used. Of the last search: exact: whether all templates were compared; expired: how many it met that
    were past their expiry, and left out; caution: one line that the user should know, or None.
    """

    def __init__(
        self,
        gallery: Gallery,
        matching: MatchingConfig,
        exact_up_to: int = EXACT_UP_TO,
        fitted: StoredDiscriminant | None = None,
    ) -> None:
        self._gallery = gallery
        self._matching = matching
        self._fitted = fitted
        self._exact_up_to = exact_up_to
        self._indexed: _Indexed | None = None
        self._table: Any = None  # as it was when it was last looked at
        self._seen: object | None = None
        self._counted: int | None = None
        self.caution: str | None = None
        self.expired = 0
        self.exact = True

    def at_first(self) -> list[Template]:
        """What can be looked at before the work: all templates of a small gallery, one of a large one, none of none."""
        if self._rows() <= self._exact_up_to:
            return self._gallery.templates()
        path = str(self._gallery.path)
        return self._reading(lambda table: from_rows(table.search().select(list(COLUMNS)).limit(1).to_arrow(), path))

    def shortlist(self, probes: Sequence[Embedding], at: datetime | None = None) -> list[Template]:
        """The templates to compare these probes with, without those that have expired; all of them where it is exact.

        Raises GalleryError for a damaged gallery; a damaged index is only told of.
        """
        at = at or now()
        self.exact = False
        for _ in range(2 if probes else 0):  # again where people have just been removed
            if (indexed := self._index()) is None:
                break
            try:
                found = self._reading(functools.partial(self._likely, probes, at, indexed))
                return sorted(found, key=lambda template: (template.enrolled, template.template))
            except _OutdatedError:
                self._indexed = None
                self.caution = f"{self._gallery.path}: its index does not fit it and is not used. {self._remedy}"
        self.exact = True
        templates = self._gallery.templates()
        current = [template for template in templates if not template.expired(at)]
        self.expired = len(templates) - len(current)
        return current

    def nearest(self, probe: Embedding) -> list[Hit] | None:
        """Who is nearest by the index, expired or not, without reading more than embeddings; None without an index."""
        if (indexed := self._index()) is None:
            return None
        return self._reading(lambda table: self._hits(indexed, table, [probe], CANDIDATES))[0]

    def everybody(self, found: Sequence[Template], at: datetime | None = None) -> Sequence[Template | Brief]:
        """Of all templates that have not expired, what tells them apart. found: by the last search."""
        if self.exact:
            return found
        return self._reading(lambda table: briefs_of(table, at or now()))

    def cautions(self) -> list[str]:
        """What the user should know of the last search."""
        path = self._gallery.path
        left_out = (
            f"{path}: {self.expired} templates are past their expiry and left out. "
            f"Remove them: gait gallery expire --db {path}"
        )
        return [*([left_out] if self.expired else []), *([self.caution] if self.caution else [])]

    def _newest(self) -> Any:
        """LanceDB's table in its newest version; opening it takes ten times as long as looking for a newer version."""
        seen = self._gallery.glance()  # before LanceDB looks: what comes between the two is looked for again
        if self._table is not None and (seen is None or seen != self._seen):
            try:
                self._table.checkout_latest()
            except (OSError, RuntimeError, ValueError):  # the folder was replaced
                self._table = None
            self._seen = self._counted = None
        if self._table is None:
            self._table = self._gallery.table()
        self._seen = seen
        return self._table

    def _renewed(self) -> Any:
        self._seen = None
        return self._newest()

    def _count(self, table: Any) -> int:
        """The rows of the table as it was last looked at."""
        if self._counted is None:
            self._counted = int(table.count_rows())
        return self._counted

    def _rows(self) -> int:
        return self._gallery.reading(lambda: self._count(self._newest()))

    def _reading(self, read: Callable[[Any], _T]) -> _T:
        """Read the table as it was when its rows were counted, or its newest version where that one is gone."""
        tables = itertools.chain([self._table], iter(self._renewed, None))
        return self._gallery.reading(lambda: read(next(tables)))

    @property
    def _remedy(self) -> str:
        return f"Index it: gait gallery index --db {self._gallery.path}"

    def _index(self) -> _Indexed | None:
        """The index, caught up with the table; None where every template is to be compared, and why in `caution`."""
        self.caution = None
        rows = self._rows()
        if rows <= self._exact_up_to:
            return None
        if needs_all := self._needs_all():
            self.caution = f"{self._gallery.path}: all {rows} templates are compared: {needs_all}"
            return None
        facts = None
        try:
            facts = read_facts(self._gallery.path)
            if facts is not None and (other := self._other(facts)):
                self.caution = f"{self._gallery.path}: all {rows} templates are compared: {other}"
                return None
            if facts is not None and (self._indexed is None or self._indexed.index.facts.files != facts.files):
                index = load(self._gallery.path, facts)
                self._indexed = _Indexed(index) if index else None
        except GalleryError as error:
            if facts is not None and read_facts(self._gallery.path) != facts:  # replaced while it was read
                return self._index()
            self.caution = str(error)
            facts = None
        if facts is None or self._indexed is None:
            self._indexed = None
            self.caution = self.caution or f"{self._gallery.path}: all {rows} templates are compared. {self._remedy}"
        return self._indexed

    def _needs_all(self) -> str:
        """Why no index helps; "" where one does."""
        if self._matching.score_norm != "none":
            return (
                f"matching.score_norm={self._matching.score_norm} needs the distances to all of them. Without it the "
                "index is used."
            )
        if self._matching.transform != "none" and self._fitted is None:
            return (
                f"matching.transform={self._matching.transform} is fitted on all of them. Fit it once: "
                f"gait gallery fit --db {self._gallery.path}"
            )
        return ""

    def _other(self, facts: IndexFacts) -> str:
        """What the index is for, where that is another way of comparing; "" where it is this one."""
        metric, transform = self._matching.metric, self._matching.transform
        if facts.metric != metric:
            return f"its index is for matching.metric={facts.metric}. {self._remedy} --set matching.metric={metric}"
        if facts.backend != (self._fitted.facts.digest if self._fitted else ""):
            return f"its index is for another discriminant. {self._remedy} --set matching.transform={transform}"
        return ""

    def _hits(self, indexed: _Indexed, table: Any, probes: Sequence[Embedding], count: int) -> list[list[Hit]]:
        """Of each probe the nearest by their whole embeddings, of so many candidates."""
        indexed.catch_up(table, self._count(table))
        projection = indexed.index.projection
        codes = projection.codes(projection.project(np.stack([probe.parts.ravel() for probe in probes])))
        found = []
        for probe, code in zip(probes, codes, strict=True):
            positions = indexed.nearest(code, count)
            parts = indexed.embeddings(table, positions).reshape(-1, *projection.shape)
            distances = self._apart(probe, parts)
            order = np.argsort(distances, kind="stable")
            found.append(
                [Hit(int(positions[n]), indexed.identity(int(positions[n])), float(distances[n])) for n in order]
            )
        return found

    def _apart(self, probe: Embedding, parts: FloatArray) -> NDArray[np.floating]:
        """How far the probe is from embeddings, N×C×P."""
        metric = self._matching.metric
        if self._fitted is None:
            return np.asarray(distances_between(probe.parts[None], parts, metric)[0])
        templates = [dataclasses.replace(probe, parts=one) for one in parts]
        return np.asarray(self._fitted.discriminant.between([probe], templates, metric)[0])

    def _likely(self, probes: Sequence[Embedding], at: datetime, indexed: _Indexed, table: Any) -> list[Template]:
        count = CANDIDATES
        while True:
            hits = self._hits(indexed, table, probes, count)
            positions = np.unique([hit.position for found in hits for hit in found[: count // 2]])
            if self._matching.templates != "nearest":  # a mean is over all that a person has
                whose = np.unique(indexed.identities[positions])
                positions = np.flatnonzero(np.isin(indexed.identities, whose))
            found = from_rows(indexed.rows(table, positions), str(self._gallery.path))
            current = [template for template in found if not template.expired(at)]
            self.expired = len(found) - len(current)
            if 2 * len(current) >= len(found) or count >= len(indexed.digests):
                return current
            count *= 4


class _OutdatedError(Exception):
    """The index is of other rows than the table has."""


class _Indexed:
    """An index, and beside it the projections of the rows that came later. identities, digests: of all of them."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.digests: Entries = index.digests
        self.identities: Entries = index.identities
        self._scan = Scan(index.codes)
        self._later: Codes = np.zeros((0, index.facts.dims), np.int8)
        self._later_scan = Scan(self._later)

    def identity(self, position: int) -> str:
        """Whose the row is."""
        return bytes(self.identities[position].tobytes()).hex()

    def catch_up(self, table: Any, total: int) -> None:
        """Read what was added since; total: the rows that the table has."""
        known = len(self.digests)
        if total < known:
            raise _OutdatedError
        if total == known:
            return
        batches = in_order(table, ("digest", "identity", "embedding"), ROWS_AT_ONCE, known)
        digests, identities, later = [self.digests], [self.identities], [self._later]
        for batch in batches:
            embeddings = embeddings_of(batch)
            if embeddings.shape[1] != self.index.projection.values:
                raise _OutdatedError
            digests.append(entries(batch.column("digest")))
            identities.append(entries(batch.column("identity")))
            later.append(self.index.projection.codes(self.index.projection.project(embeddings)))
        self.digests, self.identities = np.concatenate(digests), np.concatenate(identities)
        self._later = np.concatenate(later)
        self._later_scan = Scan(self._later)

    def nearest(self, code: Codes, count: int) -> NDArray[np.int64]:
        """The likely nearest rows' positions, of those indexed and of later ones."""
        positions, apart = self._scan.nearest(code, count)
        later, later_apart = self._later_scan.nearest(code, count)
        positions = np.append(positions, later + self.index.facts.rows)
        return np.asarray(positions[np.argsort(np.append(apart, later_apart), kind="stable")[:count]])

    def embeddings(self, table: Any, positions: NDArray[np.int64]) -> FloatArray:
        """The whole embeddings at these positions, in their order, N×(C·P). Raises _OutdatedError for other ones.

        table: as it was when this caught up with it. LanceDB reads every column by itself, so the rows are known by the
        beginnings of their codes, not by digests.
        """
        order = np.argsort(positions)
        rows = embeddings_of(table.take_offsets(positions[order].tolist()).select(["embedding"]).to_arrow())
        rows = rows.astype(np.float32)
        codes = self.index.projection.beginnings(rows, KNOWN_BY)
        if np.abs(codes - self._codes(positions[order])[:, :KNOWN_BY].astype(np.int16)).max() > 1:  # they may round so
            raise _OutdatedError
        if not np.isfinite(rows).all():
            raise ValueError("an embedding has values that are not finite")
        return np.asarray(rows[np.argsort(order)])

    def rows(self, table: Any, positions: NDArray[np.int64]) -> pa.Table:
        """The rows at these positions, in any order. Raises _OutdatedError where others are there."""
        rows = table.take_offsets(positions.tolist()).select(list(COLUMNS)).to_arrow()
        if not np.array_equal(np.sort(entries(rows.column("digest"))), np.sort(self.digests[positions])):
            raise _OutdatedError
        return rows

    def _codes(self, positions: NDArray[np.int64]) -> Codes:
        indexed = positions < len(self.index.codes)
        codes = np.empty((len(positions), self._later.shape[1]), np.int8)
        codes[indexed] = self.index.codes[positions[indexed]]
        codes[~indexed] = self._later[positions[~indexed] - len(self.index.codes)]
        return codes

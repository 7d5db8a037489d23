"""Which templates probes are compared with: all of a small gallery, the nearest ones of a larger one.

Up to 100,000 templates, and wherever an index is of no use, a sieve in float32 goes through every embedding, a block at
a time, for all probes at once. Above that LanceDB's index names candidates. Of the templates that are found so the
nearest are kept by their exact distances, and compared as everywhere else.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import MatchingConfig
from pipeline.errors import GalleryError
from pipeline.gallery.discriminant_file import StoredDiscriminant
from pipeline.gallery.index import candidates, fits
from pipeline.gallery.rows import COLUMNS, briefs_of, embeddings_of, from_rows
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Brief, Template, now
from pipeline.matching.distance import distances_between
from pipeline.matching.sieve import Sieve
from pipeline.types import Embedding

WHOLE_UP_TO = 10_000  # templates that are all returned
EXACT_UP_TO = 100_000  # templates: all of their embeddings (8 KB each) are compared once a run
CANDIDATES = 48  # templates for each probe that the index or the sieve names
KEPT = 24  # of these, the nearest, are returned
SAMPLE = 200  # templates that are looked at beside them, to know what is usual
BLOCK_VALUES = 1 << 21  # of embeddings that are compared at once: 8 MB, which stay near the processor


class Search:
    """Searches a gallery; what others enrol is found at once.

    Of the last search: `whole` says whether every template was returned, `expired` how many were past their expiry and
    left out, `caution` what else the user should know, in one line, or None.

    Args:
        gallery: Where to search.
        matching: How templates are compared.
        exact_up_to: Templates up to which an index is not used.
        fitted: The gallery's stored discriminant, where matching.transform takes it.
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
        self._whole_up_to = min(WHOLE_UP_TO, exact_up_to)
        self.caution: str | None = None
        self.expired = 0
        self.whole = True

    def at_first(self) -> list[Template]:
        """What can be looked at before the work: all templates of a small gallery, one of a large one, none of none."""
        if self._rows() <= self._whole_up_to:
            return self._gallery.templates()
        one = self._gallery.reading(lambda: self._gallery.table().search().select(list(COLUMNS)).limit(1).to_arrow())
        return from_rows(one, str(self._gallery.path))

    def shortlist(self, probes: Sequence[Embedding], at: datetime | None = None) -> list[Template]:
        """The templates to compare these probes with, without those that have expired, first enrolled first.

        Raises GalleryError for a damaged gallery; of a damaged index there is a caution.
        """
        at = at or now()
        self.caution = None
        rows = self._rows()
        by_index = rows > self._exact_up_to and self._index_serves(rows)
        self.whole = not probes or rows <= self._whole_up_to or bool(self._needs_all(by_index))
        if self.whole:
            templates = self._gallery.templates()
            current = [template for template in templates if not template.expired(at)]
            self.expired = len(templates) - len(current)
            return current
        find = functools.partial(self._nearest, probes, at)
        try:
            found = self._gallery.reading(functools.partial(find, by_index))
        except GalleryError:
            if not by_index:
                raise
            found = self._gallery.reading(functools.partial(find, False))
            self.caution = f"{self._gallery.path}: its index is damaged and not used. {self._remedy}"
        return sorted(found, key=lambda template: (template.enrolled, template.template))

    def everybody(self, found: Sequence[Template], at: datetime | None = None) -> Sequence[Template | Brief]:
        """Of all templates that have not expired, what tells them apart. found: by the last search."""
        if self.whole:
            return found
        return self._gallery.reading(lambda: briefs_of(self._gallery.table(), at or now()))

    def among(self, found: Sequence[Template]) -> tuple[list[Template], int]:
        """What the last search found with some of the others, who tell what is usual; and how many are enrolled."""
        everybody, there = self.everybody(found), {template.template for template in found}
        some = {brief.template for brief in everybody[:: max(1, len(everybody) // SAMPLE)]} - there
        more = self._gallery.templates(only=some) if some else []
        return [*found, *more], len({brief.identity for brief in everybody})

    def cautions(self) -> list[str]:
        """What the user should know of the last search."""
        path, found = self._gallery.path, [self.caution] if self.caution else []
        if self.expired:
            left_out = f"{path}: {self.expired} templates are past their expiry and left out. "
            found.insert(0, f"{left_out}Remove them: gait gallery expire --db {path}")
        return found

    @property
    def _remedy(self) -> str:
        return f"Index it: gait gallery index --db {self._gallery.path}"

    def _rows(self) -> int:
        return self._gallery.reading(lambda: int(self._gallery.table().count_rows()))

    def _index_serves(self, rows: int) -> bool:
        """Whether the index names candidates for these settings; if not, `caution` says why all are compared."""
        metric, transform = self._matching.metric, self._matching.transform
        usable = self._gallery.reading(lambda: fits(self._gallery.table(), metric))
        if reason := self._needs_all(bool(usable)):
            reason = f": {reason}"
        elif transform != "none":
            reason = f": an index does not serve matching.transform={transform}."
        elif usable is None:
            reason = f". {self._remedy}"
        elif not usable:
            reason = f": its index is for another matching.metric. {self._remedy} --set matching.metric={metric}"
        self.caution = f"{self._gallery.path}: all {rows} templates are compared{reason}" if reason else None
        return not reason

    def _needs_all(self, by_index: bool) -> str:
        """Why the distances to all templates are needed; "" where those to the nearest will do."""
        matching = self._matching
        if matching.score_norm != "none":
            return (
                f"matching.score_norm={matching.score_norm} needs the distances to all of them. Without it the "
                "index is used."
            )
        if matching.transform != "none" and self._fitted is None:
            return (
                f"matching.transform={matching.transform} is fitted on all of them. Fit it once: "
                f"gait gallery fit --db {self._gallery.path}"
            )
        if matching.templates != "nearest" and not by_index:
            return f"matching.templates={matching.templates} needs the distances to all of them. {self._remedy}"
        return ""

    def _nearest(self, probes: Sequence[Embedding], at: datetime, by_index: bool) -> list[Template]:
        """The templates whose embeddings are nearest to one of the probes."""
        table = self._gallery.table()
        moment = f"timestamp '{at.astimezone(UTC).replace(tzinfo=None).isoformat()}'"
        self.expired = int(table.count_rows(f"expires <= {moment}"))
        current = f"(expires IS NULL OR expires > {moment})" if self.expired else None
        if by_index:
            near = np.concatenate([candidates(table, one.parts.ravel(), CANDIDATES, current) for one in probes])
        else:
            near = self._sifted(table, probes, current)
        path = str(self._gallery.path)
        rows = table.take_row_ids(np.unique(near).tolist()).select(list(COLUMNS)).to_arrow()
        found = self._kept(probes, from_rows(rows, path))
        if self._matching.templates == "nearest" or not found:
            return found
        owners = ", ".join(sorted({repr(template.identity) for template in found}))  # a mean is over all that they have
        whose = f"identity IN ({owners})" + (f" AND {current}" if current else "")
        return from_rows(table.search().where(whose).select(list(COLUMNS)).to_arrow(), path)

    def _sifted(self, table: Any, probes: Sequence[Embedding], where: str | None) -> NDArray[np.uint64]:
        """LanceDB's numbers of the rows that are nearest to each probe by float32, all in one array."""
        sieve = Sieve(probes, self._matching.metric, self._fitted.discriminant if self._fitted else None)
        query = table.search().select(["embedding"]).with_row_id(True)
        blocks = (query.where(where) if where else query).to_batches(max(1, BLOCK_VALUES // probes[0].parts.size))
        numbers, apart = np.zeros((len(probes), 0), np.uint64), np.zeros((len(probes), 0), np.float32)
        for block in blocks:
            embeddings = embeddings_of(block)
            here = sieve.apart(embeddings)
            if not np.isfinite(here).all():
                if not np.isfinite(embeddings).all():
                    raise ValueError("an embedding has values that are not finite")
                here = self._apart(probes, embeddings.reshape(-1, *probes[0].parts.shape))
            numbers = np.hstack([numbers, np.tile(block.column("_rowid").to_numpy(), (len(probes), 1))])
            apart = np.hstack([apart, here])
            if apart.shape[1] > CANDIDATES:
                order = np.argpartition(apart, CANDIDATES - 1, axis=1)[:, :CANDIDATES]
                numbers, apart = np.take_along_axis(numbers, order, axis=1), np.take_along_axis(apart, order, axis=1)
        return numbers.ravel()

    def _kept(self, probes: Sequence[Embedding], found: list[Template]) -> list[Template]:
        """Those of the templates that are among the nearest of a probe."""
        if len(found) <= KEPT:
            return found
        step = max(1, BLOCK_VALUES // found[0].parts.size)
        blocks = (np.stack([one.parts for one in found[n : n + step]]) for n in range(0, len(found), step))
        apart = np.hstack([self._apart(probes, parts) for parts in blocks])
        return [found[n] for n in np.unique(np.argsort(apart, axis=1, kind="stable")[:, :KEPT])]

    def _apart(self, probes: Sequence[Embedding], parts: NDArray[np.float16]) -> NDArray[np.floating]:
        """How far probes are from M×C×P values, N×M, as exactly as everywhere else."""
        values, metric = parts.astype(np.float32), self._matching.metric
        if self._fitted is None:
            return distances_between(np.stack([probe.parts for probe in probes]), values, metric)
        templates = [dataclasses.replace(probes[0], parts=one) for one in values]
        return self._fitted.discriminant.between(probes, templates, metric)

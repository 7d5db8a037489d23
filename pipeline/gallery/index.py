"""LanceDB's own index of a large gallery's embeddings (IVF_RQ), which names the few templates to compare exactly.

It is a part of the table. Rows that come later are searched beside it, and taken in when small files are merged. A
table that is written anew, because somebody was removed or changed, has none. The index keeps one bit of each value,
and knows L2 distances and cosines of whole embeddings, near to the means over parts that are compared in the end
(research/log/2026-11-30-index.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import GalleryError
from pipeline.gallery.folder import refusals
from pipeline.gallery.store import Gallery
from pipeline.matching.distance import Metric

LEAST = 256  # rows that its cells can be learnt from
EIGHTS = 8  # LanceDB packs one bit of each value into bytes
ROUNDS = 12  # of k-means: more of them name no better candidates
SAMPLES = 64  # rows for each centre that k-means looks at
CELLS_VISITED = 256  # of those into which the rows are divided, by 8192 or so: all of two million
REFINED = 4  # times as many are compared by LanceDB as it names: its codes are coarse
FEW_LATER = 1000  # rows beside the index, which are searched in no time
LATER_SHARE = 10  # beyond that, searching is slower when more than one row in so many is beside the index


def build(gallery: Gallery, metric: Metric) -> int:
    """Index all rows for a metric, in place of an older index; returns how many. Writers wait, readers go on.

    Raises GalleryError for a gallery that no index can be made of.
    """
    from lancedb.index import IvfRq

    with gallery.writing() as writer:
        table = gallery.reading(gallery.table)
        if (rows := int(table.count_rows())) < LEAST:
            raise GalleryError(f"{gallery.path}: {rows} templates are too few for an index. It takes {LEAST}.")
        if (values := table.schema.field("embedding").type.list_size) % EIGHTS:
            raise GalleryError(
                f"{gallery.path}: no index is made of embeddings of {values} values, which {EIGHTS} does not divide. "
                "Go on without one: every template is compared."
            )
        with refusals(gallery.path, "indexed"):
            kind = IvfRq(distance_type=_kind(metric), max_iterations=ROUNDS, sample_rate=SAMPLES)
            table.create_index("embedding", config=kind)
        for _ in range(2):  # of older ones: LanceDB may write a large one once more while it merges files
            writer.tidy()
    return rows


def fits(table: Any, metric: Metric) -> bool | None:
    """Whether the table's index is for this metric; None where the table has no index."""
    facts = _facts(table)
    return None if facts is None else facts.distance_type == _kind(metric)


def rows_later(table: Any) -> int:
    """How many rows are not in the table's index, if they are so many that searching is slow; else 0."""
    facts = _facts(table)
    later = int(facts.num_unindexed_rows) if facts else 0
    return later if later > max(FEW_LATER, table.count_rows() // LATER_SHARE) else 0


def candidates(table: Any, values: NDArray[np.floating], count: int, where: str | None) -> NDArray[np.uint64]:
    """LanceDB's numbers of `count` rows whose embeddings are likely to be nearest to these values (C·P).

    where: a condition on the rows.
    """
    query = table.search(values.astype(np.float16), vector_column_name="embedding").select(["_distance"])
    query = query.limit(count).nprobes(CELLS_VISITED).refine_factor(REFINED).with_row_id(True)
    found = (query.where(where) if where else query).to_arrow()
    return np.asarray(found.column("_rowid").to_numpy())


def _facts(table: Any) -> Any:
    names = [index.name for index in table.list_indices() if index.columns == ["embedding"]]
    return table.index_stats(names[0]) if names else None


def _kind(metric: Metric) -> Any:
    return "cosine" if metric == "cosine" else "l2"

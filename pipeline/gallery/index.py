"""A compact index of a gallery's embeddings, from which the few templates come that are worth comparing exactly.

Embeddings of C×P values are projected on their first principal components (randomised SVD of a sample: Halko,
Martinsson & Tropp 2011, https://arxiv.org/abs/0909.4061), kept as 8-bit integers, and linked as a navigable graph
(HNSW: Malkov & Yashunin 2018, https://arxiv.org/abs/1603.09320; by usearch). For the cosine every part is brought to
length 1 first: then the squared distance of whole embeddings is 2 P times the cosine distance; the mean over parts of
the L2 distance is near to the L2 distance of the whole. It only has to find candidates: their order is not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import GalleryError
from pipeline.gallery.index_files import FOLDER, IndexFacts, check_files, damaged, read_facts, write_files
from pipeline.gallery.store import Gallery
from pipeline.matching.distance import Metric
from pipeline.types import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

DIMS = 256  # at most, of a projection
SAMPLE = 8192  # embeddings that the projection is fitted on
CONNECTIVITY = 16  # links of a point in the graph; with the next two: usearch's own defaults
EXPANSION_BUILD = 128
EXPANSION_SEARCH = 192  # of the graph's points looked at together; never fewer than candidates are wanted
ROWS_AT_ONCE = 4096
LOOKED_AT = ("digest", "identity", "channels", "parts", "embedding")

Entries = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Projection:
    """From embeddings of C×P values to D. mean: C·P; components: C·P×D; scale: what makes 8-bit integers of values."""

    metric: Metric
    shape: tuple[int, int]
    mean: FloatArray
    components: FloatArray
    scale: float

    def project(self, embeddings: NDArray[np.floating]) -> FloatArray:
        """N×(C·P) values, C slowest, as N×D float32."""
        prepared = _prepared(embeddings, self.shape, self.metric)
        return np.asarray((prepared - self.mean) @ self.components, np.float32)

    def codes(self, projected: FloatArray) -> NDArray[np.int8]:
        """Projections as 8-bit integers."""
        return np.asarray(np.clip(np.rint(projected * self.scale), -127, 127), np.int8)


@dataclass(frozen=True, slots=True)
class Index:
    """Projections of the table's first N rows. digests, identities: N, the first 8 bytes of each row's."""

    facts: IndexFacts
    projection: Projection
    digests: Entries
    identities: Entries
    graph: Any

    def nearest(self, codes: NDArray[np.int8], count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows that are likely the nearest of one embedding's codes: positions in the table, squared distances."""
        self.graph.expansion_search = max(EXPANSION_SEARCH, count)
        found = self.graph.search(codes, min(count, self.facts.rows))
        return np.asarray(found.keys, np.int64), np.asarray(found.distances, np.float64)


def entries(values: pa.ChunkedArray) -> Entries:
    """The first 8 bytes of hexadecimal texts, in the order in which they stand in a file."""
    return np.frombuffer(b"".join(entry(text) for text in values.to_pylist()), np.uint64)


def entry(text: str) -> bytes:
    """What the index keeps of a digest or an identity."""
    return bytes.fromhex(text[:16])


def build(gallery: Gallery, metric: Metric, progress: Callable[[int, int], None] | None = None) -> IndexFacts:
    """Index all rows that the table has now, and put the index in place of an older one.

    progress: called with the rows done and those there are. Others may enrol meanwhile: what they add is searched
    beside the index. Raises GalleryError where people were removed or changed meanwhile, and for an empty gallery.
    """
    from usearch.index import Index as Graph

    table = gallery.reading(gallery.table)
    total, version = table.count_rows(), table.version
    if not total:
        raise GalleryError(f"{gallery.path}: nobody is enrolled, so there is nothing to index.")
    projection = gallery.reading(lambda: _fitted(table, total, metric))
    graph = Graph(
        ndim=projection.components.shape[1], metric="l2sq", dtype="i8", connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_BUILD, expansion_search=EXPANSION_SEARCH,
    )  # fmt: skip
    digests, identities = np.zeros(total, np.uint64), np.zeros(total, np.uint64)

    def fill() -> None:
        graph.clear()
        done = 0
        for batch in in_order(table, LOOKED_AT, ROWS_AT_ONCE):
            rows = slice(done, done + batch.num_rows)
            digests[rows], identities[rows] = entries(batch.column("digest")), entries(batch.column("identity"))
            codes = projection.codes(projection.project(embeddings_of(batch)))
            graph.add(np.arange(rows.start, rows.stop, dtype=np.uint64), codes)
            done = rows.stop
            if progress is not None:
                progress(done, total)

    gallery.reading(fill)
    with gallery.writing():
        _refuse_changed(gallery, digests)
        facts = {
            "made": datetime.now(UTC).isoformat(timespec="seconds"), "metric": metric, "rows": total,
            "channels": projection.shape[0], "parts": projection.shape[1], "dims": graph.ndim, "table_version": version,
        }  # fmt: skip

        def arrays(stream: BinaryIO, path: Path) -> None:
            np.savez(
                stream, mean=projection.mean, components=projection.components, scale=projection.scale,
                digests=digests, identities=identities,
            )  # fmt: skip

        return write_files(gallery.path, facts, {"npz": arrays, "graph": lambda stream, path: graph.save(str(path))})


def load(gallery: Path, facts: IndexFacts | None = None) -> Index | None:
    """The gallery's index; None where there is none. Raises GalleryError for a damaged one."""
    from usearch.index import Index as Graph

    facts = facts or read_facts(gallery)
    if facts is None:
        return None
    check_files(gallery, facts)  # before anything else reads them
    named = {Path(name).suffix: gallery / FOLDER / name for name in facts.files}
    try:
        with np.load(named[".npz"], allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        shape = facts.channels, facts.parts
        projection = Projection(
            _metric(facts.metric), shape, arrays["mean"], arrays["components"], float(arrays["scale"])
        )
        graph = Graph(ndim=facts.dims, metric="l2sq", dtype="i8", connectivity=CONNECTIVITY)
        graph.load(str(named[".graph"]))
        fits = projection.components.shape == (shape[0] * shape[1], facts.dims) and len(graph) == facts.rows
        fits &= len(arrays["digests"]) == len(arrays["identities"]) == facts.rows and graph.ndim == facts.dims
    except (OSError, KeyError, ValueError, RuntimeError):
        raise GalleryError(damaged(gallery)) from None
    if not fits:
        raise GalleryError(damaged(gallery))
    return Index(facts, projection, arrays["digests"], arrays["identities"], graph)


def in_order(table: Any, columns: tuple[str, ...], at_once: int, first: int = 0) -> Iterator[pa.RecordBatch]:
    """The rows of a table from position `first` on, in their order."""
    query = table.search().select(list(columns))
    return iter((query.offset(first) if first else query).to_batches(at_once))


def embeddings_of(rows: Any) -> NDArray[np.float16]:
    """The embeddings of rows as N×(C·P), C slowest."""
    column = rows.column("embedding")
    flat = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    return np.asarray(flat.flatten().to_numpy(zero_copy_only=False), np.float16).reshape(len(column), -1)


def index_problems(gallery: Path, digests: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is wrong with the gallery's index, and what the user may want to know; digests: of all rows, in order."""
    try:
        index = load(gallery)
    except GalleryError as error:
        return [str(error)], []
    if index is None:
        return [], []
    rows = index.facts.rows
    if [entry(digest) for digest in digests[:rows]] != [one.tobytes() for one in index.digests]:
        return [f"its index is of other rows. Build it again: gait gallery index --db {gallery}"], []
    later = len(digests) - rows
    if later <= max(1000, rows // 10):
        return [], []
    return [], [f"{later} templates are later than the index. Searching is faster after: gait gallery index"]


def _fitted(table: Any, total: int, metric: Metric) -> Projection:
    """The projection on the principal components of a sample of the rows."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(total, min(SAMPLE, total), replace=False))
    rows = table.take_offsets(chosen.tolist()).select(["channels", "parts", "embedding"]).to_arrow()
    shape = int(rows.column("channels")[0].as_py()), int(rows.column("parts")[0].as_py())
    sample = _prepared(embeddings_of(rows), shape, metric)
    mean = sample.mean(axis=0)
    sample -= mean
    components = _principal(sample, min(DIMS, *sample.shape), rng)
    spread = float(np.quantile(np.abs(sample @ components), 0.9999))
    return Projection(metric, shape, mean, components, 127 / max(spread, 1e-12))


def _principal(centred: FloatArray, dims: int, rng: np.random.Generator) -> FloatArray:
    """The first right singular vectors of N×V values, V×dims: a random range finder with two power iterations."""
    width = min(dims + 16, *centred.shape)
    basis = np.linalg.qr(centred @ rng.standard_normal((centred.shape[1], width), np.float32))[0]
    for _ in range(2):
        basis = np.linalg.qr(centred @ np.linalg.qr(centred.T @ basis)[0])[0]
    vectors = np.linalg.svd(basis.T @ centred, full_matrices=False)[2]
    return np.ascontiguousarray(vectors[:dims].T, np.float32)


def _prepared(embeddings: NDArray[np.floating], shape: tuple[int, int], metric: Metric) -> FloatArray:
    values = embeddings.astype(np.float32)
    if metric == "cosine":
        parts = values.reshape(-1, *shape)
        parts /= np.maximum(np.linalg.norm(parts, axis=1, keepdims=True), 1e-12)
    return values


def _metric(name: str) -> Metric:
    if name not in ("euclidean", "cosine", "frobenius"):
        raise ValueError(name)
    return name  # type: ignore[return-value]  # one of them, as was just seen


def _refuse_changed(gallery: Gallery, digests: Entries) -> None:
    """Raise GalleryError unless the table still begins with the rows of these digests."""
    table = gallery.reading(gallery.table)
    done = 0
    for batch in in_order(table, ("digest",), 1 << 16):
        rows = entries(batch.column("digest"))[: len(digests) - done]
        if not np.array_equal(rows, digests[done : done + len(rows)]):
            break
        done += len(rows)
    if done < len(digests):
        raise GalleryError(
            f"{gallery.path}: people were removed or changed while it was indexed. Start again: "
            f"gait gallery index --db {gallery.path}"
        )

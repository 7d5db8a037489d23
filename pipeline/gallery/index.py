"""A compact index of a gallery's embeddings, from which the few templates come that are worth comparing exactly.

Embeddings of C×P values are projected on their first principal components (randomised SVD of a sample: Halko,
Martinsson & Tropp 2011, https://arxiv.org/abs/0909.4061) and kept as 8-bit integers, all of which a search looks at
(scan.py). For the cosine every part is brought to length 1 first: then the squared distance of whole embeddings is 2 P
times the cosine distance; the mean over parts of the L2 distance is near to the L2 distance of the whole.
With a stored discriminant it is the projected embeddings that are indexed. All this only has to find candidates: their
order is not used.
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
from pipeline.files import DAMAGED_NPZ
from pipeline.gallery.discriminant_file import StoredDiscriminant, read_discriminant
from pipeline.gallery.index_files import IndexFacts, checked_files, damaged, read_facts, write_files
from pipeline.gallery.store import Gallery
from pipeline.matching.discriminants import Discriminant
from pipeline.matching.distance import Metric, lengths
from pipeline.types import FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

DIMS = 256  # at most, of a projection
SAMPLE = 8192  # embeddings that the projection is fitted on
ROWS_AT_ONCE = 4096
FILES = 4  # of the table, at most, that are left as they are
LOOKED_AT = ("digest", "identity", "channels", "parts", "embedding")

Entries = NDArray[np.uint64]
Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Projection:
    """From embeddings of C×P values to D.

    discriminant: what they go through first; mean: C·P, or as many as that leaves; components: as many ×D; scale: what
    makes 8-bit integers of values.
    """

    metric: Metric
    shape: tuple[int, int]
    mean: FloatArray
    components: FloatArray
    scale: float
    discriminant: Discriminant | None = None

    @property
    def values(self) -> int:
        """Of an embedding."""
        return self.shape[0] * self.shape[1]

    def project(self, embeddings: NDArray[np.floating]) -> FloatArray:
        """N×(C·P) values, C slowest, as N×D float32."""
        prepared = _prepared(embeddings, self.shape, self.metric, self.discriminant)
        return np.asarray((prepared - self.mean) @ self.components, np.float32)

    def codes(self, projected: FloatArray) -> Codes:
        """Projections as 8-bit integers."""
        return np.asarray(np.clip(np.rint(projected * self.scale), -127, 127), np.int8)

    def beginnings(self, embeddings: NDArray[np.floating], dims: int) -> Codes:
        """The first values of embeddings' codes, N×dims."""
        centred = _prepared(embeddings, self.shape, self.metric, self.discriminant) - self.mean
        return self.codes(np.asarray(centred @ self.components[:, :dims], np.float32))


@dataclass(frozen=True, slots=True)
class Index:
    """The table's first N rows. codes: N×D; digests, identities: N, the first 8 bytes of each row's."""

    facts: IndexFacts
    projection: Projection
    digests: Entries
    identities: Entries
    codes: Codes


def entries(values: pa.Array | pa.ChunkedArray) -> Entries:
    """The first 8 bytes of hexadecimal texts, in the order in which they stand in a file.

    Raises ValueError for texts that are not hexadecimal, or shorter.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    heads = pc.utf8_slice_codeunits(values, 0, 16).cast(pa.binary()).cast(pa.binary(16))
    heads = heads.combine_chunks() if isinstance(heads, pa.ChunkedArray) else heads
    digits = memoryview(heads.buffers()[1])[: 16 * len(heads)].tobytes().decode()
    return np.frombuffer(bytes.fromhex(digits), np.uint64)


def entry(text: str) -> bytes:
    """What the index keeps of a digest or an identity."""
    return bytes.fromhex(text[:16])


def build(
    gallery: Gallery,
    metric: Metric,
    progress: Callable[[int, int], None] | None = None,
    fitted: StoredDiscriminant | None = None,
) -> IndexFacts:
    """Index all rows that the table has now, and put the index in place of an older one. Many data files become few.

    fitted: the gallery's stored discriminant, where searches are to use it.
    progress: called with the rows done and those there are. Others may enrol meanwhile: what they add is searched
    beside the index. Raises GalleryError where people were removed or changed meanwhile, and for an empty gallery.
    """
    if gallery.facts().data_files > FILES:  # reading 48 rows of 250 files takes three times as long as of one
        with gallery.writing() as writer:
            writer.tidy()
    table = gallery.reading(gallery.table)
    total, version = table.count_rows(), table.version
    if not total:
        raise GalleryError(f"{gallery.path}: nobody is enrolled, so there is nothing to index.")
    projection = gallery.reading(lambda: _fitted(table, total, metric, fitted.discriminant if fitted else None))
    dims = projection.components.shape[1]
    digests, identities = np.zeros(total, np.uint64), np.zeros(total, np.uint64)
    codes = np.zeros((total, dims), np.int8)

    def fill() -> None:
        done = 0
        for batch in in_order(table, LOOKED_AT, ROWS_AT_ONCE):
            rows = slice(done, done + batch.num_rows)
            digests[rows], identities[rows] = entries(batch.column("digest")), entries(batch.column("identity"))
            codes[rows] = projection.codes(projection.project(embeddings_of(batch)))
            done = rows.stop
            if progress is not None:
                progress(done, total)

    gallery.reading(fill)
    facts = {
        "made": datetime.now(UTC).isoformat(timespec="seconds"), "metric": metric, "rows": total,
        "backend": fitted.facts.digest if fitted else "",
        "channels": projection.shape[0], "parts": projection.shape[1], "dims": dims, "table_version": version,
    }  # fmt: skip

    def write_arrays(stream: BinaryIO) -> None:
        np.savez(
            stream, mean=projection.mean, components=projection.components, scale=projection.scale,
            digests=digests, identities=identities, codes=codes,
        )  # fmt: skip

    with gallery.writing():
        _refuse_changed(gallery, digests)
        return write_files(gallery.path, facts, {"npz": write_arrays})


def load(gallery: Path, facts: IndexFacts | None = None) -> Index | None:
    """The gallery's index; None where there is none. Raises GalleryError for a damaged one."""
    facts = facts or read_facts(gallery)
    if facts is None:
        return None
    paths = checked_files(gallery, facts)  # before anything else reads them
    try:
        (path,) = paths
        with np.load(path, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        shape, metric = (facts.channels, facts.parts), _metric(facts.metric)
        scale, discriminant = float(arrays["scale"]), _discriminant_of(gallery, facts)
        projection = Projection(metric, shape, arrays["mean"], arrays["components"], scale, discriminant)
        index = Index(facts, projection, arrays["digests"], arrays["identities"], arrays["codes"])
    except DAMAGED_NPZ:
        raise GalleryError(damaged(gallery)) from None
    values = discriminant.projection[..., 0, :].size if discriminant else projection.values
    fits = projection.components.shape == (values, facts.dims) and projection.mean.shape == (values,)
    fits &= discriminant is None or discriminant.mean.shape == shape[::-1]
    fits &= index.codes.shape == (facts.rows, facts.dims) and index.codes.dtype == np.int8
    fits &= index.digests.shape == index.identities.shape == (facts.rows,)
    if not fits:
        raise GalleryError(damaged(gallery))
    return index


def in_order(table: Any, columns: tuple[str, ...], at_once: int, first: int = 0) -> Iterator[pa.RecordBatch]:
    """The rows of a table from position `first` on, in their order."""
    query = table.search().select(list(columns))
    return iter((query.offset(first) if first else query).to_batches(at_once))


def embeddings_of(rows: pa.Table | pa.RecordBatch) -> NDArray[np.float16]:
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
    if b"".join(map(entry, digests[:rows])) != index.digests.tobytes():
        return [f"its index is of other rows. Build it again: gait gallery index --db {gallery}"], []
    later = len(digests) - rows
    if later <= max(1000, rows // 10):
        return [], []
    return [], [f"{later} templates are later than the index. Searching is faster after: gait gallery index"]


def _discriminant_of(gallery: Path, facts: IndexFacts) -> Discriminant | None:
    """The discriminant that the index is for. Raises GalleryError where the gallery has another one by now, or none."""
    if not facts.backend:
        return None
    stored = read_discriminant(gallery)
    if stored is None or stored.facts.digest != facts.backend:
        raise GalleryError(
            f"{gallery}: its index is for a discriminant that is gone, and not used. Build it again: "
            f"gait gallery index --db {gallery}"
        )
    return stored.discriminant


def _fitted(table: Any, total: int, metric: Metric, discriminant: Discriminant | None) -> Projection:
    """The projection on the principal components of a sample of the rows."""
    rng = np.random.default_rng(0)
    chosen = np.sort(rng.choice(total, min(SAMPLE, total), replace=False))
    rows = table.take_offsets(chosen.tolist()).select(["channels", "parts", "embedding"]).to_arrow()
    shape = int(rows.column("channels")[0].as_py()), int(rows.column("parts")[0].as_py())
    sample = _prepared(embeddings_of(rows), shape, metric, discriminant)
    mean = sample.mean(axis=0)
    sample -= mean
    components = _principal(sample, min(DIMS, *sample.shape), rng)
    spread = float(np.quantile(np.abs(sample @ components), 0.9999))
    return Projection(metric, shape, mean, components, 127 / max(spread, 1e-12), discriminant)


def _principal(centred: FloatArray, dims: int, rng: np.random.Generator) -> FloatArray:
    """The first right singular vectors of N×V values, V×dims: a random range finder with two power iterations."""
    width = min(dims + 16, *centred.shape)
    basis = np.linalg.qr(centred @ rng.standard_normal((centred.shape[1], width), np.float32))[0]
    for _ in range(2):
        basis = np.linalg.qr(centred @ np.linalg.qr(centred.T @ basis)[0])[0]
    vectors = np.linalg.svd(basis.T @ centred, full_matrices=False)[2]
    return np.ascontiguousarray(vectors[:dims].T, np.float32)


def _prepared(
    embeddings: NDArray[np.floating], shape: tuple[int, int], metric: Metric, discriminant: Discriminant | None
) -> FloatArray:
    """What distances are taken of, N×V float32."""
    values = embeddings.astype(np.float32)
    parts = values.reshape(-1, *shape)
    if discriminant is not None:
        parts = discriminant.apply(parts.transpose(0, 2, 1).astype(np.float64)).transpose(0, 2, 1).astype(np.float32)
    if metric == "cosine":
        parts = parts / lengths(parts, axis=1)
    return np.ascontiguousarray(parts).reshape(len(values), -1)


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

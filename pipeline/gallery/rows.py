"""Templates as rows of a table, and back. What was read is checked against its digest: disks change bytes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import GalleryError
from pipeline.gallery.template import Brief, Stored, Template

if TYPE_CHECKING:
    import pyarrow as pa

# From some thousand rows on text would be compressed, and nobody could search the files for what must not be there.
AS_IT_IS = {"lance-encoding:compression": "none"}
LARGE = ("sequence", "poses")  # columns that are read only where they are asked for
COLUMNS = (
    "template", "identity", "name", "named", "video", "video_sha256", "track", "run", "model", "checkpoint_sha256",
    "frames_used", "quality", "enrolled", "consent", "expires", "sequence_sha256", "poses_sha256", "channels", "parts",
    "digest", "embedding",
)  # fmt: skip


def schema_of(values: int) -> pa.Schema:
    """The table's columns, for embeddings of so many values (C × P, float16, C slowest)."""
    import pyarrow as pa

    kinds = {
        "named": pa.bool_(), "track": pa.int64(), "frames_used": pa.int64(), "channels": pa.int32(),
        "parts": pa.int32(), "enrolled": pa.timestamp("us", "UTC"), "expires": pa.timestamp("us", "UTC"),
        "embedding": pa.list_(pa.float16(), values),
    }  # fmt: skip
    kinds |= {name: pa.large_binary() for name in LARGE}
    return pa.schema(
        [
            pa.field(name, kinds.get(name, pa.string()), nullable=name == "expires", metadata=AS_IT_IS)
            for name in (*COLUMNS, *LARGE)
        ]
    )


def to_rows(templates: Sequence[Template], schema: pa.Schema) -> pa.Table:
    """Templates with what is stored of their walks as rows. Raises GalleryError where embeddings differ in size."""
    import pyarrow as pa

    values = schema.field("embedding").type.list_size
    for template in templates:
        if template.parts.size != values:
            raise GalleryError(f"{template.name}: {template.parts.size} values among embeddings of {values} values.")
        if template.stored is None:
            raise ValueError(f"template {template.template} was read without its silhouettes")
    flat = np.concatenate([template.parts.ravel() for template in templates]) if templates else np.zeros(0, np.float16)
    made: dict[str, Any] = {
        "quality": [json.dumps(dict(template.quality), sort_keys=True) for template in templates],
        "channels": [template.parts.shape[0] for template in templates],
        "parts": [template.parts.shape[1] for template in templates],
        "sequence": [template.stored.sequence for template in templates if template.stored],
        "poses": [template.stored.poses for template in templates if template.stored],
    }
    columns = []
    for field in schema:
        if field.name == "embedding":
            columns.append(pa.FixedSizeListArray.from_arrays(pa.array(flat, pa.float16()), values))
        else:
            cells = made.get(field.name) or [getattr(template, field.name, None) for template in templates]
            columns.append(pa.array(cells, field.type))
    return pa.table(columns, schema=schema)


def from_rows(rows: pa.Table, where: str) -> list[Template]:
    """The templates of rows, with or without the large columns. Raises GalleryError for a row that has changed.

    where: the gallery, for the message.
    """
    if not rows.num_rows:
        return []
    embeddings = embeddings_of(rows)
    whole = all(name in rows.column_names for name in LARGE)
    found = []
    for cells, embedding in zip(rows.drop_columns(["embedding"]).to_pylist(), embeddings, strict=True):
        try:
            template = _template(cells, embedding, whole)
            intact = template.digest == cells["digest"]
        except (ValueError, TypeError, KeyError, AttributeError):
            intact = False
        if not intact:
            raise GalleryError(
                f"{where}: damaged (template {cells.get('template')!r} is not what was written). "
                "Restore a copy, or import an export of it into a new folder."
            )
        found.append(template)
    return found


def embeddings_of(rows: pa.Table | pa.RecordBatch) -> NDArray[np.float16]:
    """The embeddings of rows as N×(C·P), C slowest."""
    column = rows.column("embedding")
    flat = column.combine_chunks() if hasattr(column, "combine_chunks") else column
    return np.asarray(flat.flatten().to_numpy(zero_copy_only=False), np.float16).reshape(len(column), -1)


def _template(cells: dict[str, Any], embedding: NDArray[np.float16], whole: bool) -> Template:
    names = [name for name in COLUMNS if name not in ("quality", "channels", "parts", "digest", "embedding")]
    return Template(
        **{name: cells[name] for name in names},
        quality={str(name): float(value) for name, value in json.loads(cells["quality"]).items()},
        parts=np.ascontiguousarray(embedding).reshape(cells["channels"], cells["parts"]),
        stored=Stored(cells["sequence"], cells["poses"]) if whole else None,
    )


def briefs_of(table: Any, at: datetime | None) -> list[Brief]:
    """What tells a table's templates apart: of those that have not expired at that time, or of all."""
    columns = [*Brief._fields, "expires"]
    rows = table.search().select(columns).to_arrow()
    cells = zip(*(rows.column(name).to_pylist() for name in columns), strict=True)
    return [Brief(*facts) for *facts, expires in cells if at is None or expires is None or expires > at]

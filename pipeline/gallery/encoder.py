"""Which encoder a gallery's embeddings are of."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipeline.errors import GalleryError
from pipeline.recognition import Encoder


def refuse_other_encoder(encoder: Encoder, origins: Iterable[tuple[str, str]], gallery: Path, profile: str) -> None:
    """Raise GalleryError where the gallery's embeddings are of another encoder or checkpoint than this one.

    origins: as in `Template`, of the gallery's templates.
    """
    for origin in origins:
        if origin != (encoder.model, encoder.checkpoint_sha256):
            theirs, ours = _described(*origin), _described(encoder.model, encoder.checkpoint_sha256)
            raise GalleryError(
                f"{gallery}: its embeddings are of {theirs}, these are of {ours}, and the two cannot be compared. "
                f"Use the settings it was made with, or embed its stored silhouettes anew: "
                f"gait gallery reenrol --db {gallery} --config {profile}"
            )


def _described(model: str, checkpoint_sha256: str) -> str:
    return f"{model} (checkpoint {checkpoint_sha256[:12]})" if checkpoint_sha256 else f"{model} (no checkpoint)"

"""Made-up templates: what a walk looks like to a gallery, without a video."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.gallery.template import Stored, Template, new_id, now
from pipeline.segmentation.storage import write_sequence
from pipeline.types import Embedding, SilhouetteSequence

SHAPE = (64, 16)  # C × P


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Template]:
    """made("Ada") is a template of a made-up walk; the seed decides the walk."""
    count = iter(range(1, 10_000))

    def make(name: str = "Ada", seed: int | None = None, shape: tuple[int, int] = SHAPE, **facts) -> Template:
        number = next(count)
        rng = np.random.default_rng(number if seed is None else seed)
        masks = (rng.random((12, 64, 44)) < 0.5).astype(np.uint8) * 255
        track = facts.pop("track", number)
        sequence = SilhouetteSequence("street", track, masks, np.arange(12), {"usable_share": 0.8, "heading": 1.0})
        path = tmp_path / f"sequence-{number}.npz"
        write_sequence(path, sequence)
        embedding = Embedding(
            video="street", track_id=track, parts=rng.normal(size=shape).astype(np.float32), model="gei-16",
            checkpoint_sha256="", frames_used=12, quality=sequence.quality,
        )  # fmt: skip
        kept = {
            "identity": new_id(),
            "video": "street",
            "video_sha256": "5" * 64,
            "track": track,
            "run": "",
            "enrolled": now(),
        }
        return Template.of(embedding, Stored(path.read_bytes()), **{**kept, "name": name, **facts})

    return make


def masks_of(stored: Stored) -> np.ndarray:
    """The silhouettes in what is stored of a walk."""
    with np.load(io.BytesIO(stored.sequence), allow_pickle=False) as arrays:
        return arrays["masks"]

"""One row of a gallery: a walk of a person, its embedding, and what it was made from."""

from __future__ import annotations

import hashlib
import itertools
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import GalleryError
from pipeline.types import Embedding

if TYPE_CHECKING:
    from pipeline.recognition import Encoder

ID_LENGTH = 16  # hexadecimal digits of 64 random bits: two that are alike are not met by chance
FULL_WEIGHT_FRAMES = 60  # frames from which on a longer walk counts no more

HalfArray = NDArray[np.float16]


def new_id() -> str:
    """A random identifier that says nothing about the person."""
    return secrets.token_hex(ID_LENGTH // 2)


def now() -> datetime:
    """The present in UTC, to the microsecond that a gallery keeps."""
    return datetime.now(UTC)


def moments() -> Iterator[datetime]:
    """The present, then one microsecond more each time: the templates of one enrolment keep their order by it."""
    start = now()
    return (start + timedelta(microseconds=number) for number in itertools.count())


@dataclass(frozen=True, slots=True)
class Stored:
    """What a walk can be embedded from anew: the bytes of its files in a run folder.

    sequence: sequences/<video>/<track>.npz (silhouettes, compressed); poses: poses/<video>/<track>.npz, b"" where
    nobody looked for poses.
    """

    sequence: bytes
    poses: bytes = b""


class Brief(NamedTuple):
    """What tells a template from others, without its numbers; the fields are `Template`'s."""

    template: str
    identity: str
    model: str
    checkpoint_sha256: str


@dataclass(frozen=True, slots=True)
class Template:
    """A walk of a person.

    template, identity: random identifiers, of the walk and of the person; name: the person's, for display;
    named: False for somebody whom nobody named (`--unknown-as new`);
    video, video_sha256, track, run: where the walk comes from, and the run folder that followed it, relative to the
    gallery;
    parts: C×P float16; model, checkpoint_sha256: of the encoder, as in `Embedding`;
    frames_used, quality: as in `Embedding`; enrolled, expires: UTC; consent: a note.
    stored: None where it was not read (it is by far the largest part); its hashes are always there.
    """

    template: str
    identity: str
    name: str
    video: str
    video_sha256: str
    track: int
    run: str
    parts: HalfArray
    model: str
    checkpoint_sha256: str
    frames_used: int
    enrolled: datetime
    quality: Mapping[str, float] = field(default_factory=dict)
    named: bool = True
    consent: str = ""
    expires: datetime | None = None
    sequence_sha256: str = ""
    poses_sha256: str = ""
    stored: Stored | None = None

    def __post_init__(self) -> None:
        if self.parts.ndim != 2 or self.parts.dtype != np.float16:
            raise ValueError(f"parts must be C×P float16, got {self.parts.shape} {self.parts.dtype}")

    @property
    def weight(self) -> float:
        """How much it counts beside the person's other templates, in (0, 1]: frames used, times their usable share."""
        share = min(max(self.quality.get("usable_share", 1.0), 0.05), 1.0)
        return max(min(self.frames_used / FULL_WEIGHT_FRAMES, 1.0), 0.05) * share

    @property
    def origin(self) -> tuple[str, str]:
        """The encoder and the checkpoint: only templates of the same can be compared."""
        return self.model, self.checkpoint_sha256

    @property
    def digest(self) -> str:
        """sha256 over everything here but `stored`, whose hashes are among it."""
        facts = [
            self.template, self.identity, self.name, self.named, self.video, self.video_sha256, self.track, self.run,
            self.model, self.checkpoint_sha256, self.frames_used, sorted(self.quality.items()),
            self.enrolled.isoformat(), self.consent, self.expires.isoformat() if self.expires else None,
            self.sequence_sha256, self.poses_sha256, list(self.parts.shape),
        ]  # fmt: skip
        whole = hashlib.sha256(json.dumps(facts).encode())
        whole.update(np.ascontiguousarray(self.parts).tobytes())
        return whole.hexdigest()

    def expired(self, at: datetime) -> bool:
        """Whether the person agreed to be known until before `at` only."""
        return self.expires is not None and self.expires <= at

    def embedding(self) -> Embedding:
        """As the matching stage takes it."""
        return Embedding(
            video=self.video,
            track_id=self.track,
            parts=self.parts.astype(np.float32),
            model=self.model,
            checkpoint_sha256=self.checkpoint_sha256,
            frames_used=self.frames_used,
            quality=self.quality,
        )

    @classmethod
    def of(cls, embedding: Embedding, stored: Stored, **facts: Any) -> Template:
        """A new template of an embedding; `facts` are the fields that neither tells.

        Raises GalleryError where a value is beyond float16 (±65504).
        """
        with np.errstate(over="ignore"):
            parts = np.ascontiguousarray(embedding.parts.astype(np.float16))
        if not np.isfinite(parts).all():
            raise GalleryError(
                f"{embedding.video} track {embedding.track_id}: the embedding of {embedding.model} has values beyond "
                "float16 (±65504), which galleries keep. Choose another encoder."
            )
        return cls(
            template=new_id(),
            parts=parts,
            model=embedding.model,
            checkpoint_sha256=embedding.checkpoint_sha256,
            frames_used=embedding.frames_used,
            quality=dict(embedding.quality),
            sequence_sha256=hashlib.sha256(stored.sequence).hexdigest(),
            poses_sha256=hashlib.sha256(stored.poses).hexdigest() if stored.poses else "",
            stored=stored,
            **facts,
        )


def problem_of(template: Template) -> str | None:
    """What is wrong with the stored walk of a template that was read with it; None where its hashes fit."""
    stored = template.stored
    if stored is None:
        return "its silhouettes were not read"
    if hashlib.sha256(stored.sequence).hexdigest() != template.sequence_sha256:
        return "its silhouettes have changed"
    if (hashlib.sha256(stored.poses).hexdigest() if stored.poses else "") != template.poses_sha256:
        return "its poses have changed"
    return None


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

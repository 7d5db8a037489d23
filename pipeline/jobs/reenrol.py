"""`gait gallery reenrol`: the stored walks of a gallery embedded by another encoder. Whoever is known stays known."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

from pipeline.config import Config
from pipeline.engine.progress import Progress, Silent
from pipeline.errors import GalleryError
from pipeline.extraction.networks import find_checkpoints, open_fitting_encoder
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, problem_of
from pipeline.recognition import Encoder
from pipeline.runs.folder import RunFolder
from pipeline.runs.tracks import read_input
from pipeline.types import from_crops, from_poses

KEPT = frozenset(
    ("identity", "name", "named", "video", "video_sha256", "track", "run", "enrolled", "consent", "expires")
)
TRACK = 1  # each stored walk is the only track of a video that bears its template's identifier


def reenrol(path: Path, config: Config, checkpoints: Path | None = None, progress: Progress | None = None) -> int:
    """Embed every stored walk anew and replace all embeddings in one commit; returns how many there are.

    Raises GalleryError, and changes nothing, where a walk has nothing that the encoder looks at.
    """
    bars = progress or Silent()
    gallery = Gallery.open(path)
    encoder = open_fitting_encoder(config, find_checkpoints(config, checkpoints, ("encoder",)))
    with gallery.writing() as writer:
        changed: dict[str, Template | None] = {}
        bars.start("recognition", gallery.facts().rows, "walks")
        for templates in gallery.portions():
            for template in templates:
                changed[template.template] = _embedded(template, encoder, config)
                bars.advance("recognition")
        bars.finish("recognition")
        writer.rewrite(changed)
    return len(changed)


def _embedded(template: Template, encoder: Encoder, config: Config) -> Template:
    stored, wrong = template.stored, problem_of(template)
    if stored is None or wrong:
        raise GalleryError(
            f"{template.name} (template {template.template}): {wrong}. Delete and enrol that person anew."
        )
    if from_crops(encoder.needs):
        raise GalleryError(
            f"{encoder.model} looks at pictures of people, which a gallery does not keep. Enrol from the videos, into "
            "a new gallery."
        )
    if from_poses(encoder.needs) and not stored.poses:
        raise GalleryError(
            f"{template.name} (template {template.template}) was enrolled without poses, and {encoder.model} looks at "
            "them. Enrol from the videos, into a new gallery."
        )
    with tempfile.TemporaryDirectory(prefix="gait-") as made:
        folder, track = RunFolder(Path(made)), (template.template, TRACK)
        for file, content in ((folder.sequence(*track), stored.sequence), (folder.poses(*track), stored.poses)):
            if content:
                file.parent.mkdir(parents=True)
                file.write_bytes(content)
        try:
            (embedding,) = encoder.encode([read_input(track, folder, encoder.needs, config)])
        except ValueError as error:  # not a frame that this encoder can look at
            raise GalleryError(
                f"{template.name}: {error}. Delete that person first, or enrol from the videos into a new gallery."
            ) from None
    facts = {field.name: getattr(template, field.name) for field in dataclasses.fields(template)}
    fresh = Template.of(embedding, stored, **{name: value for name, value in facts.items() if name in KEPT})
    return dataclasses.replace(fresh, template=template.template, stored=None)

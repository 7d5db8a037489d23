"""Whom people on a camera are compared with: those of a gallery that lasts, or the gallery video of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from pipeline.config import Config
from pipeline.drawing.colours import GREY, Colour, identity_colour
from pipeline.drawing.lettering import distinct_titles
from pipeline.errors import InputError
from pipeline.files import read_json, safe_name
from pipeline.gallery.calibration import Calibration, read_calibration
from pipeline.gallery.discriminant import judged, stored_discriminant
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import now
from pipeline.matching.discriminants import Discriminant
from pipeline.matching.people import people_distances
from pipeline.recognition import Encoder
from pipeline.recognition.features import read_features
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import identity_of
from pipeline.types import Embedding


@dataclass(frozen=True, slots=True)
class Known:
    """People with their walks. names: of the people, each once, in the order in which `owners` first names them.

    identity_of, title_of (what videos can show), colour_of: by name; walks: the templates, owners: whose name each has,
    weights: how much each counts. calibration: what distances to them are worth, where that is known. discriminant:
    the gallery's stored one, where it is used. until: when the first of them expires, None where none does.
    """

    names: Sequence[str]
    identity_of: Mapping[str, str]
    title_of: Mapping[str, str]
    colour_of: Mapping[str, Colour]
    walks: Sequence[Embedding]
    owners: Sequence[str]
    weights: Sequence[float]
    calibration: Calibration | None = None
    discriminant: Discriminant | None = None
    until: datetime | None = None

    def distances(self, probe: Embedding, config: Config) -> NDArray[np.float64]:
        """How far one walk is from every person, M in the order of `names`."""
        found = people_distances([probe], self.walks, self.owners, self.weights, config.matching, self.discriminant)
        return np.asarray(found[0])

    def colour(self, name: str | None) -> Colour:
        return self.colour_of.get(name or "", GREY)

    @classmethod
    def of_gallery(cls, path: Path, encoder: Encoder, config: Config) -> Known:
        """The people of a gallery, as `gait identify` compares with them. Raises GalleryError."""
        from pipeline.gallery.walkers import refuse_other_encoder
        from pipeline.jobs.identify import Known as People

        templates = Gallery.open(path).templates()
        refuse_other_encoder(encoder, {template.origin for template in templates}, path, config.profile)
        current = [template for template in templates if not template.expired(now())]
        if len(current) < len(templates):
            logger.warning(f"{path}: {len(templates) - len(current)} templates are past their expiry and left out")
        if not current:
            logger.warning(f"{path}: nobody is enrolled, so everybody is unknown")
        stored, unused = stored_discriminant(path, config.matching, (encoder.model, encoder.checkpoint_sha256))
        calibration, doubts = judged(read_calibration(path), stored, current, config.matching, path)
        for doubt in filter(None, (unused, *doubts)):
            logger.warning(doubt)
        people = People.of(current)
        name_of = people.name_of
        return cls(
            names=[name_of[person.identity] for person in people.people],
            identity_of={name: identity for identity, name in name_of.items()},
            title_of=people.title_of,
            colour_of=people.colour_of,
            walks=[template.embedding() for template in current],
            owners=[name_of[template.identity] for template in current],
            weights=[template.weight for template in current],
            calibration=calibration,
            discriminant=stored.discriminant if stored else None,
            until=min((template.expires for template in current if template.expires), default=None),
        )

    @classmethod
    def of_run(cls, path: Path) -> Known:
        """The people of a run's gallery video, named `<video>-<track>`. Raises InputError for what is no run folder."""
        folder = RunFolder.open(path)
        found: list[Path] = []
        match read_json(folder.record):
            case {"inputs": {"gallery": {"name": str(video)}}} if video == safe_name(video):  # else it leads elsewhere
                found = [file for file in sorted((path / "features" / video).glob("*.npz")) if file.stem.isdecimal()]
        if not found:
            raise InputError(f"{path}: no features of a gallery in it. Give the folder of a finished run, or --db DIR.")
        walks = [read_features(file, file.parent.name, int(file.stem)) for file in found]
        names = [identity_of(walk.video, walk.track_id) for walk in walks]
        return cls(
            names=names,
            identity_of={name: name for name in names},
            title_of=distinct_titles({name: name for name in names}),
            colour_of={name: identity_colour(number) for number, name in enumerate(names)},
            walks=walks,
            owners=names,
            weights=[1.0] * len(walks),
        )

"""`gait evaluate clips`: the whole pipeline on labelled clips, one encoder or several on the same silhouettes.

follow    every video once, through the main job's own code and cache
cut       each clip's walk out of the tracks
embed     with every encoder that is compared
rank      every probe clip against all gallery clips
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from pipeline.config import Config, as_record
from pipeline.engine.cache import Cache
from pipeline.engine.job import Video, plan
from pipeline.engine.memory import return_freed_pictures
from pipeline.engine.record import Record
from pipeline.engine.runfolder import RunFolder, key_of
from pipeline.errors import InputError
from pipeline.evaluation.clip_walks import ClipFolder, walk_of_clip
from pipeline.evaluation.directions import by_direction
from pipeline.evaluation.manifest import Clip, read_manifest, strangers
from pipeline.evaluation.openset import draw_splits, equal_error_rate, open_set_figures, search
from pipeline.evaluation.ranks import FloatMatrix, Labels, score
from pipeline.evaluation.report import Compared, Report, report
from pipeline.files import file_sha256, write_json
from pipeline.matching.scores import scores
from pipeline.networks import runtime
from pipeline.prepare import Source, described, find_checkpoints, inspect, keyed, of_encoders, open_networks, shown
from pipeline.recognition import Encoder, open_encoder
from pipeline.recognition.encoder import refuse_missing
from pipeline.run import Work, follow_all
from pipeline.segmentation.storage import read_sequence
from pipeline.types import Embedding, Modality
from pipeline.views.progress import Progress, Silent
from pipeline.walks import SILHOUETTES_AT_ONCE, read_walks

CLIPS = "clips"  # in the run folder, unless another place was given
REPORT = "evaluation.json"
LEAST_ENROLLED = 4  # people, of whom the open set enrols half


@dataclass(frozen=True, slots=True)
class Contestant:
    """What is compared under one name: a configuration, or several that differ by chance only (seeds)."""

    name: str
    configs: Sequence[Config]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The clips in numbers: probes and gallery with whose they are, people numbered from 0."""

    probes: Sequence[Clip]
    gallery: Sequence[Clip]
    probe_people: Labels
    gallery_people: Labels
    people: int

    @classmethod
    def of(cls, clips: Sequence[Clip]) -> Labelled:
        """Without the strangers among the probes, whom nobody could name."""
        left_out = {clip.row for clip in strangers(clips)}
        probes = [clip for clip in clips if clip.role == "probe" and clip.row not in left_out]
        gallery = [clip for clip in clips if clip.role == "gallery"]
        number = {person: i for i, person in enumerate(sorted({clip.person for clip in gallery}))}
        probe_people, gallery_people = (
            np.array([number[clip.person] for clip in side], np.int64) for side in (probes, gallery)
        )
        return cls(probes, gallery, probe_people, gallery_people, len(number))


def evaluate_clips(
    manifest: Path,
    contestants: Sequence[Contestant],
    checkpoints: Path | None = None,
    sequences: Path | None = None,
    progress: Progress | None = None,
    splits: int = 0,
) -> tuple[Report, Path]:
    """Evaluate on the manifest's clips: the report (see report.py) and the run folder that holds it.

    splits: draws of who is enrolled, for the open set; 0: people are not left out.

    The first contestant's settings say how people are found and cut out, for all. sequences: a folder that keeps the
    silhouettes clip by clip; where it already has them, no video is looked at again.
    Raises GaitError for whatever a user can mend, before the work begins.
    """
    return_freed_pictures()
    clips = read_manifest(manifest)
    labelled = Labelled.of(clips)
    if not labelled.probes:
        raise InputError(f"{manifest}: none of the probe clips is of a person who has a gallery clip.")
    if splits and labelled.people < LEAST_ENROLLED:
        raise InputError(f"{manifest}: the open set wants {LEAST_ENROLLED} people at least, to leave half of them out.")
    draws = draw_splits(labelled.people, splits) if splits else []
    config = contestants[0].configs[0]
    config = config.model_copy(update={"output": config.output.model_copy(update={"silhouettes": False})})
    found = find_checkpoints(config, checkpoints)
    videos = videos_of(clips)
    infos = {video: inspect(video) for video in dict.fromkeys(videos.values())}
    for clip in clips:
        frames = infos[videos[clip.video]].frame_count
        if frames is not None and clip.first > frames:
            raise InputError(
                f"{manifest}, line {clip.row}: {clip.video.name} has {frames} frames, none at {clip.first}."
            )
    sources = {video: source for source in keyed(infos, config, found) for video in [source.video]}
    kept_key = key_of([[clip.row, clip.first, clip.last, sources[videos[clip.video]].walks_key] for clip in clips])
    given = ClipFolder(sequences) if sequences else None
    known = given is not None and given.holds(kept_key)
    encoders = [[_open(config, checkpoints) for config in contestant.configs] for contestant in contestants]
    networks = None if known else open_networks(config, checkpoints, infos.values())

    folder = RunFolder.create(Path(config.output.folder), datetime.now())
    kept = given or ClipFolder(folder.path / CLIPS)
    how = {
        "config": as_record(config),
        "checkpoints": {stage: shown(checkpoint) for stage, checkpoint in found.items()},
    }
    facts = {
        **how,
        "manifest": {"path": str(manifest.resolve()), "sha256": file_sha256(manifest)},
        "compared": {one.name: [as_record(config)["recognition"] for config in one.configs] for one in contestants},
        "device": runtime.device(config.runtime),
        "inputs": {"videos": [described(source) for source in sources.values()]},
    }
    record = Record(folder, facts)
    with folder.logging(), record.following():
        logger.info(f"run folder: {folder.path}")
        bars = progress or Silent()
        if networks is not None:
            cache = Cache(folder.path.resolve().parent, int(config.output.cache_gb * 1e9))
            follow_all(list(sources.values()), Work(config, networks, folder, cache, record, bars))
            cut_clips(clips, {path: sources[video] for path, video in videos.items()}, folder, kept, config)
            kept.finish(kept_key, how)
        compared = []
        for contestant, members in zip(contestants, encoders, strict=True):
            with record.meter.time("recognise", encoders=len(members)):
                compared.append(_rank(contestant, members, labelled, kept, bars, draws))
        tree = report(compared, [clip.condition for clip in labelled.probes], labelled.probe_people)
        write_json(folder.path / REPORT, tree)
        for left_out in strangers(clips):
            record.warn(f"line {left_out.row}: {left_out.person} has no gallery clip; left out")
    return tree, folder.path


def videos_of(clips: Sequence[Clip]) -> dict[Path, Video]:
    """Every video of the clips under its name in the run, by its path in the manifest."""
    paths = list(dict.fromkeys(clip.video for clip in clips))
    job = plan(str(paths[0]), [str(path) for path in paths])
    by_file = {Path(video.source).resolve(): video for video in job.videos}
    return {path: by_file[path.resolve()] for path in paths}


def cut_clips(
    clips: Sequence[Clip], sources: Mapping[Path, Source], folder: RunFolder, kept: ClipFolder, config: Config
) -> None:
    """Cut every clip's walk out of the tracks of its video and keep it."""
    for path, source in sources.items():
        tracks = [
            (walk.tracklet, read_sequence(folder.sequence(*walk.track), *walk.track))
            for walk in read_walks(source, folder, (Modality.SILHOUETTES,), config)
        ]
        for clip in (clip for clip in clips if clip.video == path):
            kept.add(clip, walk_of_clip(tracks, clip, (source.info.width, source.info.height)))


@dataclass(frozen=True, slots=True)
class Encoded:
    """The usable clips of both sides as embeddings; rows, columns: which of the probes and of the gallery they are."""

    labelled: Labelled
    config: Config
    rows: NDArray[np.int64]
    probes: Sequence[Embedding]
    columns: NDArray[np.int64]
    gallery: Sequence[Embedding]

    def distances(self, enrolled: NDArray[np.bool_] | None = None) -> FloatMatrix:
        """Of every probe clip to every gallery clip, N×M; infinite where either has too few silhouettes.

        enrolled: which people are, everybody unless told; clips of the others are infinitely far and teach the back-end
        nothing.
        """
        whose = self.labelled.gallery_people[self.columns]
        taken = np.ones(len(whose), np.bool_) if enrolled is None else enrolled[whose]
        gallery = [one for one, wanted in zip(self.gallery, taken, strict=True) if wanted]
        found = scores(self.probes, gallery, whose[taken].tolist(), self.config.matching)
        distances = np.full((len(self.labelled.probes), len(self.labelled.gallery)), np.inf)
        distances[np.ix_(self.rows, self.columns[taken])] = found
        return distances


def encoded_clips(labelled: Labelled, kept: ClipFolder, encoder: Encoder, config: Config) -> Encoded:
    """Encode every clip that has enough silhouettes."""
    silhouettes = kept.silhouettes()

    def usable(clips: Sequence[Clip]) -> tuple[NDArray[np.int64], list[Embedding]]:
        rows = [row for row, clip in enumerate(clips) if silhouettes[clip.row] >= config.recognition.min_frames]
        found: list[Embedding] = []
        for some in _portions([clips[row] for row in rows], silhouettes):
            found += encoder.encode([kept.read(clip) for clip in some])
        return np.array(rows, np.int64), found

    return Encoded(labelled, config, *usable(labelled.probes), *usable(labelled.gallery))


def _open(config: Config, checkpoints: Path | None) -> Encoder:
    found = find_checkpoints(config, checkpoints, ["encoder"])
    encoder = open_encoder(config.recognition, config.runtime, *of_encoders(found))
    refuse_missing(config.recognition.encoder, encoder.needs, [Modality.SILHOUETTES])  # all that is kept of a clip
    return encoder


def _rank(
    contestant: Contestant,
    members: Sequence[Encoder],
    labelled: Labelled,
    kept: ClipFolder,
    bars: Progress,
    splits: Sequence[NDArray[np.bool_]],
) -> Compared:
    bars.start(contestant.name, len(members), "encoders")
    found, directions, opened, lost = [], [], [], 0
    headings = kept.headings()
    probe_headings, gallery_headings = (
        np.array([headings[clip.row] for clip in side]) for side in (labelled.probes, labelled.gallery)
    )
    for config, encoder in zip(contestant.configs, members, strict=True):
        encoded = encoded_clips(labelled, kept, encoder, config)
        distances = encoded.distances()
        whose = labelled.probe_people, labelled.gallery_people
        found.append(score(distances, *whose, labelled.people))
        directions.append(by_direction(distances, *whose, probe_headings, gallery_headings))
        lost = int(np.isinf(distances).all(axis=0).sum())
        if splits:
            opened.append(_open_set(encoded, distances, splits))
        bars.advance(contestant.name)
    bars.finish(contestant.name)
    return Compared(contestant.name, found, directions, len(labelled.gallery), lost, opened)


def _open_set(encoded: Encoded, distances: FloatMatrix, splits: Sequence[NDArray[np.bool_]]) -> dict[str, Any]:
    labelled = encoded.labelled
    whose = labelled.probe_people, labelled.gallery_people
    searches = search(encoded.distances, *whose, splits)
    figures = open_set_figures(searches, labelled.people, len(splits))
    return {"eer": round(equal_error_rate(distances, *whose, labelled.people), 6), **figures}


def _portions(clips: Sequence[Clip], silhouettes: Mapping[int, int]) -> Iterator[list[Clip]]:
    """Clips to be embedded together: as many as fit into memory."""
    portion: list[Clip] = []
    size = 0
    for clip in clips:
        if portion and size + silhouettes[clip.row] > SILHOUETTES_AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(clip)
        size += silhouettes[clip.row]
    if portion:
        yield portion

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

import numpy as np
from loguru import logger

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
from pipeline.evaluation.ranks import FloatMatrix, Labels, score
from pipeline.evaluation.report import Compared, Report, report
from pipeline.files import file_sha256, write_json
from pipeline.matching.distance import distance_matrix
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
) -> tuple[Report, Path]:
    """Evaluate on the manifest's clips: the report (see report.py) and the run folder that holds it.

    The first contestant's settings say how people are found and cut out, for all. sequences: a folder that keeps the
    silhouettes clip by clip; where it already has them, no video is looked at again.
    Raises GaitError for whatever a user can mend, before the work begins.
    """
    return_freed_pictures()
    clips = read_manifest(manifest)
    labelled = Labelled.of(clips)
    if not labelled.probes:
        raise InputError(f"{manifest}: none of the probe clips is of a person who has a gallery clip.")
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
                compared.append(_rank(contestant, members, labelled, kept, bars))
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


def clip_distances(labelled: Labelled, kept: ClipFolder, encoder: Encoder, config: Config) -> FloatMatrix:
    """Distances of every probe clip to every gallery clip, N×M; infinite where either has too few silhouettes."""
    silhouettes = kept.silhouettes()

    def usable(clips: Sequence[Clip]) -> tuple[list[int], list[Embedding]]:
        rows = [row for row, clip in enumerate(clips) if silhouettes[clip.row] >= config.recognition.min_frames]
        found: list[Embedding] = []
        for some in _portions([clips[row] for row in rows], silhouettes):
            found += encoder.encode([kept.read(clip) for clip in some])
        return rows, found

    rows, probes = usable(labelled.probes)
    columns, gallery = usable(labelled.gallery)
    distances = np.full((len(labelled.probes), len(labelled.gallery)), np.inf)
    distances[np.ix_(rows, columns)] = distance_matrix(probes, gallery, config.matching.metric)
    return distances


def _open(config: Config, checkpoints: Path | None) -> Encoder:
    found = find_checkpoints(config, checkpoints, ["encoder"])
    encoder = open_encoder(config.recognition, config.runtime, *of_encoders(found))
    refuse_missing(config.recognition.encoder, encoder.needs, [Modality.SILHOUETTES])  # all that is kept of a clip
    return encoder


def _rank(
    contestant: Contestant, members: Sequence[Encoder], labelled: Labelled, kept: ClipFolder, bars: Progress
) -> Compared:
    bars.start(contestant.name, len(members), "encoders")
    scores, directions, lost = [], [], 0
    headings = kept.headings()
    probe_headings, gallery_headings = (
        np.array([headings[clip.row] for clip in side]) for side in (labelled.probes, labelled.gallery)
    )
    for config, encoder in zip(contestant.configs, members, strict=True):
        distances = clip_distances(labelled, kept, encoder, config)
        whose = labelled.probe_people, labelled.gallery_people
        scores.append(score(distances, *whose, labelled.people))
        directions.append(by_direction(distances, *whose, probe_headings, gallery_headings))
        lost = int(np.isinf(distances).all(axis=0).sum())
        bars.advance(contestant.name)
    bars.finish(contestant.name)
    return Compared(contestant.name, scores, directions, len(labelled.gallery), lost)


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

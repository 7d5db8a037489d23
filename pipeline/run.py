"""The main job. Read `run` from top to bottom: it is the whole program.

    follow   frames → detections → tracks → silhouettes     (one pass over each video)
    embed    silhouettes → gait embeddings
    match    probe embeddings against the gallery's → names
    draw     frames + stored tracks + names → annotated videos   (second pass)

Each stage reads what the one before wrote into the run folder, and skips what is already there and still valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
from loguru import logger

from pipeline.config import Config, as_record
from pipeline.engine.job import Job, Video
from pipeline.engine.record import Meter, Record
from pipeline.engine.runfolder import RunFolder, key_of
from pipeline.engine.stream import ahead, batches
from pipeline.errors import InputError
from pipeline.files import write_bytes, write_json, writing
from pipeline.matching import match_probes
from pipeline.matching.results import Walk, identity_of, results_tree
from pipeline.networks.checkpoints import Checkpoint, resolve, search_folders
from pipeline.recognition import open_encoder
from pipeline.recognition.features import read_features, write_features
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.segmentation.sequences import PersonCrop, SequenceBuilder, Silhouette, cut_people, finish
from pipeline.segmentation.storage import read_sequence, write_sequence
from pipeline.tracking import Detector, Tracker, open_detector, open_tracker
from pipeline.tracking.mot import read_mot, write_mot
from pipeline.tracking.tracklets import TrackletBuilder
from pipeline.types import Detections, Embedding, Frame, Match
from pipeline.video import VideoInfo, VideoSource, open_video, sha256_of
from pipeline.views.annotate import Label, write_annotated
from pipeline.views.colours import UNKNOWN_COLOUR, identity_colour
from pipeline.views.progress import Progress, Silent

FRAMES_AHEAD = 4  # decoded pictures that wait for the next stage; each is a few MB


@dataclass(frozen=True, slots=True)
class Weights:
    """The checkpoint of each stage; None where the backend needs none."""

    detector: Checkpoint | None
    segmenter: Checkpoint | None
    encoder: Checkpoint | None


@dataclass(frozen=True, slots=True)
class Source:
    """A video of the job with what is known of it before the work starts."""

    video: Video
    info: VideoInfo
    sha256: str
    key: str  # of everything its tracks and silhouettes depend on

    @property
    def name(self) -> str:
        return self.video.name


def run(
    job: Job,
    config: Config,
    checkpoints: Path | None = None,
    resume: Path | None = None,
    progress: Progress | None = None,
) -> Path:
    """Do the whole job and return the run folder.

    Everything that can be refused (videos, checkpoints, settings) is refused before a folder is made.
    resume: an earlier run folder to go on in; what is done and still valid there is kept.
    Raises GaitError for what a user can mend.
    """
    progress = progress or Silent()
    weights = find_weights(config, checkpoints)
    sources = {video.name: inspect(video, config, weights) for video in job.videos}
    folder = RunFolder.reopen(resume) if resume else RunFolder.create(Path(config.output.folder), datetime.now())

    with folder.logging(), Record(folder, _facts(job, sources, config, weights)).following() as record:
        logger.info(f"run folder: {folder.path}")
        follow_all(sources, weights, config, folder, record, progress)
        walks = {name: read_walks(folder, source) for name, source in sources.items()}
        unusable = embed_all(sources, walks, weights, config, folder, record, progress)
        matches = match_all(job, walks, unusable, config, folder, record)
        write_json(folder.results, results_tree(job.gallery.name, walks, matches, unusable))
        if config.output.videos:
            draw_all(job, sources, walks, matches, unusable, config, folder, record, progress)
    return folder.path


def find_weights(config: Config, checkpoints: Path | None) -> Weights:
    """The checkpoint files that the configuration names, found and verified."""
    folders = search_folders(checkpoints)

    def find(name: str | None, card: str | None, stage: str) -> Checkpoint | None:
        return resolve(name, card, folders, stage=stage) if name else None

    return Weights(
        find(config.tracking.checkpoint, config.tracking.card, "detector"),
        find(config.segmentation.checkpoint, config.segmentation.card, "segmenter"),
        find(config.recognition.checkpoint, config.recognition.card, "encoder"),
    )


def inspect(video: Video, config: Config, weights: Weights) -> Source:
    """Open the video once to see that it can be read, and take its measure. Raises InputError."""
    with open_video(video.source, video.name) as source:
        info = source.info
    sha256 = sha256_of(video.source)
    made_from = [config.tracking, config.segmentation, config.runtime]
    networks = [c.sha256 if c else "" for c in (weights.detector, weights.segmenter)]
    key = key_of(video.name, sha256, *(section.model_dump(mode="json") for section in made_from), *networks)
    return Source(video, info, sha256, key)


# --- follow: one pass over a video, from frames to silhouettes -------------------------------------------------------


def follow_all(
    sources: Mapping[str, Source], weights: Weights, config: Config, folder: RunFolder, record: Record, bars: Progress
) -> None:
    """Track and cut out everybody in every video that has not been done yet."""
    todo = [source for source in sources.values() if folder.done("follow", source.name, source.key) is None]
    if not todo:
        return
    detector = open_detector(config.tracking, config.runtime, weights.detector)
    segmenter = open_segmenter(config.segmentation, config.runtime, weights.segmenter)
    expected = [source.info.frame_count for source in todo]
    bars.start("tracking", sum(n for n in expected if n) if all(expected) else None, "frames")
    bars.start("segmentation", None, "crops")
    for source in todo:
        follow(source, detector, segmenter, config, folder, record, bars)
        record.write()
    bars.finish("tracking")
    bars.finish("segmentation")


def follow(
    source: Source, detector: Detector, segmenter: Segmenter, config: Config, folder: RunFolder, record: Record, bars: Progress
) -> None:
    """One video: decode, detect, track, cut and segment, overlapped; write its tracks, silhouettes and sequences."""
    name, meter = source.name, record.meter
    folder.clear("follow", name, folder.tracks(name), *folder.people(name))
    with open_video(source.video.source, name) as video:
        tracker = open_tracker(config.tracking, video.info.fps)
        tracks = TrackletBuilder(name, video.info.fps, config.tracking)
        sequences = SequenceBuilder(name, config.segmentation)

        frames = ahead(decoded(video, meter), FRAMES_AHEAD, "decode")
        found = ahead(detected(frames, detector, meter, bars), FRAMES_AHEAD, "detect")
        crops = ahead(
            followed(found, tracker, tracks, config, segmenter.crop_size, meter), 2 * config.segmentation.batch, "track"
        )
        with closing(crops):
            for silhouette in segmented(crops, segmenter, config, meter, bars):
                sequences.add(silhouette)
                if config.output.silhouettes and silhouette.mask is not None:
                    path = folder.silhouette(name, silhouette.track_id, silhouette.frame_index)
                    write_bytes(path, cv2.imencode(".png", silhouette.mask)[1].tobytes())
    tracklets = tracks.finish()
    for dropped in sequences.track_ids - {t.track_id for t in tracklets}:  # too short after all
        folder.clear("silhouettes", name, folder.silhouettes(name, dropped).parent)
    for sequence in sequences.finish([t.track_id for t in tracklets]):
        write_sequence(folder.sequence(name, sequence.track_id), sequence)
    write_mot(folder.tracks(name), tracklets)
    if video.warning:
        record.warn(video.warning)
    if not tracklets:
        record.warn(f"{name}: nobody was found in {video.frames_read} frames. See `no tracks` in the README.")
    folder.mark_done("follow", name, source.key, frames=video.frames_read, tracks=len(tracklets), warning=video.warning)


def decoded(video: VideoSource, meter: Meter) -> Iterator[Frame]:
    """The frames of a video, timed."""
    frames = iter(video)
    while True:
        with meter.time("decode"):
            frame = next(frames, None)
        if frame is None:
            return
        meter.add("decode", frames=1)
        yield frame


def detected(
    frames: Iterator[Frame], detector: Detector, meter: Meter, bars: Progress
) -> Iterator[tuple[Frame, Detections]]:
    """Each frame with the people found in it."""
    for batch in batches(frames, detector.batch):
        with meter.time("detect", frames=len(batch)):
            found = detector.detect(batch)
        meter.add("detect", people=sum(len(people) for people in found))
        bars.advance("tracking", len(batch))
        yield from zip(batch, found, strict=True)


def followed(
    found: Iterator[tuple[Frame, Detections]],
    tracker: Tracker,
    tracks: TrackletBuilder,
    config: Config,
    crop_size: int,
    meter: Meter,
) -> Iterator[PersonCrop]:
    """The crops of everybody tracked, frame after frame; the frames themselves end here."""
    for frame, detections in found:
        with meter.time("track", frames=1):
            tracked = tracks.add(tracker.update(detections))
        with meter.time("crop", crops=len(tracked)):
            crops = cut_people(frame, tracked, config.segmentation, crop_size)
        yield from crops


def segmented(
    crops: Iterator[PersonCrop], segmenter: Segmenter, config: Config, meter: Meter, bars: Progress
) -> Iterator[Silhouette]:
    """The silhouette of each crop, the network fed in batches across people and frames."""
    for batch in batches(crops, config.segmentation.batch):
        with meter.time("segment", crops=len(batch)):
            probabilities = segmenter.segment(batch)
        with meter.time("silhouette", crops=len(batch)):
            silhouettes = finish(batch, probabilities, config.segmentation)
        bars.advance("segmentation", len(batch))
        yield from silhouettes

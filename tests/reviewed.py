"""Run folders of made-up people, without a video: `reviewed.run(tmp_path / "out/a", probes={...})`.

People are numbers; of the walk of each, every other frame is one half, and the rest is the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import clips
import cv2
import numpy as np

from pipeline.config import Config
from pipeline.files import write_bytes, write_json
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, new_id, now
from pipeline.jobs.analyse import Analysis
from pipeline.jobs.enrol import path_from, stored_files
from pipeline.jobs.people import People
from pipeline.jobs.run import results_of
from pipeline.matching.scores import Cohort
from pipeline.profiles import as_record, load_config
from pipeline.recognition import Encoder, open_encoder
from pipeline.recognition.features import write_features
from pipeline.recognition.made_up import made_up_walks
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import TrackSummary
from pipeline.runs.tracks import unusable_tracks
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking.mot import write_mot
from pipeline.types import Modality, SilhouetteSequence, Tracklet

FPS = 25.0
SETTINGS = ("recognition.encoder=gei", "recognition.checkpoint=null", "matching.metric=euclidean", "output.cache_gb=0",
            "recognition.min_frames=5")  # fmt: skip
Walkers = Sequence[tuple[int, int]]  # a person, and which half of their walk: 0 or 1


def config() -> Config:
    return load_config("light", SETTINGS)


def run(path: Path, probes: Mapping[str, Walkers], gallery: Walkers = (), *, together: bool = False) -> Path:
    """Write the folder of a run that found these people, each of a video's tracks 1, 2, …

    gallery: those of the gallery video; none: the run was one of `identify`, decided by nobody yet. together: all of a
    video are in the same frames.
    """
    folder, settings = RunFolder(path), config()
    path.mkdir(parents=True)
    encoder = open_encoder(settings.recognition, settings.runtime, None)
    videos = {**({"gallery": gallery} if gallery else {}), **probes}
    tracks: dict[str, list[TrackSummary]] = {video: [] for video in videos}
    embeddings, unusable = {}, dict[tuple[str, int], str]()
    for video, walkers in videos.items():
        for number, (person, half) in enumerate(walkers, start=1):
            masks, frames = _masks(person, half), None
            frames = np.arange(len(masks)) + (0 if together else 1000 * number)
            sequence = SilhouetteSequence(video, number, masks, frames, {"usable_share": 1.0}, {})
            boxes = np.tile(np.array([[10, 8, 34, 60]], np.float32) + 40 * number, (len(frames), 1))
            tracklet = Tracklet(video, number, frames, boxes, np.full(len(frames), 0.9, np.float32), FPS)
            summary = TrackSummary(tracklet, len(frames), sequence.quality, {}, usable=len(frames))
            tracks[video].append(summary)
            write_sequence(folder.sequence(video, number), sequence)
            write_bytes(folder.portrait(video, number), cv2.imencode(".jpg", clips.picture(number))[1].tobytes())
            if why := unusable_tracks([summary], encoder.needs, settings):
                unusable |= why
                continue
            (embeddings[video, number],) = encoder.encode([sequence])
            write_features(folder.features(video, number), embeddings[video, number])
        write_mot(folder.tracks(video), [track.tracklet for track in tracks[video]])
    about = {video: {"name": video, "path": video, "sha256": _sha256(path, video), "fps": FPS} for video in videos}
    inputs = {"gallery": about.get("gallery"), "probes": [about[video] for video in probes]}
    record = {"schema": 1, "started": f"2026-01-31T18:0{len(list(path.parent.iterdir()))}:09+00:00", "inputs": inputs}
    write_json(folder.record, {**record, "config": as_record(settings), "checkpoints": {}, "stages": {}})
    found = Analysis({}, tracks, unusable, embeddings)
    if gallery:
        people = People.of_tracks(found.of("gallery"), settings.matching, lambda: _cohort(encoder))
        probed = [embeddings[key] for key in embeddings if key[0] in probes]
        matches = people.match(probed, [track.tracklet for video in probes for track in tracks[video]], unusable)
        by_video = {video: [match for match in matches if match.video == video] for video in probes}
        write_json(folder.results, results_of("gallery", found, people, by_video))
    else:
        everybody = {
            video: {
                f"{track.key[1]:03d}": {
                    "status": "unknown",
                    "identity": None,
                    "reason": "",
                    "silhouettes": track.usable,
                }
                for track in of
            }
            for video, of in tracks.items()
        }
        write_json(folder.results, {"schema": 1, "gallery": {}, "probes": everybody})
    return path


def enrol(db: Path, run_: Path, names: Mapping[tuple[str, int], str], named: bool = True) -> list[Template]:
    """Enrol tracks of a run in a gallery; who shares a name is one person."""
    folder, gallery = RunFolder(run_), Gallery.create(db)
    settings, identities, made = config(), dict[str, str](), []
    encoder = open_encoder(settings.recognition, settings.runtime, None)
    for (video, number), name in names.items():
        from pipeline.segmentation.storage import read_sequence

        (embedding,) = encoder.encode([read_sequence(folder.sequence(video, number), video, number)])
        made.append(
            Template.of(
                embedding, stored_files((video, number), folder), identity=identities.setdefault(name, new_id()),
                name=name, video=video, video_sha256=_sha256(run_, video), track=number, run=path_from(db, folder),
                enrolled=now(), named=named,
            )
        )  # fmt: skip
    with gallery.writing() as writer:
        writer.add(made)
    return made


def _masks(person: int, half: int) -> np.ndarray:
    if person < 0:  # too short to be recognised
        return _masks(0, half)[:4]
    walks, people = made_up_walks()
    masks = walks[people.index(person)].modalities[Modality.SILHOUETTES].data[:]
    return np.ascontiguousarray(masks[half::2])


def _cohort(encoder: Encoder) -> Cohort:
    walks, people = made_up_walks()
    return Cohort(encoder.encode(walks), people)


def _sha256(path: Path, video: str) -> str:
    import hashlib

    return hashlib.sha256(f"{path.name} {video}".encode()).hexdigest()

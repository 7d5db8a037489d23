"""A made-up run folder for everybody's tests: `import runs`, then `runs.made_up(tmp_path / "run")`.

Two people in the gallery; in the probe the first of them, somebody unknown, and somebody with too few silhouettes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import clips
import cv2
import numpy as np

from pipeline.config import RecognitionConfig
from pipeline.files import write_bytes, write_json
from pipeline.jobs.people import People
from pipeline.profiles import as_record, load_config
from pipeline.recognition.features import write_features
from pipeline.recognition.models.gei import GaitEnergyImageEncoder
from pipeline.runs.folder import RunFolder
from pipeline.runs.results import TrackResult, TrackSummary, results_tree
from pipeline.segmentation.storage import write_sequence
from pipeline.tracking.mot import write_mot
from pipeline.types import SilhouetteSequence, Tracklet

FPS = 25.0
FRAMES = 30
SHAPES = {("gallery", 1): 5, ("gallery", 2): 9, ("probe", 1): 5, ("probe", 2): 16, ("probe", 3): 7}  # half widths
SHORT = ("probe", 3)


def walker(half_width: int, frames: int = FRAMES) -> np.ndarray:
    """Silhouettes T×64×44: a head, a trunk of that half width, and two legs that swing."""
    masks = np.zeros((frames, 64, 44), np.uint8)
    for index, mask in enumerate(masks):
        cv2.circle(mask, (22, 6), 5, 255, -1)
        cv2.rectangle(mask, (22 - half_width, 12), (22 + half_width, 36), 255, -1)
        step = round(8 * np.sin(index / 3))
        cv2.line(mask, (22, 34), (22 + step, 63), 255, 5)
        cv2.line(mask, (22, 34), (22 - step, 63), 255, 5)
    return masks


def made_up(path: Path, *, hostile: str = "", model: str = "", videos: bool = True) -> Path:
    """Write the folder. hostile: text that stands wherever text from outside can stand; model: of the embeddings."""
    folder = RunFolder(path)
    path.mkdir(parents=True)
    encoder = GaitEnergyImageEncoder(RecognitionConfig())
    tracks: dict[str, list[TrackSummary]] = {"gallery": [], "probe": []}
    embeddings, unusable = {"gallery": [], "probe": []}, {}
    for (video, track_id), width in SHAPES.items():
        short = (video, track_id) == SHORT
        frames = np.arange(4) if short else np.r_[0:15, 40 : 40 + FRAMES - 15]
        sequence = SilhouetteSequence(
            video, track_id, walker(width)[: len(frames)], frames, {"mean_confidence": 0.9}, {f"odd{hostile}": 2}
        )
        boxes = np.tile(np.array([[10, 8, 34, 60]], np.float32) + 2 * track_id, (len(frames), 1))
        tracklet = Tracklet(video, track_id, frames, boxes, np.full(len(frames), 0.9, np.float32), FPS)
        tracks[video].append(TrackSummary(tracklet, len(frames), sequence.quality, sequence.rejected))
        write_sequence(folder.sequence(video, track_id), sequence)
        write_bytes(folder.portrait(video, track_id), cv2.imencode(".jpg", clips.picture(track_id))[1].tobytes())
        if short:
            unusable[video, track_id] = f"4 usable silhouettes{hostile}"
            continue
        (embedding,) = encoder.encode([sequence])
        write_features(folder.features(video, track_id), _as(embedding, model))
        embeddings[video].append(embedding)
    for video, some in tracks.items():
        write_mot(folder.tracks(video), [track.tracklet for track in some])
    config = load_config(overrides=["matching.threshold=0.1", "matching.metric=euclidean"])
    people = People.of_tracks(embeddings["gallery"], config.matching)
    matches = people.match(embeddings["probe"], [track.tracklet for track in tracks["probe"]], unusable)
    enrolled = [TrackResult.of_gallery(track, unusable.get(track.key)) for track in tracks["gallery"]]
    probes = people.results(matches, tracks["probe"])
    write_json(folder.results, results_tree({"gallery": enrolled}, {"probe": probes}))
    write_json(folder.record, _record(as_record(config), hostile))
    for name in (folder.gallery_video("gallery"), folder.probe_video("gallery", "probe")) if videos else ():
        name.parent.mkdir(exist_ok=True)
        clips.plain(name, frames=5)
    return path


def _as(embedding: Any, model: str) -> Any:
    return type(embedding)(
        embedding.video, embedding.track_id, embedding.parts, model or embedding.model, "", embedding.frames_used
    )


def _record(config: Mapping[str, Any], hostile: str) -> dict[str, Any]:
    def video(name: str) -> dict[str, Any]:
        path = f"/videos/{hostile}/{name}.mp4"
        return {"name": name, "path": path, "sha256": "", "frames": 75, "fps": FPS, "size": [96, 64], "codec": "h264"}

    return {
        "schema": 1,
        "started": "2026-01-31T18:05:09+00:00",
        "config": {**config, "output": {**config["output"], "folder": f"output{hostile}"}},
        "checkpoints": {
            "detector": {"name": f"nano{hostile}", "file": "nano.onnx", "sha256": "0" * 64},
            "encoder": None,
        },
        "inputs": {"gallery": video("gallery"), "probes": [video("probe")]},
        "unreadable": [{"name": "x", "path": "x", "problem": f"x.mp4: no video{hostile}"}],
        "versions": {"gait": f"0{hostile}"},
        "warnings": [f"careful{hostile}"],
        "stages": {"detect": {"seconds": 1.5, "frames": 75}, "report": {"seconds": 0.1}},
    }

"""What a network for skeletons looks at, drawn from poses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import torch

from pipeline import registry
from pipeline.drawing.colours import identity_colour
from pipeline.drawing.skeletons import Film, film_of_activations, heat_maps, walkers_in_rows
from pipeline.errors import ConfigError
from pipeline.files import safe_name, write_bytes
from pipeline.recognition import ENCODERS
from pipeline.recognition.layers.skeleton_autoencoder import Autoencoder, in_body_units, without_depth
from pipeline.recognition.model_encoder import network_of
from pipeline.recognition.models.disentanglement import load_autoencoder
from pipeline.recognition.models.gaitgraph1 import GaitGraph1
from pipeline.recognition.models.gaitgraph2 import GaitGraph2
from pipeline.skeletons import BODY15
from pipeline.types import FloatArray, PoseSequence
from pipeline.video import VideoSink
from pipeline.video.sink import write_gif
from pipeline.weights.checkpoints import Checkpoint

MOST_FRAMES = 60  # that graph networks are shown
SPEED = 12.5  # frames a second of a film: slow enough to see what lights up


def joint_activations(
    encoder: str, poses: Sequence[PoseSequence], checkpoint: Checkpoint, output: Path | None
) -> list[Path]:
    """A film of each walker, .gif or .mp4: how much each joint adds to the embedding, brightest where it is most."""
    files = []
    for walk in poses:
        film = film_of(encoder, walk, checkpoint)
        file = output or Path(f"{encoder}-{walk.video}-{walk.track_id:03d}.gif")
        if output is not None and len(poses) > 1:
            file = output.with_name(f"{output.stem}-{walk.video}-{walk.track_id:03d}{output.suffix}")
        if file.suffix == ".gif":
            write_gif(file, film_of_activations(film, 480), SPEED)
        elif file.suffix == ".mp4":
            with VideoSink(file, 640, 640, SPEED) as sink:
                for image in film_of_activations(film):
                    sink.write(image)
        else:
            raise ConfigError(f"--output {file}: a film is .gif or .mp4.")
        files.append(file)
    return files


def film_of(encoder: str, poses: PoseSequence, checkpoint: Checkpoint) -> Film:
    """The middle of a walk, with the strongest contribution of each joint to any value of the embedding.

    As the authors draw it: of the values, the largest counts, and all are divided by the largest of the film.
    """
    network = _graph_network(encoder, checkpoint)
    start = max(0, (len(poses) - MOST_FRAMES) // 2)
    keypoints = torch.from_numpy(poses.keypoints[start : start + MOST_FRAMES])[None]
    with torch.inference_mode():
        seen = network.prepared(keypoints)[0].numpy()
        values = network.activations(keypoints)[0].clamp(min=0).amax(dim=0).numpy()  # frames / 4 × joints
    strengths = values[np.minimum(np.arange(len(seen)) // 4, len(values) - 1)] / max(float(values.max()), 1e-9)
    titles = [f"{poses.video} {poses.track_id:03d}, {number + 1} of {len(seen)}" for number in range(len(seen))]
    return Film(seen, strengths.astype(np.float32), titles)


def _graph_network(encoder: str, checkpoint: Checkpoint) -> GaitGraph1 | GaitGraph2:
    model = registry.load(ENCODERS, encoder, "MODEL")
    return cast("GaitGraph1 | GaitGraph2", network_of(model, checkpoint, "embeddings"))


def disentangled_pictures(
    encoder: str, poses: Sequence[PoseSequence], checkpoint: Checkpoint, output: Path | None
) -> list[Path]:
    """Two .png: every walker's codes of motion, body and view; and, of two, each with the other's motion and view.

    Of two walkers the codes' difference is a row, too.
    """
    if output is not None and output.suffix != ".png":
        raise ConfigError(f"--output {output}: these pictures are .png.")
    autoencoder = load_autoencoder(checkpoint.path, checkpoint.card.architecture)
    walks = torch.cat([in_body_units(torch.from_numpy(walk.keypoints)[None]) for walk in poses])
    names = [f"{walk.video} {walk.track_id:03d}" for walk in poses]
    shown = "-".join(f"{walk.video}-{walk.track_id:03d}" for walk in poses)
    base = output or Path(f"{safe_name(f'{encoder}-{shown}', 200)}.png")
    with torch.inference_mode():
        codes = autoencoder.encode(autoencoder.rows(walks))
        maps = [[codes.motion[i], codes.body_frames[i], codes.view_frames[i]] for i in range(len(names))]
    if len(poses) == 2:
        maps.append([(one - other).abs() for one, other in zip(*maps, strict=True)])
    rows = [*names, "difference"][: len(maps)]
    features = heat_maps(("motion", "body", "view"), [[code.numpy() for code in of] for of in maps], rows)
    pictures = {base.with_name(f"{base.stem}-features.png"): features}
    if len(poses) == 2:
        exchanged = base.with_name(f"{base.stem}-exchange.png")
        pictures[exchanged] = walkers_in_rows(exchange(autoencoder, walks, names), BODY15)
    for file, image in pictures.items():
        write_bytes(file, cv2.imencode(".png", image)[1].tobytes())
    return list(pictures)


def exchange(
    autoencoder: Autoencoder, walks: torch.Tensor, names: Sequence[str]
) -> list[tuple[str, FloatArray, tuple[int, int, int]]]:
    """Two walkers (2×64×15×2) as they are, and each with the other's motion, and with the other's view.

    Returns name, points, the body's colour.
    """
    colours = [identity_colour(number) for number in range(2)]
    rows = [(names[i], walks[i].numpy(), colours[i]) for i in range(2)]
    with torch.inference_mode():
        codes = autoencoder.encode(autoencoder.rows(walks))
        others = {"motion": (codes.motion.flip(0), codes.view), "view": (codes.motion, codes.view.flip(0))}
        for what, (motion, view) in others.items():
            points = autoencoder.points(without_depth(autoencoder.decode(motion, codes.body, view)))
            rows += [(f"body: {names[i]}\n{what}: {names[1 - i]}", points[i].numpy(), colours[i]) for i in range(2)]
    return rows


PICTURES: Mapping[str, Callable[[str, Sequence[PoseSequence], Checkpoint, Path | None], list[Path]]] = {
    "disentanglement": disentangled_pictures,
    "gaitgraph1": joint_activations,
    "gaitgraph2": joint_activations,
}

"""A gallery and probes of walkers who do not exist: other clothes, bags, directions and cameras, with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.files import atomic, write_bytes, writing
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.motion import stride
from pipeline.research.synth.painting import Street, draw_looks, draw_street
from pipeline.research.synth.scene import COCO_JOINTS, Setting, Truth, Walker, film_scene
from pipeline.research.synth.silhouette import Person, person
from pipeline.video import VideoSink

Place = tuple[tuple[float, float], float]  # X, Y in metres and heading in radians

KINDS = ("nm", "bg", "nm", "cl")  # of probe 1, 2, …, in turn
GAP = 2.4  # metres between those who walk one behind the other


@dataclass(frozen=True, slots=True)
class Show:
    """What is filmed. people: the same in all videos; posters: at ten metres of the wall behind them."""

    people: int = 4
    probes: int = 4
    seed: int = 0
    seconds: float = 10.0
    size: tuple[int, int] = (854, 480)
    fps: float = 25.0
    handheld: bool = False
    posters: int = 0


def write_videos(folder: Path, show: Show) -> Iterator[Path]:
    """Write gallery.mp4 and probe1.mp4 …, each with .gt.txt and .truth.npz beside it; yields each video when done.

    Same bytes for the same show.
    """
    for number in range(show.probes + 1):
        path = folder / (f"probe{number}.mp4" if number else "gallery.mp4")
        write_video(path, show, number)
        yield path


def write_video(path: Path, show: Show, number: int) -> None:
    """Write one video of the show: 0 the gallery, from 1 on the probes. Raises OutputError where it cannot."""
    rng = np.random.default_rng([show.seed, 1, number])
    setting, walkers = stage(show, number, rng)
    truths: list[Truth] = []
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with VideoSink(path, *show.size, show.fps, crf=20, threads=1) as sink:
        for picture, truth in film_scene(setting, walkers, show.seconds, rng):
            sink.write(picture)
            truths.append(truth)
    write_bytes(path.with_suffix(".gt.txt"), _ground_truth(truths).encode())
    with atomic(path.with_suffix(".truth.npz")) as stream:
        np.savez_compressed(
            stream,
            boxes=np.stack([truth.boxes for truth in truths]).astype(np.float32),
            owner=np.stack([truth.owner for truth in truths]),
            visibility=np.stack([truth.visibility for truth in truths]).astype(np.float32),
            joints=np.stack([truth.joints for truth in truths]).astype(np.float32),
            joint_names=np.array(COCO_JOINTS),
        )


def cast(show: Show) -> list[Person]:
    """The people of a show, fastest first."""
    people = [person((show.seed, 0, number)) for number in range(show.people)]
    return sorted(people, key=_speed, reverse=True)


def stage(show: Show, number: int, rng: np.random.Generator) -> tuple[Setting, list[Walker]]:
    """Camera, street, clothes and paths of one video."""
    people = cast(show)
    view = number % 5
    reach = 3.9 * show.size[0] / 854  # metres that the camera sees to either side of the middle
    paths = _paths(view, people, reach, show.seconds)
    walkers = []
    for index, (who, (place, heading)) in enumerate(zip(people, paths, strict=True)):
        kind = KINDS[(number - 1) % len(KINDS)] if number else "nm"
        same_clothes = number <= 1
        wardrobe = np.random.default_rng([show.seed, 2, index, 0 if same_clothes else number])
        natural = np.random.default_rng([show.seed, 3, index])
        walkers.append(Walker(who, draw_outfit(wardrobe, kind), draw_looks(natural, wardrobe), place, heading))
    street = draw_street(rng, show.posters)
    shake = 4.0 if show.handheld and number % 2 == 0 and number else 0.0
    return _setting(view, street, show, shake), walkers


def _setting(view: int, street: Street, show: Show, shake: float) -> Setting:
    width, _ = show.size
    # Position, aim and the picture's width in metres at the distance of the walkers.
    position, aim, across = (
        ((0.0, -11.0, 1.6), (0.0, 0.0, 1.12), 7.6),
        ((-0.6, -9.5, 2.2), (0.0, -0.1, 1.0), 7.8),
        ((1.0, -9.0, 5.2), (0.0, -0.2, 0.75), 8.4),
        ((-4.5, -9.5, 1.9), (0.2, 0.0, 1.05), 7.8),
        ((9.5, -5.0, 2.4), (0.0, -0.2, 0.9), 7.4),
    )[view]
    distance = float(np.linalg.norm(np.array(position) - np.array(aim)))
    return Setting(street, position, aim, width * distance / across, show.size, show.fps, shake)


def _paths(view: int, people: Sequence[Person], reach: float, seconds: float) -> list[Place]:
    """Where everybody begins: in single file where all are to be seen alone, else from both sides in lanes.

    Half-way through the video the file, or those who meet, are in the middle of the picture.
    """
    count = len(people)
    before = 0.5 * seconds * float(np.mean([_speed(who) for who in people]))
    if view in {0, 3}:
        way, heading = (1, 0.0) if view == 0 else (-1, np.pi)
        return [((way * (GAP * ((count - 1) / 2 - k) - before), 0.25 * (k % 2)), heading) for k in range(count)]
    paths: list[Place] = []
    for k in range(count):
        way = 1 if k % 2 == 0 else -1
        # Seen lengthwise, those who walk the same way must not hide one another all the time.
        rank = count - count % 2 - k if view == 4 and way < 0 else k
        lane = 0.9 - 0.7 * rank if count <= 4 else 0.9 - 2.1 * rank / (count - 1)
        begin = -way * (min(0.9 * reach, before) + 2.2 * (k // 2))
        tilt = 0.06 * (1 if k % 3 else -1)
        paths.append(((begin, lane), tilt if way > 0 else np.pi + tilt))
    return paths


def _speed(who: Person) -> float:
    return stride(who.body, who.gait) * who.gait.cadence / 120


def _ground_truth(truths: Sequence[Truth]) -> str:
    """Lines of: frame from 1, person from 1, x, y, width, height, 1, 1, visibility."""
    lines = []
    for frame, truth in enumerate(truths, 1):
        for number, (box, visible) in enumerate(zip(truth.boxes, truth.visibility, strict=True), 1):
            if visible > 0:
                x1, y1, x2, y2 = (float(value) for value in box)
                lines.append(f"{frame},{number},{x1:.1f},{y1:.1f},{x2 - x1:.1f},{y2 - y1:.1f},1,1,{visible:.2f}\n")
    return "".join(lines)

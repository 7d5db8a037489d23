"""`gait bench segmenters`: how much of a silhouette is right, of made-up walkers whose pixels are known."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Config, SegmentationConfig
from pipeline.errors import CheckpointError
from pipeline.files import write_json
from pipeline.profiles import Options
from pipeline.research.synth.videos import Show, write_video
from pipeline.segmentation import Segmenter, open_segmenter
from pipeline.segmentation.sequences import PersonCrop, Silhouette, cut_people, finish
from pipeline.types import Frame, TrackedBoxes
from pipeline.video import open_video
from pipeline.weights.cards import cards
from pipeline.weights.checkpoints import resolve, search_folders

HEIGHTS = (40, 80, 160)  # pixels
WALLS = {"plain": 0, "cluttered": 16}  # coloured things at ten metres of wall
CASTS = {"alone": (0, 3), "crossing": (1, 4)}  # videos of a show: in single file; from both sides
SECONDS, EVERY = 4.0, 5
USUAL = 190  # pixels: a walker's height in a show of the usual size, 854×480
LOOSE = 0.03  # standard deviation of a box's edges about the body, as a share of its height
LEAST_VISIBLE = 0.7  # of a body; of others a mask is not asked for


@dataclass(slots=True)
class Figures:
    """What one segmenter did with the people of one kind. overlaps: intersection over union with the truth."""

    overlaps: list[float] = field(default_factory=list)
    usable: list[bool] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Mean overlap of all masks and of the usable ones, and the share of those."""
        overlaps, usable = np.array(self.overlaps), np.array(self.usable, bool)
        return {
            "crops": len(overlaps),
            "iou": round(float(overlaps.mean()), 3) if len(overlaps) else None,
            "iou_of_usable": round(float(overlaps[usable].mean()), 3) if usable.any() else None,
            "usable": round(float(usable.mean()), 3) if len(overlaps) else None,
        }


def bench_segmenters_command(names: Sequence[str], json_file: Path | None, options: Options) -> None:
    """Film the walkers, cut them out with every segmenter, and print the table."""
    folders = search_folders(options.checkpoints)
    networks: dict[str, Segmenter] = {}
    for name in names or [card.name for card in cards(folders).values() if card.stage == "segmenter"]:
        try:
            checkpoint = resolve(name, None, folders, stage="segmenter")
        except CheckpointError:
            if names:
                raise
            continue
        networks[name] = open_segmenter(SegmentationConfig(checkpoint=name), Config().runtime, checkpoint)
    if not networks:
        raise CheckpointError("no segmenter is here. See: gait checkpoints fetch -h")
    rows: dict[str, dict[str, Any]] = {name: {} for name in networks}
    spent = dict.fromkeys(networks, 0.0)
    crops = 0
    for kind, people in _people():
        for name, segmenter in networks.items():
            figures, seconds = judged(segmenter, people)
            rows[name][kind] = figures.as_json()
            spent[name] += seconds
        crops += len(people)
    for name, row in rows.items():
        row["ms_a_crop"] = round(1000 * spent[name] / crops, 1)
    _print(rows)
    if json_file is not None:
        write_json(json_file, {"schema": 1, "segmenters": rows})


def _print(rows: dict[str, dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="intersection over union with the truth (usable silhouettes, %)")
    table.add_column("people")
    for name in rows:
        table.add_column(name, justify="right", overflow="fold")
    for kind in next(iter(rows.values())):
        cells = [row[kind] for row in rows.values()]
        if kind == "ms_a_crop":
            table.add_row("processor ms a crop", *map(str, cells))
        else:
            shown = [f"{cell['iou']:.3f} ({100 * cell['usable']:.0f})" for cell in cells]
            table.add_row(f"{kind} (n = {cells[0]['crops']})", *shown)
    Console().print(table)


@dataclass(frozen=True, slots=True)
class Scene:
    """A frame with the people in it. owner: H×W uint8, whose pixel it is: 0, or a track's number."""

    frame: Frame
    tracked: TrackedBoxes
    owner: NDArray[np.uint8]


def _people(seeds: Sequence[int] = (0,)) -> Iterator[tuple[str, list[Scene]]]:
    """The frames of each kind: height, wall, cast."""
    for height, (wall, posters), (cast, numbers) in product(HEIGHTS, WALLS.items(), CASTS.items()):
        size = round(854 * height / USUAL / 2) * 2, round(480 * height / USUAL / 2) * 2
        scenes: list[Scene] = []
        for seed, number in product(seeds, numbers):
            show = Show(seed=9000 + seed, seconds=SECONDS, size=size, posters=posters)
            scenes += filmed(show, number)
        yield f"{height} px, {wall}, {cast}", scenes


def filmed(show: Show, number: int, every: int = EVERY) -> list[Scene]:
    """Every so-many-th frame of a video of a show, read back from its file, with boxes as a tracker gives them."""
    rng = np.random.default_rng([show.seed, number])
    scenes = []
    with tempfile.TemporaryDirectory(prefix="gait-bench-") as folder:
        path = Path(folder) / "video.mp4"
        write_video(path, show, number)
        with np.load(path.with_suffix(".truth.npz")) as truth:  # each array is unpacked when it is asked for
            all_boxes, visibility, owner = truth["boxes"], truth["visibility"], truth["owner"]
        with open_video(path) as video:
            for frame in video:
                boxes, seen = all_boxes[frame.index], np.flatnonzero(visibility[frame.index] >= LEAST_VISIBLE)
                if frame.index % every or not len(seen):
                    continue
                loose = LOOSE * (boxes[:, 3] - boxes[:, 1])[:, None] * rng.standard_normal(boxes.shape)
                boxes = (boxes + loose)[seen].astype(np.float32)
                tracked = TrackedBoxes(frame.index, seen + 1, boxes, np.ones(len(seen), np.float32))
                scenes.append(Scene(frame, tracked, owner[frame.index]))
    return scenes


def judged(segmenter: Segmenter, scenes: Sequence[Scene]) -> tuple[Figures, float]:
    """How right a segmenter's silhouettes are, and the processor time of its calls in seconds."""
    figures, seconds = Figures(), 0.0
    config = SegmentationConfig()
    for scene in scenes:
        crops = cut_people(scene.frame, scene.tracked, config, segmenter.view)
        begun = time.process_time()
        answer = segmenter.segment(np.stack([crop.image for crop in crops]))
        seconds += time.process_time() - begun
        for crop, silhouette in zip(crops, finish(crops, answer, config), strict=True):
            figures.overlaps.append(overlap(crop, silhouette, scene.owner))
            figures.usable.append(silhouette.aligned is not None)
    return figures, seconds


def overlap(crop: PersonCrop, silhouette: Silhouette, owner: NDArray[np.uint8]) -> float:
    """Intersection over union of a silhouette with the pixels of its person."""
    assert crop.crop is not None  # those who are to be seen have a crop
    own = crop.crop.same_of((owner == crop.track_id).astype(np.uint8) * 255, 0) > 127
    mask = silhouette.mask > 0
    return float((own & mask).sum() / max((own | mask).sum(), 1))

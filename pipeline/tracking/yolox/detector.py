"""YOLOX (Ge et al., 2021) as a detector of people: exported networks (.onnx) and the authors' own checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from pipeline.config import RuntimeConfig, TrackingConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.tracking.overlap import Found, Region, merge_views, strongest, tile_grid
from pipeline.tracking.yolox.engines import SHAPES_KEPT, OnnxYolox, TorchYolox, YoloxNetwork, refuse_unless_yolox
from pipeline.tracking.yolox.format import COARSEST, Letterbox, YoloxInputs, cells, people, scaled
from pipeline.tracking.zoom import ZoomChooser
from pipeline.types import Detections, Frame, Image
from pipeline.weights.checkpoints import Checkpoint


class YoloxDetector:
    """People by YOLOX, letterboxed as the checkpoint's card says (see YoloxInputs for the keys of `inputs`).

    A card's `architecture` is read for the authors' checkpoints (.pth, .pth.tar, .safetensors): variant (nano, tiny,
    s, m, l, x), classes, depthwise. Exported networks (.onnx) carry theirs.

    Small people are looked at more closely: by `tracking.zoom`, in a larger input, where the network takes any size
    (torch; OpenVINO, unless decoded in the export), otherwise in as many tiles; or by `tracking.tiles`, if set.

    Raises ConfigError without a checkpoint, or for an input_size that the network does not take; CheckpointError for
    a card or a file of something else.
    """

    looks_at: Literal["image"] = "image"

    def __init__(self, config: TrackingConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            raise ConfigError("tracking.checkpoint: yolox needs one, such as tracking.checkpoint=yolox_nano.")
        card = checkpoint.card
        if card.stage != "detector" or not card.loader.startswith("yolox"):
            raise CheckpointError(
                f"{checkpoint.path}: card {card.name} is for a {card.stage} ({card.loader}), not for YOLOX. "
                "Set tracking.checkpoint to a YOLOX card."
            )
        self._config = config
        self._inputs = YoloxInputs.from_card(card.name, card.inputs)
        size = config.input_size
        if size is not None and any(side < COARSEST or side % COARSEST for side in size):
            raise ConfigError(
                f"tracking.input_size: {size[0]}×{size[1]} must be multiples of {COARSEST}, height first."
            )
        self._size = size or self._inputs.size
        exported = checkpoint.path.suffix == ".onnx"
        self._network: YoloxNetwork = (OnnxYolox if exported else TorchYolox)(checkpoint, self._inputs, runtime)
        if not self._network.flexible and self._size != self._inputs.size:
            raise ConfigError(
                f"tracking.input_size: {checkpoint.path.name} was exported for {self._inputs.size[0]}×"
                f"{self._inputs.size[1]} only. Leave input_size out, or use the .pth checkpoint or OpenVINO."
            )
        self._prepare = lru_cache(SHAPES_KEPT)(lambda size: (Letterbox(self._inputs.pad, size), cells(size)))
        self._path = checkpoint.path
        self._chooser: ZoomChooser | None = None
        self._last_index = -1

    def detect(self, frames: Sequence[Frame]) -> list[Detections]:
        """The people of each frame: boxes in pixels of the picture (they may reach beyond it), best score first.

        A call holds frames of one stretch of one video. With zoom `auto` the answer for a frame depends on the frames
        before it in this stretch.
        """
        found: list[Detections] = []
        while len(found) < len(frames):
            rest = frames[len(found) :]
            if self._config.zoom != "auto" or self._tiled:
                found += self._find(rest, 1 if self._config.zoom == "auto" else self._config.zoom)
                continue
            another = self._config.stretch_of(rest[0].index) != self._config.stretch_of(self._last_index)
            if self._chooser is None or another or rest[0].index <= self._last_index:
                self._chooser = ZoomChooser(self._ratio(rest[0].image, 1))
            zoom, count = self._chooser.plan(len(rest))
            some = self._find(rest[:count], zoom)
            self._chooser.record(some)
            found += some
            self._last_index = rest[count - 1].index
        return found

    def warm(self, height: int, width: int) -> None:
        """Compile the network for pictures of this size, as they will be looked at most."""
        blank = Frame(0, 0.0, np.zeros((height, width, 3), np.uint8))
        zooms: list[float] = [1.0] if self._config.zoom == "auto" else [self._config.zoom]
        if self._config.zoom == "auto" and not self._tiled:
            zooms.append(ZoomChooser(self._ratio(blank.image, 1)).closest)
        for zoom in zooms:
            self._find([blank], zoom)

    @property
    def batch(self) -> int:
        """Frames that are best given at once."""
        return self._network.batch

    @property
    def _tiled(self) -> bool:
        return self._config.tiles.rows * self._config.tiles.columns > 1

    def _ratio(self, image: Image, zoom: float) -> float:
        height, width = image.shape[:2]
        return min(self._size[0] * zoom / int(height), self._size[1] * zoom / int(width))

    def _find(self, frames: Sequence[Frame], zoom: float) -> list[Detections]:
        if len({frame.image.shape for frame in frames}) > 1:  # a folder of pictures of several sizes
            return [people for frame in frames for people in self._find([frame], zoom)]
        height, width = frames[0].image.shape[:2]
        regions, zoom = self._regions(height, width, zoom)
        views = [
            self._look([frame.image[y1:y2, x1:x2] for frame in frames], (x1, y1), zoom) for x1, y1, x2, y2 in regions
        ]
        found = []
        for row, frame in enumerate(frames):
            seen = [(region, view[row]) for region, view in zip(regions, views, strict=True)]
            boxes, scores = (
                merge_views(seen, height, width, self._config.nms_threshold) if len(seen) > 1 else seen[0][1]
            )
            found.append(Detections(frame.index, boxes, scores))
        return found

    def _regions(self, height: int, width: int, zoom: float) -> tuple[list[Region], float]:
        """The parts of the picture to look at, the whole one first, and the zoom for each of them."""
        whole, tiles = (0, 0, width, height), self._config.tiles
        if self._tiled:
            return [whole, *tile_grid(height, width, tiles.rows, tiles.columns, tiles.overlap)], 1
        if zoom > 1 and not self._network.flexible:
            side = int(np.ceil(zoom))
            return [whole, *tile_grid(height, width, side, side, tiles.overlap)], 1
        return [whole], zoom

    def _look(self, images: list[Image], corner: tuple[int, int], zoom: float) -> list[Found]:
        """People in equal parts of pictures, whose top left `corner` is; boxes in pixels of the whole picture."""
        ratio = self._ratio(images[0], zoom)
        size = _up(self._size[0] * zoom), _up(self._size[1] * zoom)
        if self._config.rectangular and self._network.flexible:  # without most of its padding
            size = _up(scaled(images[0].shape[0], ratio)), _up(scaled(images[0].shape[1], ratio))
        letterbox, where = self._prepare(size)
        offset = np.array([*corner, *corner], np.float32)
        found = []
        for rows in self._network.each(letterbox.each(images, ratio), size):
            refuse_unless_yolox(rows, len(where), self._path)
            boxes, scores = people(rows, where, self._config.score_threshold, self._inputs.decoded)
            best = strongest(boxes, scores, self._config.nms_threshold)
            found.append((boxes[best] / np.float32(ratio) + offset, scores[best]))
        return found


def _up(side: float) -> int:
    return COARSEST * max(1, int(np.ceil(side / COARSEST)))

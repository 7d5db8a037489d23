"""A registered gait network: all that the other rooms have to know of it, in one declaration in its own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.encoder import Arrays, Encoder
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, Modality
from pipeline.weights.checkpoints import Checkpoint

if TYPE_CHECKING:
    from pipeline.recognition.network import GaitNetwork

PICTURES = (Modality.SILHOUETTES, Modality.SKELETON_MAPS, Modality.PARSING, Modality.RGB, Modality.DEPTH)
STEP = (64, 4)  # height and width of pictures are multiples of these
_SHAPES = {Modality.KEYPOINTS: "17×3", Modality.SMPL: "85", Modality.POINTS: "1024×3"}
_ONE_CHANNEL = (Modality.SILHOUETTES, Modality.PARSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One line of docs/models.md, and how the network is fed.

    name: in ENCODERS. network, architecture: as in network.py. title, paper, published, golden: for people.
    needs: the modalities, in the order in which `inputs` gets their arrays T×…, uint8 as they are.
    optional: those of them that a card may leave out.
    prepare: makes the network's inputs of them, where pictures C×T×H×W and other arrays T×… will not do.
    motion: looks at consecutive frames, so that long sequences are cut, not thinned out.
    least_frames: that the network needs; shorter sequences are repeated.
    size: height and width of the pictures that the network was made for.
    opens: the encoder, where the common one will not do.
    """

    name: str
    title: str
    paper: str
    network: type[GaitNetwork]
    architecture: type[Any]
    published: str = ""
    golden: tuple[str, ...] = ()
    needs: tuple[Modality, ...] = (Modality.SILHOUETTES,)
    optional: tuple[Modality, ...] = ()
    prepare: Callable[[Arrays], Arrays] | None = None
    motion: bool = False
    least_frames: int = 1
    size: tuple[int, int] = (SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH)
    opens: Callable[[Model, RecognitionConfig, RuntimeConfig, Checkpoint | None], Encoder] | None = None

    @property
    def input(self) -> str:
        """The shape that the network was made for, for people: of a frame's picture, or of what else a frame has."""
        if any(need in PICTURES for need in self.needs):
            return "×".join(map(str, self.size))
        return " and ".join(_SHAPES[need] for need in self.needs)

    def inputs(self, frames: Arrays) -> Arrays:
        """The network's inputs, without the batch's axis, from one array T×… a modality. uint8 later becomes 0–1."""
        if self.prepare is not None:
            return self.prepare(frames)
        return tuple(
            data[None] if need in _ONE_CHANNEL else data for need, data in zip(self.needs, frames, strict=True)
        )

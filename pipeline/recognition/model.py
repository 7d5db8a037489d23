"""A registered gait network: all that the other rooms have to know of it, in one declaration in its own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import registry
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError
from pipeline.recognition.encoder import Arrays, Encoder
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, Modality
from pipeline.weights.checkpoints import Checkpoint

if TYPE_CHECKING:
    from pipeline.recognition.network import GaitNetwork

FEATURES = ("embeddings", "neck", "logits")
PICTURES = (Modality.SILHOUETTES, Modality.SKELETON_MAPS, Modality.PARSING, Modality.RGB, Modality.DEPTH)
STEP = (64, 4)  # height and width of pictures are multiples of these
_SHAPES = {Modality.KEYPOINTS: "17×3", Modality.SMPL: "85", Modality.POINTS: "1024×3"}
_ONE_CHANNEL = (Modality.SILHOUETTES, Modality.PARSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One line of docs/models.md, and how the network is fed.

    name: in ENCODERS. title, paper, published, golden: for people.
    network, architecture: as in network.py; "module:Class" for a network that is also run without torch.
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
    network: type[GaitNetwork] | str
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
    def network_class(self) -> type[GaitNetwork]:
        """The network in torch, which is loaded with it."""
        if not isinstance(self.network, str):
            return self.network
        found: type[GaitNetwork] = registry.imported(self.network)
        return found

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


def needs_of(model: Model, checkpoint: Checkpoint) -> tuple[Modality, ...]:
    """The modalities that these weights look at: the model's, without the optional ones, or parsing for silhouettes."""
    said = checkpoint.card.inputs.get("modality", list(model.needs))
    names = {said} if isinstance(said, str) else set(said)
    parsed = tuple(Modality.PARSING if need is Modality.SILHOUETTES else need for need in model.needs)
    for needs in (model.needs, parsed, tuple(need for need in model.needs if need not in model.optional)):
        if names == set(needs):
            return needs
    raise CheckpointError(
        f"{checkpoint.path}: made for {' and '.join(sorted(names))}, not {' and '.join(model.needs)}. "
        f"Choose another card."
    )


def size_of(model: Model, checkpoint: Checkpoint) -> tuple[int, int]:
    """Height and width of the pictures that the weights were made for: the card's, or the model's."""
    size = checkpoint.card.inputs.get("size", model.size)
    if not isinstance(size, list | tuple) or len(size) != 2 or not all(isinstance(side, int) for side in size):
        raise CheckpointError(f"card {checkpoint.card.name}: inputs.size must be [height, width], not {size!r}.")
    return size[0], size[1]


def features_of(config: RecognitionConfig, checkpoint: Checkpoint | None) -> str:
    """What is compared: as the configuration says, or the card, or the embeddings. Raises CheckpointError."""
    if config.features != "auto":
        return config.features
    said = checkpoint.card.inputs.get("features", FEATURES[0]) if checkpoint else FEATURES[0]
    if said not in FEATURES:
        known = ", ".join(FEATURES)
        name = checkpoint.card.name if checkpoint else ""
        raise CheckpointError(f"card {name}: features {said!r} are none of {known}. Correct it.")
    return str(said)

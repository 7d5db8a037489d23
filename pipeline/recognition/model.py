"""A registered gait network: all that the rest of the house has to know of it, in one declaration in its own file.

Importing this file is cheap; torch comes with the network's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.encoder import Encoder
from pipeline.types import SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH, Modality
from pipeline.weights.checkpoints import Checkpoint

if TYPE_CHECKING:
    from pipeline.recognition.network import GaitNetwork

Arrays = tuple[NDArray[Any], ...]
EXPORTED = (".onnx", ".xml")  # what `gait export` writes


SHAPES = {Modality.KEYPOINTS: "17×3", Modality.SMPL: "85", Modality.POINTS: "1024×3"}


def one_channel(frames: Arrays) -> Arrays:
    """Each modality T×H×W as one channel C×T×H×W (C = 1): what networks for silhouettes want."""
    return tuple(data[None] for data in frames)


def as_they_are(frames: Arrays) -> Arrays:
    """Each modality T×… as it is: what networks for keypoints want, which make of them what they need."""
    return frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One line of docs/models.md, and how the network is fed. Called like an encoder's class, it opens the encoder.

    name: in ENCODERS. network, architecture: as in network.py. title, paper, published, golden: for people.
    needs: the modalities, in the order in which `inputs` gets their arrays T×…, uint8 as they are.
    inputs: makes of them what the network's forward takes, without the batch's axis; uint8 becomes 0–1 on the way.
    motion: looks at consecutive frames, so that long walks are cut, not thinned out.
    least_frames: that the network needs; shorter walks are repeated.
    size: height and width that the network was made for; step: they may be any multiple of these (None: no pictures).
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
    inputs: Callable[[Arrays], Arrays] = one_channel
    motion: bool = False
    least_frames: int = 1
    size: tuple[int, int] = (SILHOUETTE_HEIGHT, SILHOUETTE_WIDTH)
    step: tuple[int, int] | None = (64, 4)
    opens: Callable[[Model, RecognitionConfig, RuntimeConfig, Checkpoint | None], Encoder] | None = None

    @property
    def input(self) -> str:
        """The shape that the network was made for, for people: of a frame's picture, or of what else a frame has."""
        if self.step is not None:
            return "×".join(map(str, self.size))
        return " and ".join(SHAPES[need] for need in self.needs)

    def __call__(self, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
        """The encoder with its weights loaded. Raises ConfigError and CheckpointError as `open_encoder` says."""
        exported = checkpoint is not None and checkpoint.path.suffix in EXPORTED
        if self.opens is not None and not exported:
            return self.opens(self, config, runtime, checkpoint)
        from pipeline.recognition.model_encoder import open_model_encoder

        return open_model_encoder(self, config, runtime, checkpoint)

"""GaitBase (Fan et al., "OpenGait: Revisiting Gait Recognition Toward Better Practicality", CVPR 2023).

A residual network looks at every silhouette, the maximum over time pools the walk, horizontal strips are pooled and
mapped by one linear layer each. On a CPU it runs without torch; the network in torch is in gaitbase_network.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.inference.runtime import device
from pipeline.recognition import weights_for
from pipeline.recognition.encoder import Encoder, EncoderInput, embedding_of, interleave, sample_masks
from pipeline.recognition.engines.gaitbase_openvino import OpenVinoGaitBase
from pipeline.recognition.layers.gaitbase import Architecture, read_weights
from pipeline.recognition.model import Model, features_of, needs_of
from pipeline.types import Embedding, Modality
from pipeline.weights.checkpoints import Checkpoint

Engine = Callable[[Sequence[NDArray[np.uint8]]], NDArray[np.float32]]  # walks T×H×W → [n, c, p]


class GaitBaseEncoder:
    """GaitBase as an encoder: masks T×H×W, usually 64×44, to embeddings 256×16 (or logits, classes×16).

    A card's `inputs` may name the `features` to compare, and the `set_size` that the network was trained with.
    Sequences never share a batch's statistics, so one alone and one among others give the same.
    """

    needs: tuple[Modality, ...] = (Modality.SILHOUETTES,)

    def __init__(self, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        checkpoint = weights_for(GAITBASE, checkpoint)
        if needs_of(GAITBASE, checkpoint) != self.needs:
            raise CheckpointError(
                f"{checkpoint.path}: made for {Modality.PARSING}, not silhouettes. Choose another card."
            )
        card, features = checkpoint.card.architecture, features_of(config, checkpoint)
        self._set_up(*engine_for(checkpoint.path, card, features, runtime), config, checkpoint)

    def _set_up(
        self, engine: Engine, parts: int, config: RecognitionConfig, checkpoint: Checkpoint | None = None
    ) -> None:
        inputs = checkpoint.card.inputs if checkpoint else {}
        self._engine, self._parts, self._config = engine, parts, config
        self._set_size = config.set_size or inputs.get("set_size")
        features = features_of(config, checkpoint)
        self.model = f"gaitbase-{self._parts}" + ("" if features == "embeddings" else f"-{features}")
        self.model += f"-sets{self._set_size}" if self._set_size else ""
        self.checkpoint_sha256 = checkpoint.sha256 if checkpoint else ""

    def encode(self, walks: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each walk, in order.

        Raises ConfigError when the silhouettes' size does not fit the network.
        """
        if not walks:
            return []
        masks = [self._fitting(sample_masks(walk, self._config.max_frames, self._config.window)) for walk in walks]
        sets = [interleave(walk, self._set_size) for walk in masks]
        parts = self._engine([one for walk in sets for one in walk])
        ends = np.cumsum([len(walk) for walk in sets])
        means = [walk.mean(axis=0) for walk in np.split(parts, ends[:-1])]
        return [
            embedding_of(walk, values, self.model, self.checkpoint_sha256, len(used))
            for walk, used, values in zip(walks, masks, means, strict=True)
        ]

    def _fitting(self, masks: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Masks T×H×W, refused where the network cannot cut them into its parts."""
        height, width = masks.shape[1:]
        if height % 4 or width % 4 or (height // 4) * (width // 4) % self._parts:
            raise ConfigError(
                f"silhouettes of {height}×{width}: gaitbase cannot cut them into {self._parts} parts. Use 64×44."
            )
        return masks


def engine_for(path: Path, card: Mapping[str, Any], features: str, runtime: RuntimeConfig) -> tuple[Engine, int]:
    """What runs the weights of `path` to give these features, and the number of parts."""
    head = features == "logits"
    if in_openvino(runtime):
        weights, architecture = read_weights(path, card, head)
        return OpenVinoGaitBase(weights, architecture, features, runtime), architecture.parts
    from pipeline.recognition.engines.gaitbase_torch import TorchGaitBase
    from pipeline.recognition.models.gaitbase_network import load_gaitbase

    network = load_gaitbase(path, card, head)
    return TorchGaitBase(network, features, runtime), len(network.FCs.fc_bin)


def in_openvino(runtime: RuntimeConfig) -> bool:
    """Whether OpenVINO runs the backbone, and nothing needs torch."""
    return device(runtime) == "cpu" and runtime.engine in ("auto", "openvino") and runtime.precision != "f16"


def _encoder(model: Model, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    return GaitBaseEncoder(config, runtime, checkpoint)


GAITBASE = Model(
    name="gaitbase",
    title="GaitBase",
    paper="Fan et al., CVPR 2023",
    network="pipeline.recognition.models.gaitbase_network:GaitBase",
    architecture=Architecture,
    published=(
        "Gait3D 64.6, GREW 60.1, OUMVLP 90.8, CASIA-B 97.6 / 94.0 / 77.4, "
        "CASIA-E 91.6 / 86.7 / 74.7, Gait3D-Parsing 71.2"
    ),
    golden=("gaitbase_casiab", "gaitbase_gait3d", "gaitbase_grew", "gaitbase_oumvlp"),
    opens=_encoder,
)

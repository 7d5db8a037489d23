"""GaitBase (Fan et al., "OpenGait: Revisiting Gait Recognition Toward Better Practicality", CVPR 2023).

A residual network looks at every silhouette, the maximum over time pools the walk, horizontal strips are pooled and
mapped by one linear layer each. The network has the keys of OpenGait's checkpoints ({'model', 'optimizer', …}).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.inference.runtime import device, threads
from pipeline.recognition import weights_for
from pipeline.recognition.encoder import Encoder, EncoderInput, embedding_of, interleave, sample_masks
from pipeline.recognition.engines.pooled_backbone import pooled_backbone
from pipeline.recognition.layers import shapes
from pipeline.recognition.layers.silhouettes import (
    BasicBlock,
    HorizontalPooling,
    ResNet9,
    ResNet9Architecture,
    SeparateFCs,
    SetBlock,
    temporal_max,
)
from pipeline.recognition.model import Model
from pipeline.recognition.model_encoder import features_of, needs_of
from pipeline.recognition.network import GaitNetwork, load_network, necks
from pipeline.types import Embedding, Modality
from pipeline.weights.checkpoints import Checkpoint


@dataclass(frozen=True, slots=True)
class Architecture(ResNet9Architecture):
    """The defaults are those of every GaitBase that OpenGait publishes."""

    parts: int = shapes.shown(16, shapes.PARTS)
    out_channels: int = shapes.shown(256, shapes.OUT_CHANNELS)
    classes: int = shapes.shown(74, shapes.CLASSES)


class GaitBase(GaitNetwork):
    """Silhouettes to embeddings; the attribute names are the keys of OpenGait's checkpoints.

    Set-up for inference: `fused()` folds batch normalisation into the convolutions.
    """

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        super().__init__(architecture, head)
        a = architecture
        self.Backbone = SetBlock(ResNet9(a.channels, a.layers, a.strides, a.maxpool, a.in_channels))
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, a.channels[3], a.out_channels)
        self.BNNecks = necks(a.parts, a.out_channels, a.classes, head)

    def forward(self, silhouettes: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """[n, 1, s, h, w] in 0–1 → embeddings [n, out_channels, parts]; `lengths` as in `temporal_max`."""
        return self.embed(temporal_max(self.Backbone(silhouettes), lengths))

    def embed(self, pooled: Tensor) -> Tensor:
        """Feature maps pooled over time [n, c, h, w] → embeddings [n, out_channels, parts]."""
        return cast(Tensor, self.FCs(self.HPP(pooled)))

    def fused(self) -> GaitBase:
        """Fold every batch normalisation of the backbone into its convolution, for good. Returns itself."""
        backbone = cast(ResNet9, self.Backbone.forward_block)
        backbone.conv1.conv = fuse_conv_bn_eval(backbone.conv1.conv, cast(nn.BatchNorm2d, backbone.bn1))
        backbone.bn1 = nn.Identity()
        for block in [module for module in backbone.modules() if isinstance(module, BasicBlock)]:
            block.conv1 = fuse_conv_bn_eval(block.conv1, cast(nn.BatchNorm2d, block.bn1))
            block.conv2 = fuse_conv_bn_eval(block.conv2, cast(nn.BatchNorm2d, block.bn2))
            block.bn1 = block.bn2 = nn.Identity()
            if block.downsample is not None:
                conv, norm = block.downsample
                block.downsample = nn.Sequential(
                    fuse_conv_bn_eval(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm)), nn.Identity()
                )
        return self


def load_gaitbase(path: Path, card: Mapping[str, Any] | None = None, head: bool = False) -> GaitBase:
    """`load_network` for GaitBase."""
    return load_network(GaitBase, Architecture, path, card, head)


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
        head = features_of(config, checkpoint) == "logits"
        self._set_up(load_gaitbase(checkpoint.path, checkpoint.card.architecture, head), config, runtime, checkpoint)

    def _set_up(
        self, network: GaitBase, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None = None
    ) -> None:
        """Take a network in eval mode, for good, and put it where it runs."""
        inputs = checkpoint.card.inputs if checkpoint else {}
        self._config = config
        self._features = features_of(config, checkpoint)
        self._set_size = config.set_size or inputs.get("set_size")
        self._device = device(runtime)
        if self._device == "cpu":
            torch.set_num_threads(threads(runtime))
        self._parts = network.FCs.fc_bin.shape[0]
        self.model = f"gaitbase-{self._parts}" + ("" if self._features == "embeddings" else f"-{self._features}")
        self.model += f"-sets{self._set_size}" if self._set_size else ""
        self.checkpoint_sha256 = checkpoint.sha256 if checkpoint else ""
        if self._features != "logits":
            network.drop_head()
        network.fused()
        self._pooled = pooled_backbone(cast(ResNet9, network.Backbone.forward_block), runtime)
        self._network = network.to(self._device)

    def encode(self, walks: Sequence[EncoderInput]) -> list[Embedding]:
        """One embedding for each walk, in order.

        Raises ConfigError when the silhouettes' size does not fit the network.
        """
        if not walks:
            return []
        masks = [self._fitting(sample_masks(walk, self._config.max_frames, self._config.window)) for walk in walks]
        sets = [interleave(walk, self._set_size) for walk in masks]
        with torch.inference_mode():
            pooled = self._pooled([one for walk in sets for one in walk])
            embeddings = torch.cat([self._network.embed(maps) for maps in pooled])
            parts = self._network.select(embeddings, self._features).cpu().numpy()
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


def _encoder(model: Model, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    return GaitBaseEncoder(config, runtime, checkpoint)


GAITBASE = Model(
    name="gaitbase",
    title="GaitBase",
    paper="Fan et al., CVPR 2023",
    network=GaitBase,
    architecture=Architecture,
    published=(
        "Gait3D 64.6, GREW 60.1, OUMVLP 90.8, CASIA-B 97.6 / 94.0 / 77.4, "
        "CASIA-E 91.6 / 86.7 / 74.7, Gait3D-Parsing 71.2"
    ),
    golden=("gaitbase_casiab", "gaitbase_gait3d", "gaitbase_grew", "gaitbase_oumvlp"),
    opens=_encoder,
)

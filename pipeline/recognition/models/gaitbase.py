"""GaitBase (Fan et al., "OpenGait: Revisiting Gait Recognition Toward Better Practicality", CVPR 2023).

A residual network looks at every silhouette, the maximum over time pools the walk, horizontal strips are pooled and
mapped by one linear layer each. The network has the keys of OpenGait's checkpoints ({'model', 'optimizer', …}).
"""

from __future__ import annotations

import re
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
from pipeline.networks.checkpoints import Checkpoint, load_state_dict
from pipeline.networks.runtime import device, threads
from pipeline.networks.strict import load_strictly
from pipeline.networks.tally import note
from pipeline.recognition.encoder import embedding_of, sampled
from pipeline.recognition.layers import (
    BasicBlock,
    HorizontalPooling,
    ResNet9,
    SeparateBNNecks,
    SeparateFCs,
    SetBlock,
    temporal_max,
)
from pipeline.types import Embedding, SilhouetteSequence

PIXELS_AT_ONCE = {"cpu": 16 * 64 * 44, "cuda": 512 * 64 * 44}  # measured: larger batches are slower on a CPU
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the network's constructor needs; the defaults are those of every GaitBase that OpenGait publishes."""

    in_channels: int = 1
    channels: Sequence[int] = (64, 128, 256, 512)
    layers: Sequence[int] = (1, 1, 1, 1)
    strides: Sequence[int] = (1, 2, 2, 1)
    maxpool: bool = False
    parts: int = 16
    out_channels: int = 256
    classes: int = 74

    @classmethod
    def of(cls, card: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Architecture:
        """What the card says, then what the tensors tell (all but strides and maxpool), then the defaults."""
        known = {name: card[name] for name in cls.__slots__ if name in card}
        return cls(**{**_told_by(weights), **known})


def _told_by(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    stem = weights.get("Backbone.forward_block.conv1.conv.weight")
    fcs, head = weights.get("FCs.fc_bin"), weights.get("BNNecks.fc_bin")
    if stem is not None and stem.ndim == 4:
        told["in_channels"] = stem.shape[1]
    if fcs is not None and fcs.ndim == 3:
        told["parts"], told["out_channels"] = fcs.shape[0], fcs.shape[2]
    if head is not None and head.ndim == 3:
        told["classes"] = head.shape[2]
    last = re.compile(r"Backbone\.forward_block\.layer([1-4])\.(\d+)\.conv2\.weight")
    blocks: dict[int, tuple[int, int]] = {}  # stage → number of blocks, channels
    for key in weights:
        if found := last.fullmatch(key):
            stage, block = int(found[1]), int(found[2])
            blocks[stage] = max(blocks.get(stage, (0, 0)), (block + 1, weights[key].shape[0]))
    if sorted(blocks) == [1, 2, 3, 4]:
        told["layers"], told["channels"] = zip(*(blocks[stage] for stage in (1, 2, 3, 4)), strict=True)
    return told


class GaitBase(nn.Module):
    """Silhouettes to embeddings; the attribute names are the keys of OpenGait's checkpoints.

    Set-up for inference: `fused()` folds batch normalisation into the convolutions.
    """

    def __init__(self, architecture: Architecture, head: bool = True) -> None:
        """head: with the memory for the training head; without, it exists in shape only (on torch's meta device)."""
        super().__init__()
        a = architecture
        self.Backbone = SetBlock(ResNet9(a.channels, a.layers, a.strides, a.maxpool, a.in_channels))
        self.HPP = HorizontalPooling((a.parts,))
        self.FCs = SeparateFCs(a.parts, a.channels[3], a.out_channels)
        with torch.device("cpu" if head else "meta"):
            self.BNNecks = SeparateBNNecks(a.parts, a.out_channels, a.classes)

    def forward(self, silhouettes: Tensor, lengths: Sequence[int] | None = None) -> Tensor:
        """[n, 1, s, h, w] in 0–1 → embeddings [n, out_channels, parts]; `lengths` as in `temporal_max`."""
        return self.embed(temporal_max(self.Backbone(silhouettes), lengths))

    def embed(self, pooled: Tensor) -> Tensor:
        """Feature maps pooled over time [n, c, h, w] → embeddings [n, out_channels, parts]."""
        return cast(Tensor, self.FCs(self.HPP(pooled)))

    def logits(self, embeddings: Tensor) -> Tensor:
        """Embeddings [n, out_channels, parts] → cosine logits of the training identities [n, classes, parts]."""
        return cast(tuple[Tensor, Tensor], self.BNNecks(embeddings))[1]

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
    """Read an OpenGait checkpoint into a network, strictly; card: the architecture, as far as it is known.

    head: read the training head too (up to 327 MB); otherwise only its keys are checked.
    Raises CheckpointError for an unreadable file and, naming the keys, for one that is not of this network.
    """
    passed_by: list[str] = []

    def wanted(name: str) -> bool:
        if head or not name.startswith("BNNecks."):
            return True
        passed_by.append(name)
        return False

    weights = load_state_dict(path, only=wanted)
    network = GaitBase(Architecture.of(card or {}, weights), head)
    shapes = network.state_dict()
    nothing = torch.empty(0, device="meta")
    load_strictly(network, {**weights, **{name: shapes.get(name, nothing) for name in passed_by}}, path)
    return network.eval()


class GaitBaseEncoder:
    """GaitBase as an encoder: masks T×H×W, usually 64×44, to embeddings 256×16 (or logits, classes×16).

    Runs in torch: OpenVINO took 9.9 ms a silhouette on two cores and torch 10.5, too little for a second engine.
    Sequences never share a batch's statistics, so one alone and one among others give the same.
    """

    def __init__(self, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> None:
        if checkpoint is None:
            raise ConfigError("recognition.checkpoint: gaitbase needs weights; name a card, gaitbase_gait3d say.")
        modality = checkpoint.card.inputs.get("modality", "silhouettes")
        if modality != "silhouettes":
            raise CheckpointError(f"{checkpoint.path}: made for {modality}, not silhouettes. Choose another card.")
        logits = config.features == "logits"
        self._set_up(load_gaitbase(checkpoint.path, checkpoint.card.architecture, logits), config, runtime)
        self.model = f"gaitbase-{self._parts}" + ("-logits" if logits else "")
        self.checkpoint_sha256 = checkpoint.sha256

    def _set_up(self, network: GaitBase, config: RecognitionConfig, runtime: RuntimeConfig) -> None:
        """Take a network in eval mode, for good, and put it where it runs."""
        self._config = config
        self._logits = config.features == "logits"
        self._device = device(runtime)
        if self._device == "cpu":
            torch.set_num_threads(threads(runtime))
        self._parts = network.FCs.fc_bin.shape[0]
        if not self._logits:
            del network.BNNecks
        self._network = network.fused().to(self._device)
        self._dtype = DTYPES[runtime.precision]
        self._backbone = self._network.Backbone.forward_block.to(self._dtype)
        self._backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def encode(self, sequences: Sequence[SilhouetteSequence]) -> list[Embedding]:
        """One embedding for each sequence, in order.

        Raises ConfigError when the silhouettes' size does not fit the network.
        """
        if not sequences:
            return []
        walks = [sampled(sequence, self._config.max_frames, self._config.window) for sequence in sequences]
        with torch.inference_mode():
            parts = torch.cat([self._network.embed(self._pooled(walk)) for walk in walks])
            if self._logits:
                parts = self._network.logits(parts)
        return [
            embedding_of(sequence, values, self.model, self.checkpoint_sha256, len(walk))
            for sequence, walk, values in zip(sequences, walks, parts.cpu().numpy(), strict=True)
        ]

    def _pooled(self, masks: NDArray[np.uint8]) -> Tensor:
        """Masks T×H×W → feature maps pooled over time [1, c, h, w]; memory does not grow with T."""
        height, width = masks.shape[1:]
        if height % 4 or width % 4 or (height // 4) * (width // 4) % self._parts:
            raise ConfigError(
                f"silhouettes of {height}×{width}: gaitbase cannot cut them into {self._parts} parts. Use 64×44."
            )
        chunk = max(1, PIXELS_AT_ONCE[self._device] // (height * width))
        pooled: Tensor | None = None
        for start in range(0, len(masks), chunk):
            frames = torch.from_numpy(np.ascontiguousarray(masks[start : start + chunk])).to(self._device)
            frames = frames.unsqueeze(1).to(self._dtype, memory_format=torch.channels_last).div_(255)
            note("recognise", self._backbone, frames)
            peak = self._backbone(frames).amax(dim=0, keepdim=True)
            pooled = peak if pooled is None else torch.maximum(pooled, peak)
        assert pooled is not None  # sampled refuses empty sequences
        return pooled.float().contiguous()

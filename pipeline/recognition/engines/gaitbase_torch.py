"""GaitBase run by torch: on a GPU, or where torch is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import device, threads
from pipeline.inference.tally import note
from pipeline.recognition.engines.execution import DTYPES
from pipeline.recognition.layers.silhouettes import BasicBlock, ResNet9
from pipeline.recognition.models.gaitbase_network import GaitBase

PIXELS_AT_ONCE = 512 * 64 * 44  # on a GPU


class TorchGaitBase:
    """A network in eval mode, with batch normalisation folded into its backbone. It is not to be used elsewhere.

    Memory does not grow with a walk's length.
    """

    def __init__(self, network: GaitBase, features: str, runtime: RuntimeConfig) -> None:
        self._device, self._dtype = torch.device(device(runtime)), DTYPES[runtime.precision]
        if self._device.type == "cpu":
            torch.set_num_threads(threads(runtime))
        if features != "logits":
            network.drop_head()
        self._features = features
        self._backbone = _fused(cast(ResNet9, network.Backbone.forward_block)).to(self._device, self._dtype)
        self._backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._network = network.to(self._device)

    def __call__(self, walks: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Walks (T×H×W, T ≥ 1) → what is compared, [n, c, p]."""
        with torch.inference_mode():
            embeddings = torch.cat([self._network.embed(self._peak_of(walk)) for walk in walks])
            return cast(NDArray[np.float32], self._network.select(embeddings, self._features).cpu().numpy())

    def _peak_of(self, masks: NDArray[np.uint8]) -> Tensor:
        chunk = max(1, PIXELS_AT_ONCE // masks[0].size) if self._device.type == "cuda" else 16
        parts = [self._peak(masks[start : start + chunk]) for start in range(0, len(masks), chunk)]
        return torch.cat(parts).amax(dim=0, keepdim=True).float().contiguous()

    def _peak(self, masks: NDArray[np.uint8]) -> Tensor:
        frames = torch.from_numpy(np.ascontiguousarray(masks))
        if self._device.type == "cuda":
            frames = frames.pin_memory().to(self._device, non_blocking=True)
        frames = frames.unsqueeze(1).to(self._dtype, memory_format=torch.channels_last).div_(255)
        note("recognise", self._backbone, frames)
        peak: Tensor = self._backbone(frames).amax(dim=0, keepdim=True)
        return peak


def _fused(backbone: ResNet9) -> ResNet9:
    """The backbone with every batch normalisation folded into its convolution, for good."""
    backbone.conv1.conv = fuse_conv_bn_eval(backbone.conv1.conv, cast(nn.BatchNorm2d, backbone.bn1))
    backbone.bn1 = nn.Identity()
    for block in [module for module in backbone.modules() if isinstance(module, BasicBlock)]:
        block.conv1 = fuse_conv_bn_eval(block.conv1, cast(nn.BatchNorm2d, block.bn1))
        block.conv2 = fuse_conv_bn_eval(block.conv2, cast(nn.BatchNorm2d, block.bn2))
        block.bn1 = block.bn2 = nn.Identity()
        if block.downsample is not None:
            conv, norm = block.downsample
            fused = fuse_conv_bn_eval(cast(nn.Conv2d, conv), cast(nn.BatchNorm2d, norm))
            block.downsample = nn.Sequential(fused, nn.Identity())
    return backbone

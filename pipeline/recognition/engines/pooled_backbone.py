"""Where a residual backbone runs: every silhouette of a walk through it, then the maximum over time.

On a CPU that is OpenVINO, an inference a core: all cores on one batch, in torch, took 1.5 times the processor time. The
maximum over each batch is part of the network, so that only pooled maps come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import OpenVinoNetwork, device, openvino
from pipeline.inference.tally import note
from pipeline.recognition.engines.execution import DTYPES
from pipeline.recognition.layers.silhouettes import BasicBlock, ResNet9

PIXELS_AT_ONCE = 512 * 64 * 44  # on a GPU
FRAMES_AT_ONCE = 4  # on a CPU: 16 at once are no faster, and one at a time returns four times as much
SHAPES_KEPT = 4


class PooledBackbone(Protocol):
    """Walks (T×H×W uint8 each, T ≥ 1) → feature maps pooled over time, [1, c, h, w] float32 each, in order."""

    def __call__(self, walks: Sequence[NDArray[np.uint8]]) -> Iterator[Tensor]: ...


def pooled_backbone(backbone: ResNet9, runtime: RuntimeConfig) -> PooledBackbone:
    """`backbone`, with batch normalisation folded into it, ready to run; it is not to be changed afterwards."""
    if device(runtime) == "cpu" and runtime.engine in ("auto", "openvino") and runtime.precision != "f16":
        return OpenVinoBackbone(backbone, runtime)
    return TorchBackbone(backbone, runtime)


class TorchBackbone:
    """On a GPU, or where torch is asked for. Memory does not grow with a walk's length."""

    def __init__(self, backbone: ResNet9, runtime: RuntimeConfig) -> None:
        self._device, self._dtype = torch.device(device(runtime)), DTYPES[runtime.precision]
        self._backbone = backbone.to(self._device, self._dtype)
        self._backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it

    def __call__(self, walks: Sequence[NDArray[np.uint8]]) -> Iterator[Tensor]:
        for masks in walks:
            chunk = max(1, PIXELS_AT_ONCE // masks[0].size) if self._device.type == "cuda" else 16
            parts = [self._peak(masks[start : start + chunk]) for start in range(0, len(masks), chunk)]
            yield torch.cat(parts).amax(dim=0, keepdim=True).float().contiguous()

    def _peak(self, masks: NDArray[np.uint8]) -> Tensor:
        frames = torch.from_numpy(np.ascontiguousarray(masks))
        if self._device.type == "cuda":
            frames = frames.pin_memory().to(self._device, non_blocking=True)
        frames = frames.unsqueeze(1).to(self._dtype, memory_format=torch.channels_last).div_(255)
        note("recognise", self._backbone, frames)
        peak: Tensor = self._backbone(frames).amax(dim=0, keepdim=True)
        return peak


class OpenVinoBackbone:
    """On CPUs. Walks go through in pieces of FRAMES_AT_ONCE, as many side by side as there are cores."""

    def __init__(self, backbone: ResNet9, runtime: RuntimeConfig) -> None:
        self._backbone, self._runtime = backbone.float(), runtime
        self._networks: dict[tuple[int, int], OpenVinoNetwork] = {}

    def __call__(self, walks: Sequence[NDArray[np.uint8]]) -> Iterator[Tensor]:
        begin = 0
        while begin < len(walks):  # silhouettes of one size at a time
            size = walks[begin].shape[1:]
            end = next((i for i in range(begin, len(walks)) if walks[i].shape[1:] != size), len(walks))
            yield from self._pooled(walks[begin:end], (size[0], size[1]))
            begin = end

    def _pooled(self, walks: Sequence[NDArray[np.uint8]], size: tuple[int, int]) -> Iterator[Tensor]:
        network = self._network(size)
        answers = network.each(_noted(network, piece) for walk in walks for piece in _pieces(walk))
        for walk in walks:
            peak = next(answers)[0]
            for _ in range(len(walk), FRAMES_AT_ONCE, -FRAMES_AT_ONCE):
                np.maximum(peak, next(answers)[0], out=peak)
            yield torch.from_numpy(peak)

    def _network(self, size: tuple[int, int]) -> OpenVinoNetwork:
        if size not in self._networks:
            if len(self._networks) >= SHAPES_KEPT:
                self._networks.pop(next(iter(self._networks)))
            self._networks[size] = OpenVinoNetwork(_as_graph(self._backbone, size), self._runtime)
        return self._networks[size]


def _noted(network: OpenVinoNetwork, piece: NDArray[np.uint8]) -> NDArray[np.uint8]:
    note("recognise", network, piece)
    return piece


def _pieces(walk: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """FRAMES_AT_ONCE×1×H×W; the last frame fills up the last piece, which leaves the maximum as it is."""
    for start in range(0, len(walk), FRAMES_AT_ONCE):
        piece = walk[start : start + FRAMES_AT_ONCE]
        if len(piece) < FRAMES_AT_ONCE:
            piece = np.concatenate([piece, np.repeat(piece[-1:], FRAMES_AT_ONCE - len(piece), axis=0)])
        yield np.ascontiguousarray(piece)[:, None]


def _as_graph(backbone: ResNet9, size: tuple[int, int]) -> Any:
    """The folded backbone as OpenVINO's own model, FRAMES_AT_ONCE×1×H×W uint8 → 1×c×h×w. (Its converter takes 2 s.)"""
    ov = openvino()
    from openvino import opset13 as op

    def conv(x: Any, module: nn.Module) -> Any:
        assert isinstance(module, nn.Conv2d)
        pads = list(module.padding)
        weight = module.weight.detach().numpy()
        x = op.convolution(x, op.constant(weight), list(module.stride), pads, pads, list(module.dilation))
        if module.bias is None:
            return x
        return op.add(x, op.constant(module.bias.detach().numpy().reshape(1, -1, 1, 1)))

    def block(x: Any, module: nn.Module) -> Any:
        assert isinstance(module, BasicBlock)
        shortcut = x if module.downsample is None else conv(x, module.downsample[0])
        return op.relu(op.add(conv(op.relu(conv(x, module.conv1)), module.conv2), shortcut))

    frames = op.parameter([FRAMES_AT_ONCE, 1, *size], ov.Type.u8)
    x = op.multiply(op.convert(frames, ov.Type.f32), op.constant(np.float32(1 / 255)))
    x = op.relu(conv(x, backbone.conv1.conv))
    if isinstance(backbone.maxpool, nn.MaxPool2d):
        x = op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    for stage in (backbone.layer1, backbone.layer2, backbone.layer3, backbone.layer4):
        for module in stage:
            x = block(x, module)
    return ov.Model([op.result(op.reduce_max(x, np.array([0]), True))], [frames], "resnet9")

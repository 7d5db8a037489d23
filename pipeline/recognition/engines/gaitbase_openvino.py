"""GaitBase run by OpenVINO and NumPy: on a CPU, without torch, whose import alone would take two seconds.

An inference a core: all cores on one batch, in torch, took 1.5 times the processor time. The maximum over each batch is
part of the graph, so that only pooled maps come back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import OpenVinoNetwork, openvino
from pipeline.inference.tally import note
from pipeline.recognition.layers.shapes import ResNet9Architecture
from pipeline.types import FloatArray

FRAMES_AT_ONCE = 4  # 16 at once are no faster, and one at a time returns four times as much
SHAPES_KEPT = 4
EPSILON = np.float32(1e-5)  # of torch's batch normalisation
Weights = Mapping[str, FloatArray]


class OpenVinoGaitBase:
    """The weights of a checkpoint, under OpenGait's names, ready to run."""

    def __init__(
        self,
        weights: Mapping[str, NDArray[Any]],
        architecture: ResNet9Architecture,
        features: str,
        runtime: RuntimeConfig,
    ) -> None:
        self._weights: Weights = {name: np.asarray(value, np.float32) for name, value in weights.items()}
        if features == "logits":
            self._weights["BNNecks.fc_bin"] = _of_unit_length(self._weights["BNNecks.fc_bin"])
        self._architecture, self._features, self._runtime = architecture, features, runtime
        self._networks: dict[tuple[int, int], OpenVinoNetwork] = {}

    def __call__(self, walks: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Walks (T×H×W, T ≥ 1) → what is compared, [n, c, p]. Walks of any lengths and sizes, each as if alone."""
        return np.concatenate([self._features_of(maps) for maps in self._pooled(walks)])

    def _features_of(self, maps: FloatArray) -> FloatArray:
        """Feature maps pooled over time [1, c, h, w] → [1, c', p]."""
        linear = self._weights["FCs.fc_bin"]
        strips = maps.reshape(*maps.shape[:2], len(linear), -1)
        pooled = strips.mean(-1) + strips.max(-1)  # horizontal pooling (Fu et al., AAAI 2019)
        embeddings = _by_part(pooled, linear)
        if self._features == "embeddings":
            return embeddings
        scale, shift = _normalisation(self._weights, "BNNecks.bn1d")
        normal = (embeddings.reshape(1, -1) * scale + shift).reshape(embeddings.shape)
        neck = _of_unit_length(normal)
        if self._features == "neck":
            return neck
        return _by_part(neck, self._weights["BNNecks.fc_bin"])

    def _pooled(self, walks: Sequence[NDArray[np.uint8]]) -> Iterator[FloatArray]:
        """Walks → feature maps pooled over time, [1, c, h, w] each, in order."""
        begin = 0
        while begin < len(walks):  # silhouettes of one size at a time
            size = walks[begin].shape[1:]
            end = next((i for i in range(begin, len(walks)) if walks[i].shape[1:] != size), len(walks))
            yield from self._pooled_alike(walks[begin:end], self._network((size[0], size[1])))
            begin = end

    def _pooled_alike(self, walks: Sequence[NDArray[np.uint8]], network: OpenVinoNetwork) -> Iterator[FloatArray]:
        answers = network.each(_noted(network, piece) for walk in walks for piece in _pieces(walk))
        for walk in walks:
            peak = next(answers)[0]
            for _ in range(len(walk), FRAMES_AT_ONCE, -FRAMES_AT_ONCE):
                np.maximum(peak, next(answers)[0], out=peak)
            yield peak

    def _network(self, size: tuple[int, int]) -> OpenVinoNetwork:
        if size not in self._networks:
            if len(self._networks) >= SHAPES_KEPT:
                self._networks.pop(next(iter(self._networks)))
            graph = backbone_graph(self._weights, self._architecture, size)
            self._networks[size] = OpenVinoNetwork(graph, self._runtime)
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


def _by_part(values: FloatArray, maps: FloatArray) -> FloatArray:
    """Values [n, c, p], each part mapped by its own of the maps [p, c, c'] → [n, c', p]."""
    mapped: FloatArray = (values.transpose(2, 0, 1) @ maps).transpose(1, 2, 0)
    return mapped


def _of_unit_length(values: FloatArray) -> FloatArray:
    """Vectors along axis 1, scaled to length 1."""
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: FloatArray = values / np.maximum(lengths, np.float32(1e-12))
    return scaled


def _normalisation(weights: Weights, name: str) -> tuple[FloatArray, FloatArray]:
    """Batch normalisation as a factor and a summand."""
    spread: FloatArray = np.sqrt(weights[f"{name}.running_var"] + EPSILON)
    scale = weights[f"{name}.weight"] / spread
    return scale, weights[f"{name}.bias"] - weights[f"{name}.running_mean"] * scale


def backbone_graph(weights: Weights, architecture: ResNet9Architecture, size: tuple[int, int]) -> Any:
    """ResNet9 as OpenVINO's own model, FRAMES_AT_ONCE×1×H×W uint8 → 1×c×h×w, its normalisations folded."""
    ov = openvino()
    from openvino import opset13 as op

    def conv(x: Any, name: str, norm: str, stride: int = 1) -> Any:
        scale, shift = _normalisation(weights, f"Backbone.forward_block.{norm}")
        kernel = weights[f"Backbone.forward_block.{name}.weight"] * scale[:, None, None, None]
        pads = [kernel.shape[-1] // 2] * 2
        x = op.convolution(x, op.constant(kernel), [stride, stride], pads, pads, [1, 1])
        return op.add(x, op.constant(shift.reshape(1, -1, 1, 1)))

    def block(x: Any, name: str, stride: int) -> Any:
        shortcut = x
        if f"Backbone.forward_block.{name}.downsample.0.weight" in weights:
            shortcut = conv(x, f"{name}.downsample.0", f"{name}.downsample.1", stride)
        x = op.relu(conv(x, f"{name}.conv1", f"{name}.bn1", stride))
        return op.relu(op.add(conv(x, f"{name}.conv2", f"{name}.bn2"), shortcut))

    frames = op.parameter([FRAMES_AT_ONCE, 1, *size], ov.Type.u8)
    x = op.multiply(op.convert(frames, ov.Type.f32), op.constant(np.float32(1 / 255)))
    x = op.relu(conv(x, "conv1.conv", "bn1"))
    if architecture.maxpool:
        x = op.max_pool(x, [2, 2], [1, 1], [1, 1], [1, 1], [3, 3]).output(0)
    for stage, (blocks, stride) in enumerate(zip(architecture.layers, architecture.strides, strict=True), 1):
        for number in range(blocks):
            x = block(x, f"layer{stage}.{number}", 1 if number else stride)
    return ov.Model([op.result(op.reduce_max(x, np.array([0]), True))], [frames], "resnet9")

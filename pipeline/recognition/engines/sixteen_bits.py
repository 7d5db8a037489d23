"""Networks that look at every frame alone, in bfloat16, by OpenVINO, on processors that compute with it.

BiggerGait took a fifth of the processor time that it takes in torch in float32; torch's own bfloat16 saved a third.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.config import RuntimeConfig
from pipeline.inference.runtime import OpenVinoNetwork, openvino, openvino_core
from pipeline.recognition.layers.silhouettes import temporal_max
from pipeline.recognition.network import PooledNetwork

FRAMES = 4  # of an inference; 8 at once are no faster, and take longer to trace
LEAST_COSINE = 0.999  # between the embeddings in bfloat16 and in float32


def has_bf16() -> bool:
    """Whether OpenVINO computes with bfloat16 on this processor, rather than imitating it."""
    return "BF16" in openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class SixteenBits:
    """`network` on a processor: its maps in bfloat16, what is behind them in float32.

    The graph is made of the first frames. They tell whether embeddings stay as they are; otherwise, and if `check`, the
    network itself is run, in float32.
    """

    def __init__(self, network: PooledNetwork, runtime: RuntimeConfig, check: bool) -> None:
        self._network, self._check = network, check
        self._runtime = runtime.model_copy(update={"precision": "bf16"})
        self._graph: OpenVinoNetwork | None = None
        self._suits = True

    def __call__(self, *inputs: Tensor) -> Tensor:
        """What the network would answer: inputs with the batch's axis in front → embeddings [n, c, p]."""
        frames = self._network.of_frames(*inputs)
        if self._graph is None:
            first = next(_portions(*(one[:1] for one in frames)))
            self._graph = self._compiled(first)
            self._suits = not self._check or self._cosine(first) >= LEAST_COSINE
        if not self._suits:
            return self._network.embed(self._network.pooled(*frames))
        return torch.cat([self._embedded(*(one[i : i + 1] for one in frames)) for i in range(len(frames[0]))])

    def _embedded(self, *frames: Tensor) -> Tensor:
        """Of one sequence."""
        assert self._graph is not None
        portions = (tuple(np.ascontiguousarray(one) for one in some) for some in _portions(*frames))
        pooled = np.maximum.reduce([maps for (maps,) in self._graph.each(portions)])
        return self._network.embed(torch.from_numpy(pooled))

    def _compiled(self, frames: tuple[Tensor, ...]) -> OpenVinoNetwork:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # shapes become constants, as they should
            traced = torch.jit.trace(_Pooled(self._network), frames, check_trace=False)  # type: ignore[no-untyped-call]
        shapes = [tuple(one.shape) for one in frames]
        return OpenVinoNetwork(openvino().convert_model(traced, example_input=frames, input=shapes), self._runtime)

    def _cosine(self, frames: tuple[Tensor, ...]) -> float:
        exactly = self._network.embed(temporal_max(self._network.maps(*frames)))
        return float(F.cosine_similarity(self._embedded(*frames).flatten(), exactly.flatten(), dim=0))


class _Pooled(nn.Module):
    def __init__(self, network: PooledNetwork) -> None:
        super().__init__()
        self.network = network
        self.eval()

    def forward(self, *frames: Tensor) -> Tensor:
        return temporal_max(self.network.maps(*frames))


def _portions(pictures: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Pictures [1, c, s, h, w] and others [1, s, …] in portions of FRAMES; the last frame of all fills the last one."""
    for start in range(0, pictures.shape[2], FRAMES):
        here = torch.arange(start, start + FRAMES).clamp(max=pictures.shape[2] - 1)
        yield pictures[:, :, here], *(other[:, here] for other in others)

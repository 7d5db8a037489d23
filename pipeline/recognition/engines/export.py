"""A gait network as a graph for other engines: ONNX, or OpenVINO's own format, compared with torch before use."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.files import reason_of
from pipeline.inference.runtime import Network, open_network, openvino, openvino_core
from pipeline.recognition.encoder import Arrays, align_modalities
from pipeline.recognition.engines.batching import fit_to_size, repeat_frames
from pipeline.recognition.made_up import made_up_sequence
from pipeline.recognition.model import Model
from pipeline.recognition.network import GaitNetwork
from pipeline.types import Modality

OPSET = 17
TRACED = (9, 11)  # frames of the sequences whose shapes tell which axis is time
LENGTHS = ((2, 12), (1, 70))  # sequences, frames: that a graph is tried with (some look at 64)
SHORT = (8, 5, 4, 3, 2, 1)  # frames: what a graph may ask for, and is tried with; longer ones come first
TOLERANCE = 1e-4  # of the rms of torch's answer


class Graph(nn.Module):
    """A network with the way from what `Model.inputs` gives in front, and with the features that are wanted behind."""

    def __init__(self, network: GaitNetwork, features: str) -> None:
        super().__init__()
        self.network, self.features = network, features
        self.eval()

    def forward(self, *inputs: Tensor) -> Tensor:
        parts = self.network(*(x.float() / 255 if x.dtype == torch.uint8 else x for x in inputs))
        return self.network.select(cast(Tensor, parts), self.features)


def made_up_inputs(
    model: Model, needs: Sequence[Modality], size: tuple[int, int], sequences: int, frames: int, seed: int = 0
) -> Arrays:
    """What the network would be fed for so many made-up sequences of so many frames, the batch's axis in front."""
    fed = []
    for number in range(sequences):
        sequence = made_up_sequence(needs, frames, seed + number, size)
        data = align_modalities(sequence, needs, model.name)
        pictures = tuple(fit_to_size(model, need, array, size) for need, array in zip(needs, data, strict=True))
        fed.append(model.inputs(repeat_frames(pictures, model.least_frames)))
    return tuple(map(np.stack, zip(*fed, strict=True)))


def write_onnx(graph: Graph, model: Model, needs: Sequence[Modality], size: tuple[int, int], path: Path) -> None:
    """Write the network as ONNX, with any number of sequences and of frames.

    Raises ConfigError where the network cannot be written so, or the package `onnx` is missing.
    """
    if importlib.util.find_spec("onnx") is None:  # torch's exporter needs it, and would say so late
        raise ConfigError("gait export needs the package onnx: pip install '.[export]'")
    first, second = (made_up_inputs(model, needs, size, 2, frames) for frames in TRACED)
    names = [f"input_{i}" for i in range(len(first))]
    free = {name: {0: "sequences", **_time(one, other)} for name, one, other in zip(names, first, second, strict=True)}
    given = tuple(torch.from_numpy(array) for array in first)
    said = io.StringIO()  # the exporter prints its whole graph when it fails
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(said), torch.inference_mode():
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                given,
                str(path),
                dynamo=False,
                opset_version=OPSET,
                input_names=names,
                output_names=["parts"],
                dynamic_axes={**free, "parts": {0: "sequences"}},
            )
    except Exception as error:  # the exporter raises whatever its parts raise
        reason = reason_of(error, end=True)
        raise ConfigError(f"{model.name} cannot be written as ONNX ({reason}).") from None


def _time(one: NDArray[np.generic], other: NDArray[np.generic]) -> dict[int, str]:
    return {axis: "frames" for axis in range(one.ndim) if one.shape[axis] != other.shape[axis]}


def write_openvino(onnx_path: Path, path: Path) -> None:
    """Write an ONNX file in OpenVINO's format: `path` (.xml) and its weights (.bin) beside it, in full precision."""
    ov = openvino()
    ov.save_model(openvino_core().read_model(str(onnx_path)), str(path), compress_to_fp16=False)


def open_written(path: Path) -> Network:
    """What was written, as it will be run."""
    return open_network(path, RuntimeConfig(device="cpu"))


def differences(
    graph: Graph, model: Model, needs: Sequence[Modality], size: tuple[int, int], network: Network
) -> Iterator[tuple[int, int, float]]:
    """(sequences, frames, largest difference from torch as a share of its rms) for LENGTHS, on made-up sequences."""
    for sequences, frames in LENGTHS:
        inputs = made_up_inputs(model, needs, size, sequences, frames, seed=100)
        yield sequences, frames, _difference(graph, network, inputs)


def least_frames(graph: Graph, model: Model, needs: Sequence[Modality], size: tuple[int, int], network: Network) -> int:
    """The fewest frames of SHORT from which on `network` agrees with torch: a traced network may not go below some.

    Raises CheckpointError when it does not agree with the most of them either.
    """
    least = 0
    for frames in SHORT:
        inputs = made_up_inputs(model, needs, size, 1, frames, seed=200)
        try:
            agrees = _difference(graph, network, inputs) <= TOLERANCE
        except Exception:  # the engine refuses the shape, in its own words
            agrees = False
        if not agrees:
            break
        least = frames
    if not least:
        raise CheckpointError(f"{model.name}: what was written does not agree with torch. Not exported.")
    return least


def _difference(graph: Graph, network: Network, inputs: Arrays) -> float:
    with torch.inference_mode():
        wanted = graph(*map(torch.from_numpy, inputs)).numpy()
    (found, *_) = network(tuple(inputs))
    if found.shape != wanted.shape:
        return float("inf")
    return float(np.abs(found - wanted).max() / max(np.sqrt(np.mean(wanted**2)), 1e-12))

"""Where YOLOX runs: exported networks in OpenVINO or ONNX Runtime, the authors' checkpoints in torch."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError
from pipeline.inference.runtime import Network, device, engine_of, open_network, output_shape, threads
from pipeline.inference.tally import note
from pipeline.tracking.yolox.format import COARSEST, Images, Size, YoloxInputs, cells
from pipeline.types import FloatArray
from pipeline.weights.checkpoints import Checkpoint
from pipeline.weights.safeload import load_state_dict, load_strictly

if TYPE_CHECKING:
    from torch import Tensor

SHAPES_KEPT = 8  # input shapes for which a compiled network is kept
GPU_BATCH = 8


class YoloxNetwork(Protocol):
    """flexible: takes any H and W, not only the card's. batch: pictures that are best given at once."""

    flexible: bool
    batch: int

    def each(self, pictures: Iterator[Images], size: Size) -> Iterator[FloatArray]:
        """Letterboxed pictures, 1×H×W×3 uint8 BGR each, → A×6 (the card's `columns`) each, in order."""


class OnnxYolox:
    """An exported YOLOX. OpenVINO fits it to any input size; ONNX Runtime, and decoded exports, stay at the card's."""

    def __init__(self, checkpoint: Checkpoint, inputs: YoloxInputs, runtime: RuntimeConfig) -> None:
        path = checkpoint.path
        self._path, self._inputs = path, inputs
        self._engine = engine = "openvino" if runtime.engine == "paddle" else engine_of(path, runtime)
        # Of one input shape (a fixed one is a seventh faster than one of any size), or as exported.
        self._network = lru_cache(SHAPES_KEPT)(
            lambda shape: open_network(path, runtime, engine, shape or None, inputs.pictures, inputs.columns)
        )
        self.batch = min(4 * threads(runtime), 32) if engine == "openvino" else 1
        self.flexible = engine == "openvino" and not inputs.decoded and self._takes_other_sizes()
        if not self.flexible:
            self._try(inputs.size)

    def each(self, pictures: Iterator[Images], size: Size) -> Iterator[FloatArray]:
        # On a CPU frames go side by side, a core each, not as one batch: that is no faster than its frames (measured).
        network = self._network((1, 3, *size) if self.flexible else ())
        inputs = pictures if self._engine == "openvino" else iter([np.concatenate(list(pictures))])
        for outputs in network.each(_noted(network, batch) for batch in inputs):
            yield from outputs[0]

    def _takes_other_sizes(self) -> bool:
        """Some exports have sizes written into them, and the networks of others are no YOLOX at any size."""
        size = (2 * COARSEST, 2 * COARSEST)
        answer = output_shape(self._path, (1, 3, *size))
        return (
            answer is not None
            and answer[:2] == (1, len(cells(size)))
            and len(answer) == 3
            and answer[2] >= 6 + self._inputs.person_class
        )

    def _try(self, size: Size) -> None:
        """Raises CheckpointError unless the network answers an empty picture as YOLOX does."""
        try:
            answer = next(self.each(iter([np.zeros((1, *size, 3), np.uint8)]), size))
        except CheckpointError:
            raise
        except Exception as error:  # OpenVINO and ONNX Runtime have their own types for an input that does not fit
            raise not_yolox(self._path, f"it refuses an input of {size[0]}×{size[1]}") from error
        refuse_unless_yolox(answer, len(cells(size)), self._path)


class TorchYolox:
    """The authors' checkpoint in the torch network, batch norms folded; half precision on a GPU."""

    flexible = True

    def __init__(self, checkpoint: Checkpoint, inputs: YoloxInputs, runtime: RuntimeConfig) -> None:
        import torch

        from pipeline.tracking.yolox.network import VARIANTS, Yolox

        card = checkpoint.card
        variant, classes = card.architecture.get("variant"), card.architecture.get("classes")
        if variant not in VARIANTS or not isinstance(classes, int) or classes < 1:
            raise CheckpointError(
                f"card {card.name}: `architecture` needs classes and a variant ({', '.join(VARIANTS)}). Correct it."
            )
        if inputs.person_class >= classes:
            raise CheckpointError(
                f"card {card.name}: person_class {inputs.person_class} of {classes} classes. Correct it."
            )
        network = Yolox(variant, classes, bool(card.architecture.get("depthwise", False)))
        load_strictly(network, load_state_dict(checkpoint.path), checkpoint.path)
        self._device = torch.device(device(runtime))
        on_gpu = self._device.type == "cuda"
        if not on_gpu:
            torch.set_num_threads(threads(runtime))
        self.batch = GPU_BATCH if on_gpu else 1
        self._precision = torch.float16 if on_gpu else torch.float32
        network.fuse().to(self._device, self._precision)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack it
        self._module, self._memory_format = network, torch.channels_last
        self._pictures, self._columns = inputs.pictures, list(inputs.columns)
        self._mean, self._std = (
            torch.tensor(values, device=self._device).view(1, 3, 1, 1)
            for values in (self._pictures.mean, self._pictures.std)
        )

    def each(self, pictures: Iterator[Images], size: Size) -> Iterator[FloatArray]:
        import torch

        with torch.inference_mode():
            images = self._prepared(torch.from_numpy(np.concatenate(list(pictures))))
            note("detect", self._module, images)
            answers: FloatArray = self._module(images)[..., self._columns].float().cpu().numpy()
        yield from answers

    def _prepared(self, pictures: Tensor) -> Tensor:
        """N×H×W×3 uint8 → N×3×H×W, on the device: a quarter of the bytes travel, and the copy is not waited for."""
        if self._device.type == "cuda":
            pictures = pictures.pin_memory().to(self._device, non_blocking=True)
        planes = pictures.permute(0, 3, 1, 2)  # NHWC in memory is channels-last already
        if self._pictures.rgb:
            planes = planes.flip(1)
        values = planes.float()
        if any(self._pictures.mean) or self._pictures.std != (1.0, 1.0, 1.0):
            values = (values - self._mean) / self._std
        return values.to(self._precision, memory_format=self._memory_format)


def _noted(network: Network, batch: Images) -> Images:
    note("detect", network, batch)
    return batch


def refuse_unless_yolox(answer: FloatArray, rows: int, path: Path) -> None:
    """Raises CheckpointError unless the answer for a picture has a row for each cell, and the person is a class."""
    if answer.ndim != 2 or answer.shape != (rows, 6):
        raise not_yolox(path, f"its output is {answer.shape} where {rows}×(5 + classes) is due")


def not_yolox(path: Path, reason: str) -> CheckpointError:
    """The refusal of a network that is something else."""
    return CheckpointError(f"{path}: not a YOLOX network: {reason}. Set tracking.checkpoint to a YOLOX card or file.")

"""One way to run a network: OpenVINO on a CPU, ONNX Runtime or torch on a GPU, Paddle's own engine on request.

This is also the one place that sets thread counts: two libraries with a thread pool each fight for the cores.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.files import reason_of
from pipeline.inference import kept
from pipeline.inference.preprocessing import Pictures, fed_pictures, keep_columns, keep_outputs
from pipeline.weights.not_weights import refuse_diverged_network

Arrays = list[NDArray[Any]]
Batch = NDArray[Any] | tuple[NDArray[Any], ...]  # N×…; for a network with several inputs one array each, in its order

_LOADING = Lock()


class Network(ABC):
    """A loaded network, used by one thread at a time."""

    @abstractmethod
    def __call__(self, batch: Batch) -> Arrays:
        """Run one batch (N×…); the outputs are in the file's order."""

    def each(self, batches: Iterable[Batch]) -> Iterator[Arrays]:
        """Run batch after batch, several at a time where that uses the machine better; answers in their order."""
        return map(self, batches)


def device(runtime: RuntimeConfig) -> str:
    """`cpu` or `cuda`, with `auto` resolved. Raises ConfigError when CUDA is asked for and absent."""
    if runtime.device == "cpu" or (runtime.device == "auto" and not _has_gpu_driver()):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if runtime.device == "cuda":
        raise ConfigError(
            "--device cuda: no CUDA device is visible to torch. Use --device cpu, or install a CUDA build."
        )
    return "cpu"


@cache
def _has_gpu_driver() -> bool:
    """Whether a driver for CUDA (or ROCm's) is there at all: asking torch costs more than a second of import."""
    if sys.platform not in ("linux", "win32"):
        return True  # unknown: ask torch
    for library in ("nvcuda.dll", "amdhip64.dll") if sys.platform == "win32" else ("libcuda.so.1", "libamdhip64.so"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(library)
            return True
    return Path("/dev/kfd").exists()


def threads(runtime: RuntimeConfig) -> int:
    """CPU threads for networks: the configured number, or every core this process may use."""
    return runtime.threads or usable_cores()


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux: containers and taskset may leave fewer than the machine has
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_network(
    path: Path,
    runtime: RuntimeConfig,
    engine: str = "auto",
    shape: tuple[int, ...] | None = None,
    pictures: Pictures | None = None,
    columns: Sequence[int] | None = None,
    outputs: Sequence[str] | None = None,
) -> Network:
    """Load a network file.

    Args:
        path: An .onnx, .tflite or OpenVINO .xml file, or a Paddle .pdmodel with its .pdiparams beside it.
        runtime: Device, precision, threads.
        engine: What executes it; "auto" is the configured one.
        shape: Fixes the input shape (N×3×H×W where it is fed pictures); −1 stands for any size, such as the batch's.
        pictures: The network is given pictures, not planes.
        columns: Of the last axis of the first output, those to return; ignored where it has not as many.
        outputs: The names of the outputs to return, in this order; OpenVINO alone.

    Raises:
        CheckpointError: The engine does not read the file, or its weights are no finite numbers.
        ConfigError: The engine does not read this kind of file, or is not installed.
    """
    chosen = engine if engine != "auto" else engine_of(path, runtime)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such network file.")
    if chosen == "openvino":
        return OpenVinoNetwork(path, runtime, shape, pictures, columns, outputs)
    other: Network = OnnxRuntimeNetwork(path, runtime) if chosen == "onnxruntime" else PaddleNetwork(path, runtime)
    return other if pictures is None and columns is None else _Adapted(other, pictures, columns)


def engine_of(path: Path, runtime: RuntimeConfig) -> str:
    """What executes a network file: as configured, or ONNX Runtime where it can use a GPU, or OpenVINO."""
    if runtime.engine not in ("auto", "torch"):
        return runtime.engine
    if path.suffix == ".onnx" and device(runtime) == "cuda":
        import onnxruntime

        if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            return "onnxruntime"
    return "openvino"


@dataclass(frozen=True, slots=True)
class _Adapted(Network):
    """A network of an engine that takes planes and gives everything, as one that is fed pictures and asked for less."""

    network: Network
    pictures: Pictures | None
    columns: Sequence[int] | None

    def __call__(self, batch: Batch) -> Arrays:
        alone = _alone(batch)
        outputs = self.network(alone if self.pictures is None else self.pictures.planes(alone))
        if self.columns is not None and outputs[0].ndim and outputs[0].shape[-1] > max(self.columns):
            outputs[0] = outputs[0][..., list(self.columns)]
        return outputs


def _alone(batch: Batch) -> NDArray[Any]:
    if not isinstance(batch, tuple):
        return batch
    (array,) = batch  # networks with several inputs run in OpenVINO or ONNX Runtime
    return array


def openvino() -> Any:
    """The library, without its telemetry: importing it reports every start to its makers unless told otherwise.

    OpenVINO 2026 fills a table of NumPy's types when it is first asked for one, and two threads that ask at that moment
    wait for each other for ever (for the table, and for Python). So one asks before others can.
    """
    with _LOADING:
        sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # Python's way to make an import fail
        import openvino as library

        library.Type.f32.to_dtype()
    return library


@cache
def openvino_core() -> Any:
    """OpenVINO's one core of this process, which is never given back.

    On processors with AMX each core gives the main thread another stack for signals, and frees it when the core ends.
    After two had ended in the order of their making, the next signal (Ctrl-C, the end of a child) ended the process.
    """
    return openvino().Core()


def output_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The shape of an .onnx network's first output for this input shape (−1 where it varies), without compiling it.

    None where the network cannot take that input. Raises CheckpointError when the file is no network.
    """
    ov = openvino()
    try:
        model = openvino_core().read_model(str(path))
    except RuntimeError as error:
        raise _unreadable(path, "OpenVINO", error) from None
    try:
        model.reshape({model.inputs[0].get_any_name(): ov.PartialShape(list(shape))})
    except RuntimeError:
        return None
    dimensions = model.outputs[0].get_partial_shape()
    return tuple(d.get_length() if d.is_static else -1 for d in dimensions) if dimensions.rank.is_static else None


def _unreadable(path: Path, engine: str, error: Exception) -> CheckpointError:
    reason = reason_of(error, end=True)
    return CheckpointError(f"{path}: {engine} cannot read this network ({reason}). Fetch it again.")


class OpenVinoNetwork(Network):
    """OpenVINO on the CPU. f32 unless asked otherwise: its own default is bf16 on CPUs that have it.

    Every inference runs on one thread, as many side by side as there are cores: two threads on one small network
    took 1.6 times the processor time of one (YOLOX-nano), and so the answer does not depend on the number of cores.
    """

    def __init__(
        self,
        source: Path | Any,
        runtime: RuntimeConfig,
        shape: tuple[int, ...] | None = None,
        pictures: Pictures | None = None,
        columns: Sequence[int] | None = None,
        outputs: Sequence[str] | None = None,
        streams: int | None = None,
    ) -> None:
        """source: a file, or OpenVINO's own model. shape, pictures, columns, outputs: as for `open_network`.

        streams: inferences side by side, each on its share of the threads; default: one a thread.
        """
        ov = openvino()
        self._origin = source, runtime, shape, pictures, columns, outputs
        streams = streams or threads(runtime)
        core = openvino_core()
        settings = {
            "INFERENCE_PRECISION_HINT": "f32" if runtime.precision == "auto" else runtime.precision,
            "INFERENCE_NUM_THREADS": threads(runtime),
            "NUM_STREAMS": streams,
        }

        def compile_() -> Any:
            model = core.read_model(str(source)) if isinstance(source, Path) else source
            if isinstance(source, Path):
                refuse_diverged_network(model, source)
            if shape is not None:
                model.reshape({model.inputs[0].get_any_name(): ov.PartialShape(list(shape))})
            if outputs is not None:
                model = _asked_for(model, outputs, source)
            if columns is not None:
                model = keep_columns(model, columns)
            if pictures is not None:
                model = fed_pictures(model, pictures)
            return core.compile_model(model, "CPU", settings)

        try:
            if isinstance(source, Path):
                how = repr((shape, pictures, columns, outputs))
                self._compiled = kept.compiled(core, source, how, settings, compile_)
            else:
                self._compiled = compile_()
        except RuntimeError as error:
            if not isinstance(source, Path):
                raise
            raise _unreadable(source, "OpenVINO", error) from None
        # One more than run at a time, so that a thread that is done finds the next batch waiting. Made when needed:
        # each holds memory of its own for everything between input and output.
        self._most = streams + 1
        self._requests: list[Any] = []

    def at_precision(self, precision: Literal["f32", "bf16", "f16"]) -> OpenVinoNetwork:
        """The same network at another precision, to compare."""
        source, runtime, shape, pictures, columns, outputs = self._origin
        runtime = runtime.model_copy(update={"precision": precision})
        return OpenVinoNetwork(source, runtime, shape, pictures, columns, outputs)

    def one_at_a_time(self) -> OpenVinoNetwork:
        """The same network with all threads on one inference: for `gait bench`, to compare."""
        return OpenVinoNetwork(*self._origin, streams=1)

    def __call__(self, batch: Batch) -> Arrays:
        return next(self.each([batch]))

    def each(self, batches: Iterable[Batch]) -> Iterator[Arrays]:
        idle, busy = list(self._requests), deque[Any]()
        try:
            for batch in batches:
                if not idle and len(self._requests) < self._most:
                    self._requests.append(self._compiled.create_infer_request())
                    idle.append(self._requests[-1])
                if not idle:
                    yield self._answer(busy[0])
                    idle.append(busy.popleft())
                request = idle.pop()
                request.start_async(list(batch) if isinstance(batch, tuple) else [batch], share_inputs=True)
                busy.append(request)
            while busy:
                yield self._answer(busy[0])
                busy.popleft()
        finally:
            for request in busy:
                request.wait()

    def _answer(self, request: Any) -> Arrays:
        request.wait()
        return [np.array(request.get_tensor(output).data) for output in self._compiled.outputs]


def _asked_for(model: Any, outputs: Sequence[str], source: Path | Any) -> Any:
    """The network with these outputs alone. Raises CheckpointError where it has not all of them."""
    there = {name for output in model.outputs for name in output.names}
    if missing := [name for name in outputs if name not in there]:
        raise CheckpointError(f"{source}: another network than was expected: it has no output {missing[0]}.")
    return keep_outputs(model, outputs)


class OnnxRuntimeNetwork(Network):
    """ONNX Runtime on the CPU, or on a GPU when the `gpu` extra is installed."""

    def __init__(self, path: Path, runtime: RuntimeConfig) -> None:
        import onnxruntime as ort

        if path.suffix != ".onnx":
            raise ConfigError(f"{path.name}: ONNX Runtime reads .onnx files only. Use runtime.engine=openvino.")
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads(runtime)
        options.log_severity_level = 3
        providers = ["CPUExecutionProvider"]
        if device(runtime) == "cuda" and "CUDAExecutionProvider" in ort.get_available_providers():
            providers.insert(0, "CUDAExecutionProvider")
        try:
            self._session = ort.InferenceSession(str(path), options, providers=providers)
        except Exception as error:  # onnxruntime raises its own C++ exception types, without a common base
            raise _unreadable(path, "ONNX Runtime", error) from None
        with contextlib.suppress(RuntimeError):  # a network that OpenVINO does not read
            refuse_diverged_network(openvino_core().read_model(str(path)), path)
        self._inputs = [given.name for given in self._session.get_inputs()]
        self._input = self._session.get_inputs()[0]

    def __call__(self, batch: Batch) -> Arrays:
        if isinstance(batch, tuple):
            fed = dict(zip(self._inputs, batch, strict=True))
            return [np.asarray(output) for output in self._session.run(None, fed)]
        fixed = self._input.shape[0]  # a number where it was exported for one batch size
        step = fixed if isinstance(fixed, int) else max(len(batch), 1)
        rows = [self._session.run(None, {self._input.name: batch[i : i + step]}) for i in range(0, len(batch), step)]
        return [np.concatenate(outputs) for outputs in zip(*rows, strict=True)]


class PaddleNetwork(Network):
    """Paddle's own inference engine (extra `paddle`). Never import it in a process that uses torch on a GPU."""

    def __init__(self, path: Path, runtime: RuntimeConfig) -> None:
        try:
            from paddle import inference
        except ImportError:
            raise ConfigError("runtime.engine=paddle needs Paddle: pip install '.[paddle]'") from None
        parameters = path.with_suffix(".pdiparams")
        if path.suffix != ".pdmodel" or not parameters.is_file():
            raise ConfigError(f"{path}: Paddle's engine reads model.pdmodel with model.pdiparams beside it.")
        options = inference.Config(str(path), str(parameters))
        options.disable_gpu()
        options.disable_glog_info()
        options.set_cpu_math_library_num_threads(threads(runtime))
        self._predictor = inference.create_predictor(options)

    def __call__(self, batch: Batch) -> Arrays:
        batch = _alone(batch)
        source = self._predictor.get_input_handle(self._predictor.get_input_names()[0])
        source.reshape(batch.shape)
        source.copy_from_cpu(np.ascontiguousarray(batch))
        self._predictor.run()
        names = self._predictor.get_output_names()
        return [self._predictor.get_output_handle(name).copy_to_cpu() for name in names]

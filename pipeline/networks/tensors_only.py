"""Tensors out of pickles that hold other objects too: read by a machine that can build tensors and containers only.

The format is torch.save's: a zip with data.pkl and one member for each storage, or (before torch 1.6) five pickles in
a row with the storages behind them. Every global that a pickle names is answered from a short table here; whatever is
not in it becomes an `Inert` placeholder, so no code that the file names is ever imported, looked up or called.
"""

from __future__ import annotations

import pickle
import struct
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, ClassVar, NamedTuple

from pipeline.errors import CheckpointError

if TYPE_CHECKING:
    import torch

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LARGEST_PICKLE = 64 * 2**20  # bytes; the tensors lie outside of the pickle, so real ones stay below one MB
_DTYPES = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


class Inert:
    """Stands for an object that is not built. It takes whatever the pickle does to it, and does nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __call__(self, *args: object, **kwargs: object) -> Inert:
        return self

    def __setitem__(self, key: object, value: object) -> None: ...

    def append(self, value: object) -> None: ...

    def extend(self, values: object) -> None: ...

    def add(self, value: object) -> None: ...


class _StorageType(NamedTuple):
    """A storage class that the pickle names, as the name of its dtype."""

    dtype: str


class _Storage(NamedTuple):
    """A storage that the pickle refers to; its bytes are read when a tensor is built on it."""

    dtype: str
    key: str
    numel: int


class _TensorPlan(NamedTuple):
    """A tensor as the pickle describes it; built when everything has been read."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


def read_tensors(path: Path) -> Any:
    """The content of a torch.save file: tensors and containers as they are, every other object an `Inert`.

    Raises CheckpointError when the file is damaged or not torch.save's.
    """
    from pipeline.networks.safeload import damaged

    try:
        return _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
    except CheckpointError:
        raise
    # a hostile pickle can make the machine below fail in any way, but not do anything
    except Exception as error:
        raise damaged(path, error) from None


class _Machine(pickle._Unpickler):  # the Python one: its memo is a dict, so a hostile index costs no memory
    """An unpickler without access to anything but containers and tensor plans."""

    def find_class(self, module: str, name: str, /) -> Any:
        if module == "torch" and name in _DTYPES:
            return _StorageType(_DTYPES[name])
        return _KNOWN.get((module, name), Inert)

    def persistent_load(self, pid: Any) -> _Storage:
        kind, storage_type, key, _location, count, *_ = pid
        if kind != "storage" or not isinstance(storage_type, _StorageType) or not isinstance(count, int):
            raise pickle.UnpicklingError(f"unknown reference {kind!r}")
        return _Storage(storage_type.dtype, str(key), count)

    def _drop_state(self) -> None:
        """BUILD sets attributes on whatever lies on the stack; nothing here needs any."""
        self.stack.pop()  # type: ignore[attr-defined]  # typeshed leaves the machine's stack out

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {**pickle._Unpickler.dispatch, pickle.BUILD[0]: _drop_state}


def _plan(storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> _TensorPlan | Inert:
    if not isinstance(storage, _Storage):
        return Inert()
    return _TensorPlan(storage, int(offset), tuple(int(n) for n in shape), tuple(int(n) for n in stride))


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _ordered(*items: Any) -> OrderedDict[Any, Any]:
    return OrderedDict(*items)


def _with_default(*_: Any) -> defaultdict[Any, Any]:
    return defaultdict()  # without its factory: that may be anything


_KNOWN: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _ordered,
    ("collections", "defaultdict"): _with_default,
    ("torch._utils", "_rebuild_tensor_v2"): _plan,
    ("torch._utils", "_rebuild_tensor"): _plan,
    ("torch._utils", "_rebuild_parameter"): _parameter,
}


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("no data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        if archive.getinfo(pickles[0]).file_size > _LARGEST_PICKLE:
            raise pickle.UnpicklingError("its data.pkl is too large")
        content = _Machine(BytesIO(archive.read(pickles[0])), encoding="utf-8").load()
        return _build(content, lambda storage: archive.read(f"{root}data/{storage.key}"))


def _read_legacy(path: Path) -> Any:
    with path.open("rb") as file:
        if _Machine(file, encoding="utf-8").load() != _LEGACY_MAGIC:
            raise pickle.UnpicklingError("not torch.save's format")
        _Machine(file, encoding="utf-8").load()  # protocol version
        _Machine(file, encoding="utf-8").load()  # byte order and sizes, always little-endian in practice
        content = _Machine(file, encoding="utf-8").load()
        keys = _Machine(file, encoding="utf-8").load()
        wanted: dict[str, _Storage] = {}
        _each_plan(content, lambda plan: wanted.setdefault(plan.storage.key, plan.storage))
        found = {str(key): _legacy_storage(file, wanted.get(str(key))) for key in keys}
    return _build(content, lambda storage: found[storage.key])


def _legacy_storage(file: IO[bytes], storage: _Storage | None) -> bytes:
    (count,) = struct.unpack("<q", file.read(8))
    if storage is None or count != storage.numel:
        raise pickle.UnpicklingError("its storages do not line up")
    return file.read(count * _itemsize(storage.dtype))


def _each_plan(content: Any, visit: Callable[[_TensorPlan], Any]) -> None:
    """Visit every tensor that containers hold, each container once: hostile ones may hold themselves."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        item = waiting.pop()
        if isinstance(item, _TensorPlan):
            visit(item)
        elif isinstance(item, (dict, list, tuple)) and id(item) not in seen:
            seen.add(id(item))
            waiting.extend(item.values() if isinstance(item, dict) else item)


def _build(content: Any, read: Callable[[_Storage], bytes]) -> Any:
    """`content` with every plan that a mapping holds, down to two levels, replaced by its tensor."""
    if not isinstance(content, dict):
        return content
    storages: dict[str, torch.Tensor] = {}

    def tensor(value: Any) -> Any:
        return _tensor(value, storages, read) if isinstance(value, _TensorPlan) else value

    return {
        key: {name: tensor(entry) for name, entry in value.items()} if isinstance(value, dict) else tensor(value)
        for key, value in content.items()
    }


def _tensor(plan: _TensorPlan, storages: dict[str, torch.Tensor], read: Callable[[_Storage], bytes]) -> torch.Tensor:
    import torch

    storage = plan.storage
    if storage.key not in storages:
        data = read(storage)
        if len(data) != storage.numel * _itemsize(storage.dtype):
            raise pickle.UnpicklingError(f"storage {storage.key} is cut short")
        buffer = bytearray(data)  # torch wants memory that it may write to
        dtype = getattr(torch, storage.dtype)
        storages[storage.key] = torch.frombuffer(buffer, dtype=dtype) if buffer else torch.empty(0, dtype=dtype)
    flat = storages[storage.key]
    if len(plan.shape) != len(plan.stride) or min((plan.offset, *plan.shape, *plan.stride)) < 0:
        raise pickle.UnpicklingError("a tensor's shape and strides do not line up")
    last = plan.offset + sum((side - 1) * step for side, step in zip(plan.shape, plan.stride, strict=True))
    if 0 not in plan.shape and last >= flat.numel():
        raise pickle.UnpicklingError("a tensor reaches past its storage")
    return torch.as_strided(flat, plan.shape, plan.stride, plan.offset)


def _itemsize(dtype: str) -> int:
    import torch

    size = torch.empty(0, dtype=getattr(torch, dtype)).element_size()
    return int(size)

"""torch.save's files, opened to take tensors out of them: what else they hold is never built (see tensors_only.py).

A file is a zip with data.pkl and one member for each storage, or (before torch 1.6) five pickles in a row with the
storages behind them.
"""

from __future__ import annotations

import math
import pickle
import struct
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.errors import CheckpointError
from pipeline.weights.not_weights import damaged
from pipeline.weights.tensors_only import LARGEST, Bounded, Inert, Machine, Storage, TensorPlan

if TYPE_CHECKING:
    import torch

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_HIGHEST_RANK = 64  # torch's own limit
_SHARED = 4  # tensors may share storages, but not make so many times the file of it


class Pickled:
    """What a torch.save file holds. content: containers, numbers and strings, a TensorPlan for each tensor, else Inert.

    Hostile content may hold itself.
    """

    def __init__(self, content: Any, read: Callable[[Storage], bytes], size: int) -> None:
        self.content = content
        self._read, self._left = read, _SHARED * size
        self._latest: tuple[Storage, torch.Tensor] | None = None

    def tensor(self, plan: TensorPlan) -> torch.Tensor:
        """Build a tensor, on the CPU and owning its memory. Raises UnpicklingError where the file does not have it."""
        import torch

        storage = plan.storage
        rank = len(plan.shape)
        if rank != len(plan.stride) or rank > _HIGHEST_RANK or min((plan.offset, *plan.shape, *plan.stride)) < 0:
            raise pickle.UnpicklingError("a tensor's shape and strides do not line up")
        last = plan.offset + sum((side - 1) * step for side, step in zip(plan.shape, plan.stride, strict=True))
        numel = math.prod(plan.shape)
        self._left -= numel * _itemsize(storage.dtype)
        if numel > storage.numel or (numel and last >= storage.numel) or self._left < 0:
            raise pickle.UnpicklingError(f"a tensor claims {plan.shape}, more than the file holds")
        if self._latest is None or self._latest[0] != storage:
            self._latest = storage, self._flat(storage)
        view = torch.as_strided(self._latest[1], plan.shape, plan.stride, plan.offset)
        return view.clone(memory_format=torch.contiguous_format)

    def built(self, *names: str) -> dict[str, Any]:
        """These entries of the content, as far as it has them, with their tensors built.

        What cannot be built is left out of mappings, and None in sequences.
        """
        wanted = {name: self.content[name] for name in names if name in self.content}
        return dict(self._built(wanted, {}))

    def _built(self, value: Any, known: dict[int, Any]) -> Any:
        if not isinstance(value, (dict, list, tuple)):
            return None if isinstance(value, Inert) else value
        if id(value) not in known:
            known[id(value)] = None  # of a container that holds itself
            if isinstance(value, TensorPlan):
                known[id(value)] = self.tensor(value)
            elif isinstance(value, dict):
                inside = {key: self._built(each, known) for key, each in value.items() if not isinstance(each, Inert)}
                known[id(value)] = Counter(inside) if isinstance(value, Counter) else inside
            elif type(value) in (list, tuple):
                known[id(value)] = type(value)(self._built(each, known) for each in value)
        return known[id(value)]

    def _flat(self, storage: Storage) -> torch.Tensor:
        import torch

        buffer = bytearray(self._read(storage))  # torch wants memory that it may write to
        if len(buffer) != storage.numel * _itemsize(storage.dtype):
            raise pickle.UnpicklingError(f"storage {storage.key} is cut short")
        dtype = getattr(torch, storage.dtype)
        return torch.frombuffer(buffer, dtype=dtype) if buffer else torch.empty(0, dtype=dtype)


@contextmanager
def open_pickled(path: Path) -> Iterator[Pickled]:
    """What a torch.save file holds, to build tensors from while it is open.

    Raises CheckpointError, there and inside of the `with`, when the file is damaged or not torch.save's.
    """
    try:
        with _opened_zip(path) if zipfile.is_zipfile(path) else _opened_legacy(path) as pickled:
            yield pickled
    except CheckpointError:
        raise
    # a hostile pickle can make the machine below fail in any way, but not do anything
    except Exception as error:
        raise damaged(path, error) from None


@contextmanager
def _opened_zip(path: Path) -> Iterator[Pickled]:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
        if total > size:  # torch.save never compresses, so it is a zip bomb
            raise CheckpointError(
                f"{path}: unpacks to {total} bytes, more than it holds, so torch did not write it. Fetch it again."
            )
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl") or name == "data.pkl"]
        if len(pickles) != 1:
            raise pickle.UnpicklingError("no data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        if archive.getinfo(pickles[0]).file_size > LARGEST:
            raise pickle.UnpicklingError("its pickle is too large")
        content = Machine(Bounded(BytesIO(archive.read(pickles[0])))).load()
        yield Pickled(content, lambda storage: archive.read(f"{root}data/{storage.key}"), size)


@contextmanager
def _opened_legacy(path: Path) -> Iterator[Pickled]:
    size = path.stat().st_size
    with path.open("rb") as file:
        bounded = Bounded(file)
        if Machine(bounded).load() != _LEGACY_MAGIC:
            raise pickle.UnpicklingError("not torch.save's format")
        Machine(bounded).load()  # protocol version
        Machine(bounded).load()  # byte order and sizes, always little-endian in practice
        machine = Machine(bounded)
        content = machine.load()
        starts: dict[str, int] = {}
        for key in Machine(bounded).load():
            storage = machine.storages[key if isinstance(key, str) else ""]
            (count,) = struct.unpack("<q", file.read(8))
            starts[key] = file.tell()
            if count != storage.numel or file.seek(count * _itemsize(storage.dtype), 1) > size:
                raise pickle.UnpicklingError("its storages do not line up")

        def read(storage: Storage) -> bytes:
            file.seek(starts[storage.key])
            return file.read(storage.numel * _itemsize(storage.dtype))

        yield Pickled(content, read, size)


def _itemsize(dtype: str) -> int:
    import torch

    return int(torch.empty(0, dtype=getattr(torch, dtype)).element_size())

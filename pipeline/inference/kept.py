"""Compiled networks, kept in the user's cache folder: to compile one takes two to four times as long as to read it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import mmap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pipeline.errors import GaitError
from pipeline.files import atomic
from pipeline.weights.files import cache_folder, sha256_of

MOST_BYTES = 200_000_000  # some thirty networks; those that were not used for longest go first
_WEIGHTS = (".bin", ".pdiparams")  # OpenVINO's and Paddle's, beside the network
_DIGEST = hashlib.sha256().digest_size
_UNUSABLE = (OSError, RuntimeError, GaitError)  # of folders, of OpenVINO, of a user without a home


def compiled(core: Any, source: Path, how: str, settings: Mapping[str, Any], compile_: Callable[[], Any]) -> Any:
    """The compiled network of a file: read, where this processor has compiled the same bytes in the same way before.

    A folder that cannot be read or written, or a damaged file in it, only costs time.

    Args:
        core: OpenVINO's core.
        source: The network's file.
        how: What is done to the network before it is compiled.
        settings: OpenVINO's.
        compile_: Compiles it.
    """
    if _may_have_more_files(source):
        return compile_()
    path: Path | None = None
    with contextlib.suppress(*_UNUSABLE):
        path = cache_folder() / "networks" / f"{_key(core, source, how, settings)}.blob"
        content = path.read_bytes()
        digest, blob = content[:_DIGEST], content[_DIGEST:]
        if hashlib.sha256(blob).digest() == digest:  # OpenVINO would take changed weights
            network = core.import_model(io.BytesIO(blob), "CPU", dict(settings))
            path.touch()
            return network
    network = compile_()
    if path is not None:
        with contextlib.suppress(*_UNUSABLE):
            blob = network.export_model().getvalue()
            with atomic(path) as stream:
                stream.write(hashlib.sha256(blob).digest() + blob)
            _make_room(path.parent)
    return network


def _may_have_more_files(source: Path) -> bool:
    """Whether an ONNX file may name others that hold its weights: nothing here would tell that they have changed."""
    if source.suffix != ".onnx" or not source.stat().st_size:
        return False
    with source.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(b"location") >= 0


def _key(core: Any, source: Path, how: str, settings: Mapping[str, Any]) -> str:
    import openvino

    files = [source, *(file for file in map(source.with_suffix, _WEIGHTS) if file != source and file.is_file())]
    machine = [core.get_property("CPU", name) for name in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")]
    told = [openvino.__version__, machine, source.suffix, [sha256_of(file) for file in files], how, dict(settings)]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _make_room(folder: Path) -> None:
    """Remove the oldest files beyond MOST_BYTES."""
    found = sorted(((file.stat(), file) for file in folder.glob("*.blob")), key=lambda one: -one[0].st_mtime_ns)
    total = 0
    for status, file in found:
        total += status.st_size
        if total > MOST_BYTES:
            file.unlink(missing_ok=True)

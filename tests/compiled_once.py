"""OpenVINO compiles a network once a process for all tests that open the same file, or its copy, in the same way.

Every run of `gait` opens two or three networks, which takes a second of processor time. What is compiled does not
change; requests, which do, are each object's own.
"""

from __future__ import annotations

import hashlib
from functools import cache, wraps
from pathlib import Path

import pytest

from pipeline.inference.runtime import OpenVinoNetwork, threads

MOST = 12  # compiled networks that are kept


def install(patch: pytest.MonkeyPatch) -> None:
    kept: dict[tuple, OpenVinoNetwork] = {}
    make = OpenVinoNetwork.__init__

    @wraps(make)
    def open_or_share(self, source, runtime, shape=None, pictures=None, columns=None, outputs=None, streams=None):
        if not isinstance(source, Path) or not source.is_file():
            return make(self, source, runtime, shape, pictures, columns, outputs, streams)
        files = tuple(_digest(path, path.stat().st_mtime_ns, path.stat().st_size) for path in _parts(source))
        asked = tuple(columns or ()), tuple(outputs or ())
        how = runtime.precision, threads(runtime), shape, repr(pictures), *asked, streams
        key = (source.suffix, files, *how)
        if key not in kept:
            make(self, source, runtime, shape, pictures, columns, outputs, streams)
            while len(kept) >= MOST:
                del kept[next(iter(kept))]
            kept[key] = OpenVinoNetwork.__new__(OpenVinoNetwork)
            kept[key].__dict__.update(self.__dict__)
        kept[key] = kept.pop(key)  # the youngest last
        origin = source, runtime, shape, pictures, columns, outputs
        self.__dict__.update(kept[key].__dict__, _requests=[], _origin=origin)
        return None

    patch.setattr(OpenVinoNetwork, "__init__", open_or_share)


@cache
def _digest(path: Path, _changed: int, _size: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _parts(source: Path) -> list[Path]:
    """A network's file, and that of its weights where they lie beside it."""
    beside = (source.with_suffix(suffix) for suffix in (".bin", ".pdiparams"))
    return [source, *(path for path in beside if path != source and path.is_file())]

"""LanceDB without its client for servers of tables, which takes 1.3 of the 2.6 s of its import and is never asked."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports much
    from importlib.abc import Loader
else:
    Loader = object

CLIENT = "lance_namespace_urllib3_client"


def leave_out() -> None:
    """From now on, for good: for a program of our own, not for a library, whose user may want such servers."""
    sys.meta_path.insert(0, _Finder())


class _Finder(Loader):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname.partition(".")[0] == CLIENT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Named(spec.name)

    def exec_module(self, module: ModuleType) -> None: ...


class _Named(ModuleType):
    """A module of classes of any name, without content: LanceDB names them in its own signatures."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

"""The choices of the stages by name: each stage lists its own in one dict of lazy "module:Class" entries."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError


def load(table: Mapping[str, str], name: str, setting: str) -> Any:
    """Import the class that `table` lists under `name`. Raises ConfigError, naming `setting` and the nearest name."""
    try:
        entry = table[name]
    except KeyError:
        close = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ConfigError(f"{setting}: no {name!r}; {hint}Known: {', '.join(sorted(table))}.") from None
    return imported(entry)


def imported(entry: str) -> Any:
    """Import what a lazy "module:Class" entry names."""
    module, _, attribute = entry.partition(":")
    return getattr(importlib.import_module(module), attribute)

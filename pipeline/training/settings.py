"""Settings of a network, taken one by one, so that what nobody took is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError


class Settings:
    """A mapping to take from. name: where it stands, for messages."""

    def __init__(self, settings: Mapping[str, Any], name: str) -> None:
        self._left, self.name = dict(settings), name

    def take(self, key: str, default: Any) -> Any:
        """The value of `key`, or the default."""
        return self._left.pop(key, default)

    def section(self, key: str) -> Settings:
        """The settings below `key`, perhaps none. Raises ConfigError when something else stands there."""
        inside = self._left.pop(key, {})
        if not isinstance(inside, Mapping):
            raise ConfigError(f"{self.name}.{key}: expected settings, got {inside!r}.")
        return Settings(inside, f"{self.name}.{key}")

    def nothing_left(self) -> None:
        """Raises ConfigError, naming what was not taken."""
        if self._left:
            raise ConfigError(f"{self.name}: unknown {', '.join(map(repr, self._left))}. Remove it.")

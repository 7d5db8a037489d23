"""Settings of a network, taken one by one, so that what nobody took is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError


class Settings:
    """A mapping to take from. name: where it stands, for messages."""

    def __init__(self, settings: Mapping[str, Any], name: str) -> None:
        self._left, self.name = dict(settings), name

    @property
    def left(self) -> Mapping[str, Any]:
        """What nobody has taken yet."""
        return self._left

    def take(self, key: str, default: Any) -> Any:
        """The value of `key`, or the default."""
        return self._left.pop(key, default)

    def section(self, key: str) -> Settings:
        """The settings below `key`, perhaps none. Raises ConfigError when something else stands there."""
        inside = self._left.pop(key, {})
        if not isinstance(inside, Mapping):
            raise ConfigError(f"{self.name}.{key}: expected settings, got {inside!r}.")
        return Settings(inside, f"{self.name}.{key}")

    def fixed(self, **values: Any) -> None:
        """Settings that follow from others, or of which there is one: they may be said. Raises ConfigError if wrong."""
        for key, value in values.items():
            said = self.take(key, value)
            if (list(said) if isinstance(said, (list, tuple)) else said) != value:
                raise ConfigError(f"{self.name}.{key}: must be {value}, to fit the rest of this network.")

    def classes(self, key: str, identities: int) -> int:
        """The number of classes below `key`; by default one for each identity. Raises ConfigError for fewer."""
        classes = int(self.take(key, None) or identities)
        if classes < identities:
            raise ConfigError(
                f"{self.name}.{key}: {classes} classes for {identities} identities to train on. Leave it out to have "
                "as many as there are."
            )
        return classes

    def nothing_left(self) -> None:
        """Raises ConfigError, naming what was not taken."""
        if self._left:
            raise ConfigError(f"{self.name}: unknown {', '.join(map(repr, self._left))}. Remove it.")

"""Settings of a network, taken one by one, so that what nobody took is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Mapping
from typing import Any, TypeVar

from pipeline.errors import ConfigError

A = TypeVar("A")


class Settings:
    """The settings of model_cfg. A key with a dot stands in a section: SeparateFCs.out_channels."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._sections = {key for key, value in settings.items() if isinstance(value, Mapping)}
        self._left = {
            name: value
            for key, inside in settings.items()
            for name, value in (
                {f"{key}.{name}": value for name, value in inside.items()} if key in self._sections else {key: inside}
            ).items()
        }
        self._named: set[str] = set()

    def has_section(self, name: str) -> bool:
        """Whether there is a section of this name, empty or not."""
        self._named.add(name)
        return name in self._sections

    def take(self, key: str, default: Any) -> Any:
        """The value of `key`, or the default."""
        section, dot, _ = key.partition(".")
        if dot:
            self._named.add(section)
            if section in self._left:
                raise ConfigError(f"model_cfg.{section}: expected settings, got {self._left[section]!r}.")
        return self._left.pop(key, default)

    def architecture(self, default: A, **keys: str) -> A:
        """`default`, a network's architecture, with the fields that `keys` name taken from here.

        Args:
            default: The values for settings that are not there; a value becomes an int, a bool or a tuple where its
                default is one.
            keys: Field → the setting's key.
        """
        fields = {}
        for field, key in keys.items():
            usual = getattr(default, field)
            value = self.take(key, usual)
            fields[field] = type(usual)(value) if isinstance(usual, (bool, int, float, tuple)) else value
        return dataclasses.replace(default, **fields)  # type: ignore[type-var]  # architectures are dataclasses

    def only(self, section: str = "", **values: Any) -> None:
        """Take settings that follow from others, or of which there is one value: files may have them.

        Raises:
            ConfigError: For another value.
        """
        for name, value in values.items():
            key = f"{section}.{name}" if section else name
            found = self.take(key, value)
            if (list(found) if isinstance(found, (list, tuple)) else found) != value:
                raise ConfigError(f"model_cfg.{key}: must be {value}, to fit the rest of this network.")

    def classes(self, key: str, identities: int) -> int:
        """The number of classes under `key`; by default one for each identity.

        Raises:
            ConfigError: For fewer classes than identities.
        """
        classes = int(self.take(key, None) or identities)
        if classes < identities:
            raise ConfigError(
                f"model_cfg.{key}: {classes} classes for {identities} identities to train on. Leave it out to have "
                "as many as there are."
            )
        return classes

    def refuse_rest(self) -> None:
        """Raise ConfigError, naming them, for settings and sections that nobody took."""
        unknown = self._sections - self._named
        rest = [*sorted(unknown), *(key for key in self._left if key.partition(".")[0] not in unknown)]
        if rest:
            raise ConfigError(f"model_cfg: unknown {', '.join(map(repr, rest))}. Remove it.")


def known_settings(
    settings: Mapping[str, Any], known: Container[str], where: str, unsupported: list[str]
) -> dict[str, Any]:
    """The settings that are known; the others are passed over, as in OpenGait, and named in `unsupported`."""
    unsupported += [f"{where}.{key}" for key in settings if key not in known]
    return {key: value for key, value in settings.items() if key in known}

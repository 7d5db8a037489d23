"""Settings of a network, taken one by one, so that what nobody took is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from inspect import Parameter
from typing import Any, TypeVar

from pipeline.errors import ConfigError
from pipeline.profiles import shorten_value

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

        Raises:
            ConfigError: For a value that cannot become so.
        """
        fields = {}
        for field, key in keys.items():
            usual = getattr(default, field)
            value = self.take(key, usual)
            try:
                fields[field] = type(usual)(value) if isinstance(usual, (bool, int, float, tuple)) else value
            except (TypeError, ValueError, OverflowError):
                raise ConfigError(
                    f"model_cfg.{key}: expected something like {usual}, got {shorten_value(value)}."
                ) from None
        try:
            return dataclasses.replace(default, **fields)  # type: ignore[type-var]  # architectures are dataclasses
        except ValueError as error:
            raise ConfigError(f"model_cfg: {error}.") from None

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
        rest = [*unknown, *(key for key in self._left if key.partition(".")[0] not in unknown)]
        if rest:
            section = min(key.rpartition(".")[0] for key in rest)  # "" is model_cfg itself
            names = [key.rpartition(".")[2] for key in rest if key.rpartition(".")[0] == section]
            where = f"model_cfg.{section}" if section else "model_cfg"
            raise ConfigError(f"{where}: unknown {', '.join(map(repr, names))}. Remove it.")


def known_settings(
    settings: Mapping[str, Any], known: Mapping[str, Parameter], where: str, unsupported: list[str]
) -> dict[str, Any]:
    """The settings that are known; the others are passed over, as in OpenGait, and named in `unsupported`.

    Raises ConfigError for what is no number, or not as many, where the default is.
    """
    unsupported += [f"{where}.{key}" for key in settings if key not in known]
    return {key: like(known[key].default, value, f"{where}.{key}") for key, value in settings.items() if key in known}


def like(usual: Any, value: Any, where: str) -> Any:
    """The value: a number, or so many, where the usual one is. Raises ConfigError, naming `where`, where it is not."""
    if isinstance(usual, tuple):
        if not isinstance(value, list | tuple) or len(value) != len(usual):
            raise ConfigError(f"{where}: expected {len(usual)} numbers, got {shorten_value(value)}.")
        return [like(*pair, where) for pair in zip(usual, value, strict=True)]
    if isinstance(usual, bool) or not isinstance(usual, int | float):
        return value
    try:
        return float(value) if isinstance(value, str) else value + 0  # YAML takes 1e-3 for a text
    except (TypeError, ValueError):
        raise ConfigError(f"{where}: expected a number, got {shorten_value(value)}.") from None

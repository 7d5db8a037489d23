"""Where settings come from: a shipped profile, a YAML file or a run's record, and then `--set a.b=c`."""

from __future__ import annotations

import copy
import difflib
import reprlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.errors import ConfigError
from pipeline.files import LONGEST_REASON, UNREADABLE, from_home, parse_yaml, reason_of


@dataclass(frozen=True, slots=True)
class Options:
    """The options that most commands share.

    profile: --config. overrides: --set, and the options that stand for settings. checkpoints: --checkpoints.
    """

    profile: str | None = None
    overrides: Sequence[str] = ()
    checkpoints: Path | None = None

    def config(self, otherwise: str | Mapping[str, Any] = DEFAULT_PROFILE) -> Config:
        """The settings; otherwise: the profile, or its tree, where none is named. Raises ConfigError."""
        return load_config(self.profile or otherwise, self.overrides)


def configs_dir() -> Path:
    """Folder of the shipped YAML files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def profiles() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in configs_dir().glob("*.yaml"))


def load_config(profile: str | Mapping[str, Any] = DEFAULT_PROFILE, overrides: Sequence[str] = ()) -> Config:
    """Read a profile and apply overrides.

    Args:
        profile: a shipped profile's name, a YAML file, or the tree that run.json keeps. A file whose `base` names
            another profile or file says only what it changes there.
        overrides: settings as `a.b=c`; the last one wins.

    Raises:
        ConfigError: an unknown profile, an unknown key (with the nearest name) or a value out of range.
    """
    if isinstance(profile, str):
        path = _profile_path(profile)
        origin, tree = path.name, read_yaml(path)
        if is_training_config(tree):
            raise ConfigError(
                f"{origin}: the file of a training, not a profile. `gait train` and `gait evaluate dataset` take it."
            )
        tree = {"profile": path.stem, **with_base(tree, path, _profile_path)}
    else:
        origin, tree = "run.json", copy.deepcopy(dict(profile))
    profiles_encoder = _encoder_of(tree)
    for override in overrides:
        apply_override(tree, override)
    if profiles_encoder not in (None, _encoder_of(tree)):  # its weights are of no use to another
        chosen = {override.partition("=")[0] for override in overrides}
        for name in ("checkpoint", "card"):
            if f"recognition.{name}" not in chosen:
                tree["recognition"].pop(name, None)
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        where = "" if overrides and _is_valid(profile) else f"{origin}: "  # not the file's fault
        raise ConfigError(f"{where}{_explain(error)}") from None


def _is_valid(profile: str | Mapping[str, Any]) -> bool:
    try:
        load_config(profile)
    except ConfigError:
        return False
    return True


def _encoder_of(tree: Mapping[str, Any]) -> Any:
    """recognition.encoder as a tree of settings names it; None where it does not."""
    section = tree.get("recognition")
    return section.get("encoder") if isinstance(section, dict) else None


def is_training_config(tree: Mapping[str, Any]) -> bool:
    """Whether a YAML file's tree is a training's (OpenGait's, say), not a profile's."""
    return bool(tree.keys() & {"data_cfg", "model_cfg", "trainer_cfg", "evaluator_cfg"})


def _profile_path(profile: str) -> Path:
    if profile.endswith((".yaml", ".yml")):
        path = from_home(profile)
        if not path.is_file():
            raise ConfigError(f"{profile}: no such configuration file. Shipped profiles: {', '.join(profiles())}.")
        return path
    path = configs_dir() / f"{profile}.yaml"
    if not path.is_file() or "/" in profile:
        raise ConfigError(f"no profile {profile!r}{nearest(profile, profiles())} Give one of them or a .yaml file.")
    return path


def with_base(
    tree: Mapping[str, Any],
    path: Path,
    find: Callable[[str], Path],
    null_removes: bool = False,
    derived: Sequence[Path] = (),
) -> dict[str, Any]:
    """The tree of a YAML file over that of its base, and of the base's base.

    Args:
        tree: what the file holds; its key `base` names another file, from the file's own folder, or a shipped one.
        path: the file.
        find: the path of a shipped name or a file. Raises ConfigError where there is none.
        null_removes: whether null takes a key of the base away, or is a value.
        derived: the files that are based on this one.

    Raises:
        ConfigError: a base that there is not, or files that are each other's base.
    """
    above = dict(tree)
    base, derived = above.pop("base", None), (*derived, path.resolve())
    if base is None:
        return above
    if not isinstance(base, str):
        raise ConfigError(f"{path.name}: base must be the name of a shipped configuration or a file, not {base!r}.")
    try:
        below = find(str(path.parent / from_home(base)) if base.endswith((".yaml", ".yml")) else base)
    except ConfigError as error:
        raise ConfigError(f"{path.name}: base: {error}") from None
    if below.resolve() in derived:
        raise ConfigError(f"{path.name}: base: {base} is itself based on {path.name}. Take one of the two away.")
    return _over(with_base(read_yaml(below), below, find, null_removes, derived), above, null_removes)


def _over(below: Mapping[str, Any], above: Mapping[str, Any], null_removes: bool) -> dict[str, Any]:
    """`above` where it says something, section by section; lists replace lists."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _over(old, value, null_removes)
        else:
            merged[key] = value
    return {key: value for key, value in merged.items() if not (null_removes and above.get(key, value) is None)}


def read_yaml(path: Path) -> dict[str, Any]:
    """The sections of a YAML file of settings. Raises ConfigError."""
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8")) or {}
    except UNREADABLE as error:
        raise ConfigError(f"{path}: not a readable YAML file ({reason_of(error)}). Correct it.") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected sections such as `tracking:`, found {type(tree).__name__}.")
    return tree


def apply_override(tree: dict[str, Any], override: str) -> None:
    """Set `a.b` of a tree as "a.b=c" says, with c read as YAML. Raises ConfigError."""
    key, separator, text = override.partition("=")
    if not separator or not key.strip():
        raise ConfigError(f"--set {override}: expected key=value, such as --set matching.metric=cosine.")
    try:
        value = parse_yaml(text)
    except ValueError:
        value = text
    *sections, leaf = key.strip().split(".")
    node = tree
    for section in sections:
        child = node.setdefault(section, {})
        if not isinstance(child, dict):
            raise ConfigError(f"--set {override}: {section} is a value, not a section.")
        node = child
    node[leaf] = value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        parent, _, leaf = key.rpartition(".")
        known = list(known_keys())
        elsewhere = [name for name in known if name.rpartition(".")[2] == leaf]
        siblings = [name for name in known if name.rpartition(".")[0] == parent]
        if elsewhere:  # the right name in the wrong section
            return f"unknown key {key!r}; did you mean {max(elsewhere, key=lambda name: name.startswith(parent))!r}?"
        return f"unknown key {key!r}{nearest(key, siblings if difflib.get_close_matches(key, siblings) else known)}"
    return f"{key}: {first['msg']} (got {shorten_value(first.get('input'))})." if key else f"{first['msg']}."


def shorten_value(value: Any) -> str:
    """A refused value for an error's line; what it holds may be of any size."""
    try:
        text = repr(value) if isinstance(value, str) else reprlib.repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return f"too large an {type(value).__name__}"
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "…"


def known_keys(section: type[BaseModel] = Config, prefix: str = "") -> Iterator[str]:
    """Dotted names of every setting and section."""
    for name, info in section.model_fields.items():
        yield prefix + name
        inside = () if get_origin(info.annotation) is list else get_args(info.annotation)  # a list is one setting
        kinds = [info.annotation, *inside]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from known_keys(kind, f"{prefix}{name}.")


def nearest(word: str, pool: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, pool, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f". Known: {', '.join(pool)}."


def as_record(config: Config) -> Mapping[str, Any]:
    """The tree as plain values, for run.json."""
    return config.model_dump(mode="json")

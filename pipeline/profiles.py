"""Where settings come from: a shipped profile, a YAML file or a run's record, and then `--set a.b=c`."""

from __future__ import annotations

import copy
import difflib
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from loguru import logger
from pydantic import BaseModel, ValidationError

from pipeline.config import DEFAULT_PROFILE, Config
from pipeline.errors import ConfigError
from pipeline.files import LONGEST_REASON, UNREADABLE, from_home, parse_yaml, reason_of

RENAMED = {"matching.backend": "matching.transform"}
"""Settings by their names in the last release. An old name works in this one, with a line that says the new."""

GONE_TRANSFORMS = {
    "whitening": "it named fewer people than plain distances (KTH, rank-1: 29 % for 40).",
    "plda": "it named no more people than lda (KTH, rank-1: 55 % for 61).",
}
"""Values that matching.transform had, and why it has them no longer."""

GONE = {
    "recognition.encoders": "fused encoders named fewer people than the better of them (KTH, rank-1: 52 % for 57). Set "
    "recognition.encoder.",
    "pose.steady_sides": "no encoder named more people by it (GaitGraph on KTH: 10 of 66 for 15). Leave it out.",
}
"""Settings that are gone, and why. One that is off in a record or a file is passed over."""


def configs_dir() -> Path:
    """Folder of the shipped YAML files: beside the package in a checkout, inside it when installed."""
    package = Path(__file__).resolve().parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def profiles() -> list[str]:
    """Names of the shipped profiles."""
    return sorted(path.stem for path in configs_dir().glob("*.yaml"))


def load_config(profile: str | Mapping[str, Any] = DEFAULT_PROFILE, overrides: Sequence[str] = ()) -> Config:
    """Read a profile (shipped name, YAML file, or the tree that run.json keeps) and apply `a.b=c` overrides.

    Raises ConfigError for an unknown profile, an unknown key (with the nearest name) or a value out of range.
    """
    if isinstance(profile, str):
        path = _profile_path(profile)
        origin, tree = path.name, {"profile": path.stem, **read_yaml(path)}
        if is_training_config(tree):
            raise ConfigError(
                f"{origin}: the file of a training, not a profile. `gait train` and `gait evaluate dataset` take it."
            )
    else:
        origin, tree = "run.json", copy.deepcopy(dict(profile))
    tree = with_todays_names(tree, origin)
    for override in overrides:
        apply_override(tree, override)
        tree = with_todays_names(tree, "--set")
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise ConfigError(f"{origin}: {_explain(error)}") from None


def with_todays_names(tree: Mapping[str, Any], origin: str = "run.json") -> dict[str, Any]:
    """A tree of settings with the names that they have today, and a line for every other one that somebody wrote.

    Raises ConfigError for a setting that is gone.
    """
    known = copy.deepcopy(dict(tree))
    for old, new in RENAMED.items():
        (section, leaf), (target, name) = old.split("."), new.split(".")
        if isinstance(known.get(section), dict) and leaf in known[section]:
            known.setdefault(target, {})[name] = known[section].pop(leaf)
            if origin != "run.json":  # which a program wrote
                logger.warning(f"{origin}: {old} is called {new} now; the old name goes with the next release.")
    for gone, why in GONE.items():
        section, leaf = gone.split(".")
        if isinstance(known.get(section), dict) and known[section].pop(leaf, None):
            raise ConfigError(f"{origin}: {gone} is gone: {why}")
    matching = known.get("matching")
    transform = str(matching.get("transform")) if isinstance(matching, dict) else ""
    if transform in GONE_TRANSFORMS:
        raise ConfigError(f"{origin}: matching.transform={transform} is gone: {GONE_TRANSFORMS[transform]} Choose lda.")
    return known


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


def read_yaml(path: Path) -> dict[str, Any]:
    try:
        tree = parse_yaml(path.read_text(encoding="utf-8")) or {}
    except UNREADABLE as error:
        raise ConfigError(f"{path}: not a readable YAML file ({reason_of(error)}). Correct it.") from None
    if not isinstance(tree, dict):
        raise ConfigError(f"{path}: expected sections such as `tracking:`, found {type(tree).__name__}.")
    return tree


def apply_override(tree: dict[str, Any], override: str) -> None:
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
    return f"{key}: {first['msg']} (got {shown(first.get('input'))})." if key else f"{first['msg']}."


def shown(value: Any) -> str:
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
        kinds = [info.annotation, *get_args(info.annotation)]
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from known_keys(kind, f"{prefix}{name}.")


def nearest(word: str, pool: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, pool, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f". Known: {', '.join(pool)}."


def as_record(config: Config) -> Mapping[str, Any]:
    """The tree as plain values, for run.json."""
    return config.model_dump(mode="json")

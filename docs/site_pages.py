"""MkDocs hook: the pages that are generated when the site is built.

The reference comes from the commands, the settings and the docstrings themselves; README, CONTRIBUTING, SECURITY and
CHANGELOG become pages. Nothing of it is kept in the repository.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages to those of docs/."""
    from mkdocs.structure.files import File

    for path, text in pages().items():
        files.append(File.generated(config, path, content=text))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Name the journal, which is no part of the site, where a page links to it."""
    return re.sub(r"\[([^\]]*)\]\(\.\./(research/log/[^)]*)\)", r"\1 (`\2`)", markdown)


def pages() -> dict[str, str]:
    """Every generated page: its path on the site, and its Markdown."""
    return {
        **{target: copied((ROOT / source).read_text(encoding="utf-8")) for source, target in COPIED.items()},
        "reference/cli.md": "\n".join(command_lines()),
        "reference/settings.md": "\n".join(setting_lines()),
        "reference/python.md": "\n".join(python_lines()),
    }


def copied(text: str) -> str:
    """A page of the repository's root, with its links as they are on the site."""
    for source, target in COPIED.items():
        text = text.replace(f"]({source}", f"]({target}")
    return text.replace("](docs/", "](")


def command_lines() -> Iterator[str]:
    """The page of the command line, from typer's own tree of commands."""
    import typer

    from pipeline.cli import app

    root = typer.main.get_command(app)
    yield "# Command line\n"
    yield f"{sentence(root.help)}\n"
    yield "Exit status: 0 done, 1 a fault of the program, 2 wrong usage or unreadable input, 130 interrupted.\n"
    yield from parameter_lines(root)
    for name, command in root.commands.items():
        yield from lines_of("gait " + name, command, level=2)


def lines_of(path: str, command: Any, level: int) -> Iterator[str]:
    """One command, or a group with its commands."""
    yield f"{'#' * level} {path}\n"
    said, _, example = (command.help or "").partition("Example: ")
    yield f"{sentence(said)}\n"
    if example := example or (command.epilog or "").removeprefix("Example: "):
        yield f"```\n{' '.join(example.split())}\n```\n"
    yield from parameter_lines(command)
    for name, each in getattr(command, "commands", {}).items():
        yield from lines_of(f"{path} {name}", each, level + 1)


def parameter_lines(command: Any) -> Iterator[str]:
    """The table of a command's arguments and options."""
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    if not shown:
        return
    context = command.make_context("", [], resilient_parsing=True)
    yield "| | meaning | default |\n|---|---|---|"
    for one in shown:
        if one.param_type_name == "argument":
            name = f"`{one.metavar or one.name.upper()}`"
        else:
            value = "" if one.is_flag else " " + (one.metavar or one.display_type(context)).strip("<>")
            name = ", ".join(f"`{option}{value}`" for option in (*one.opts, *one.secondary_opts))
        notes = ["repeatable"] if getattr(one, "multiple", False) and "repeat" not in (one.help or "") else []
        notes += [f"or the variable `{one.envvar}`"] if one.envvar else []
        meaning = cell("; ".join([(one.help or "").rstrip("."), *notes]))
        default = "required" if one.required else "" if one.default in (None, False, "", (), []) else f"`{one.default}`"
        yield f"| {cell(name)} | {meaning} | {default} |"
    yield ""


def setting_lines() -> Iterator[str]:
    """The page of the settings, from the pydantic tree, and how the profiles differ from its defaults."""
    from pipeline.config import Config
    from pipeline.profiles import load_config, profiles
    from pipeline.research.training.config import TrainingConfig

    yield "# Settings\n"
    yield (
        "A profile is a YAML file of these settings. `--set SECTION.KEY=VALUE` changes one, and run.json holds all of "
        "them. An unknown key is refused with the nearest right one.\n"
    )
    yield "## Profiles\n"
    yield "What each shipped profile sets; every other setting has its default.\n"
    defaults = dict(leaves(Config().model_dump(mode="json")))
    for name in profiles():
        settings = leaves(load_config(name).model_dump(mode="json"))
        differing = [f"`{key}={shown(value)}`" for key, value in settings if value != defaults.get(key)]
        yield f"- **{name}**: {', '.join(one for one in differing if not one.startswith('`profile='))}"
    yield ""
    yield from section_lines(Config.model_json_schema(), level=2)
    yield "## Settings of a training\n"
    yield "`gait train --set SECTION.KEY=VALUE`; the keys are OpenGait's ([training](../training.md#settings)).\n"
    yield from section_lines(TrainingConfig.model_json_schema(), level=3)


def section_lines(schema: Mapping[str, Any], level: int) -> Iterator[str]:
    """A table for each section of a model's JSON schema."""
    defined = schema.get("$defs", {})

    def walk(prefix: str, node: Mapping[str, Any]) -> Iterator[str]:
        rows, below = [], []
        for key, one in node.get("properties", {}).items():
            inner = referred(one, defined)
            if "properties" in inner:
                below.append((f"{prefix}{key}", inner))
            else:
                meaning = cell(one.get("description", ""))
                rows.append(f"| `{prefix}{key}` | {kind(one, defined)} | {default_of(one)} | {meaning} |")
        if rows:
            if prefix:
                yield f"{'#' * level} {prefix.removesuffix('.')}\n"
            yield f"{sentence(node.get('description', ''))}\n"
            yield "| setting | value | default | meaning |\n|---|---|---|---|"
            yield from rows
            yield ""
        for name, inner in below:
            yield from walk(f"{name}.", inner)

    yield from walk("", schema)


def referred(node: Mapping[str, Any], defined: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node that a `$ref` leads to, also where null is the other choice."""
    for one in (node, *node.get("anyOf", [])):
        if "$ref" in one:
            return defined[one["$ref"].rpartition("/")[2]]
    return node


def kind(node: Mapping[str, Any], defined: Mapping[str, Any]) -> str:
    """What values a setting takes, in words."""
    node = referred(node, defined)
    if "anyOf" in node:
        return " or ".join(kind(one, defined) for one in node["anyOf"])
    if "enum" in node or "const" in node:
        return ", ".join(f"`{shown(value)}`" for value in node.get("enum", [node.get("const")]))
    name = {"null": "none", "array": "list", "boolean": "true, false", "object": "mapping"}.get(
        node.get("type", ""), node.get("type", "any")
    )
    bounds = [
        f"{sign} {node[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in node
    ]
    return " ".join([name, ", ".join(bounds)]).strip()


def default_of(node: Mapping[str, Any]) -> str:
    return f"`{shown(node['default'])}`" if "default" in node else "required"


def python_lines() -> Iterator[str]:
    """The page of the Python door: whatever `pipeline.__all__` holds, each from where it is defined."""
    import pipeline

    yield "# Python\n"
    yield f"{inspect.getdoc(pipeline)}\n"
    for name in getattr(pipeline, "__all__", []):
        one = getattr(pipeline, name)
        if hasattr(one, "__qualname__"):
            importlib.import_module(one.__module__)
            yield f"::: {one.__module__}.{one.__qualname__}"
            yield f"    options: {{heading: gait.{name}, toc_label: {name}}}\n"


def leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting of a tree with its dotted key."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def shown(value: Any) -> str:
    """A value as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def sentence(text: str | None) -> str:
    """A help text or docstring, a line for each of its paragraphs."""
    return "\n\n".join(" ".join(escaped(part).split()) for part in re.split(r"\n\s*\n", (text or "").strip()))


def cell(text: str) -> str:
    """Text that a table's cell can hold."""
    return " ".join(escaped(text, "*|").split())


def escaped(text: str, marks: str = "*") -> str:
    """Text whose brackets and asterisks are no mark-up; what stands between backticks is code already."""
    parts = text.split("`")
    return "`".join(part if number % 2 else plain(part, marks) for number, part in enumerate(parts))


def plain(text: str, marks: str) -> str:
    return re.sub(f"([{re.escape(marks)}])", r"\\\1", text.replace("<", "&lt;"))

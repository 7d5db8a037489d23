"""`gait`, its groups of commands, and what every command has in common: a signature, and the function that it calls."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from typer import Option

from pipeline.version import __version__

if TYPE_CHECKING:
    from pipeline.profiles import Options

app = typer.Typer(
    name="gait",
    help="Identify people by how they walk: videos in, names, silhouettes, features and annotated videos out.",
    epilog="Example: gait demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

CHECKPOINTS: Any = Option(
    None, "--checkpoints", help="Folder searched for weights first.", envvar="GAIT_CHECKPOINTS", metavar="DIR"
)


def _shared(
    profile: str | None = Option(
        None, "--config", help="Profile name (light, balanced, full, reference) or a YAML file.", metavar="NAME|FILE"
    ),
    overrides: list[str] = Option(
        [], "--set", help="Change one setting, such as matching.metric=cosine; repeatable.", metavar="KEY=VALUE"
    ),
    output: Path | None = Option(
        None, help="Folder that gets the timestamped run folder (default: output).", metavar="DIR"
    ),
    device: str | None = Option(None, help="auto, cpu or cuda.", metavar="DEVICE"),
    workers: int | None = Option(None, help="Videos processed at once, a process each.", metavar="N"),
    cluster: str | None = Option(
        None, help="local, or ray: videos, long ones in stretches, are processed on a Ray cluster.", metavar="NAME"
    ),
    address: str | None = Option(
        None, help="Address of the Ray cluster, or auto (default: this machine).", metavar="ADDRESS"
    ),
    rotate: Literal["auto", "0", "90", "180", "270"] | None = Option(
        None, help="Turn videos clockwise by 90, 180 or 270; auto: where nobody is found otherwise."
    ),
    checkpoints: Path | None = CHECKPOINTS,
) -> None:
    """The options that several commands share."""


_SHARED = inspect.signature(_shared, eval_str=True).parameters
_SETTINGS = {
    "output": "output.folder",
    "device": "runtime.device",
    "workers": "runtime.workers",
    "cluster": "runtime.cluster",
    "address": "runtime.address",
    "rotate": "video.rotate",
}
_LITERAL = ("output", "address")  # not read as YAML


def options_of(
    profile: str | None = None, overrides: list[str] | None = None, checkpoints: Path | None = None, **settings: Any
) -> Options:
    """The shared options as one value; those that stand for settings win over --set."""
    from pipeline.profiles import Options  # with pydantic: not for --help

    chosen = list(overrides or [])
    for name, value in settings.items():
        if value is not None:
            text = json.dumps(str(value), ensure_ascii=False) if name in _LITERAL else value
            chosen.append(f"{_SETTINGS[name]}={text}")
    return Options(profile, chosen, checkpoints)


def command(
    group: typer.Typer, target: str, example: str, shared: str = "", name: str | None = None, alone: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add a command to a group. The function below has its parameters and its help, and no body.

    Args:
        group: `gait`, or one of its groups.
        target: "module:function", below pipeline. It is imported when the command is called, and takes the parameters
            by name; the number that it returns, if any, is the exit status.
        example: a call of the command, for its help.
        shared: names of options in `_SHARED`, which the target takes together as `options`.
        name: default: the function's.
        alone: it is what the group itself does, without a command of its own.
    """

    def add(declared: Callable[..., None]) -> Callable[..., None]:
        names = shared.split()
        own = list(inspect.signature(declared, eval_str=True).parameters.values())
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [one.replace(kind=context.kind) for one in [*own, *(_SHARED[each] for each in names)]]

        def run(context: typer.Context, **given: Any) -> None:
            if context.invoked_subcommand is not None:
                return
            if names:
                given["options"] = options_of(**{each: given.pop(each) for each in names})
            module, _, function = target.partition(":")
            status = getattr(importlib.import_module(f"pipeline.{module}"), function)(**given)
            if isinstance(status, int) and status:
                raise typer.Exit(status)

        run.__doc__, run.__annotations__ = declared.__doc__, {}
        vars(run).update(
            __signature__=inspect.Signature([context, *parameters]),
            target=target,
            gives=[one.name for one in own] + ["options"] * bool(names),
        )
        epilog = f"Example: {example}"
        if alone:
            group.callback(invoke_without_command=True, epilog=epilog)(run)
        else:
            group.command(name or declared.__name__, epilog=epilog)(run)
        return declared

    return add


def group(name: str, text: str) -> typer.Typer:
    """A new group of commands below `gait`. Its name alone shows what it has."""
    made = typer.Typer(help=text)
    made.callback(invoke_without_command=True)(_help_without_command)
    app.add_typer(made, name=name)
    return made


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = Option(False, "--version", help="Show the version."),
    verbose: bool = Option(False, "--verbose", "-v", help="Show the traceback of an error."),
) -> None:
    if version:
        print(f"gait {__version__}")
        raise typer.Exit
    _help_without_command(context)


def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit

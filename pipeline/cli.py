"""The commands' signatures and help. Each calls one function; errors become one line and an exit status."""

from __future__ import annotations

import json
import signal
import sys
import traceback
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from pipeline import __version__
from pipeline.errors import GaitError, Interrupted

OK, FAULT, USAGE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="gait",
    help="Identify people by how they walk: videos in, names, silhouettes, features and annotated videos out.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
checkpoints_app = typer.Typer(help="List, fetch and verify network weights.")
app.add_typer(checkpoints_app, name="checkpoints")
cache_app = typer.Typer(help="Results of earlier runs that later runs reuse.")
app.add_typer(cache_app, name="cache")

Gallery = Annotated[str | None, typer.Option("--gallery", help="Video of the known people.", metavar="VIDEO")]
Probes = Annotated[
    list[str] | None,
    typer.Option("--probe", help="Video to search; repeat for more, or a quoted pattern.", metavar="VIDEO"),
]
Profile = Annotated[
    str | None,
    typer.Option(
        "--config", help="Profile name (light, balanced, full, reference) or a YAML file.", metavar="NAME|FILE"
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="Change one setting, such as matching.metric=cosine; repeatable.", metavar="KEY=VALUE"),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", help="Folder that gets the timestamped run folder (default: output).", metavar="DIR"),
]
Device = Annotated[str | None, typer.Option("--device", help="auto, cpu or cuda.", metavar="DEVICE")]
Resume = Annotated[
    Path | None, typer.Option("--resume", help="Go on in this run folder; what is done stays.", metavar="RUN_DIR")
]
Checkpoints = Annotated[
    Path | None,
    typer.Option("--checkpoints", help="Folder searched for weights first.", envvar="GAIT_CHECKPOINTS", metavar="DIR"),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Videos followed at once, a process each.", metavar="N")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show details, and the traceback of a fault.")]
Names = Annotated[list[str] | None, typer.Argument(help="Checkpoint or profile names; none: all that are present.")]


@app.callback(invoke_without_command=True)
def _options(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False
) -> None:
    if version:
        print(f"gait {__version__}")
        raise typer.Exit
    _help_without_command(context)


@cache_app.callback(invoke_without_command=True)
@checkpoints_app.callback(invoke_without_command=True)
def _help_without_command(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())
        raise typer.Exit


@app.command(epilog="Example: gait run --gallery known.mp4 --probe street.mp4 --config light")
def run(
    gallery: Gallery = None,
    probe: Probes = None,
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    resume: Resume = None,
    workers: Workers = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Track, cut out, embed and match everybody in a gallery and one or more probe videos.

    Without --gallery and --probe: inputs/gallery.* and every inputs/probe*.*
    """
    from pipeline.commands.run import run_command

    run_command(gallery, probe or [], config, _settings(set_, output, device, workers), resume, checkpoints)


@app.command(epilog="Example: gait demo --checkpoints my_weights")
def demo(
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Fetch the light weights and the five demo videos, and run the whole job on them."""
    from pipeline.commands.demo import demo_command

    demo_command(config, _settings(set_, output, device), checkpoints)


@app.command(epilog="Example: gait bench --gallery g.mp4 --probe p.mp4 --json figures.json")
def bench(
    gallery: Gallery = None,
    probe: Probes = None,
    config: Profile = None,
    set_: Settings = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here.", metavar="FILE")] = None,
    verbose: Verbose = False,
) -> None:
    """Time a run stage by stage, and compare it with its bare networks on the same data.

    Without --gallery and --probe: two short videos of made-up walkers.
    """
    from pipeline.commands.bench import bench_command

    bench_command(config, _settings(set_, None, device), gallery, probe or [], checkpoints, json_)


@app.command()
def doctor(checkpoints: Checkpoints = None, verbose: Verbose = False) -> None:
    """Check versions, devices, weights, codecs and disk, and say what to do about what is missing."""
    from pipeline.commands.doctor import doctor as examine

    raise typer.Exit(examine(checkpoints))


@checkpoints_app.command("list")
def list_(checkpoints: Checkpoints = None, verbose: Verbose = False) -> None:
    """Every known checkpoint: stage, size, licence, and whether it is here."""
    from pipeline.commands.checkpoints import list_checkpoints

    list_checkpoints(checkpoints)


@checkpoints_app.command(epilog="Example: gait checkpoints fetch light")
def fetch(
    names: Annotated[list[str], typer.Argument(help="Checkpoint or profile names.")],
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Download checkpoints, verified and resumed where a download broke off."""
    from pipeline.commands.checkpoints import fetch_checkpoints

    raise typer.Exit(fetch_checkpoints(names, checkpoints))


@checkpoints_app.command()
def verify(names: Names = None, checkpoints: Checkpoints = None, verbose: Verbose = False) -> None:
    """Compare the checkpoints that are here with their published sha256."""
    from pipeline.commands.checkpoints import verify_checkpoints

    raise typer.Exit(verify_checkpoints(names or [], checkpoints))


@cache_app.command()
def clear(output: Output = None) -> None:
    """Remove everything that earlier runs left for later ones; the run folders stay."""
    from pipeline.engine.cache import Cache

    folder = output or Path("output")
    entries, size = Cache(folder, 0).clear()
    print(f"{folder}/.cache: {entries} entries, {size / 1e6:.1f} MB removed")


def _settings(
    overrides: list[str] | None, output: Path | None, device: str | None, workers: int | None = None
) -> list[str]:
    """The options that are settings, as `--set` would give them; the options win."""
    chosen = list(overrides or [])
    if output is not None:
        chosen.append(f"output.folder={json.dumps(str(output), ensure_ascii=False)}")  # literally, not as YAML
    if device is not None:
        chosen.append(f"runtime.device={device}")
    if workers is not None:
        chosen.append(f"runtime.workers={workers}")
    return chosen


def main() -> NoReturn:
    """Entry point of `gait` and `python -m pipeline`."""
    verbose = "-v" in sys.argv or "--verbose" in sys.argv
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = app(prog_name="gait", standalone_mode=False)
    except typer.TyperException as error:  # wrong usage
        context = getattr(error, "ctx", None)
        _fail(f"{error.format_message()} See: {context.command_path if context else 'gait'} --help", USAGE)
    except GaitError as error:
        if verbose:
            traceback.print_exc()
        _fail(str(error), INTERRUPTED if isinstance(error, Interrupted) else USAGE)
    except Exception as error:
        if verbose:
            traceback.print_exc()
        _fail(f"fault: {type(error).__name__}: {error} (a bug; -v shows the traceback to report)", FAULT)
    if status == INTERRUPTED:
        _fail("interrupted.", INTERRUPTED)
    sys.exit(status if isinstance(status, int) else OK)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _fail(message: str, status: int) -> NoReturn:
    print(f"gait: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(status)

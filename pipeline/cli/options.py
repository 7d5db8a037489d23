"""Options that several commands have in common."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

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
_DB = typer.Option("--db", help="Folder of the gallery.", metavar="DIR")
Db = Annotated[Path, _DB]
MaybeDb = Annotated[Path | None, _DB]
Checkpoints = Annotated[
    Path | None,
    typer.Option("--checkpoints", help="Folder searched for weights first.", envvar="GAIT_CHECKPOINTS", metavar="DIR"),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine", help="local, or ray: videos, long ones in stretches, are followed on a Ray cluster.", metavar="NAME"
    ),
]
Address = Annotated[
    str | None,
    typer.Option("--address", help="Of the Ray cluster, or auto (default: this machine).", metavar="ADDRESS"),
]
Workers = Annotated[int | None, typer.Option("--workers", help="Videos followed at once, a process each.", metavar="N")]
Rotate = Annotated[
    Literal["auto", "0", "90", "180", "270"] | None,
    typer.Option("--rotate", help="Turn videos clockwise by 90, 180 or 270; auto: where nobody is found otherwise."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show details, and the traceback of a fault.")]
Names = Annotated[list[str] | None, typer.Argument(help="Checkpoint or profile names; none: all that are present.")]


def settings_of(
    overrides: list[str] | None,
    output: Path | None,
    device: str | None,
    workers: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    rotate: str | None = None,
) -> list[str]:
    """The options that are settings, as `--set` would give them; the options win."""
    chosen = list(overrides or [])
    if output is not None:
        chosen.append(f"output.folder={json.dumps(str(output), ensure_ascii=False)}")  # literally, not as YAML
    if device is not None:
        chosen.append(f"runtime.device={device}")
    if workers is not None:
        chosen.append(f"runtime.workers={workers}")
    if engine is not None:
        chosen.append(f"runtime.engine={engine}")
    if address is not None:
        chosen.append(f"runtime.address={json.dumps(address)}")
    if rotate is not None:
        chosen.append(f"video.rotate={rotate}")
    return chosen

"""The main job and what belongs to it: run, demo, doctor, the cache of results; and what is shown live."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer import Argument, Option

from pipeline.cli.app import CHECKPOINTS, app, command, group
from pipeline.cli.gallery import MAYBE_DB

GALLERY: Any = Option(None, help="Video of the known people.", metavar="VIDEO")
PROBES: Any = Option([], "--probe", help="Video to search; repeat for more, or a quoted pattern.", metavar="VIDEO")


@command(
    app,
    "commands.run:run_command",
    "gait run --gallery known.mp4 --probe street.mp4 --config light",
    "profile overrides output device workers cluster address rotate checkpoints",
)
def run(
    gallery: str | None = GALLERY,
    probes: list[str] = PROBES,
    resume: Path | None = Option(None, help="Go on in this run folder; what is done stays.", metavar="RUN_DIR"),
) -> None:
    """Track, cut out, embed and match everybody in a gallery and one or more probe videos.

    Without --gallery and --probe: inputs/gallery.* and every inputs/probe*.*
    """


@command(
    app,
    "commands.verify:verify_command",
    "gait verify door.mp4 lobby.mp4/2",
    "profile overrides device rotate checkpoints",
)
def verify(
    first: str = Argument(
        help="A clip. Of several people in it the one that is usable for longest; clip.mp4/2: track 2.",
        metavar="CLIP", show_default=False,
    ),
    second: str = Argument(help="Another, in the same way.", metavar="CLIP", show_default=False),
    output: Path | None = Option(
        None, help="Keep everything in a timestamped run folder here (default: nothing is kept).", metavar="DIR"
    ),
    as_json: bool = Option(False, "--json", help="Print JSON."),
) -> None:  # fmt: skip
    """Whether the walkers of two clips are one person: a probability, its interval, which parts and joints agree.

    No gallery is needed. "Cannot tell" is an answer, too.
    """


@command(app, "commands.demo.demo:demo_command", "gait demo --offline", "profile overrides output device checkpoints")
def demo(
    offline: bool = Option(False, "--offline", help="Nothing is fetched: made-up walkers, found without weights."),
    seconds: float = Option(10.0, min=4, max=60, help="Of the made-up videos."),
) -> None:
    """Fetch the light weights and the five demo videos, and run the whole job on them.

    Where they cannot be fetched, or with --offline: people who do not exist, with the truth to score against.
    """


@command(app, "commands.doctor:doctor", "gait doctor --checkpoints weights")
def doctor(
    videos: list[str] = Argument(
        [], metavar="[VIDEO...]", show_default=False,
        help="Check these videos instead of the machine: format, which way up.",
    ),
    checkpoints: Path | None = CHECKPOINTS,
) -> None:  # fmt: skip
    """Check versions, devices, weights, codecs and disk, and say what to do about what is missing."""


@command(group("cache", "Results of earlier runs that later runs reuse."), "commands.run:clear_cache_command",
         "gait cache clear --output output")  # fmt: skip
def clear(output: Path = Option(Path("output"), help="Folder of the runs.", metavar="DIR")) -> None:
    """Remove everything that earlier runs left for later ones; the run folders stay."""


@command(
    app,
    "commands.live:live_command",
    "gait live rtsp://camera.local/door --db people --serve",
    "profile overrides device rotate checkpoints",
)
def live(
    sources: list[str] = Argument(
        help="Camera number, address (rtsp, http, …), or a video file; several are watched at once.",
        metavar="SOURCE", show_default=False,
    ),
    db: Path | None = MAYBE_DB,
    gallery: Path | None = Option(None, help="Instead: the gallery of this finished run.", metavar="RUN_DIR"),
    serve: bool = Option(False, "--serve", help="Show it on a page that only this computer can open."),
    port: int | None = Option(
        None, help="Of the page (default 8008; 0: any free one); implies --serve.", min=0, max=65535, metavar="PORT"
    ),
    window: bool = Option(False, "--window", help="Show it in a window."),
    record: Path | None = Option(
        None, help="Write the annotated video here; of several cameras FILE-1.mp4, FILE-2.mp4, …", metavar="FILE.mp4"
    ),
    events: Path | None = Option(None, help="Append who came, was recognised and left, as JSON.", metavar="FILE.jsonl"),
    webhook: str | None = Option(
        None, help="Post each event there, too (http, https).", metavar="URL", envvar="GAIT_WEBHOOK"
    ),
    mqtt: str | None = Option(
        None, help="Publish each event there, too: mqtt://HOST[:PORT]/TOPIC, or mqtts.", metavar="URL",
        envvar="GAIT_MQTT",
    ),
    watch: list[str] = Option(
        [], help="Mark this person's events, and the person in red; repeat for more.", metavar="NAME"
    ),
) -> None:  # fmt: skip
    """Name people while they walk before cameras. Frames are dropped rather than shown late; Ctrl-C ends it."""

"""`gait enrol`, `gait identify`, `gait calibrate`, `gait gallery` and `gait serve`: people who stay known."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from typer import Argument, Option

from pipeline.cli.app import app, command, group

EMBEDDING = "profile overrides output device rotate checkpoints"


def _db(default: Any) -> Any:
    return Option(default, "--db", help="Folder of the gallery.", metavar="DIR")


DB, PEOPLE_DB, MAYBE_DB = _db(...), _db(Path("people")), _db(None)
PERSON: Any = Argument(help="A name, or 8 digits of an identity.", metavar="PERSON", show_default=False)
JSON: Any = Option(False, "--json", help="Print JSON.")
SEQUENCES: Any = Option(None, help="Keep the silhouettes of every clip here.", metavar="DIR")


@command(app, "commands.gallery.enrol:enrol_command",
         "gait enrol lobby.mp4 --db people --name 1=Ada --name 2=Bo --expires 365", EMBEDDING)  # fmt: skip
def enrol(
    video: str = Argument(
        help="Video of the people, or a folder: NAME.mp4 is a clip of NAME, and so is every clip in a folder NAME.",
        metavar="VIDEO|FOLDER",
        show_default=False,
    ),
    db: Path = DB,
    names: list[str] = Option(
        [], "--name", help="Who a track is; repeatable. Only these are enrolled.", metavar="TRACK=NAME"
    ),
    consent: str = Option("", help="Note on what they agreed to.", metavar="TEXT"),
    expires: str | None = Option(None, help="Until when: 2027-01-31, or a number of days.", metavar="DATE|DAYS"),
    merge: bool = Option(False, "--merge", help="Who has such a name already gets a further template."),
) -> None:
    """Enrol the people of a video in a gallery that lasts. Without --name: everybody, as <video>-<track>.

    Of a folder of clips named after people: the person of each clip, and a table of what was taken and what is missing.
    """


@command(app, "commands.gallery.identify:identify_command", "gait identify street.mp4 --db people", EMBEDDING)
def identify(
    videos: list[str] = Argument(
        help="Videos to search; with --again folders of runs.", metavar="VIDEO...", show_default=False
    ),
    db: Path | None = MAYBE_DB,
    again: bool = Option(
        False, "--again", help="Decide these runs again, by the people enrolled now; no video is decoded."
    ),
    unknown_as: Literal["unknown", "new"] = Option(
        "unknown", help="new: keep strangers under a label, to know them when they come again."
    ),
) -> None:
    """Name the people of a video after those who are enrolled: annotated video and results in a run folder.

    With --again, and without --db: by the gallery that each run was compared with.
    """


@command(
    app,
    "commands.gallery.review:review_command",
    "gait review output/2026_01_31_18_05_09 --right probe1/2 --wrong probe1/3=Bo --new probe2/1=Cy",
    "checkpoints",
)
def review(
    run: Path = Argument(help="Folder of a run.", metavar="RUN_DIR", show_default=False),
    right: list[str] = Option([], help="The answer for this track is right; repeatable.", metavar="TRACK"),
    wrong: list[str] = Option(
        [],
        help="It is somebody else who is enrolled; without a name: only that it is not the answer.",
        metavar="TRACK[=NAME]",
    ),
    new: list[str] = Option([], help="It is somebody who is not enrolled yet.", metavar="TRACK=NAME"),
    undo: bool = Option(False, "--undo", help="Take back the latest review of this run."),
    by: str = Option("", help="Who says so (default: the name of the login).", metavar="NAME"),
    db: Path | None = MAYBE_DB,
) -> None:
    """Say which answers of a run are right and who it is instead: it is enrolled, and the run is decided again.

    Without --db: in the gallery that the run was compared with. A run with a gallery video gets one in its own folder.
    """  # fmt: skip


@command(
    app,
    "commands.gallery.calibrate:calibrate_command",
    "gait calibrate --db people --manifest clips.csv --fpir 0.01",
    "profile overrides output device checkpoints",
)
def calibrate(
    db: Path = DB,
    manifest: Path = Option(
        ...,
        metavar="FILE",
        help="CSV as of `gait evaluate clips`; its probe clips are searched for, by people's names.",
    ),
    fpir: float = Option(0.01, help="Share of strangers' searches that may name somebody.", metavar="RATE"),
    sequences: Path | None = SEQUENCES,
) -> None:
    """Find the threshold for a stated rate of false names, from clips of people who are not enrolled."""


gallery = group("gallery", "Who is enrolled: list, rename, merge, remove, take elsewhere, verify.")
PEOPLE = "commands.gallery.people:"


@command(gallery, PEOPLE + "list_command", "gait gallery list --db people", name="list")
def list_(db: Path = DB, as_json: bool = JSON) -> None:
    """Who is enrolled."""


@command(gallery, PEOPLE + "show_command", "gait gallery show Ada --db people")
def show(person: str = PERSON, db: Path = DB, as_json: bool = JSON) -> None:
    """Everything that is known of somebody's templates."""


@command(gallery, PEOPLE + "rename_command", "gait gallery rename lobby-001 Ada --db people")
def rename(
    person: str = PERSON,
    name: str = Argument(help="The new one.", metavar="NAME", show_default=False),
    db: Path = DB,
) -> None:
    """Give somebody another name."""


@command(gallery, PEOPLE + "merge_command", "gait gallery merge Ada lobby-007 --db people")
def merge(
    person: str = PERSON,
    others: list[str] = Argument(help="Who is the same person.", metavar="OTHER..."),
    db: Path = DB,
) -> None:
    """Make several people one, who keeps the name of the first and has the templates of all."""


@command(gallery, PEOPLE + "split_command", "gait gallery split Ada Bo 1a2b3c4d5e6f7a8b --db people")
def split(
    person: str = PERSON,
    name: str = Argument(help="The other person's.", metavar="NAME", show_default=False),
    templates: list[str] = Argument(help="Those of the other person: see gait gallery show.", metavar="TEMPLATE..."),
    db: Path = DB,
) -> None:
    """Make some of a person's templates another person: one that was two."""


@command(
    gallery, "commands.gallery.review:strangers_command", "gait gallery strangers output/2026_* --db people",
    "checkpoints",
)  # fmt: skip
def strangers(
    runs: list[Path] = Argument(
        None,
        help="Folders of runs (default: those in output that were compared with the gallery).",
        metavar="[RUN_DIR...]",
        show_default=False,
    ),
    db: Path | None = MAYBE_DB,
    names: list[str] = Option([], "--name", help="Give all of a group a name; repeatable.", metavar="GROUP=NAME"),
    by: str = Option("", help="Who says so (default: the name of the login).", metavar="NAME"),
) -> None:
    """Who keeps coming without a name: the unknown of these runs in groups of one person each, with a page.

    A group that is named is enrolled, all of it, and its runs are decided again.
    """  # fmt: skip


@command(
    gallery, "commands.gallery.review:suggest_command", "gait gallery suggest --db people",
    "profile overrides device checkpoints",
)  # fmt: skip
def suggest(db: Path = DB) -> None:
    """Which two people are probably one, and which one is probably two, with the probability and a page."""


@command(gallery, PEOPLE + "delete_command", "gait gallery delete Ada --db people --yes")
def delete(person: str = PERSON, db: Path = DB, yes: bool = Option(False, "--yes", help="Do not ask.")) -> None:
    """Remove somebody and every trace: old versions, embeddings, silhouettes. The files are searched to prove it."""


@command(gallery, PEOPLE + "expire_command", "gait gallery expire --db people")
def expire(db: Path = DB) -> None:
    """Remove every template that is past its expiry, as thoroughly as delete does."""


@command(gallery, PEOPLE + "export_command", "gait gallery export people.zip --db people --person Ada")
def export(
    archive: Path = Argument(help="The file to write.", metavar="FILE.zip", show_default=False),
    db: Path = DB,
    people: list[str] = Option([], "--person", help="Only this one; repeatable.", metavar="PERSON"),
) -> None:
    """Write the enrolled into one file: plain arrays and JSON."""


@command(gallery, PEOPLE + "import_command", "gait gallery import people.zip --db elsewhere", name="import")
def import_(
    archive: Path = Argument(help="What export wrote.", metavar="FILE.zip", show_default=False),
    db: Path = DB,
    merge: bool = Option(
        False, "--merge", help="Who has such a name already gets the templates; else that is refused."
    ),
) -> None:
    """Add the people of an exported file. Nothing in it is trusted."""


@command(gallery, PEOPLE + "verify_command", "gait gallery verify --db people --absent Ada")
def verify(
    db: Path = DB,
    absent: str | None = Option(None, help="A name or an identity that must be in no file.", metavar="TEXT"),
    as_json: bool = JSON,
) -> None:
    """Read every row and every byte: hashes, old versions, stray files. Status 2 where something is wrong."""


@command(gallery, "commands.gallery.fit:fit_command", "gait gallery fit --db people", "profile overrides")
def fit(
    db: Path = DB,
    cohort: str | None = Option(None, help="Learn from this gallery or run instead of the enrolled.", metavar="DIR"),
) -> None:
    """Fit a discriminant once and keep it here; identify, live and calibrate use it under matching.transform=lda.

    Changing or removing people drops one that was fitted on them.
    """


@command(gallery, "commands.gallery.index:index_command", "gait gallery index --db people", "overrides")
def index(db: Path = DB) -> None:
    """Make searching a large gallery fast: identify reads the likely templates only. Changing people drops it."""


@command(gallery, PEOPLE + "tidy_command", "gait gallery tidy --db people")
def tidy(db: Path = DB) -> None:
    """Merge small files, and remove old versions and what killed enrolments left."""


@command(
    gallery,
    "commands.gallery.enrol:reenrol_command",
    "gait gallery reenrol --db people --config gaitset",
    "profile overrides device checkpoints",
)
def reenrol(db: Path = DB) -> None:
    """Embed the stored silhouettes of everybody with another encoder or checkpoint; people stay who they are."""


@command(app, "web:serve_command", "gait serve --db people", "profile overrides device checkpoints")
def serve(
    db: Path = PEOPLE_DB,
    host: str = Option("127.0.0.1", help="Address to serve at."),
    port: int = Option(7860, min=0, max=65535, help="0: one that is free."),
    allow_network: bool = Option(
        False, "--allow-network", help="Other machines may reach it; needs --host and --password."
    ),
    password: str | None = Option(None, help="Asked for by the browser; any user name.", envvar="GAIT_SERVE_PASSWORD"),
    api: str | None = Option(
        None,
        "--api",
        metavar="TOKEN",
        help="Programs that have this token may ask; see /docs.",
        envvar="GAIT_SERVE_TOKEN",
    ),
    runs: Path | None = Option(None, help="Keep all runs in this folder, for all who open the app."),
    max_upload_mb: int = Option(500, min=1, max=100_000, help="Largest video that is taken."),
    hours: float = Option(12.0, min=0.01, max=8760, help="A visitor's files are removed after so long."),
) -> None:
    """Open the web app on this machine: upload videos, watch the work, see who is who. Ends with Ctrl-C.

    Needs the extra `ui` (FastAPI, uvicorn). Nothing is fetched from the network, and nothing is sent.
    """

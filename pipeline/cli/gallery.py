"""`gait enrol`, `gait identify` and `gait gallery`: people who stay known."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.groups import app, help_without_command
from pipeline.cli.options import Checkpoints, Db, Device, Output, Profile, Rotate, Settings, Verbose, settings_of

gallery_app = typer.Typer(help="Who is enrolled: list, rename, merge, remove, take elsewhere, verify.")
gallery_app.callback(invoke_without_command=True)(help_without_command)
app.add_typer(gallery_app, name="gallery")

Who = Annotated[str, typer.Argument(help="A name, or 8 digits of an identity.", metavar="PERSON", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class UnknownAs(StrEnum):
    """What becomes of people who are nobody of the gallery."""

    UNKNOWN = "unknown"
    NEW = "new"


@app.command(epilog="Example: gait enrol lobby.mp4 --db people --name 1=Ada --name 2=Bo --expires 365")
def enrol(
    video: Annotated[str, typer.Argument(help="Video of the people.", metavar="VIDEO", show_default=False)],
    db: Db,
    name: Annotated[
        list[str] | None,
        typer.Option("--name", help="Who a track is; repeatable. Only these are enrolled.", metavar="TRACK=NAME"),
    ] = None,
    consent: Annotated[str, typer.Option("--consent", help="Note on what they agreed to.", metavar="TEXT")] = "",
    expires: Annotated[
        str | None, typer.Option("--expires", help="Until when: 2027-01-31, or a number of days.", metavar="DATE|DAYS")
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Who has such a name already gets a further template.")
    ] = False,
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    rotate: Rotate = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Enrol the people of a video in a gallery that lasts. Without --name: everybody, as <video>-<track>."""
    from pipeline.commands.gallery.enrol import enrol_command

    settings = settings_of(set_, output, device, rotate=rotate)
    enrol_command(video, db, name or [], consent, expires, merge, config, settings, checkpoints)


@app.command(epilog="Example: gait identify street.mp4 --db people")
def identify(
    video: Annotated[list[str], typer.Argument(help="Videos to search.", metavar="VIDEO...", show_default=False)],
    db: Db,
    unknown_as: Annotated[
        UnknownAs,
        typer.Option("--unknown-as", help="new: keep strangers under a label, to know them when they come again."),
    ] = UnknownAs.UNKNOWN,
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    rotate: Rotate = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Name the people of a video after those who are enrolled: annotated video and results in a run folder."""
    from pipeline.commands.gallery.identify import identify_command

    settings = settings_of(set_, output, device, rotate=rotate)
    identify_command(video, db, unknown_as.value, config, settings, checkpoints)


@app.command(epilog="Example: gait calibrate --db people --manifest clips.csv --fpir 0.01")
def calibrate(
    db: Db,
    manifest: Annotated[
        Path,
        typer.Option(
            "--manifest",
            help="CSV as of `gait evaluate clips`; its probe clips are searched for, by people's names.",
            metavar="FILE",
        ),
    ],
    fpir: Annotated[
        float, typer.Option("--fpir", help="Share of strangers' searches that may name somebody.", metavar="RATE")
    ] = 0.01,
    sequences: Annotated[
        Path | None, typer.Option("--sequences", help="Keep the silhouettes of every clip here.", metavar="DIR")
    ] = None,
    config: Profile = None,
    set_: Settings = None,
    output: Output = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Find the threshold for a stated rate of false names, from clips of people who are not enrolled."""
    from pipeline.commands.gallery.calibrate import calibrate_command

    calibrate_command(db, manifest, fpir, config, settings_of(set_, output, device), sequences, checkpoints)


@gallery_app.command("list", epilog="Example: gait gallery list --db people")
def list_(db: Db, json_: AsJson = False, verbose: Verbose = False) -> None:
    """Who is enrolled."""
    from pipeline.commands.gallery.people import list_command

    list_command(db, json_)


@gallery_app.command(epilog="Example: gait gallery show Ada --db people")
def show(person: Who, db: Db, json_: AsJson = False, verbose: Verbose = False) -> None:
    """Everything that is known of somebody's templates."""
    from pipeline.commands.gallery.people import show_command

    show_command(db, person, json_)


@gallery_app.command(epilog="Example: gait gallery rename lobby-001 Ada --db people")
def rename(
    person: Who, name: Annotated[str, typer.Argument(help="The new one.", metavar="NAME", show_default=False)], db: Db,
    verbose: Verbose = False,
) -> None:  # fmt: skip
    """Give somebody another name."""
    from pipeline.commands.gallery.people import rename_command

    rename_command(db, person, name)


@gallery_app.command(epilog="Example: gait gallery merge Ada lobby-007 --db people")
def merge(
    person: Who,
    others: Annotated[list[str], typer.Argument(help="Who is the same person.", metavar="OTHER...")],
    db: Db,
    verbose: Verbose = False,
) -> None:
    """Make several people one, who keeps the name of the first and has the templates of all."""
    from pipeline.commands.gallery.people import merge_command

    merge_command(db, person, others)


@gallery_app.command(epilog="Example: gait gallery delete Ada --db people --yes")
def delete(
    person: Who,
    db: Db,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    verbose: Verbose = False,
) -> None:
    """Remove somebody and every trace: old versions, embeddings, silhouettes. The files are searched to prove it."""
    from pipeline.commands.gallery.people import delete_command

    delete_command(db, person, yes)


@gallery_app.command(epilog="Example: gait gallery expire --db people")
def expire(db: Db, verbose: Verbose = False) -> None:
    """Remove every template that is past its expiry, as thoroughly as delete does."""
    from pipeline.commands.gallery.people import expire_command

    expire_command(db)


@gallery_app.command(epilog="Example: gait gallery export people.zip --db people --person Ada")
def export(
    archive: Annotated[Path, typer.Argument(help="The file to write.", metavar="FILE.zip", show_default=False)],
    db: Db,
    person: Annotated[
        list[str] | None, typer.Option("--person", help="Only this one; repeatable.", metavar="PERSON")
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Write the enrolled into one file: plain arrays and JSON."""
    from pipeline.commands.gallery.people import export_command

    export_command(db, archive, person or [])


@gallery_app.command("import", epilog="Example: gait gallery import people.zip --db elsewhere")
def import_(
    archive: Annotated[Path, typer.Argument(help="What export wrote.", metavar="FILE.zip", show_default=False)],
    db: Db,
    merge: Annotated[
        bool, typer.Option("--merge", help="Who has such a name already gets the templates; else that is refused.")
    ] = False,
    verbose: Verbose = False,
) -> None:
    """Add the people of an exported file. Nothing in it is trusted."""
    from pipeline.commands.gallery.people import import_command

    import_command(db, archive, merge)


@gallery_app.command(epilog="Example: gait gallery verify --db people --absent Ada")
def verify(
    db: Db,
    absent: Annotated[
        str | None, typer.Option("--absent", help="A name or an identity that must be in no file.", metavar="TEXT")
    ] = None,
    json_: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Read every row and every byte: hashes, old versions, stray files. Status 2 where something is wrong."""
    from pipeline.commands.gallery.people import verify_command

    verify_command(db, absent, json_)


@gallery_app.command(epilog="Example: gait gallery fit --db people")
def fit(
    db: Db,
    transform: Annotated[str, typer.Option("--transform", help="What is fitted.", metavar="NAME")] = "lda",
    backend: Annotated[str | None, typer.Option("--backend", hidden=True)] = None,  # its name until 0.2
    cohort: Annotated[
        str | None,
        typer.Option("--cohort", help="Learn from this gallery or run instead of the enrolled.", metavar="DIR"),
    ] = None,
    config: Profile = None,
    set_: Settings = None,
    verbose: Verbose = False,
) -> None:
    """Fit a discriminant once and keep it here; identify, live and calibrate use it under matching.transform=lda.

    Changing or removing people drops one that was fitted on them.
    """
    from pipeline.commands.gallery.fit import fit_command

    fit_command(db, backend or transform, cohort, config, settings_of(set_, None, None))


@gallery_app.command(epilog="Example: gait gallery index --db people")
def index(db: Db, set_: Settings = None, verbose: Verbose = False) -> None:
    """Make searching a large gallery fast: identify reads the likely templates only. Changing people drops it."""
    from pipeline.commands.gallery.index import index_command

    index_command(db, settings_of(set_, None, None))


@gallery_app.command(epilog="Example: gait gallery tidy --db people")
def tidy(db: Db, verbose: Verbose = False) -> None:
    """Merge small files, and remove old versions and what killed enrolments left."""
    from pipeline.commands.gallery.people import tidy_command

    tidy_command(db)


@gallery_app.command(epilog="Example: gait gallery reenrol --db people --config gaitset")
def reenrol(
    db: Db,
    config: Profile = None,
    set_: Settings = None,
    device: Device = None,
    checkpoints: Checkpoints = None,
    verbose: Verbose = False,
) -> None:
    """Embed the stored silhouettes of everybody with another encoder or checkpoint; people stay who they are."""
    from pipeline.commands.gallery.enrol import reenrol_command

    reenrol_command(db, config, settings_of(set_, None, device), checkpoints)

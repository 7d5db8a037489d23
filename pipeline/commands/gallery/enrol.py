"""`gait enrol` and `gait gallery reenrol`: check the names, show progress, print which track is who."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.printing import print_table, with_bars
from pipeline.config import Config
from pipeline.engine.progress import Progress, T
from pipeline.errors import ConfigError, InputError
from pipeline.gallery.people import LONGEST_NOTE, expiry, names_by_track
from pipeline.gallery.template import now
from pipeline.profiles import Options
from pipeline.runs.clips import is_folder_of_clips
from pipeline.runs.reader import Run
from pipeline.runs.results import ClipResult, View

if TYPE_CHECKING:
    from pipeline.jobs.enrol import Enrolment

VIEWS: Mapping[View, str] = {
    "left": "from the left",
    "right": "from the right",
    "front or back": "towards or away from the camera",
    "": "not clear",
}


def enrol_command(
    video: str,
    db: Path,
    names: Sequence[str],
    consent: str,
    expires: str | None,
    merge: bool,
    options: Options,
) -> None:
    """Enrol the people of a video; print one line a track, then the run folder. Of a folder: a table of its clips."""
    config = options.config()
    by_track = names_by_track(names)
    until = expiry(expires, now()) if expires else None
    if len(consent) > LONGEST_NOTE or any(0xD800 <= ord(c) < 0xE000 for c in consent):
        raise ConfigError(f"--consent: a note of at most {LONGEST_NOTE} characters of text. Keep the paper elsewhere.")
    from pipeline.jobs.enrol import Enrolment, enrol  # imports every stage: not before the settings are right

    wanted = Enrolment(by_track, merge, consent, until)
    if is_folder_of_clips(video):
        _enrol_folder(video, db, config, wanted, options.checkpoints)
        return
    tracks, folder = keeping(lambda bars: enrol(video, db, config, wanted, options.checkpoints, bars))
    for track in tracks:
        identity = track.identity if track.outcome else None
        who = f"{track.name} ({identity[:8]}), {track.outcome}" if identity else track.status
        print(f"track {track.id:03d}: {who}" + (f" ({track.reason})" if track.status == "unusable" else ""))
    new = [track.name for track in tracks if track.outcome]
    if not by_track and new:
        print(f"give them names: gait gallery rename {new[0]!r} NAME --db {db}")
    print(folder)


def _enrol_folder(folder: str, db: Path, config: Config, wanted: Enrolment, checkpoints: Path | None) -> None:
    """Print a row a clip, what to do about those left out, a line a person on views that are missing, the run folder.

    Raises InputError where a clip could not be read, or none was enrolled.
    """
    from rich.markup import escape

    from pipeline.jobs.enrol_folder import enrol_folder

    run = Run.open(keeping(lambda bars: enrol_folder(folder, db, config, wanted, checkpoints, bars)))
    rows = [
        (clip.person, clip.file, str(clip.usable or ""), VIEWS[clip.view] if clip.track else "", _outcome(clip))
        for clip in run.clips
    ]
    print_table(("person", "clip", "usable", "seen", "enrolled"), ([escape(cell) for cell in row] for row in rows))
    for clip in run.clips:
        if clip.rivals:
            file, name = shlex.quote(str(Path(folder) / clip.file)), shlex.quote(f"{clip.rivals[0]}={clip.person}")
            tracks = " or ".join(map(str, clip.rivals))
            print(f"{clip.file}: name the track, {tracks}: gait enrol {file} --db {db} --name {name} --merge")
    for person, words in run.advice.items():
        print(f"{person}: {words}")
    print(run.path)
    unreadable = len(run.record["unreadable"])
    if unreadable:
        raise InputError(f"{unreadable} of {len(run.clips)} clips could not be read and were left out (see above).")
    if not any(clip.outcome for clip in run.clips):
        raise InputError(f"{folder}: no clip was enrolled (see above). Film the people again, or name their tracks.")


def _outcome(clip: ClipResult) -> str:
    return clip.outcome or f"no: {clip.reason}"


def reenrol_command(db: Path, options: Options) -> None:
    """Embed the stored walks of a gallery with another encoder."""
    config = options.config()
    from pipeline.jobs.reenrol import reenrol

    count = keeping(lambda bars: reenrol(db, config, options.checkpoints, bars))
    print(f"{db}: {count} templates embedded anew from their stored silhouettes")


def keeping(work: Callable[[Progress], T]) -> T:
    """Do some work on a gallery, with progress. Raises Interrupted after Ctrl-C."""
    return with_bars(work, "the gallery is as it was. Give the same command again.")

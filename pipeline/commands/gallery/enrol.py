"""`gait enrol` and `gait gallery reenrol`: check the names, show progress, print which track is who."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.commands.printing import with_bars
from pipeline.engine.progress import Progress, T
from pipeline.errors import ConfigError
from pipeline.gallery.people import LONGEST_NOTE, expiry, names_by_track
from pipeline.gallery.template import now
from pipeline.profiles import Options


def enrol_command(
    video: str,
    db: Path,
    names: Sequence[str],
    consent: str,
    expires: str | None,
    merge: bool,
    options: Options,
) -> None:
    """Enrol the people of a video; print one line a track, then the run folder."""
    config = options.config()
    by_track = names_by_track(names)
    until = expiry(expires, now()) if expires else None
    if len(consent) > LONGEST_NOTE or any(0xD800 <= ord(c) < 0xE000 for c in consent):
        raise ConfigError(f"--consent: a note of at most {LONGEST_NOTE} characters of text. Keep the paper elsewhere.")
    from pipeline.jobs.enrol import Enrolment, enrol  # imports every stage: not before the settings are right

    wanted = Enrolment(by_track, merge, consent, until)
    tracks, folder = keeping(lambda bars: enrol(video, db, config, wanted, options.checkpoints, bars))
    for track in tracks:
        identity = track.identity if track.outcome else None
        who = f"{track.name} ({identity[:8]}), {track.outcome}" if identity else track.status
        print(f"track {track.id:03d}: {who}" + (f" ({track.reason})" if track.status == "unusable" else ""))
    new = [track.name for track in tracks if track.outcome]
    if not by_track and new:
        print(f"give them names: gait gallery rename {new[0]!r} NAME --db {db}")
    print(folder)


def reenrol_command(db: Path, options: Options) -> None:
    """Embed the stored walks of a gallery with another encoder."""
    config = options.config()
    from pipeline.jobs.reenrol import reenrol

    count = keeping(lambda bars: reenrol(db, config, options.checkpoints, bars))
    print(f"{db}: {count} templates embedded anew from their stored silhouettes")


def keeping(work: Callable[[Progress], T]) -> T:
    """Do some work on a gallery, with progress. Raises Interrupted after Ctrl-C."""
    return with_bars(work, "the gallery is as it was. Give the same command again.")

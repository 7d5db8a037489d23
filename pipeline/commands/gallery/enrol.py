"""`gait enrol` and `gait gallery reenrol`: check the names, show progress, print which track is who."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.commands.printing import with_bars
from pipeline.engine.progress import Progress, T
from pipeline.errors import ConfigError
from pipeline.gallery.people import LONGEST_NOTE, expiry, names_by_track
from pipeline.gallery.place import Where
from pipeline.gallery.template import now
from pipeline.profiles import Options


def enrol_command(
    video: str,
    db: Where,
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
    from pipeline.jobs.enrol import Consent, enrol  # imports every stage: not before the settings are right

    rows, folder = keeping(
        lambda bars: enrol(video, db, config, by_track, Consent(consent, until), merge, options.checkpoints, bars)
    )
    for row in rows:
        who = f"{row.name} ({row.identity[:8]}), {row.outcome}" if row.identity else row.outcome
        print(f"track {row.track:03d}: {who}" + (f" ({row.reason})" if row.reason else ""))
    if not by_track and any(row.identity for row in rows):
        print(f"give them names: gait gallery rename {next(r.name for r in rows if r.identity)!r} NAME --db {db}")
    print(folder)


def reenrol_command(db: Where, options: Options) -> None:
    """Embed the stored walks of a gallery with another encoder."""
    config = options.config()
    from pipeline.jobs.reenrol import reenrol

    count = keeping(lambda bars: reenrol(db, config, options.checkpoints, bars))
    print(f"{db}: {count} templates embedded anew from their stored silhouettes")


def keeping(work: Callable[[Progress], T]) -> T:
    """Do some work on a gallery, with progress. Raises Interrupted after Ctrl-C."""
    return with_bars(work, "the gallery is as it was. Give the same command again.")

"""`gait enrol` and `gait gallery reenrol`: settle the names, show progress, tell which track is who."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from pipeline.config import DEFAULT_PROFILE
from pipeline.engine.progress import Progress, T, with_progress
from pipeline.errors import ConfigError, Interrupted
from pipeline.gallery.people import expiry
from pipeline.gallery.template import now
from pipeline.profiles import load_config

LONGEST_NOTE = 2000  # characters


def enrol_command(
    video: str,
    db: Path,
    names: Sequence[str],
    consent: str,
    expires: str | None,
    merge: bool,
    profile: str | None,
    overrides: Sequence[str],
    checkpoints: Path | None,
) -> None:
    """Enrol the people of a video; print one line a track, then the run folder."""
    config = load_config(profile or DEFAULT_PROFILE, overrides)
    by_track = names_by_track(names)
    until = expiry(expires, now()) if expires else None
    if len(consent) > LONGEST_NOTE or any(0xD800 <= ord(c) < 0xE000 for c in consent):
        raise ConfigError(f"--consent: a note of at most {LONGEST_NOTE} characters of text. Keep the paper elsewhere.")
    from pipeline.jobs.enrol import Enrolment, enrol  # imports every stage: not before the settings are right

    wanted = Enrolment(by_track, merge, consent, until)
    tracks, folder = keeping(lambda bars: enrol(video, db, config, wanted, checkpoints, bars))
    for track in tracks:
        who = (
            f"{track.name} ({track.identity[:8]}), {track.outcome}"
            if track.outcome and track.identity
            else track.status
        )
        print(f"track {track.id:03d}: {who}" + (f" ({track.reason})" if track.status == "unusable" else ""))
    new = [track.name for track in tracks if track.outcome]
    if not by_track and new:
        print(f"give them names: gait gallery rename {new[0]!r} NAME --db {db}")
    print(folder)


def reenrol_command(db: Path, profile: str | None, overrides: Sequence[str], checkpoints: Path | None) -> None:
    """Embed the stored walks of a gallery with another encoder."""
    config = load_config(profile or DEFAULT_PROFILE, overrides)
    from pipeline.jobs.reenrol import reenrol

    count = keeping(lambda bars: reenrol(db, config, checkpoints, bars))
    print(f"{db}: {count} templates embedded anew from their stored silhouettes")


def names_by_track(names: Sequence[str]) -> dict[int, str]:
    """["1=Ada", "2=Bo"] as {1: "Ada", 2: "Bo"}. Raises ConfigError for what is not so."""
    found: dict[int, str] = {}
    for text in names:
        track, equals, name = text.partition("=")
        if not equals or not re.fullmatch(r"[0-9]{1,9}", track.strip()) or not name.strip():
            raise ConfigError(f"--name {text}: expected TRACK=NAME, such as --name 1=Ada.")
        if int(track) in found:
            raise ConfigError(f"--name {text}: track {int(track)} has a name already. Give each track one.")
        found[int(track)] = name
    return found


def keeping(work: Callable[[Progress], T]) -> T:
    """Do some work on a gallery, with progress. Raises Interrupted after Ctrl-C."""
    try:
        return with_progress(work)
    except KeyboardInterrupt:
        raise Interrupted("interrupted; the gallery is as it was. Give the same command again.") from None

"""`gait review`, `gait identify --again`, `gait gallery strangers` and `suggest`: what changed, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.commands.gallery.enrol import keeping
from pipeline.commands.printing import count_of, print_table
from pipeline.errors import ConfigError
from pipeline.profiles import Options
from pipeline.runs.results import TrackResult

if TYPE_CHECKING:
    from pipeline.feedback.again import Outcome


def review_command(
    run: Path,
    right: Sequence[str],
    wrong: Sequence[str],
    new: Sequence[str],
    undo: bool,
    by: str,
    db: Path | None,
    options: Options,
) -> None:
    """Enrol what a person says, and print what changed; or take the latest back."""
    from pipeline.feedback import say
    from pipeline.feedback.answers import Said

    if undo:
        if right or wrong or new:
            raise ConfigError("--undo takes back a review. Say what is right or wrong in another call.")
        last, outcome = keeping(lambda bars: say.undo(run, db, options.checkpoints, bars))
        walks = count_of(len(last.items), "walk")
        print(f"taken back: what {last.by} said of {walks} on {last.when} UTC")
    else:
        said = Said(tuple(right), _pairs("--wrong", wrong), _named("--new", new), by)
        outcome = keeping(lambda bars: say.review(run, said, db, options.checkpoints, bars))
    print_outcome(outcome)


def decide_again(runs: Sequence[str], db: Path | None, unknown_as: str, options: Options) -> None:
    """Decide runs again, and print what changed in each."""
    if unknown_as != "unknown" or options.profile or options.overrides:
        raise ConfigError("--again decides by the settings of the run itself. Leave the other options out.")
    from pipeline.feedback.again import again

    for run in runs:
        print_outcome(keeping(lambda bars: again(Path(run), db, options.checkpoints, bars)))  # noqa: B023 - called at once


def strangers_command(
    runs: Sequence[Path] | None, db: Path | None, names: Sequence[str], by: str, options: Options
) -> None:
    """Print who keeps coming without a name, or give groups of them names."""
    from pipeline.feedback.strangers import name_strangers, strangers

    given = _named("--name", names)
    found = keeping(lambda bars: strangers(runs or (), db, options.checkpoints, bars))
    if not given:
        rows = [
            (group.name, str(len(group.walks)), group.best.where, group.first, group.last) for group in found.groups
        ]
        if found.groups:
            print_table(("group", "walks", "best seen", "first seen", "last seen"), rows)
            which = "" if db is None else f" --db {db}"
            folders = "".join(f" {run}" for run in runs or ())
            print(f"give one a name: gait gallery strangers{folders}{which} --name {found.groups[0].name}=NAME")
        else:
            print("nobody is unknown")
        print(found.page)
        return
    for outcome in keeping(lambda bars: name_strangers(found, given, by, db, options.checkpoints)):
        print_outcome(outcome)


def suggest_command(db: Path, options: Options) -> None:
    """Print pairs of people who are probably one, and people who are probably two."""
    from pipeline.feedback.suggest import suggest

    config = options.config()
    found = keeping(lambda bars: suggest(db, config, options.checkpoints, bars))
    rows = [(one.words, f"{one.probability:.0%}", one.command(str(db))) for one in found.suggestions]
    if rows:
        print_table(("probably", "probability", "to make it so"), rows)
    else:
        print("nobody is probably somebody else, and nobody probably two people")
    if found.page:
        print(found.page)


def print_outcome(outcome: Outcome) -> None:
    """What changed, and by how much it is better."""
    for change in outcome.changed:
        before, after = _answer(change.before), _answer(change.after)
        why = "as you said" if change.told else change.after.reason
        print(f"{change.after.video} {change.after.id:03d}: {before} → {after} ({why})")
    own = sum(change.told for change in outcome.changed)
    (named, unknown), now = outcome.before, outcome.after
    print(
        f"{count_of(len(outcome.changed), 'answer')} changed, {own} because a person said so: "
        f"{named} named and {unknown} unknown before, {now[0]} and {now[1]} now"
    )
    if outcome.judged:
        were = "was" if outcome.right_before == 1 else "were"
        print(
            f"of {count_of(outcome.judged, 'walk')} that a person judged, {outcome.right_before} {were} right before; "
            f"each without being told and without its own template, {outcome.right_now} would be right now"
        )
    if (outcome.run.path / "videos").is_dir():
        print("the annotated videos still show the answers of before")
    if outcome.gallery:
        print(f"gallery: {outcome.gallery}")
    print(outcome.run.path)


def _answer(track: TrackResult) -> str:
    sure = f" {track.confidence:.0%}" if track.status == "known" and track.confidence is not None else ""
    return f"{track.name if track.status == 'known' else track.status}{sure}"


def _pairs(option: str, texts: Sequence[str]) -> dict[str, str | None]:
    """["probe1/3=Bo", "probe1/4"] as {"probe1/3": "Bo", "probe1/4": None}. Raises ConfigError for one said twice."""
    found: dict[str, str | None] = {}
    for text in texts:
        track, equals, name = text.partition("=")
        if equals and not name.strip():
            raise ConfigError(f"{option} {text}: the name is empty. Give one, or leave = out.")
        if track.strip() in found:
            raise ConfigError(f"{option} {text}: that is said of already. Say one thing.")
        found[track.strip()] = name.strip() if equals else None
    return found


def _named(option: str, texts: Sequence[str]) -> dict[str, str]:
    found = {}
    for what, name in _pairs(option, texts).items():
        if name is None:
            raise ConfigError(f"{option} {what}: who it is is missing. Give {what}=NAME.")
        found[what] = name
    return found

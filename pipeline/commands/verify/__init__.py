"""`gait verify`: print whether the walkers of two clips are one person, and what agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.commands.gallery.enrol import VIEWS
from pipeline.commands.printing import count_of, print_json, print_table, with_bars
from pipeline.jobs.verification.answer import Verification, Walker
from pipeline.profiles import Options

SAYS = {"same": "same person", "different": "different people", "cannot tell": "cannot tell"}


def verify_command(first: str, second: str, output: Path | None, as_json: bool, options: Options) -> None:
    """Compare a walker of each clip; print the answer, who was compared, and what agrees."""
    config = options.config()
    from rich.markup import escape

    from pipeline.jobs.verification.verify import verify  # imports every stage: not before the settings are right

    found, folder = with_bars(
        lambda bars: verify(first, second, config, options.checkpoints, output, bars), "give the same command again."
    )
    if as_json:
        print_json(found.as_json())
        return
    print("\n".join(lines(found)))
    if found.parts:
        print_table(("part", "difference", "of one person", "agrees"), _part_rows(found))
    if found.joints:
        names = escape(found.first.file), escape(found.second.file)
        print_table(("joint", *names, "difference", "of one person", "agrees"), _joint_rows(found))
    if found.parts:
        print(
            "difference: 1 is what is usual between two people; of one person: between two walks of one, made-up ones."
        )
    for caution in found.cautions:
        print(caution)
    if folder is not None:
        print(folder)


def lines(found: Verification) -> Iterator[str]:
    """The answer, and who was compared."""
    if found.probability is None or found.interval is None or found.distance is None:
        yield f"{SAYS[found.verdict]}: {found.reason}"
    else:
        low, high = found.interval
        yield (
            f"{SAYS[found.verdict]}: {100 * found.probability:.0f} % [{100 * low:.0f}–{100 * high:.0f}] that they are "
            f"one person, distance {found.distance:.3g} (two people: {found.usual:.3g}); {found.reason}"
        )
        yield (
            f"Taken before looking: {100 * found.prior:.0f} %. In brackets: nine of ten draws of made-up people, "
            "cameras, stretches of the walks and likenesses."
        )
    for walker in (found.first, found.second):
        yield _described(walker)


def _described(walker: Walker) -> str:
    which = "" if walker.tracks == 1 else f" of {walker.tracks}"
    seen = f", seen {VIEWS[walker.view]}" if walker.view else ""
    return f"{walker.file}: track {walker.track}{which}, {count_of(walker.usable, 'usable frame')}{seen}"


def _part_rows(found: Verification) -> Iterator[tuple[str, ...]]:
    for part in found.parts:
        yield part.region, f"{part.difference:.2f}", f"{part.one_person:.2f}", _yes(part.alike)


def _joint_rows(found: Verification) -> Iterator[tuple[str, ...]]:
    for joint in found.joints:
        sides = f"{joint.first:.0f}°", f"{joint.second:.0f}°"
        name = f"{joint.joint}, {joint.measure}"
        yield name, *sides, f"{joint.difference:.2f}", f"{joint.one_person:.2f}", _yes(joint.alike)


def _yes(alike: bool) -> str:
    return "yes" if alike else "no"

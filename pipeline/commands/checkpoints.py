"""`gait checkpoints list|fetch|verify`: what there is, getting it, and looking whether it is whole."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.config import Config
from pipeline.errors import CheckpointError, GaitError
from pipeline.files import from_home
from pipeline.networks.cards import Card, cards
from pipeline.networks.checkpoints import download_folder, how_to_get, locate, resolve, search_folders, verify
from pipeline.networks.download import Progress
from pipeline.networks.fetch import Fetched, fetch
from pipeline.networks.hashing import recorded_sha256
from pipeline.profiles import load_config, profiles
from pipeline.recognition import needs_of
from pipeline.types import from_poses

OK, FAILED = 0, 2
_HERE, _TO_FETCH, _BY_HAND = "✓", "↓", "→"


class _Row(NamedTuple):
    """One card in the list."""

    stage: str
    mark: str
    name: str
    size: str
    licence: str
    place: str


def list_checkpoints(folder: Path | None = None) -> int:
    """Print every card: whether its file is here (not yet whether it is whole), its size, licence and place."""
    folders = search_folders(folder)
    rows: list[_Row] = []
    for card in cards(folders).values():
        here = locate(card, folders)
        mark = _HERE if here else _BY_HAND if card.manual is not None or card.url is None else _TO_FETCH
        place = str(here[0]) if here else ""
        rows.append(_Row(card.stage, mark, card.name, _megabytes(card, here), card.licence, place))
    rows.sort(key=lambda row: row.stage)
    if sys.stdout.isatty():
        _print_table(rows)
    else:
        _print_lines(rows)
    return OK


def fetch_checkpoints(names: Sequence[str], folder: Path | None = None) -> int:
    """Fetch cards by name, and all that a profile (light, balanced, …) needs, into `folder` or the usual one.

    Goes on after a failure, which is one line on stderr; the status is 2 then. Raises CheckpointError for a name that
    is neither a card nor a profile.
    """
    folders = search_folders(folder if folder is not None and from_home(folder).is_dir() else None)
    target = from_home(folder) if folder is not None else download_folder()
    status = OK
    for card in _wanted(names, folders):
        try:
            found = _present(card, folders) or _fetch(card, target)
        except GaitError as error:
            print(f"✗ {error}", file=sys.stderr)
            status = FAILED
            continue
        if not found.downloaded:
            print(f"✓ {card.name}: already at {found.path}")
        elif found.recorded:
            print(f"✓ {card.name}: {found.path}. No sha256 is published; {found.sha256} is recorded from now on.")
        else:
            print(f"✓ {card.name}: {found.path}, sha256 as published")
        print(f"  licence: {card.licence} ({card.source or 'origin not stated'})")
    return status


def verify_checkpoints(names: Sequence[str] = (), folder: Path | None = None) -> int:
    """Read the files of the named cards or profiles, or of all that are here, and compare their sha256 afresh.

    The status is 2 when one is wrong, or named and missing.
    """
    folders = search_folders(folder)
    status, seen = OK, 0
    for card in _wanted(names, folders) if names else cards(folders).values():
        places = locate(card, folders)
        seen += len(places)
        if names and not places:
            print(f"✗ {card.name}: not here. {how_to_get(card)}", file=sys.stderr)
            status = FAILED
        wrong = [line for path in places if (line := _verify_one(card, path)) is not None]
        # a namesake in another place is no damage as long as the right file is found
        if wrong and len(wrong) == len(places):
            print("\n".join(f"✗ {line}" for line in wrong), file=sys.stderr)
            status = FAILED
    if not names and not seen:
        print(f"No checkpoints in {', '.join(map(str, folders))}. Fetch some: gait checkpoints fetch light")
    return status


def checkpoints_of(config: Config) -> list[str]:
    """The checkpoints that a configuration names, in the order of the stages."""
    poses = config.pose.always or from_poses(needs_of(config.recognition))
    named = (
        config.tracking.checkpoint,
        config.segmentation.checkpoint,
        config.pose.checkpoint if poses else None,
        *(one.checkpoint for one in config.recognition.each()),
    )
    return [name for name in named if name]


def _wanted(names: Sequence[str], folders: Sequence[Path]) -> list[Card]:
    table = cards(folders)
    wanted: dict[str, Card] = {}
    for name in names:
        inside = checkpoints_of(load_config(name)) if name in profiles() and name not in table else [name]
        for each in inside:
            if each in table:
                wanted[each] = table[each]
            elif each == name:
                close = f"; profiles: {', '.join(profiles())}"
                raise CheckpointError(f"{name!r} is no checkpoint and no profile (`gait checkpoints list`{close}).")
    return list(wanted.values())


def _present(card: Card, folders: Sequence[Path]) -> Fetched | None:
    """The file where it lies already, whole; None where it is missing. Raises CheckpointError for a damaged one."""
    if not locate(card, folders):
        return None
    found = resolve(card.name, None, folders)
    return Fetched(card, found.path, found.sha256, recorded=False, downloaded=False)


def _fetch(card: Card, folder: Path) -> Fetched:
    if card.manual is not None:
        return fetch(card, folder)  # which says how to get it by hand
    with _progress(card.name) as progress:
        return fetch(card, folder, progress, waiting=lambda: _wait_line(card))


def _wait_line(card: Card) -> None:
    print(f"{card.name}: another process is fetching it; waiting", file=sys.stderr)


@contextmanager
def _progress(name: str) -> Iterator[Progress | None]:
    """A bar on a terminal, one line elsewhere."""
    if not sys.stderr.isatty():
        print(f"{name}: fetching", file=sys.stderr)
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bars(*columns, TransferSpeedColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _verify_one(card: Card, path: Path) -> str | None:
    """Print that it is right; or the line that says what is wrong."""
    try:
        found = verify(card, path, afresh=True)
    except CheckpointError as error:
        return str(error)
    known = "as published" if card.sha256 else "as recorded at its download" if recorded_sha256(path) else None
    mark, verdict = ("✓", known) if known else ("–", "no published or recorded hash to compare with")
    print(f"{mark} {card.name}: {path}, sha256 {found}, {verdict}")
    return None


def _megabytes(card: Card, here: Sequence[Path]) -> str:
    size = card.size
    if here:
        files = [here[0]] if here[0].is_file() else [path for path in here[0].rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
    return f"{size / 1e6:.1f} MB" if size is not None else "?"


def _print_table(rows: Sequence[_Row]) -> None:
    """A table for people: 80 columns, so without the places."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("", "checkpoint", "size", "licence"):
        table.add_column(title, overflow="fold", justify="right" if title == "size" else "left")
    stage = ""
    for row in rows:
        if row.stage != stage:
            stage = row.stage
            table.add_row("", f"[bold]{stage}[/]")
        table.add_row(row.mark, row.name, row.size, row.licence)
    Console().print(table, f"{_HERE} here   {_TO_FETCH} to fetch   {_BY_HAND} by hand: `fetch NAME` says how", sep="\n")


def _print_lines(rows: Sequence[_Row]) -> None:
    """The same for other programs and logs, with the places."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

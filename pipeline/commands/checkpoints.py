"""`gait checkpoints list|fetch|verify`: what there is, getting it, and looking whether it is whole."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.commands.printing import FAILED, OK, print_table
from pipeline.config import Config
from pipeline.errors import CheckpointError, GaitError
from pipeline.profiles import load_config, profiles
from pipeline.weights.cards import Card, cards
from pipeline.weights.checkpoints import (
    download_folder,
    how_to_get,
    locate,
    not_run,
    resolve,
    search_folders,
    verify,
)
from pipeline.weights.download import Progress
from pipeline.weights.fetch import Fetched, fetch
from pipeline.weights.files import recorded_sha256

_HERE, _TO_FETCH, _BY_HAND = "✓", "↓", "→"


def list_checkpoints(folder: Path | None = None) -> int:
    """Print every card: whether its file is here (not yet whether it is whole), its size, licence and place.

    A card that is wrong is named on stderr, and the status is 2 then.
    """
    folders = search_folders(folder)
    rows = []
    table, status = _known(folders)
    for card in table.values():
        here = locate(card, folders)
        mark = _HERE if here else _BY_HAND if card.manual is not None or card.url is None else _TO_FETCH
        place = str(here[0]) if here else ""
        rows.append((card.stage, mark, card.name, _megabytes(card, here), card.licence, place))
    rows.sort(key=lambda row: row[0])
    if sys.stdout.isatty():  # for people: 80 columns, so without the places
        cells = []
        for stage, cards_of_stage in itertools.groupby(rows, key=lambda row: row[0]):
            cells += [("", f"[bold]{stage}[/]", "", ""), *(row[1:5] for row in cards_of_stage)]
        print_table(("", "checkpoint", "size", "licence"), cells, box=None, pad_edge=False)
        print(f"{_HERE} here   {_TO_FETCH} to fetch   {_BY_HAND} by hand: `fetch NAME` says how")
    else:  # for other programs and logs
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return status


def _known(folders: Sequence[Path], names: Sequence[str] = ()) -> tuple[Mapping[str, Card], int]:
    """Every card that can be read, and the status: FAILED where one cannot, which is then named on stderr.

    Raises the CheckpointError of a card that is among `names`.
    """
    wrong: dict[str, CheckpointError] = {}
    table = cards(folders, wrong)
    for name in names:
        if name in wrong:
            raise wrong[name]
    for error in wrong.values():
        print(f"✗ {error}", file=sys.stderr)
    return table, FAILED if wrong else OK


def fetch_checkpoints(names: Sequence[str], folder: Path | None = None) -> int:
    """Fetch cards by name, and all that a profile (light, …, or a YAML file) needs, into `folder` or the usual one.

    Goes on after a failure, which is one line on stderr; the status is 2 then, as it is where a run of a profile would
    still miss weights. Raises CheckpointError for a name that is neither a card nor a profile.
    """
    target = download_folder(folder)
    folders = search_folders(_if_there(folder))
    table, _ = _known(folders, names)
    status = OK
    for card in _wanted(names, table):
        if not card.runs:
            print(f"{card.name}: {not_run(card)}", file=sys.stderr)
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
    if status == OK:
        _refuse_incomplete([load_config(name) for name in names if _is_profile(name)], _if_there(folder))
    return status


def _if_there(folder: Path | None) -> Path | None:
    return folder if folder is not None and folder.expanduser().is_dir() else None


def _refuse_incomplete(configs: Sequence[Config], folder: Path | None) -> None:
    """Look for the weights of profiles as a run does. Raises CheckpointError for what it would not find."""
    for config in configs:
        from pipeline.extraction.networks import find_checkpoints, stages_of

        find_checkpoints(config, folder, stages_of(config))


def verify_checkpoints(names: Sequence[str] = (), folder: Path | None = None) -> int:
    """Read the files of the named cards or profiles, or of all that are here, and compare their sha256 afresh.

    The status is 2 when one is wrong, or named and missing.
    """
    folders = search_folders(folder)
    seen = 0
    table, status = _known(folders, names)
    for card in _wanted(names, table) if names else table.values():
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


def _wanted(names: Sequence[str], table: Mapping[str, Card]) -> list[Card]:
    """The cards of these names, and those that the profiles among them name."""
    wanted: dict[str, Card] = {}
    for name in names:
        if name in table:
            wanted[name] = table[name]
        elif _is_profile(name):
            inside = _checkpoints_of(load_config(name))
            wanted |= {each: table[each] for each in inside if each in table}
        else:
            close = f"; profiles: {', '.join(profiles())}"
            raise CheckpointError(f"{name!r} is no checkpoint and no profile (`gait checkpoints list`{close}).")
    return list(wanted.values())


def _is_profile(name: str) -> bool:
    return name in profiles() or name.endswith((".yaml", ".yml"))


def _checkpoints_of(config: Config) -> list[str]:
    """The checkpoints that a run needs. Raises ConfigError where an encoder needs weights and none are named."""
    from pipeline import registry
    from pipeline.extraction.networks import checkpoints_of
    from pipeline.recognition import ENCODERS, weights_for
    from pipeline.recognition.model import Model

    model = registry.load(ENCODERS, config.recognition.encoder, "recognition.encoder")
    if isinstance(model, Model) and config.recognition.checkpoint is None:
        weights_for(model, None)  # refuses as a run would
    return checkpoints_of(config)


def _present(card: Card, folders: Sequence[Path]) -> Fetched | None:
    """The file where it lies already, whole; None where it is missing. Raises CheckpointError for a damaged one."""
    if not locate(card, folders):
        return None
    found = resolve(card.name, None, folders)
    return Fetched(card, found.path, found.sha256, recorded=False, downloaded=False)


def _fetch(card: Card, folder: Path) -> Fetched:
    if card.manual is not None:
        return fetch(card, folder)  # which says how to get it by hand
    if not sys.stderr.isatty():
        print(f"{card.name}: fetching", file=sys.stderr)
    with bar(card.name) as progress:
        return fetch(card, folder, progress, waiting=lambda: _wait_line(card))


def _wait_line(card: Card) -> None:
    print(f"{card.name}: another process is fetching it; waiting", file=sys.stderr)


@contextmanager
def bar(name: str) -> Iterator[Progress | None]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
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

"""How commands print: tables, JSON, counts; and how they show progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pipeline.engine.progress import Progress, T, with_progress
from pipeline.errors import Interrupted

OK, FAILED = 0, 2
SHOWN = 20  # lines of a kind that are printed


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", **look: Any) -> None:
    """Print a table on standard output: the first column to the left, numbers to the right."""
    from rich.console import Console
    from rich.table import Table

    cells = [list(row) for row in rows]
    table = Table(title=title or None, **look)
    for place, column in enumerate(columns):
        numbers = place > 0 and all(not row[place] or row[place][0] in "0123456789–+-?" for row in cells)
        table.add_column(column, overflow="fold", justify="right" if numbers else "left")
    for row in cells:
        table.add_row(*row)
    Console().print(table)


def print_json(tree: Mapping[str, Any]) -> None:
    """Print JSON on standard output."""
    print(json.dumps(tree, indent=2, ensure_ascii=False))


def print_problems(problems: Sequence[str]) -> None:
    """Print the first problems on standard error, and how many more there are."""
    more = [f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    for line in (*problems[:SHOWN], *more):
        print(f"✗ {line}", file=sys.stderr)


def count_of(count: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 template", "2 people"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def percent(rate: float, interval: Sequence[float] | None = None) -> str:
    """A share in percent, with the ends of its interval."""
    return f"{100 * rate:.1f}" + (f" [{100 * interval[0]:.0f}–{100 * interval[1]:.0f}]" if interval else "")


def with_bars(work: Callable[[Progress], T], interrupted: str) -> T:
    """Work with progress shown on standard error. Raises Interrupted with these words after Ctrl-C."""
    try:
        return with_progress(work)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; {interrupted}") from None

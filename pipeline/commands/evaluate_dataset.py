"""`gait evaluate dataset`: show progress, print the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.commands.printing import print_table, with_bars
from pipeline.files import write_json
from pipeline.research.evaluation.datasets.dataset import Answer
from pipeline.research.evaluation.datasets.study import SUBMISSION, Wanted, evaluate_dataset
from pipeline.research.evaluation.tables import RANKS


def evaluate_dataset_command(json_file: Path | None, **given: Any) -> None:
    """Evaluate what is given (see `Wanted`); tables on standard output, everything in a run folder, its name last."""
    wanted = Wanted(**given)
    answered, tree, folder = with_bars(lambda bars: evaluate_dataset(wanted, bars), "nothing was evaluated.")
    if json_file is not None:
        write_json(json_file, tree)
    show(answered)
    print(folder)


def show(answered: Answer) -> None:
    """Print the figures as tables, in percent with the decimals of the papers."""
    conditions = answered.conditions
    by_view = {name: one.tables for name, one in conditions.items() if one.tables is not None}
    if by_view:
        views = next(iter(by_view.values())).views
        held = "identical views left out" if len(views) > 1 else "all of one view, which is compared with itself"
        rows = {
            name: [*tables.by_view(tables.ranks[1]).tolist(), conditions[name].ranks[1]]
            for name, tables in by_view.items()
        }
        _print_figures(f"rank-1 in % by view of the probe, {held}", [*views, "mean"], rows)
    reid = {name: one.reid for name, one in conditions.items() if one.reid is not None}
    for title, figures in (("in %", conditions), ("as person re-identification, in %", reid)):
        if figures:
            columns = ["probes", *(f"rank-{k}" for k in RANKS), "mAP", "mINP"]
            rows = {name: [one.n, *one.ranks.values(), one.precision, one.penalty] for name, one in figures.items()}
            _print_figures(title, columns, rows)
    if answered.scores:
        _print_figures("in %", list(answered.scores), {"": list(answered.scores.values())})
    if answered.submission is not None:
        print(f"{SUBMISSION}: {len(answered.submission.splitlines()) - 1} answers")
    for name, one in conditions.items():
        if one.unanswerable:
            print(f"{name}: {one.unanswerable} of {one.n} probes have nobody to find in the gallery")


def _print_figures(title: str, columns: Sequence[str], rows: Mapping[str, Sequence[float]]) -> None:
    cells = [[name, *(str(v) if isinstance(v, int) else f"{v:.2f}" for v in values)] for name, values in rows.items()]
    print_table(["", *columns], cells, title)

"""`gait evaluate dataset`: show progress, print the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.commands.printing import print_table, with_bars
from pipeline.files import write_json
from pipeline.research.evaluation.datasets.dataset import Answer
from pipeline.research.evaluation.datasets.figures import figures_of
from pipeline.research.evaluation.datasets.study import SUBMISSION, Wanted, evaluate_dataset


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
    for table in figures_of(answered):
        print_table(table.columns, table.rows, table.title)
    if answered.submission is not None:
        print(f"{SUBMISSION}: {len(answered.submission.splitlines()) - 1} answers")
    for name, one in answered.conditions.items():
        if one.unanswerable:
            print(f"{name}: {one.unanswerable} of {one.n} probes have nobody to find in the gallery")

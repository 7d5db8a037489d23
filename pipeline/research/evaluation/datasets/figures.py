"""The tables of an evaluation: what is printed, and as Markdown and LaTeX for a paper."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipeline.research.evaluation.datasets.dataset import Answer
from pipeline.research.evaluation.tables import RANKS, Condition


@dataclass(frozen=True, slots=True)
class Figures:
    """A table of figures with the decimals of the papers; its first column names the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


def figures_of(answered: Answer) -> list[Figures]:
    """Every table of an answer: by view, overall, as person re-identification, or of classes; in percent."""
    conditions = answered.conditions
    reid = {name: one.reid for name, one in conditions.items() if one.reid is not None}
    found = list(_by_view(conditions))
    for title, some in (("in %", conditions), ("as person re-identification, in %", reid)):
        if some:
            columns = ["", "probes", *(f"rank-{k}" for k in RANKS), "mAP", "mINP"]
            rows = [
                [name, str(one.n), *map(_text, (*one.ranks.values(), one.precision, one.penalty))]
                for name, one in some.items()
            ]
            found.append(Figures(title, columns, rows))
    if answered.scores:
        found.append(Figures("in %", ["", *answered.scores], [["", *map(_text, answered.scores.values())]]))
    return found


def _by_view(conditions: Mapping[str, Condition]) -> Iterator[Figures]:
    by_view = {name: one.tables for name, one in conditions.items() if one.tables is not None}
    if by_view:
        views = next(iter(by_view.values())).views
        held = "identical views left out" if len(views) > 1 else "all of one view, which is compared with itself"
        rows = [
            [name, *map(_text, tables.by_view(tables.ranks[1]).tolist()), _text(conditions[name].ranks[1])]
            for name, tables in by_view.items()
        ]
        yield Figures(f"rank-1 in % by view of the probe, {held}", ["", *views, "mean"], rows)


def as_markdown(tables: Sequence[Figures]) -> str:
    """Tables as Markdown, each below its title."""
    return "\n".join(_markdown(one) for one in tables)


def _markdown(table: Figures) -> str:
    head, *rows = (f"| {' | '.join(row)} |" for row in (table.columns, *table.rows))
    rule = f"|---|{'---:|' * (len(table.columns) - 1)}"
    return "\n".join([f"{table.title}:\n", head, rule, *rows, ""])


def as_latex(tables: Sequence[Figures]) -> str:
    """Tables as LaTeX's tabular with the rules of booktabs, each below its title in a comment."""
    return "\n".join(_latex(one) for one in tables)


def _latex(table: Figures) -> str:
    head, *rows = (
        " & ".join(re.sub(r"([%&#_$])", r"\\\1", cell) for cell in row) for row in (table.columns, *table.rows)
    )
    lines = [f"{row} \\\\" for row in (head, *rows)]
    begin = f"\\begin{{tabular}}{{l{'r' * (len(table.columns) - 1)}}}"
    rules = ["\\toprule", lines[0], "\\midrule", *lines[1:], "\\bottomrule"]
    return "\n".join([f"% {table.title}", begin, *rules, "\\end{tabular}", ""])


def _text(value: float) -> str:
    return f"{value:.2f}"

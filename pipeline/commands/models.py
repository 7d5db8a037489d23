"""`gait models list`: every gait network, by its own declaration. docs/models.md holds the same table."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

from pipeline import registry
from pipeline.commands.printing import print_table
from pipeline.recognition import ENCODERS
from pipeline.recognition.model import Model
from pipeline.weights.cards import cards


@dataclass(frozen=True, slots=True)
class Row:
    """One network. parameters: millions, of the default architecture, without the training head."""

    encoder: str
    model: str
    paper: str
    looks_at: str
    input: str
    parameters: str
    published_rank_1: str
    checkpoints: str
    golden_test: str


def models() -> Iterator[Model]:
    """Every registered network, by name."""
    for name in sorted(ENCODERS):
        found = registry.load(ENCODERS, name, "recognition.encoder")
        if isinstance(found, Model):
            yield found


def rows() -> Iterator[Row]:
    """What is known of every network, for people."""
    of_model: dict[str, list[str]] = {}
    for card in cards().values():
        of_model.setdefault(card.model, []).append(card.name)
    for model in models():
        yield Row(
            encoder=f"`{model.name}`",
            model=model.title,
            paper=model.paper,
            looks_at=" and ".join(model.needs),
            input=model.input,
            parameters=f"{parameters(model) / 1e6:.1f}",
            published_rank_1=model.published or "–",
            checkpoints=", ".join(f"`{name}`" for name in of_model.get(model.name, [])) or "–",
            golden_test=", ".join(model.golden),
        )


def parameters(model: Model) -> int:
    """How many numbers the default architecture learns, those of the training head left out."""
    import torch

    with torch.device("meta"):
        network = model.network(model.architecture(), head=False)
    network.drop_head()
    return sum(parameter.numel() for parameter in network.parameters())


def as_markdown() -> str:
    """The table of docs/models.md."""
    heads = [field.name.replace("_", " ") for field in fields(Row)]
    lines = [heads, ["---"] * len(heads), *(list(astuple(row)) for row in rows())]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def list_models(markdown: bool = False) -> None:
    """Print every network: a table on a terminal or for Markdown, else a line each with tabs between."""
    if markdown:
        print(as_markdown(), end="")
    elif sys.stdout.isatty():
        columns = ("encoder", "model", "looks_at", "parameters", "published_rank_1", "checkpoints")
        cells = [[getattr(row, column).replace("`", "") for column in columns] for row in rows()]
        shown = [column.replace("parameters", "M parameters").replace("_", " ") for column in columns]
        print_table(shown, cells, box=None, pad_edge=False)
    else:
        for row in rows():
            print("\t".join(value.replace("`", "") for value in astuple(row)))

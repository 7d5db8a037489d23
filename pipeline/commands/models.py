"""`gait models list`: every gait network, by its own declaration, and which weights for a scene, by their cards.

docs/models.md and docs/which-weights.md hold the same tables.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields

from pipeline import registry
from pipeline.commands.printing import print_table
from pipeline.recognition import ENCODERS
from pipeline.recognition.model import Model
from pipeline.weights.cards import Scene, cards

SHOWN = ("encoder", "model", "looks_at", "parameters", "published_rank_1", "checkpoints")  # on a terminal


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
            golden_test=", ".join(model.golden) or "–",
        )


def parameters(model: Model) -> int:
    """How many numbers the default architecture learns, those of the training head left out."""
    import torch

    with torch.device("meta"):
        network = model.network_class(model.architecture(), head=False)
    network.drop_head()
    return sum(parameter.numel() for parameter in network.parameters())


@dataclass(frozen=True, slots=True)
class Recommended:
    """Weights that were measured on walks of a scene. trained: on other data than that, or on walks of the same."""

    checkpoint: str
    looks_at: str
    rank_1: str
    measured_on: str
    trained: str
    source: str


def recommended(scene: Scene) -> list[Recommended]:
    """The best first; before all others those that were trained elsewhere: nobody's scene was trained on."""
    needs = {model.name: " and ".join(model.needs) for model in models()}
    found = [(one, card) for card in cards().values() for one in card.measured if one.scene == scene]
    found.sort(key=lambda pair: (not pair[0].elsewhere, -pair[0].rank_1))
    return [
        Recommended(
            checkpoint=f"`{card.name}`",
            looks_at=needs[card.model],
            rank_1=f"{one.rank_1:.1f}",
            measured_on=one.walks,
            trained="elsewhere" if one.elsewhere else "there",
            source=one.source,
        )
        for one, card in found
    ]


def as_markdown(scene: Scene | None = None) -> str:
    """The table of docs/models.md, or that of a scene in docs/which-weights.md."""
    kind, found = (Recommended, recommended(scene)) if scene else (Row, rows())
    heads = [field.name.replace("_", " ") for field in fields(kind)]
    lines = [heads, ["---"] * len(heads), *(list(astuple(row)) for row in found)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def list_models(scene: Scene | None = None, markdown: bool = False) -> None:
    """Print every network, or weights for a scene: a table on a terminal or for Markdown, else lines with tabs."""
    if markdown:
        print(as_markdown(scene), end="")
        return
    found: Sequence[Row | Recommended] = recommended(scene) if scene else list(rows())
    if sys.stdout.isatty():
        columns = [field.name for field in fields(Recommended)] if scene else SHOWN
        cells = [[_plain(getattr(row, column)) for column in columns] for row in found]
        heads = [column.replace("parameters", "M parameters").replace("_", " ") for column in columns]
        print_table(heads, cells, box=None, pad_edge=False)
    else:
        for row in found:
            print("\t".join(map(_plain, astuple(row))))


def _plain(cell: str) -> str:
    """A cell without Markdown's marks."""
    return cell.replace("`", "")

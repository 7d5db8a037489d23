"""`gait models list` and docs/models.md tell the same, of every network."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.commands.models import as_markdown, list_models, models, parameters, rows
from pipeline.recognition import ENCODERS
from pipeline.weights.cards import cards

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"


def test_the_page_holds_the_table_of_the_command():
    assert as_markdown() in PAGE.read_text(encoding="utf-8"), "paste the output of gait models list --markdown"


def test_every_encoder_with_weights_has_a_row():
    assert {row.encoder.strip("`") for row in rows()} == set(ENCODERS) - {"gei", "hog", "untrained"}


def test_every_network_names_the_reference_that_it_was_compared_with(golden):
    for model in models():
        assert model.golden
        for folder in model.golden:
            assert golden(folder).is_dir()


def test_every_card_of_an_encoder_is_of_a_network_here_or_named_as_open():
    page = PAGE.read_text(encoding="utf-8").lower()
    for card in cards().values():
        if card.stage == "encoder" and card.model:
            assert card.model in ENCODERS or card.model in page.partition("still open")[2], card.name


@pytest.mark.parametrize(
    ("name", "millions"), [("gaitset", 2.594592), ("gaitpart", 1.204), ("gaitssb", 37.498048), ("gln", 8.541984)]
)
def test_parameters_are_the_references(name, millions):
    """Of those without a training head the reference folders state the number."""
    (model,) = (model for model in models() if model.name == name)
    assert parameters(model) == round(millions * 1e6)


def test_a_line_a_network_is_printed_where_there_is_no_terminal(capsys):
    list_models()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(list(models()))
    assert any(line.startswith("gaitset\tGaitSet\t") for line in lines)

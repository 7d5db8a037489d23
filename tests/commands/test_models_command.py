"""`gait models list` tells the same as docs/models.md and docs/which-weights.md, of every network and every scene."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pipeline.commands.models import as_markdown, list_models, models, parameters, recommended, rows
from pipeline.recognition import ENCODERS
from pipeline.weights.cards import Scene, cards

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
SCENES = PAGE.with_name("which-weights.md")


def test_the_page_holds_the_table_of_the_command():
    assert as_markdown() in PAGE.read_text(encoding="utf-8"), "paste the output of gait models list --markdown"


@pytest.mark.parametrize("scene", get_args(Scene))
def test_a_scene_lists_weights_that_were_trained_elsewhere_first_and_the_page_holds_its_table(scene, capsys):
    found = recommended(scene)
    assert found and [row.trained for row in found] == sorted(row.trained for row in found)
    for trained in ("elsewhere", "there"):
        figures = [float(row.rank_1) for row in found if row.trained == trained]
        assert figures == sorted(figures, reverse=True)
    assert as_markdown(scene) in SCENES.read_text(encoding="utf-8"), f"paste gait models list --for {scene} --markdown"
    list_models(scene)
    first = capsys.readouterr().out.splitlines()[0].split("\t")
    assert first[0] == found[0].checkpoint.strip("`") and first[2] == found[0].rank_1


def test_weights_that_see_clothes_say_so_in_every_run():
    """The cards' own figures: 93.8 % in the same clothes, 22.6 in others."""
    card = cards()["biggergait_ccgr_share_group"]
    assert "other clothes" in card.warning
    assert {one.scene: one.rank_1 for one in card.measured}["changed-clothes"] == 22.6


def test_every_encoder_with_weights_has_a_row():
    assert {row.encoder.strip("`") for row in rows()} == set(ENCODERS) - {"gei", "hog", "untrained"}


def test_every_network_names_the_reference_that_it_was_compared_with(golden):
    for model in models():
        assert model.golden or (PAGE.parents[1] / f"tests/golden/test_{model.name}.py").is_file()
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

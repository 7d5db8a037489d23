"""The cards: what is shipped agrees with what is published, and users' own cards join safely."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

from pipeline.errors import CheckpointError
from pipeline.recognition import ENCODERS
from pipeline.segmentation import SEGMENTERS
from pipeline.weights.cards import cards, own_card

OWN = "stage: detector\nloader: yolox-onnx\nlicence: mine\n"


def test_every_shipped_card_says_licence_origin_and_how_to_get_the_file() -> None:
    silent = [
        card.name for card in cards().values() if not (card.licence and card.source and (card.url or card.manual))
    ]
    assert cards() and silent == []


def test_the_cards_that_the_design_names_are_shipped() -> None:
    wanted = ["bytetrack_x_mot17", *(f"yolox_{size}" for size in ("nano", "tiny", "s", "m", "l", "x"))]
    wanted += [f"gaitbase_{data}" for data in ("grew", "gait3d", "casiab", "oumvlp", "casiae")]
    wanted += [f"human_pp_humanseg{kind}" for kind in ("v1_lite_192x192", "v2_lite_192x192", "v2_mobile_192x192")]
    wanted += ["human_pp_humansegv1_mobile_192x192", "human_pp_humansegv1_server_512x512"]
    assert set(wanted) <= set(cards())


def test_addresses_sizes_and_hashes_are_the_published_ones(shared: Path) -> None:
    with (shared / "checkpoint-urls.csv").open(encoding="utf-8") as file:
        published = {row["url"]: row for row in csv.DictReader(file)}
    for card in cards().values():
        if (row := published.get(card.url)) and row["sha256"]:
            assert (card.size, card.sha256) == (int(row["bytes"]), row["sha256"]), card.name


def test_every_checkpoint_of_opengait_has_a_card(shared: Path) -> None:
    with (shared / "checkpoint-urls.csv").open(encoding="utf-8") as file:
        published = {row["url"] for row in csv.DictReader(file) if row["family"].startswith("opengait")}
    assert len(published) == 48 + 7
    assert published <= {card.url for card in cards().values() if card.stage == "encoder" and card.model}


def test_cards_of_one_zip_mean_different_files() -> None:
    """Nobody publishes hashes of what is in the zips, so that only its name tells one network from another."""
    unhashed = [card for card in cards().values() if card.zipped and card.sha256 is None]
    assert len({card.file.rpartition("/")[2] for card in unhashed if card.member}) == sum(
        bool(c.member) for c in unhashed
    )
    assert len({(card.url, card.member or card.file) for card in unhashed}) == len(unhashed)


def test_cards_say_whether_anything_reads_them() -> None:
    for card in cards().values():
        known = SEGMENTERS if card.stage == "segmenter" else ENCODERS
        assert card.runs == (not card.model or card.model in known), card.name


@pytest.mark.parametrize("data", ["grew", "gait3d", "casiab", "oumvlp"])
def test_gaitbase_architectures_are_the_references(golden, data: str) -> None:
    reference = yaml.safe_load((golden(f"gaitbase_{data}") / "config_merged.yaml").read_text())["model_cfg"]
    architecture = cards()[f"gaitbase_{data}"].architecture
    backbone = reference["backbone_cfg"]
    assert {key: architecture[key] for key in ("channels", "layers", "strides", "maxpool")} == {
        key: backbone[key] for key in ("channels", "layers", "strides", "maxpool")
    }
    assert architecture["classes"] == reference["SeparateBNNecks"]["class_num"]
    assert architecture["parts"] == reference["SeparateFCs"]["parts_num"]
    assert architecture["out_channels"] == reference["SeparateFCs"]["out_channels"]


def test_an_own_card_joins_the_table(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(OWN + "file: weights/best.onnx\n")
    assert cards([tmp_path])["mine"].file == "weights/best.onnx"


def test_an_own_card_describes_the_file_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "mine.pth.tar").touch()
    (tmp_path / "mine_too.onnx").touch()
    (tmp_path / "mine.yaml").write_text(OWN)
    assert cards([tmp_path])["mine"].file == "mine.pth.tar"


def test_an_own_card_beside_two_files_must_say_which(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").touch()
    (tmp_path / "mine.onnx").touch()
    (tmp_path / "mine.yaml").write_text(OWN)
    with pytest.raises(CheckpointError, match="`file:` must say which"):
        cards([tmp_path])


def test_the_first_folder_wins(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.yaml").write_text(OWN + f"file: {folder}.onnx\n")
    assert cards([tmp_path / "a", tmp_path / "b"])["mine"].file == "a.onnx"


def test_other_yaml_files_are_no_cards(tmp_path: Path) -> None:
    (tmp_path / "deploy.yaml").write_text("Deploy: {model: model.pdmodel}\n")
    (tmp_path / "list.yaml").write_text("- 1\n- 2\n")
    (tmp_path / "._mine.yaml").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X\xa2")  # macOS's notes beside a file
    (tmp_path / "large.yaml").write_text(OWN + "# " + "x" * 100_000)
    assert cards([tmp_path]) == cards()


def test_an_own_card_cannot_take_a_shipped_name(tmp_path: Path) -> None:
    (tmp_path / "yolox_s.yaml").write_text(OWN + "file: other.onnx\n")
    with pytest.raises(CheckpointError, match="name of a shipped card"):
        cards([tmp_path])


@pytest.mark.parametrize(
    "file", ["../x.onnx", "/etc/passwd", "a/../../x.onnx", "C:/x.onnx", "C:x.onnx", "a\\..\\..\\x", ""]
)
def test_a_card_whose_file_lies_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN + f"file: '{file}'\n")
    with pytest.raises(CheckpointError, match="below the checkpoint folder"):
        own_card(path)


@pytest.mark.parametrize("field", ["name", "licence", "warning", "url", "manual", "model"])
def test_a_card_that_would_steer_the_terminal_is_passed_over(tmp_path: Path, field: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f'stage: encoder\nloader: opengait\nfile: mine.pt\n{field}: "\\e[2Jx\\ny"\n')
    wrong: dict[str, CheckpointError] = {}
    assert set(cards([tmp_path], wrong)) == set(cards())
    assert str(wrong["mine"]).isprintable() and f"{field}: " in str(wrong["mine"])


def test_a_misspelt_field_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(OWN + "file: a.onnx\nlisence: MIT\n")
    with pytest.raises(CheckpointError, match="lisence"):
        own_card(path)


def test_a_damaged_card_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("stage: [detector\n")
    with pytest.raises(CheckpointError, match="not a readable card"):
        own_card(path)

"""`gait explain`, its picture, and which rows of a silhouette it colours."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
import runs

from pipeline.commands.explain import explain_command
from pipeline.drawing.silhouettes import (
    ALIKE,
    DIFFERENT,
    EQUAL,
    GROUND,
    colour_rows,
    compared_colour,
    in_regions,
    moments,
    region_of,
    stride,
)
from pipeline.errors import ConfigError, InputError, OutputError
from pipeline.report.explain_picture import TOP, Explained, explain_picture
from pipeline.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return runs.made_up(tmp_path_factory.mktemp("explain") / "run")


def test_json_tells_where_two_bodies_differ(run, tmp_path, capsys):
    explain_command(run, "probe/2", "gallery/2", tmp_path / "why.png", True)
    tree = json.loads(capsys.readouterr().out)
    assert tree["tracks"] == ["probe/2", "gallery/2"] and tree["compared_with"] == 1
    parts = tree["parts"]
    assert [part["part"] for part in parts] == list(range(1, 17))
    assert parts[0]["rows"] == [0.0, 0.0625] and parts[0]["region"] == "head" and parts[15]["region"] == "feet"
    differ = [part["distance"] for part in parts]
    assert max(differ[3:9]) > 0.2  # the trunk is wider
    assert max(differ[11:]) < 1e-6  # the legs are the same
    assert np.mean(differ) == pytest.approx(tree["distance"], rel=1e-5)


def test_the_same_walk_is_nearer_than_usual_in_the_trunk(run, capsys):
    explain_command(run, "probe/1", "gallery/1", None, False)
    *table, path = capsys.readouterr().out.strip().splitlines()
    assert table[0].startswith("probe/1 and gallery/1: 0 apart (euclidean, gei-16)")
    assert "the 1 others of gallery" in table[1]
    trunk = [line for line in table if "trunk" in line and "%" in line]
    assert len(trunk) == 4 and all(line.split()[-2] == "0.00" for line in trunk)
    assert path == str(run / "explanations" / "probe-001_gallery-001.png")
    image = cv2.imread(path)
    assert image is not None and image.shape[2] == 3


def test_a_distance_that_was_normalised_before_it_decided_is_said(tmp_path, capsys):
    path = runs.made_up(tmp_path / "run", videos=False)
    record = json.loads((path / "run.json").read_text())
    matching = record["config"]["matching"]
    matching |= {"score_norm": "z", "transform": "lda"}
    (path / "run.json").write_text(json.dumps(record))
    explain_command(path, "probe/2", "gallery/2", None, False)
    assert "the distance after matching.transform=lda and matching.score_norm=z." in capsys.readouterr().out


def test_parts_that_are_no_strips_leave_the_body_uncoloured(tmp_path, capsys):
    path = runs.made_up(tmp_path / "run", model="gaitgraph2")
    explain_command(path, "probe/2", "gallery/2", tmp_path / "why.png", False)
    assert "no strips of the body" in capsys.readouterr().out
    left = cv2.imread(str(tmp_path / "why.png"))[TOP : TOP + 640, :440]
    ink = left[(np.abs(left.astype(int) - GROUND) > 100).any(axis=2)].astype(int)
    assert len(ink) > 10_000 and (np.ptp(ink, axis=1) <= 14).all()  # grey


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("probe/9", "gallery/1", "no track 9 in probe. There are: 1, 2, 3."),
        ("street/1", "gallery/1", "no video 'street' in this run. There are: gallery, probe."),
        ("probe", "gallery/1", "a track is VIDEO/NUMBER, such as gallery/1."),
        ("probe/²", "gallery/1", "a track is VIDEO/NUMBER"),
        ("../probe/1", "gallery/1", "no video '../probe'"),
        ("probe/3", "gallery/1", "has no features (4 usable silhouettes)"),
        ("probe/1", "probe/1", "are the same track"),
    ],
)
def test_tracks_that_cannot_be_compared_are_refused(run, tmp_path, one, other, message):
    with pytest.raises(InputError) as refused:
        explain_command(run, one, other, tmp_path / "why.png", False)
    assert message in str(refused.value)
    assert not (tmp_path / "why.png").exists()


def test_another_kind_of_picture_is_refused(run, tmp_path):
    with pytest.raises(ConfigError, match=r"is a \.png"):
        explain_command(run, "probe/1", "gallery/1", tmp_path / "why.gif", False)


def test_a_run_without_answers_is_refused(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(InputError, match="a run without answers"):
        explain_command(tmp_path, "probe/1", "gallery/1", None, False)


def test_rows_have_the_colour_of_their_ratio():
    mask = np.full((64, 44), 255, np.uint8)
    ratios = np.repeat(np.array([0.5, 1.0, 2.0, 8.0], np.float32), 16)
    image = colour_rows(mask, ratios, scale=2)
    assert image.shape == (128, 88, 3)
    for row, colour in ((10, ALIKE), (48, EQUAL), (80, DIFFERENT), (110, DIFFERENT)):
        assert image[row, 44].tolist() == list(colour)


def test_bars_are_as_long_as_their_ratio():
    mask = np.zeros((64, 44), np.uint8)
    ratios = np.array([0.5, 1.0, 1.5, 5.0] * 4, np.float32)
    image = explain_picture(Explained(("a", mask), ("b", mask), ratios, None, []))
    lengths = [
        int((image[TOP + 40 * part + 2] == compared_colour(float(ratio))).all(axis=1).sum())
        for part, ratio in enumerate(ratios[:4])
    ]
    assert lengths == pytest.approx([141, 281, 421, 561], abs=2)


def test_regions_cover_the_body_in_order():
    assert [region_of(row / 16, (row + 1) / 16) for row in (0, 2, 5, 9, 11, 13, 15)] == [
        "head", "shoulders", "trunk", "thighs", "knees", "shins", "feet",
    ]  # fmt: skip
    ratios = np.ones(64, np.float32)
    ratios[:8] = 3.0
    found = in_regions(ratios)
    assert max(found, key=found.get) == "head" and found["feet"] == 1.0


def test_a_strip_shows_about_one_gait_cycle_from_the_middle():
    shown = moments(np.arange(100, 400), fps=25, count=8)
    assert len(shown) == 8 and 29 <= shown[-1] - shown[0] <= 31 and 130 < shown[0] < 150
    assert moments(np.array([3, 9, 11]), 25, 8).tolist() == [0, 1, 2]


def test_the_silhouette_that_is_shown_has_its_legs_apart():
    masks = runs.walker(6)
    legs = [int((mask[50:] > 127).any(axis=0).sum()) for mask in masks]
    shown = int((stride(masks)[50:] > 127).any(axis=0).sum())
    assert shown >= np.percentile(legs, 55)


def test_a_run_that_another_process_works_on_is_not_written_into(run):
    with RunFolder(run).held(), pytest.raises(OutputError, match="has worked on it since"):
        explain_command(run, "probe/1", "gallery/2", None, False)
    assert not (run / "explanations/probe-001_gallery-002.png").exists()

"""`gait synth dataset`: OpenGait's layout, the same bytes by any number of workers, readable by training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pipeline.commands.synth import synth_dataset
from pipeline.errors import ConfigError, OutputError
from pipeline.research.synth.body import draw_outfit
from pipeline.research.synth.camera import draw_shot
from pipeline.research.synth.motion import INDEX
from pipeline.research.synth.silhouette import facing_right, film_outlines, person
from pipeline.research.training.data.arrays import read_arrays
from pipeline.research.training.data.dataset import list_samples, read_partition


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth") / "walkers"
    synth_dataset(folder, people=3, seed=7, sequences=5, frames=6, workers=1)
    return folder


def test_bytes_do_not_depend_on_the_workers(root: Path, tmp_path: Path) -> None:
    synth_dataset(tmp_path / "again", people=3, seed=7, sequences=5, frames=6, workers=2)
    assert contents(tmp_path / "again") == contents(root)


def test_another_seed_gives_other_bytes(root: Path, tmp_path: Path) -> None:
    synth_dataset(tmp_path / "other", people=1, seed=8, sequences=1, frames=6, workers=1)
    theirs = set(contents(root).values())
    other = [content for name, content in contents(tmp_path / "other").items() if name.endswith(".pkl")]
    assert len(other) == 1 and other[0] not in theirs


def test_training_reads_it(root: Path) -> None:
    partition = read_partition(root / "partition.json")
    assert partition.train == ("00001", "00002") and partition.test == ("00003",)
    walks = list_samples(root, [*partition.train, *partition.test])
    assert len(walks) == 15
    assert {walk.type for walk in walks} == {"nm-01", "nm-02", "nm-03", "bg-01", "cl-01"}
    for walk in walks:
        (file,) = walk.files
        masks = np.asarray(read_arrays(file))
        assert masks.shape == (6, 64, 44) and masks.dtype == np.uint8 and masks.max() == 255


def test_it_refuses_a_folder_with_something_in_it(root: Path) -> None:
    before = contents(root)
    with pytest.raises(OutputError, match="not an empty folder"):
        synth_dataset(root, people=3, seed=7, sequences=5, frames=6, workers=1)
    assert contents(root) == before


@pytest.mark.parametrize(
    ("changes", "word"), [({"people": 0}, "--people"), ({"frames": 0}, "--frames"), ({"seed": -1}, "--seed")]
)
def test_counts_that_make_no_sense(tmp_path: Path, changes: dict[str, int], word: str) -> None:
    counts = {"people": 1, "seed": 0, "sequences": 1, "frames": 2, "workers": 1} | changes
    with pytest.raises(ConfigError, match=word):
        synth_dataset(tmp_path / "x", **counts)
    assert not (tmp_path / "x").exists()


def test_a_segmenter_cuts_out_painted_walkers(shared: Path, tmp_path: Path) -> None:
    """Its silhouettes are walkers' (tall, in one piece), flicker as a network's do, and are the same by any workers."""
    sizes = {"people": 2, "seed": 7, "sequences": 2, "frames": 8}
    weights = shared / "checkpoints"
    synth_dataset(tmp_path / "one", **sizes, workers=1, segmented=1.0, checkpoints=weights)
    synth_dataset(tmp_path / "two", **sizes, workers=2, segmented=1.0, checkpoints=weights)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    synth_dataset(tmp_path / "half", **sizes, workers=1, segmented=0.5, checkpoints=weights)
    synth_dataset(tmp_path / "none", **sizes, workers=1)
    half, one, none = (contents(tmp_path / folder) for folder in ("half", "one", "none"))
    for other in (one, none):  # every second of the four walks is of this kind
        assert sum(half.get(name) == content for name, content in other.items() if name.endswith(".pkl")) == 2
    walks = [np.asarray(read_arrays(path)) for path in sorted((tmp_path / "one").rglob("*.pkl"))]
    assert [walk.shape for walk in walks] == [(8, 64, 44)] * 4
    for walk in walks:
        filled = (walk > 127).mean(axis=(1, 2))
        assert (filled > 0.1).all() and (filled < 0.8).all()
        changed = np.abs(np.diff(walk.astype(np.int16), axis=0)).mean(axis=(1, 2)) / 255
        assert changed.mean() > 0.01


def test_varied_walks_of_a_person_go_to_the_right_and_are_seen_from_many_sides(tmp_path: Path) -> None:
    sizes = {"people": 6, "seed": 3, "sequences": 8, "frames": 6, "workers": 1}
    synth_dataset(tmp_path / "varied", **sizes, varied=True)
    synth_dataset(tmp_path / "again", **sizes, varied=True)
    assert contents(tmp_path / "varied") == contents(tmp_path / "again")
    found = [path.relative_to(tmp_path / "varied").parts for path in (tmp_path / "varied").rglob("*.pkl")]
    kinds = [kind.partition("-")[0] for _, kind, _, _ in found]
    assert len(found) == 48 and kinds.count("cl") == 18 and kinds.count("bg") == 12
    sides = {who: [abs((int(view) + 180) % 360 - 180) for one, _, view, _ in found if one == who] for who, *_ in found}
    assert np.mean([max(of) - min(of) for of in sides.values()]) > 60


@pytest.mark.parametrize("degrees", [-90, -30, 0, 30, 90, 170])
def test_who_walks_to_the_left_is_mirrored_and_who_comes_or_goes_is_not(degrees: int) -> None:
    rng = np.random.default_rng(5)
    who = person((1, 2))
    shot = dataclasses.replace(draw_shot(rng), azimuth=float(np.deg2rad(degrees)), bend=0.0)
    shapes = film_outlines(who, draw_outfit(rng), shot, 4, rng)
    feet = shapes.joints[:, INDEX["toe_L"], 0] - shapes.joints[:, INDEX["heel_L"], 0]
    masks = np.zeros((4, 64, 44), np.uint8)
    masks[:, :, 30] = 255
    mirrored = not np.array_equal(facing_right(masks, shot), masks)
    assert mirrored == (degrees in (30, 90)) and (not mirrored or feet.mean() < 0)

"""A run's sequences become a dataset."""

from __future__ import annotations

import numpy as np
import pytest
from training_walks import silhouettes

from pipeline.commands.dataset import from_run_command
from pipeline.errors import ConfigError, InputError
from pipeline.files import write_json
from pipeline.research.training.data.dataset import list_samples, read_partition, read_silhouettes
from pipeline.segmentation.storage import write_sequence
from pipeline.types import SilhouetteSequence

TRACKS = [("gallery", 1), ("gallery", 2), ("probe", 1), ("probe", 7)]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "2026_01_31_18_05_09"
    for seed, (video, track) in enumerate(TRACKS):
        masks = silhouettes(seed, 6)
        sequence = SilhouetteSequence(video, track, masks, np.arange(6))
        write_sequence(folder / f"sequences/{video}/{track:03d}.npz", sequence)
    write_json(folder / "run.json", {"status": "done"})
    return folder


def labelled(tmp_path, *lines, header="video,track,identity"):
    path = tmp_path / "who.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_without_labels_every_track_is_somebody(run, tmp_path):
    assert from_run_command(run, tmp_path / "out", None, 0.5) == 0
    walks = list_samples(tmp_path / "out")
    assert [walk.name for walk in walks][:2] == ["gallery-001/gallery/undefined", "gallery-002/gallery/undefined"]
    np.testing.assert_array_equal(read_silhouettes(walks[3]), silhouettes(3, 6))
    partition = read_partition(tmp_path / "out/partition.json")
    assert partition.train == ("gallery-001", "gallery-002") and partition.test == ("probe-001", "probe-007")


def test_labels_bring_the_walks_of_a_person_together(run, tmp_path):
    labels = labelled(
        tmp_path,
        "gallery,1,ann,nm-01,090",
        "probe,7,ann,bg-01,000",
        "gallery,2,ben,nm-01,090",
        header="video,track,identity,type,view",
    )
    from_run_command(run, tmp_path / "out", labels, 0.2)
    names = [walk.name for walk in list_samples(tmp_path / "out")]
    assert names == ["ann/bg-01/000", "ann/nm-01/090", "ben/nm-01/090"]
    assert read_partition(tmp_path / "out/partition.json").test == ("ben",)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["gallery,9,ann"], r"no track 9 of 'gallery'"),
        (["gallery,one,ann"], r"line 2: expected"),
        ([f"gallery,{'1' * 5000},ann"], r"line 2: expected"),
        (["gallery,1,ann", "gallery,1,ben"], r"line 3: gallery track 1 is there already"),
        (["gallery,1,../../ann"], r"'\.\./\.\./ann' cannot name a folder"),
        (["gallery,1,.."], r"'\.\.' cannot name a folder"),
        ([], r"no track is left"),
    ],
)
def test_wrong_labels_are_one_line(run, tmp_path, lines, message):
    with pytest.raises(InputError, match=message):
        from_run_command(run, tmp_path / "out", labelled(tmp_path, *lines), 0.5)


def test_labels_without_their_columns_are_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"no column 'track'\. The first line must"):
        from_run_command(run, tmp_path / "out", labelled(tmp_path, header="video,person"), 0.5)


def test_a_folder_that_is_no_run_or_a_target_that_is_used_is_refused(run, tmp_path):
    with pytest.raises(InputError, match="not a run folder"):
        from_run_command(tmp_path, tmp_path / "out", None, 0.5)
    with pytest.raises(ConfigError, match="is not empty"):
        from_run_command(run, run, None, 0.5)

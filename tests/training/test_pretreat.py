"""Pictures of silhouettes become a dataset exactly as OpenGait's pretreatment makes it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.commands.dataset import pretreat_command
from pipeline.errors import InputError
from pipeline.training.dataset import list_walks, read_silhouettes
from pipeline.training.pretreat import find_pictures, pretreat


@pytest.fixture
def pictures(golden, tmp_path):
    """The golden masks as one walk: some are kept, some dropped; and a second walk of several frames."""
    given = np.load(golden("silhouette_normalisation") / "input.npz")
    for name in given.files:
        frames = given[name] if name == "seq6" else [given[name]]
        walk = tmp_path / "raw/001" / ("nm-02/090" if name == "seq6" else "nm-01/090")
        walk.mkdir(parents=True, exist_ok=True)
        for index, frame in enumerate(frames):
            cv2.imwrite(str(walk / f"{name}-{index:03d}.png"), frame)
    return tmp_path / "raw"


@pytest.mark.parametrize("size", [64, 128])
def test_a_walk_equals_the_references_pickle(golden, pictures, tmp_path, size):
    assert pretreat_command(pictures, tmp_path / "out", size, False, 1) == 0
    expected = np.load(golden("silhouette_normalisation") / "output.npz")
    first, second = list_walks(tmp_path / "out")
    assert second.files == (tmp_path / "out/001/nm-02/090/090.pkl",)
    np.testing.assert_array_equal(read_silhouettes(second, cut=False), expected[f"seq6_size{size}"])
    if size == 64:
        names = [name for name in sorted(expected.files) if not name.startswith("seq6")]
        kept = [expected[name] for name in names if expected[name].size]
        assert 0 < len(kept) < len(names)
        np.testing.assert_array_equal(read_silhouettes(first, cut=False), np.stack(kept))


def test_several_processes_write_the_same(pictures, tmp_path):
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    walks = find_pictures(pictures)
    assert list(pretreat(walks, alone)) == list(pretreat(walks, shared, workers=2))
    for walk in list_walks(alone):
        assert walk.files[0].read_bytes() == (shared / walk.files[0].relative_to(alone)).read_bytes()


def test_a_second_run_goes_on_where_the_first_stopped(pictures, tmp_path, capsys):
    pretreat_command(pictures, tmp_path / "out", 64, False, 1)
    (tmp_path / "out/001/nm-01/090/090.pkl").unlink()
    capsys.readouterr()
    assert pretreat_command(pictures, tmp_path / "out", 64, False, 1) == 0
    said = capsys.readouterr().out
    assert "1 walks," in said and "1 walks were there already" in said
    assert len(list_walks(tmp_path / "out")) == 2
    pretreat_command(pictures, tmp_path / "out", 64, True, 1)
    assert "2 walks," in capsys.readouterr().out


def test_what_is_no_picture_is_named_and_the_rest_is_written(pictures, tmp_path, capsys):
    (pictures / "001/nm-01/090/zz.png").write_bytes(b"not a picture")
    empty = pictures / "002/nm-01/000"
    empty.mkdir(parents=True)
    cv2.imwrite(str(empty / "000.png"), np.zeros((64, 64), np.uint8))
    assert pretreat_command(pictures, tmp_path / "out", 64, False, 1) == 2
    said = capsys.readouterr()
    assert "zz.png: not a picture" in said.err and "002/nm-01/000" in said.out
    assert len(list_walks(tmp_path / "out")) == 2
    assert not (tmp_path / "out/002").exists()


def test_a_folder_without_pictures_is_one_line(tmp_path):
    with pytest.raises(InputError, match=r"no pictures in identity/type/view"):
        pretreat_command(tmp_path, tmp_path / "out", 64, False, 1)
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        pretreat_command(tmp_path / "nowhere", tmp_path / "out", 64, False, 1)

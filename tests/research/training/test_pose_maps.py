"""`gait dataset skeleton-maps` and `gait dataset join`: SkeletonGait's steps."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.errors import ConfigError, InputError
from pipeline.research.training.data.dataset import list_samples, read_sample
from pipeline.research.training.data.pose_maps import read_map_settings

WALKS = {"A": "A_clean_17", "M": "M_missing_17", "B18": "B_18", "Z": "Z_joint9_never_seen"}
THEIRS = """
coco18tococo17_args: {transfer_to_coco17: False}
padkeypoints_args: {pad_method: knn, use_conf: True}
norm_args: {pose_format: coco, use_conf: '${padkeypoints_args.use_conf}', heatmap_image_height: 128}
heatmap_generator_args:
  sigma: 8.0
  use_score: ${padkeypoints_args.use_conf}
  img_h: ${norm_args.heatmap_image_height}
  img_w: ${norm_args.heatmap_image_height}
  with_limb: null
align_args: {align: True, final_img_size: 64, offset: 0, heatmap_image_size: '${norm_args.heatmap_image_height}'}
"""


def write(path: Path, array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(array))


def gait(*arguments):
    found = CliRunner().invoke(app, ["dataset", *map(str, arguments)], catch_exceptions=False)
    return found.exit_code, found.stdout, found.stderr


@pytest.fixture
def poses(golden, tmp_path):
    with np.load(golden("skeleton_maps") / "input.npz") as given:
        for number, (walk, name) in enumerate(WALKS.items()):
            write(tmp_path / f"poses/{number:03d}/nm-01/{walk}/{walk}.pkl", given[name])
    return tmp_path / "poses"


@pytest.fixture
def reference(golden):
    with np.load(golden("skeleton_maps") / "output.npz") as output:
        yield output


@pytest.mark.parametrize("workers", [1, 2])
def test_maps_equal_the_reference(poses, reference, tmp_path, workers):
    status, said, _ = gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps", "--workers", workers)
    assert status == 0 and f"4 walks, {20 + 20 + 16 + 20} skeleton maps" in said
    for sample in list_samples(tmp_path / "maps"):
        (maps,) = read_sample(sample)
        expected = reference[f"{sample.view}_final"]
        assert maps.dtype == np.uint8 and sample.files[0].name == f"{sample.view}.pkl"
        assert np.array_equal(maps, expected)


@pytest.mark.parametrize(
    ("setting", "name"),
    [("sigma: 2.0", "sigma2"), ("use_score: False", "use_score_False"), ("align: False", "align_False")],
)
def test_settings_of_skeletongaits_file_are_followed(poses, reference, tmp_path, setting, name):
    key = setting.partition(":")[0]
    lines = THEIRS.replace("align_args: {align: True", f"align_args: {{{setting if key == 'align' else 'align: True'}")
    if key != "align":
        lines = "\n".join(f"  {setting}" if line.startswith(f"  {key}:") else line for line in lines.splitlines())
    (tmp_path / "maps.yaml").write_text(lines)
    gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps", "--config", tmp_path / "maps.yaml")
    (maps,) = read_sample(list_samples(tmp_path / "maps")[0])
    assert np.array_equal(maps, reference[f"A_final_{name}"])


def test_a_setting_that_no_network_follows_is_named(tmp_path):
    (tmp_path / "maps.yaml").write_text(THEIRS.replace("pad_method: knn", "pad_method: simple"))
    with pytest.raises(ConfigError, match=r"padkeypoints_args\.pad_method is 'simple'"):
        read_map_settings(tmp_path / "maps.yaml")


@pytest.mark.parametrize(
    "text", ["a: [", "heatmap_generator_args: {sigma: many}", "heatmap_generator_args: {sigma: 0}"]
)
def test_a_file_that_is_none_is_one_line(tmp_path, text):
    (tmp_path / "maps.yaml").write_text(text)
    with pytest.raises((InputError, ConfigError), match=r"maps\.yaml: "):
        read_map_settings(tmp_path / "maps.yaml")


def test_the_folder_is_named_as_theirs(poses, tmp_path):
    gait("skeleton-maps", "--poses", poses, "--out", tmp_path, "--dataset", "Gait3D", "--ext", "mine")
    assert len(list_samples(tmp_path / "Gait3D_sigma_8.0_mine/pkl")) == 4


def test_of_sustech1k_the_poses_alone_are_drawn(poses, tmp_path):
    folder = poses / "000/nm-01/A"
    (folder / "A.pkl").rename(folder / "03-A-Camera-Pose.pkl")
    write(folder / "00-A-LiDAR-PCDs.pkl", [np.ones((9, 3))] * 20)
    gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps", "--dataset", "SUSTech1K")
    assert [path.name for path in (tmp_path / "maps").rglob("*.pkl")] == ["03-A-Camera-Pose.pkl"]


def test_grews_flat_poses_are_drawn(poses, reference, tmp_path):
    path = poses / "000/nm-01/A/A.pkl"
    flat = pickle.loads(path.read_bytes()).reshape(20, -1)
    write(path, np.concatenate([np.full((20, 2), 300.0), flat], axis=1))
    gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps", "--dataset", "GREW")
    (maps,) = read_sample(list_samples(tmp_path / "maps")[0])
    assert np.array_equal(maps, reference["A_final"])


def test_what_is_no_pose_is_named_and_a_second_run_goes_on(poses, tmp_path):
    class Hostile:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'trace'}",)

    write(poses / "004/nm-01/000/000.pkl", Hostile())
    write(poses / "005/nm-01/000/000.pkl", np.zeros((4, 64, 64), np.uint8))
    status, said, problems = gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps")
    assert status == 2 and "4 walks" in said
    assert "004/nm-01/000/000.pkl: refused" in problems and "(4, 64, 64) uint8; keypoints are T×J×3" in problems
    assert not (tmp_path / "trace").exists()
    kept = (tmp_path / "maps/000/nm-01/A/A.pkl").stat().st_mtime_ns
    (tmp_path / "maps/001/nm-01/M/M.pkl").unlink()
    _, said, _ = gait("skeleton-maps", "--poses", poses, "--out", tmp_path / "maps")
    assert "1 walks, 20 skeleton maps" in said and "3 walks were there already" in said
    assert (tmp_path / "maps/000/nm-01/A/A.pkl").stat().st_mtime_ns == kept


@pytest.fixture
def two(tmp_path):
    """Maps and silhouettes of walks, of which one has no maps, and one fewer of them."""
    for who in ("001", "002", "003"):
        write(tmp_path / f"sils/{who}/nm-01/000/000.pkl", np.full((5, 64, 64), 255, np.uint8))
    for who, frames in (("001", 5), ("002", 4)):
        write(tmp_path / f"maps/{who}/nm-01/000/000.pkl", np.zeros((frames, 2, 64, 64), np.uint8))
    return tmp_path


@pytest.mark.parametrize("linked", [True, False], ids=["linked", "copied"])
def test_maps_come_before_silhouettes(two, monkeypatch, linked):
    if not linked:
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(OSError("another disk")))
    given = ("join", "--silhouettes", two / "sils", "--maps", two / "maps", "--out", two / "both", "--workers", 1)
    status, said, problems = gait(*given)
    assert status == 2 and "1 walks, 5 frames" in said
    assert "003/nm-01/000/000.pkl: has no heatmap beside it" in problems and "different lengths [4, 5]" in problems
    (sample,) = list_samples(two / "both")
    assert [path.name for path in sample.files] == ["0_heatmap.pkl", "1_sil.pkl"]
    maps, silhouettes = read_sample(sample)
    assert maps.shape == (5, 2, 64, 64) and silhouettes.shape == (5, 64, 64)
    assert sample.files[1].samefile(two / "sils/001/nm-01/000/000.pkl") is linked
    assert not list((two / "both").rglob(".*"))
    assert "1 walks were there already" in gait(*given)[1]


def test_silhouettes_come_before_smpl(two):
    write(two / "smpl/001/nm-01/000/000.pkl", np.zeros((5, 85), np.float32))
    gait("join", "--smpl", two / "smpl", "--silhouettes", two / "sils", "--out", two / "both")
    assert sorted(path.name for path in (two / "both").rglob("*.pkl")) == ["0_sil.pkl", "1_smpl.pkl"]


def test_of_several_files_the_ending_tells_which_are_silhouettes(two):
    write(two / "sils/001/nm-01/000/00-000-LiDAR-PCDs.pkl", [np.ones((9, 3))] * 5)
    write(two / "sils/001/nm-01/000/05-000-Camera-Sils_aligned.pkl", np.full((5, 64, 64), 255, np.uint8))
    given = ("--maps", two / "maps", "--silhouettes", two / "sils", "--out", two / "both")
    gait("join", *given, "--ext", "Camera-Sils_aligned.pkl")
    (sample,) = list_samples(two / "both")
    assert read_sample(sample)[1].shape == (5, 64, 64)


def test_one_dataset_is_not_joined(two):
    with pytest.raises(ConfigError, match="Name two of --maps, --silhouettes"):
        gait("join", "--maps", two / "maps", "--out", two / "both")

"""Data that a network cannot take are named before anything starts: the file, its shape, what the network takes."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from modal_walks import write_modalities
from training_walks import write_dataset

from pipeline.errors import InputError
from pipeline.research.evaluation.datasets.embedding import read_sequence
from pipeline.research.training.config import load_training_config, shipped_configs
from pipeline.research.training.data.dataset import Sample, list_samples
from pipeline.research.training.fit import check_of, train
from pipeline.research.training.networks import open_trainable
from pipeline.types import Modality

SHAPES = {  # what may lie in a walk's folder → its frames
    "silhouettes": [(64, 44)],
    "tall": [(128, 88)],
    "depth": [(3, 64, 64)],
    "rgb": [(64, 64, 3)],
    "low": [(50, 44)],
    "maps": [(2, 64, 64)],
    "coco": [(17, 3)],
    "openpose": [(18, 3)],
    "xy": [(17, 2)],
    "smpl": [(85,)],
    "cloud": [(300, 4)],
    "silhouettes, smpl": [(64, 64), (85,)],
    "smpl, silhouettes": [(85,), (64, 64)],
    "maps, silhouettes": [(2, 64, 64), (64, 44)],
    "silhouettes, labels": [(64, 44), (64, 44)],
    "three": [(64, 44), (64, 44), (85,)],
}
PICTURES = {"silhouettes", "tall"}  # body-part labels look like them
RIGHT = {  # by the beginning of the configuration's name; PICTURES for all others
    "skeletongaitpp": {"maps, silhouettes", "depth"},  # joined already, three channels
    "skeletongait_": {"maps"},
    "smplgait": {"silhouettes, smpl"},
    "multigaitpp": {"silhouettes, labels", "maps"},  # joined already, two channels
    "lidargaitpp": {"cloud"},
    "gaitgraph2_oumvlp": {"openpose"},
    "stgcn": {"openpose"},
    **{start: {"coco"} for start in ("gaitgraph", "gaittr", "gpgait", "msgg", "disentanglement")},
}


def walk_of(shapes, frames=4):
    """A walk whose files hold that many frames of these shapes, and what they hold."""
    names = [f"{place}.pkl" for place in range(len(shapes))]
    return Sample("001", "nm-01", "090", tuple(map(Path, names))), [np.zeros((frames, *shape)) for shape in shapes]


@pytest.mark.parametrize("name", shipped_configs())
def test_every_network_takes_its_own_data_and_no_others(name):
    config = load_training_config(name)
    with torch.device("meta"):
        check = check_of(open_trainable(config.model_cfg, 3), config)
    right = next((kinds for start, kinds in RIGHT.items() if name.startswith(start)), PICTURES)
    taken = set()
    for kind, shapes in SHAPES.items():
        try:
            check(*walk_of(shapes))
            taken.add(kind)
        except InputError as error:
            assert re.search(
                rf"(^\d\.pkl: 4 frames of \S+;|: \d files? of a walk,) {config.model_cfg['model']} takes", str(error)
            )
    assert taken == right


@pytest.mark.parametrize("clouds", [[(30, 3), (0, 3)], [(30, 3), (30,)], [(30, 3), (30, 4)], [(17, 3), (17, 3)]])
def test_a_cloud_without_points_or_unlike_the_others_is_none(clouds):
    config = load_training_config("lidargaitpp_sustech1k")
    with torch.device("meta"):
        check = check_of(open_trainable(config.model_cfg, 3), config)
    walk, _ = walk_of([()])
    check(walk, [[np.zeros((30, 3)), np.zeros((25, 3))]])
    with pytest.raises(InputError, match=r"0\.pkl: 2 frames of .*takes point clouds T×N×C"):
        check(walk, [[np.zeros(shape) for shape in clouds]])


def test_poses_of_another_skeleton_are_refused_before_the_first_step(shared, tmp_path):
    """OpenGait's configuration for 18 joints, on 17: an IndexError once."""
    root = write_modalities(tmp_path / "data", ("keypoints",))
    path = shared / "golden/gaitgraph2_oumvlp/config_merged.yaml"
    config = load_training_config(str(path), [f"data_cfg={{dataset_root: {root}}}"])
    wanted = r"^\S+/0_keypoints\.pkl: 8 frames of 17×3; GaitGraph2 takes keypoints T×18×3\. .*joint_format"
    with pytest.raises(InputError, match=wanted):
        train(config, tmp_path / "out", False, "cpu", print)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_walk_of_other_data_among_right_ones_is_one_line(trained, tmp_path, workers):
    root = write_dataset(tmp_path / "data", 4, ("nm-01", "nm-02"), ("000",))
    for path in root.glob("*/nm-02/000/000.pkl"):
        path.write_bytes(pickle.dumps(np.zeros((9, 17, 3), np.float32)))
    settings = [f"data_cfg.dataset_root={root}", "data_cfg.cache=false", f"data_cfg.num_workers={workers}"]
    with pytest.raises(InputError, match=r"^\S+/nm-02/000/000\.pkl: 9 frames of 17×3; Baseline takes [^\n]*$"):
        trained(tmp_path / "out", *settings, "trainer_cfg.sampler.batch_size=[2, 2]")


@pytest.mark.parametrize(
    ("needs", "files", "said"),
    [
        ((Modality.SKELETON_MAPS,), ("narrow",), r"0_narrow\.pkl: 8 frames of 64×44; the encoder takes skeleton maps"),
        ((Modality.KEYPOINTS,), ("maps",), r"0_maps\.pkl: 8 frames of 2×64×64; the encoder takes keypoints T×J×3"),
        ((Modality.KEYPOINTS,), ("smpl",), r"0_smpl\.pkl: 8 frames of 85; the encoder takes keypoints"),
        ((Modality.POINTS,), ("keypoints",), r"0_keypoints\.pkl: 8 frames of 17×3; the encoder takes point clouds"),
        ((Modality.PARSING,), ("points",), r"0_points\.pkl: 8 frames of \d+×3; the encoder takes human parsing"),
        (
            (Modality.SILHOUETTES, Modality.SMPL),
            ("silhouettes", "keypoints"),
            r"1_keypoints\.pkl: 8 frames of 17×3; the encoder takes SMPL T×85\. Say which files they are with --files",
        ),
        (
            (Modality.SILHOUETTES, Modality.SMPL),
            ("narrow",),
            r"1 file of a walk, the encoder takes 2 \(silhouettes T×",
        ),
    ],
)
def test_an_evaluation_refuses_them_too(tmp_path, needs, files, said):
    (walk, *_) = list_samples(write_modalities(tmp_path / "data", files, 1, views=("080",)))
    with pytest.raises(InputError, match=said):
        read_sequence(walk, 1, needs)


def test_clouds_of_one_size_are_evaluated_as_those_of_many(tmp_path):
    walk = tmp_path / "data/001/nm-01/000"
    walk.mkdir(parents=True)
    (walk / "000.pkl").write_bytes(pickle.dumps(np.random.default_rng(0).random((5, 60, 4), np.float32)))
    (only,) = list_samples(tmp_path / "data")
    assert read_sequence(only, 1, (Modality.POINTS,)).modalities[Modality.POINTS].data.shape == (5, 1024, 3)

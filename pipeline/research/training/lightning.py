"""GaitGraph2's own YAML files, made for PyTorch Lightning's command line, as settings in OpenGait's sections.

Reference: tteepe/GaitGraph2 at 9d20214, whose defaults these are. Files for OUMVLP are known by `data.dataset_path` or
`data.keypoints`, which CASIA-B's have not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError
from pipeline.profiles import shorten_value

BLOCKS = {"n21": (1, 1, 1), "n39": (2, 2, 2), "n51": (2, 3, 3), "n57": (3, 4, 3), "n75": (3, 6, 4)}  # of ResGCN's
UNIFORM = math.sqrt(3)  # a range of noise over its standard deviation: theirs is uniform, ours normal
SAMPLES = {"gaitgraph2_casiab": 74 * 110, "gaitgraph2_oumvlp": 5153 * 28}  # of the whole training set: an epoch
_BOTH = {
    "seed_everything": 5318008,
    "trainer": {"max_epochs": 1000, "log_every_n_steps": 50, "check_val_every_n_epoch": 1},
    "model": {"loss_temperature": 0.07, "tta": True, "multi_input": True},
    "data": {
        **{"num_workers": 4, "multi_input": True, "flip_sequence_p": 0.5, "flip_lr_p": 0.5},
        **{"joint_noise": 0.1, "point_noise": 0.05, "random_move": [3, 1]},
    },
}
_EACH: Mapping[str, Mapping[str, Any]] = {
    "gaitgraph2_casiab": {
        "model": {
            **{"backend_name": "resgcn-n39-r8", "learning_rate": 0.005, "weight_decay": 1e-5},
            **{"embedding_layer_size": 128, "multi_branch": False},
        },
        "data": {"batch_size": 256, "sequence_length": 60, "multi_branch": False},
    },
    "gaitgraph2_oumvlp": {
        "model": {"backend_name": "resgcn-n51-r4", "learning_rate": 0.01, "embedding_layer_size": 64},
        "data": {"batch_size": 512, "sequence_length": 30},
    },
}


def is_lightnings(tree: Mapping[str, Any]) -> bool:
    """Whether a YAML file's tree has the sections of GaitGraph2's files."""
    return isinstance(tree.get("model"), dict) and isinstance(tree.get("data"), dict)


def as_opengaits(tree: Mapping[str, Any], origin: str) -> tuple[dict[str, Any], list[str]]:
    """The same settings as a file with a `base`, and the keys that have no counterpart here.

    Raises ConfigError, naming `origin`, for a network that cannot be trained here or a value that is no number.
    """
    base = "gaitgraph2_oumvlp" if {"dataset_path", "keypoints"} & tree["data"].keys() else "gaitgraph2_casiab"
    known, said = _flat(_BOTH) | _flat(_EACH[base]), _flat(tree)
    unknown = [key for key, value in said.items() if key not in known and value not in (None, False)]
    found = known | {key: value for key, value in said.items() if key in known and value is not None}
    for key, usual in known.items():
        if isinstance(usual, (int, float)) and not isinstance(found[key], (int, float)):
            raise ConfigError(f"{origin}: {key}: expected a number, got {shorten_value(found[key])}.")
    if any(
        found[f"model.{key}"] != found[f"data.{key}"]
        for key in ("multi_input", "multi_branch")
        if f"model.{key}" in found
    ):
        raise ConfigError(f"{origin}: multi_input and multi_branch must be the same in model and in data.")
    network = _network(found, base, origin)
    joints = {"joint_format": "alphapose" if base == "gaitgraph2_oumvlp" else "coco"}
    shown = [] if base == "gaitgraph2_casiab" else [{"type": "NormalizeEmpty"}]
    seen: list[dict[str, Any]] = [{"type": "GaitGraphMultiInput", "center": 1, **joints}]
    if base == "gaitgraph2_casiab":
        seen = [{"type": "GaitGraphMultiInput", "joint_format": "authors"}]
    if network["model"] == "STGCN":
        seen = []
    augmented = [
        {"type": "FlipSequence", "probability": found["data.flip_sequence_p"]},
        {"type": "RandomFlipLeftRight", "probability": found["data.flip_lr_p"], **joints},
        {"type": "JointNoise", "std": found["data.joint_noise"] / UNIFORM},
        {"type": "PointNoise", "std": found["data.point_noise"] / UNIFORM},
        {"type": "RandomMove", "random_r": found["data.random_move"]},
    ]
    epoch = math.ceil(SAMPLES[base] / max(1, found["data.batch_size"]))
    total, rate = found["trainer.max_epochs"] * epoch, found["model.learning_rate"]
    return {
        "base": base,
        "data_cfg": {"num_workers": found["data.num_workers"]},
        "model_cfg": {**network, **joints, "frames": found["data.sequence_length"]},
        "loss_cfg": [
            {"type": "SupConLoss_Lp", "log_prefix": "SupConLoss", "temperature": found["model.loss_temperature"]}
        ],
        "optimizer_cfg": {"lr": rate, "weight_decay": found.get("model.weight_decay", 0.0)},
        "scheduler_cfg": {"max_lr": rate, "total_steps": total, "three_phase": False},
        "trainer_cfg": {
            "total_iter": total,
            "save_iter": found["trainer.check_val_every_n_epoch"] * epoch,
            "log_iter": found["trainer.log_every_n_steps"],
            "save_name": network["model"],
            "seed": found["seed_everything"],
            "sampler": {"batch_size": found["data.batch_size"], "frames_num_fixed": found["data.sequence_length"]},
            "transform": [{"type": "Compose", "trf_cfg": [*augmented, *seen]}],
        },
        "evaluator_cfg": {"transform": [{"type": "Compose", "trf_cfg": [*shown, *seen]}]},
    }, unknown


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """The leaves of a tree's sections, under their names with a dot."""
    sections = {key: value if isinstance(value, dict) else {"": value} for key, value in tree.items()}
    return {f"{key}.{name}".rstrip("."): value for key, inside in sections.items() for name, value in inside.items()}


def _network(found: Mapping[str, Any], base: str, origin: str) -> dict[str, Any]:
    """model_cfg over that of the base. Raises ConfigError for a backbone that is not here."""
    name, many = str(found["model.backend_name"]), found["model.multi_input"]
    usual = {"num_class": found["model.embedding_layer_size"], "tta": bool(found["model.tta"])}
    if name == "st-gcn" and not many:
        resgcns = ("block", "input_num", "input_branch", "main_stream", "reduction")
        return {"model": "STGCN", **usual, **dict.fromkeys(resgcns)}
    match = re.fullmatch(r"resgcn-(n\d\d)(?:-r([1248]))?", name)
    if not match or match[1] not in BLOCKS or not many:
        raise ConfigError(
            f"{origin}: model.backend_name: {name} {'with' if many else 'without'} multi_input cannot be trained. "
            "These can: resgcn-n21, n39, n51, n57 and n75 with it, st-gcn without."
        )
    branch, middle, last = BLOCKS[match[1]]
    branches = 3 if found.get("model.multi_branch", True) else 1
    return {
        "model": "GaitGraph2",
        **usual,
        "conventions": "authors",
        "fill": base == "gaitgraph2_oumvlp",
        "input_num": branches,
        "input_branch": [15 // branches, *[64] * branch, 32],
        "main_stream": [32, *[128] * middle, *[256] * last],
        "reduction": int(match[2] or 1),
    }

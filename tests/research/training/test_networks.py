"""Networks by the names of OpenGait's model_cfg: what they are built of, what is refused. test_zoo.py trains them."""

from __future__ import annotations

import json

import pytest
import torch
import yaml

from pipeline.errors import ConfigError
from pipeline.research.training.config import load_training_config
from pipeline.research.training.networks import modalities_of, open_trainable
from pipeline.research.training.zoo import NETWORKS
from pipeline.types import Modality


@pytest.mark.parametrize(
    ("model_cfg", "message"),
    [
        ({"model": "DeepGaitV2", "Backbone": {"mode": "4d"}}, r"model_cfg\.Backbone\.mode: '4d'"),
        ({"model": "GaitSet", "in_channels": [1, 4]}, r"model_cfg\.in_channels: expected four"),
        ({"model": "GaitSet", "SeparateFCs": {"parts_num": 31}}, r"SeparateFCs\.parts_num: must be 62"),
        ({"model": "GaitPart", "backbone_cfg": {"type": "ResNet9"}}, r"only Plain"),
        ({"model": "GaitGL", "class_num": 3}, r"model_cfg\.class_num: 3 classes for 5 identities"),
        ({"model": "GaitGL", "SeparateFCs": {}}, r"model_cfg: unknown 'SeparateFCs'"),
        ({"model": "Baseline", "SeparateBNNecks": {"class_num": 4}}, r"4 classes for 5 identities"),
        ({"model": "GLN", "in_channels": [1, 4]}, r"model_cfg\.in_channels: expected four"),
        ({"model": "SwinGait", "bin_num": [16]}, r"model_cfg\.bin_num: must be \[15\]"),
        ({"model": "ScoNet", "SeparateBNNecks": {"class_num": 5}}, r"class_num: must be 3: negative"),
        ({"model": "ParsingGait", "gcn_cfg": {}}, r"one of only_fine_graph"),
        ({"model": "FoundationGait_Scaling_Finetune", "Backbone": {"mode": "3d"}}, r"Backbone\.mode: must be p3d"),
        ({"model": "FoundationGait_Scaling_Finetune", "backbone_lr": [0.1]}, r"backbone_lr: expected 5"),
        ({"model": "GaitSSB_Finetune", "backbone_lr": [0.1]}, r"backbone_lr: expected four"),
        ({"model": "LidarGaitPlusPlus", "pool": "VLAD"}, r"model_cfg\.pool: must be PPP_HAP"),
        ({"model": "GaitGraph2", "joint_format": "coc"}, r"joint_format: 'coc'.*did you mean 'coco'"),
        ({"model": "GaitTR", "in_channels": [9, 4]}, r"the first must be 10"),
        ({"model": "Disentanglement", "phase": "both"}, r"phase is autoencoder or recognition"),
        (
            {"model": "Baseline", "backbone_cfg": {"type": "VGG"}},
            r"only ResNet9 and Plain can be trained here, not VGG",
        ),
        (
            {"model": "Baseline", "backbone_cfg": {"type": "Plain"}, "bin_num": [16], "SeparateFCs": {"parts_num": 31}},
            r"SeparateFCs\.parts_num: must be 16",
        ),
        (
            {"model": "Baseline", "backbone_cfg": {"type": "Plain", "channels": [8]}},
            r"backbone_cfg: unknown 'channels'",
        ),
        ({"model": "GaitHeat", "backbone_cfg": {}}, r"'GaitHeat' cannot be trained"),
        ({"model": "BiggerGait__DINOv2"}, r"'BiggerGait__DINOv2' cannot be trained"),
        ({"model": "GaitEdge", "GaitGL": {"channels": [8, 8]}}, r"GaitGL\.channels: expected three"),
        ({"model": "GaitEdge", "align": False}, r"align: must be True"),
        ({"model": "Segmentation", "backbone_cfg": {"type": "Plain"}}, r"backbone_cfg\.type: must be U_Net"),
        (
            {"model": "DeepGaitV2", "Backbone": {"layers": [1, 1, 10**9, 1]}},
            r"model_cfg: layers: 1000000000 are more than 1000",
        ),
        ({"model": "GaitSet", "bin_num": 3}, r"model_cfg\.bin_num: expected something like \(16, 8, 4, 2, 1\), got 3"),
        ({"model": "GaitSet", "bin_num": ["x"]}, r"model_cfg: these settings make no GaitSet \(unsupported operand"),
        ({"model": "GaitSet", "in_channels": [1, 0, 8, 8]}, r"model_cfg: these settings make no GaitSet \("),
        ({"model": "DenoisingGait", "SeparateBNNecks": {"parts_num": 16}}, r"parts_num: must be 24"),
    ],
)
def test_settings_that_do_not_fit_are_named(model_cfg, message):
    with pytest.raises(ConfigError, match=message):
        open_trainable(model_cfg, 5)


def test_opengaits_settings_build_opengaits_networks(shared):
    """The same keys and shapes as in the references' checkpoints."""
    folders = sorted(path.parent for path in (shared / "golden").glob("*/config_merged.yaml"))
    built = 0
    for folder in folders:
        model_cfg = yaml.safe_load((folder / "config_merged.yaml").read_text())["model_cfg"]
        if model_cfg["model"] not in NETWORKS:  # refused by name: test_opengait_files.py
            continue
        keys = json.loads((folder / "state_dict_keys.json").read_text())
        with torch.device("meta"):
            network = open_trainable(model_cfg, 3 if folder.name == "sconet" else 5).network
        assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == {
            name: shape for name, (shape, _) in keys.items()
        }, folder
        assert all(tensor.is_meta for tensor in network.parameters()), "memory is taken where none is wanted"
        built += 1
    assert built >= 30


@pytest.mark.parametrize(
    ("config", "transform", "needs"),
    [
        ("gaitbase_synth", None, [Modality.SILHOUETTES]),
        ("smplgait_gait3d", None, [Modality.SILHOUETTES, Modality.SMPL]),
        ("skeletongaitpp_gait3d", None, [Modality.SKELETON_MAPS, Modality.SILHOUETTES]),
        ("parsinggait_gait3d", None, []),
        ("skeletongait_gait3d", None, []),  # two channels, by DeepGaitV2
        ("gaitset_casiab", {"type": "BaseParsingCuttingTransform"}, []),
        ("gaitset_casiab", {"type": "BaseSilCuttingTransform", "divsor": 1.0}, []),
        ("gaitset_casiab", {"type": "Compose", "trf_cfg": [{"type": "BaseSilTransform", "img_shape": [64, 44]}]}, []),
    ],
)
def test_which_of_a_walks_files_are_silhouettes_is_known(config, transform, needs):
    settings = load_training_config(config, ["data_cfg.dataset_root=x"])
    with torch.device("meta"):
        trainable = open_trainable(settings.model_cfg, 5)
    transforms = settings.trainer_cfg.transform if transform is None else [transform]
    assert list(modalities_of(trainable, transforms)) == needs

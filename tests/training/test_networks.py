"""Every network that can be trained is trained, and its encoder reads what the training wrote."""

from __future__ import annotations

import pytest
import torch
import yaml

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.networks.cards import Card
from pipeline.networks.checkpoints import Checkpoint
from pipeline.recognition import open_encoder
from pipeline.training.dataset import list_walks, read_silhouettes
from pipeline.training.networks import NETWORKS, open_trainable
from pipeline.types import SilhouetteSequence

SMALL = {  # model_cfg.model → encoder, and settings that make it small
    "Baseline": (
        "gaitbase",
        {"backbone_cfg": {"channels": [4, 4, 8, 8], "maxpool": False}, "SeparateFCs": {"out_channels": 8}},
    ),
    "DeepGaitV2": ("deepgaitv2", {"Backbone": {"channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "mode": "p3d"}}),
    "GaitSet": ("gaitset", {"in_channels": [1, 4, 4, 8], "SeparateFCs": {"out_channels": 8}}),
    "GaitPart": ("gaitpart", {"SeparateFCs": {"out_channels": 8}}),
    "GaitGL": ("gaitgl", {"channels": [4, 4, 8]}),
}
BOTH = "[{type: TripletLoss, log_prefix: triplet}, {type: CrossEntropyLoss, log_prefix: softmax}]"
TRIPLET = "[{type: TripletLoss, log_prefix: triplet}]"


@pytest.mark.parametrize("name", NETWORKS)
def test_it_trains_and_its_encoder_reads_the_checkpoint(name, trained, walkers, tmp_path):
    encoder, settings = SMALL[name]
    losses = TRIPLET if name in ("GaitSet", "GaitPart") else BOTH
    folder = trained(
        tmp_path,
        f"model_cfg={yaml.safe_dump({'model': name, **settings}, default_flow_style=True)}",
        f"loss_cfg={losses}",
        "trainer_cfg.total_iter=2",
        "trainer_cfg.sampler.sample_type=fixed_ordered",
    )
    path = folder / "checkpoints/gaitbase_synth-00002.pt"
    architecture = {"strides": [1, 2, 2, 1], "maxpool": False} if name == "Baseline" else {}
    card = Card(name=name, stage="encoder", loader="opengait", file=path.name, architecture=architecture)
    config = RecognitionConfig(encoder=encoder, checkpoint=str(path))
    opened = open_encoder(config, RuntimeConfig(device="cpu", threads=1), Checkpoint(card, path, "0" * 64))
    masks = read_silhouettes(list_walks(walkers)[0])
    (embedding,) = opened.encode([SilhouetteSequence("v", 1, masks, torch.arange(len(masks)).numpy())])
    assert embedding.parts.std() > 0


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
    ],
)
def test_settings_that_do_not_fit_are_named(model_cfg, message):
    with pytest.raises(ConfigError, match=message):
        open_trainable(model_cfg, 5)


def test_opengaits_settings_build_opengaits_networks(shared):
    """The same keys and shapes as in the references' checkpoints."""
    import json

    folders = ("deepgaitv2_p3d_casiab", "deepgaitv2_3d", "skeletongait_oumvlp", "gaitset", "gaitpart", "gaitgl_casiab")
    for folder in folders:
        model_cfg = yaml.safe_load((shared / f"golden/{folder}/config_merged.yaml").read_text())["model_cfg"]
        keys = json.loads((shared / f"golden/{folder}/state_dict_keys.json").read_text())
        with torch.device("meta"):
            network = open_trainable(model_cfg, 5).network
        assert {name: list(tensor.shape) for name, tensor in network.state_dict().items()} == {
            name: shape for name, (shape, _) in keys.items()
        }, folder

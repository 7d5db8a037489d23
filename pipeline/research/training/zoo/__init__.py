"""Which networks can be trained, under the names of OpenGait's model_cfg.

Adding one: a function in the file of its family that takes model_cfg's settings and the number of identities and
returns a Trainable, and a line in NETWORKS.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.errors import ConfigError

NETWORKS: Mapping[str, str] = {
    name: f"{__name__}.{function}"
    for name, function in {
        "Baseline": "resnets:baseline",
        "DeepGaitV2": "silhouettes:deepgaitv2",
        "DenoisingGait": "pictures:denoisinggait",
        "Disentanglement": "disentanglement:disentanglement",
        "FoundationGait_Scaling": "foundationgait:pretrained",
        "FoundationGait_Scaling_Finetune": "foundationgait:finetuned",
        "FoundationGait_Scaling_LinearProbing_Scoliosis1K": "foundationgait:probe",
        "GLN": "silhouettes:gln",
        "GaitEdge": "pictures:gaitedge",
        "GaitGL": "silhouettes:gaitgl",
        "GaitGraph1": "graphs:gaitgraph1",
        "GaitGraph2": "graphs:gaitgraph2",
        "GaitPart": "silhouettes:gaitpart",
        "GaitSSB_Finetune": "resnets:gaitssb_finetune",
        "GaitSSB_Pretrain": "resnets:gaitssb_pretrain",
        "GaitSet": "silhouettes:gaitset",
        "GaitTR": "graphs:gaittr",
        "LidarGaitPlusPlus": "modalities:lidargaitpp",
        "MultiGaitpp": "modalities:multigaitpp",
        "MultiScaleGaitGraph": "graphs:msgg",
        "ParsingGait": "resnets:parsinggait",
        "SMPLGait": "modalities:smplgait",
        "STGCN": "graphs:stgcn",
        "ScoNet": "resnets:sconet",
        "Segmentation": "pictures:segmentation",
        "SkeletonGaitPP": "modalities:skeletongaitpp",
        "SwinGait": "silhouettes:swingait",
        "gpgait": "graphs:gpgait",
    }.items()
}


def refuse_unknown(model_cfg: Mapping[str, Any]) -> None:
    """Raise ConfigError unless the network that model_cfg names is here."""
    name = model_cfg.get("model")
    if not isinstance(name, str) or name not in NETWORKS:  # no guess: BigGait is not meant to be DeepGaitV2
        raise ConfigError(f"model_cfg.model: {name!r} cannot be trained. These can: {', '.join(NETWORKS)}.")

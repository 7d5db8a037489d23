"""Stage 3: a walk becomes an embedding."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline import registry
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.recognition.encoder import Encoder
from pipeline.recognition.mirroring import MirroredEncoder
from pipeline.types import Modality
from pipeline.weights.checkpoints import Checkpoint

__all__ = ["ENCODERS", "Encoder", "needs_of", "open_encoder"]

ENCODERS: Mapping[str, str] = {
    "deepgaitv2": "pipeline.recognition.models.deepgaitv2:DEEPGAITV2",
    "disentanglement": "pipeline.recognition.models.disentanglement:DISENTANGLEMENT",
    "gaitbase": "pipeline.recognition.models.gaitbase:GAITBASE",
    "gaitgl": "pipeline.recognition.models.gaitgl:GAITGL",
    "gaitgraph1": "pipeline.recognition.models.gaitgraph1:GAITGRAPH1",
    "gaitgraph2": "pipeline.recognition.models.gaitgraph2:GAITGRAPH2",
    "gaitpart": "pipeline.recognition.models.gaitpart:GAITPART",
    "gaitset": "pipeline.recognition.models.gaitset:GAITSET",
    "gaitssb": "pipeline.recognition.models.gaitssb:GAITSSB",
    "gaittr": "pipeline.recognition.models.gaittr:GAITTR",
    "gei": "pipeline.recognition.models.gei:GaitEnergyImageEncoder",
    "gln": "pipeline.recognition.models.gln:GLN_MODEL",
    "hog": "pipeline.recognition.models.hog_gei:HogGaitEnergyImageEncoder",
    "lidargaitpp": "pipeline.recognition.models.lidargaitpp:LIDARGAITPP",
    "msgg": "pipeline.recognition.models.msgg:MSGG_MODEL",
    "multigaitpp": "pipeline.recognition.models.multigaitpp:MULTIGAITPP",
    "parsinggait": "pipeline.recognition.models.parsinggait:PARSINGGAIT",
    "sconet": "pipeline.recognition.models.sconet:SCONET",
    "skeletongait": "pipeline.recognition.models.skeletongait:SKELETONGAIT",
    "skeletongaitpp": "pipeline.recognition.models.skeletongaitpp:SKELETONGAITPP",
    "smplgait": "pipeline.recognition.models.smplgait:SMPLGAIT",
    "stgcn": "pipeline.recognition.models.stgcn:STGCN_MODEL",
    "swingait": "pipeline.recognition.models.swingait:SWINGAIT",
    "untrained": "pipeline.recognition.models.untrained:UntrainedEncoder",
}


def needs_of(config: RecognitionConfig) -> tuple[Modality, ...]:
    """What the encoder that `config` names looks at, without its weights. Raises ConfigError as below."""
    needs: tuple[Modality, ...] = registry.load(ENCODERS, config.encoder, "recognition.encoder").needs
    return needs


def open_encoder(config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    """The encoder that `config` names with its weights loaded, seeing walks as `config.mirroring` says.

    Raises ConfigError for an unknown name or a setting the encoder cannot have, CheckpointError for weights that are
    missing, unreadable or made for another network.
    """
    encoder: Encoder = registry.load(ENCODERS, config.encoder, "recognition.encoder")(config, runtime, checkpoint)
    return encoder if config.mirroring == "off" else MirroredEncoder(encoder, config.mirroring)

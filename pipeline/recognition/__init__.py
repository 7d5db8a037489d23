"""Stage 3: a walk becomes an embedding."""

from __future__ import annotations

from pipeline.backends import load_backend
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.networks.checkpoints import Checkpoint
from pipeline.recognition.encoder import Encoder
from pipeline.recognition.mirroring import MirroredEncoder

__all__ = ["ENCODERS", "Encoder", "open_encoder"]

ENCODERS = {
    "deepgaitv2": "pipeline.recognition.models.deepgaitv2:DEEPGAITV2",
    "gaitbase": "pipeline.recognition.models.gaitbase:GAITBASE",
    "gei": "pipeline.recognition.models.gei:GaitEnergyImageEncoder",
    "hog": "pipeline.recognition.models.hog_gei:HogGaitEnergyImageEncoder",
    "untrained": "pipeline.recognition.models.untrained:UntrainedEncoder",
}


def open_encoder(config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    """The encoder that `config.encoder` names, with its weights loaded, seeing walks as `config.mirroring` says.

    Raises ConfigError for an unknown name or a setting the encoder cannot have, CheckpointError for weights that are
    missing, unreadable or made for another network.
    """
    backend = load_backend(ENCODERS, config.encoder, "recognition.encoder")
    encoder: Encoder = backend(config, runtime, checkpoint)
    return encoder if config.mirroring == "off" else MirroredEncoder(encoder, config.mirroring)

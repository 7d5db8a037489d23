"""Stage 3: a walk becomes an embedding."""

from __future__ import annotations

from pipeline.backends import load_backend
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.networks.checkpoints import Checkpoint
from pipeline.recognition.encoder import Encoder
from pipeline.types import Modality

__all__ = ["ENCODERS", "Encoder", "needs_of", "open_encoder"]

ENCODERS = {
    "deepgaitv2": "pipeline.recognition.models.deepgaitv2:DEEPGAITV2",
    "disentanglement": "pipeline.recognition.models.disentanglement:DISENTANGLEMENT",
    "gaitbase": "pipeline.recognition.models.gaitbase:GAITBASE",
    "gaitgraph1": "pipeline.recognition.models.gaitgraph1:GAITGRAPH1",
    "gaitgraph2": "pipeline.recognition.models.gaitgraph2:GAITGRAPH2",
    "gaittr": "pipeline.recognition.models.gaittr:GAITTR",
    "gei": "pipeline.recognition.models.gei:GaitEnergyImageEncoder",
    "msgg": "pipeline.recognition.models.msgg:MSGG_MODEL",
    "skeletongait": "pipeline.recognition.models.skeletongait:SKELETONGAIT",
    "skeletongaitpp": "pipeline.recognition.models.skeletongaitpp:SKELETONGAITPP",
    "stgcn": "pipeline.recognition.models.stgcn:STGCN_MODEL",
}


def needs_of(config: RecognitionConfig) -> tuple[Modality, ...]:
    """What the encoder that `config.encoder` names looks at, without its weights. Raises ConfigError as below."""
    needs: tuple[Modality, ...] = load_backend(ENCODERS, config.encoder, "recognition.encoder").needs
    return needs


def open_encoder(config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    """The encoder that `config.encoder` names, with its weights loaded.

    Raises ConfigError for an unknown name or a setting the encoder cannot have, CheckpointError for weights that are
    missing, unreadable or made for another network.
    """
    backend = load_backend(ENCODERS, config.encoder, "recognition.encoder")
    encoder: Encoder = backend(config, runtime, checkpoint)
    return encoder

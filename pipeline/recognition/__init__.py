"""Stage 3: a sequence becomes an embedding."""

from __future__ import annotations

from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.recognition.encoder import Encoder
from pipeline.recognition.fusion import FusedEncoder
from pipeline.recognition.mirroring import MirroredEncoder
from pipeline.recognition.model import Model
from pipeline.registry import load_backend
from pipeline.types import Modality
from pipeline.weights.checkpoints import Checkpoint

__all__ = ["ENCODERS", "Encoder", "needs_of", "open_encoder", "weights_for"]

ENCODERS = {
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
    "hog": "pipeline.recognition.models.gei:HogGaitEnergyImageEncoder",
    "lidargaitpp": "pipeline.recognition.models.lidargaitpp:LIDARGAITPP",
    "msgg": "pipeline.recognition.models.msgg:MSGG_MODEL",
    "multigaitpp": "pipeline.recognition.models.multigaitpp:MULTIGAITPP",
    "parsinggait": "pipeline.recognition.models.parsinggait:PARSINGGAIT",
    "sconet": "pipeline.recognition.models.sconet:SCONET",
    "skeletongait": "pipeline.recognition.models.deepgaitv2:SKELETONGAIT",
    "skeletongaitpp": "pipeline.recognition.models.skeletongaitpp:SKELETONGAITPP",
    "smplgait": "pipeline.recognition.models.smplgait:SMPLGAIT",
    "stgcn": "pipeline.recognition.models.stgcn:STGCN_MODEL",
    "swingait": "pipeline.recognition.models.swingait:SWINGAIT",
    "untrained": "pipeline.recognition.models.untrained:UntrainedEncoder",
}


def needs_of(config: RecognitionConfig) -> tuple[Modality, ...]:
    """The modalities that the encoders of `config` take, in order; no weights are loaded.

    Raises:
        ConfigError: An encoder's name is unknown.
    """
    backends = [load_backend(ENCODERS, one.encoder, "recognition.encoder") for one in config.each()]
    return tuple(dict.fromkeys(need for backend in backends for need in backend.needs))


def open_encoder(config: RecognitionConfig, runtime: RuntimeConfig, *checkpoints: Checkpoint | None) -> Encoder:
    """Open the configured encoder with its weights loaded.

    Args:
        config: Names the encoder, or several, and how sequences are mirrored.
        runtime: Device, precision and engine.
        checkpoints: One for each of `config.each()`; where those are several, they become one encoder (see fusion.py).

    Raises:
        ConfigError: The name is unknown, or the encoder cannot have a setting.
        CheckpointError: The weights are missing, unreadable or made for another network.
    """
    encoders = []
    for one, checkpoint in zip(config.each(), checkpoints, strict=True):
        backend = load_backend(ENCODERS, one.encoder, "recognition.encoder")
        if isinstance(backend, Model):
            from pipeline.recognition.model_encoder import open_model_encoder  # and torch with it

            encoders.append(open_model_encoder(backend, one, runtime, weights_for(backend, checkpoint)))
        else:
            encoders.append(backend(one, runtime, checkpoint))
    encoder: Encoder = encoders[0]
    if config.encoders:
        encoder = FusedEncoder(encoders, [one.weight for one in config.encoders])
    return encoder if config.mirroring == "off" else MirroredEncoder(encoder, config.mirroring)


def weights_for(model: Model, checkpoint: Checkpoint | None) -> Checkpoint:
    """The checkpoint, if it is one for this model. Raises ConfigError for none, CheckpointError for another's."""
    if checkpoint is None:
        raise ConfigError(f"recognition.checkpoint: {model.name} needs weights; name a card (`gait models list`).")
    made_for = checkpoint.card.model
    if made_for and made_for != model.name:
        advice = f"Set recognition.encoder={made_for}."
        if made_for not in ENCODERS:
            advice = "There is no encoder for them here yet: docs/models.md. Choose another card."
        raise CheckpointError(f"{checkpoint.path}: weights of {made_for}, not {model.name}. {advice}")
    return checkpoint

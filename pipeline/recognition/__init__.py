"""Stage 3: a sequence becomes an embedding."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline import registry
from pipeline.config import RecognitionConfig, RuntimeConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.recognition.encoder import EXPORTED, Encoder
from pipeline.recognition.mirroring import MirroredEncoder
from pipeline.recognition.model import Model
from pipeline.types import FROM_CROPS, Modality
from pipeline.weights.checkpoints import Checkpoint

__all__ = ["ENCODERS", "Encoder", "needs_of", "open_encoder", "weights_for"]

ENCODERS: Mapping[str, str] = {
    "baseline": "pipeline.recognition.models.baseline:BASELINE",
    "biggait": "pipeline.recognition.models.biggait:BIGGAIT",
    "biggergait": "pipeline.recognition.models.biggergait:BIGGERGAIT",
    "deepgaitv2": "pipeline.recognition.models.deepgaitv2:DEEPGAITV2",
    "denoisinggait": "pipeline.recognition.models.denoisinggait:DENOISINGGAIT",
    "disentanglement": "pipeline.recognition.models.disentanglement:DISENTANGLEMENT",
    "foundationgait": "pipeline.recognition.models.foundationgait:FOUNDATIONGAIT",
    "gaitbase": "pipeline.recognition.models.gaitbase:GAITBASE",
    "gaitedge": "pipeline.recognition.models.gaitedge:GAITEDGE",
    "gaitgl": "pipeline.recognition.models.gaitgl:GAITGL",
    "gaitgraph1": "pipeline.recognition.models.gaitgraph1:GAITGRAPH1",
    "gaitgraph2": "pipeline.recognition.models.gaitgraph2:GAITGRAPH2",
    "gaitpart": "pipeline.recognition.models.gaitpart:GAITPART",
    "gaitset": "pipeline.recognition.models.gaitset:GAITSET",
    "gaitssb": "pipeline.recognition.models.gaitssb:GAITSSB",
    "gaittr": "pipeline.recognition.models.gaittr:GAITTR",
    "gei": "pipeline.recognition.models.gei:GaitEnergyImageEncoder",
    "gln": "pipeline.recognition.models.gln:GLN_MODEL",
    "gpgait": "pipeline.recognition.models.gpgait:GPGAIT",
    "hog": "pipeline.recognition.models.gei:HogGaitEnergyImageEncoder",
    "lidargait": "pipeline.recognition.models.lidargait:LIDARGAIT",
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


FRAME_BY_FRAME = {Modality.SILHOUETTES, *FROM_CROPS}  # what is cut out of every frame by itself


def needs_of(config: RecognitionConfig) -> tuple[Modality, ...]:
    """The modalities that the encoder of `config` takes; no weights are loaded. Raises ConfigError for its name."""
    needs: tuple[Modality, ...] = registry.load(ENCODERS, config.encoder, "recognition.encoder").needs
    return needs


def enough_of(config: RecognitionConfig) -> int | None:
    """How many usable silhouettes of a track the encoder takes; None where it takes consecutive ones, or others too.

    Raises ConfigError for its name.
    """
    encoder = registry.load(ENCODERS, config.encoder, "recognition.encoder")
    single = (config.window or 1) == 1 and not getattr(encoder, "motion", False)
    return max(config.max_frames, config.min_frames) if single and set(encoder.needs) <= FRAME_BY_FRAME else None


def open_encoder(config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint | None) -> Encoder:
    """Open the configured encoder with its weights loaded.

    Args:
        config: Names the encoder, and how sequences are mirrored.
        runtime: Device, precision and engine.
        checkpoint: The weights; None for an encoder that needs none.

    Raises:
        ConfigError: The name is unknown, or the encoder cannot have a setting.
        CheckpointError: The weights are missing, unreadable or made for another network.
    """
    found = registry.load(ENCODERS, config.encoder, "recognition.encoder")
    if isinstance(found, Model):
        encoder = _open_model(found, config, runtime, weights_for(found, checkpoint))
    else:
        encoder = found(config, runtime, checkpoint)
    return encoder if config.mirroring == "off" else MirroredEncoder(encoder, config.mirroring)


def _open_model(model: Model, config: RecognitionConfig, runtime: RuntimeConfig, checkpoint: Checkpoint) -> Encoder:
    if model.opens is not None and checkpoint.path.suffix not in EXPORTED:
        return model.opens(model, config, runtime, checkpoint)
    from pipeline.recognition.model_encoder import open_model_encoder  # and torch with it

    return open_model_encoder(model, config, runtime, checkpoint)


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

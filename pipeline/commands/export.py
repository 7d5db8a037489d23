"""`gait export`: a gait network as an .onnx file or in OpenVINO's format, with the card that makes it a checkpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pipeline import registry
from pipeline.errors import CheckpointError, ConfigError
from pipeline.files import writing
from pipeline.jobs.export import SUFFIXES, Format, export_network
from pipeline.recognition import ENCODERS
from pipeline.recognition.encoder import EXPORTED
from pipeline.recognition.model import Model
from pipeline.weights.checkpoints import Checkpoint, cards, resolve, search_folders


def export(
    name: str,
    to: Format,
    checkpoint: str | None = None,
    output: Path | None = None,
    features: str = "auto",
    check: bool = False,
    checkpoints: Path | None = None,
) -> None:
    """Write the network of encoder or checkpoint `name`, and a card for it, to `output`.

    The default is NAME_onnx.onnx or NAME_openvino.xml in this folder.
    What is written is compared with torch first, and refused if it differs by more than 1e-4 of torch's rms; check:
    print the figures. Raises ConfigError and CheckpointError.
    """
    found, model = _chosen(name, checkpoint, checkpoints)
    target = output or Path(f"{found.card.name}_{to}{SUFFIXES[to]}")
    if target.suffix != SUFFIXES[to]:
        raise ConfigError(f"--output {target}: a file for {to} ends in {SUFFIXES[to]}. Name it so.")
    if target.stem in cards():
        raise ConfigError(f"--output {target}: {target.stem} is the name of a shipped card. Choose another.")
    if target.is_dir():
        raise ConfigError(f"--output {target}: is a folder. Name a file in it.")
    with writing(target):  # what cannot be written is refused before the work
        target.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=target.parent).close()
    card, differing = export_network(found, model, to, target, features)
    for walks, frames, share in differing if check else []:
        print(f"{walks} × {frames} frames: {share:.1e} of torch's rms")
    print(f"✓ {target}: {model.title}, {card['inputs']['features']}. Its card: {target.with_suffix('.yaml')}")
    print(f"  use it: gait run --set recognition.encoder={model.name} --set recognition.checkpoint={target}")


def _chosen(name: str, checkpoint: str | None, checkpoints: Path | None) -> tuple[Checkpoint, Model]:
    """The checkpoint, and the model that reads it."""
    if name in ENCODERS and checkpoint is None:
        raise ConfigError(f"gait export {name}: of which weights? Name a checkpoint (`gait models list` has them).")
    found = resolve(checkpoint or name, None, search_folders(checkpoints), stage="encoder")
    encoder = name if name in ENCODERS else found.card.model
    if not encoder:
        raise CheckpointError(
            f"{found.path}: its card does not name its encoder. Say it: gait export ENCODER --checkpoint {name}"
        )
    model = registry.load(ENCODERS, encoder, "encoder")
    if not isinstance(model, Model):
        raise ConfigError(f"gait export: the encoder {encoder} has no trained network. `gait models list` has those.")
    if found.path.suffix in EXPORTED:
        raise CheckpointError(f"{found.path}: exported already. Export the weights that torch reads.")
    return found, model

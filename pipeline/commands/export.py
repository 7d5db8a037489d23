"""`gait export`: a gait network as an .onnx file or in OpenVINO's format, with the card that makes it a checkpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import yaml

from pipeline import registry
from pipeline.config import RecognitionConfig
from pipeline.errors import CheckpointError, ConfigError
from pipeline.files import write_bytes, writing
from pipeline.recognition import ENCODERS, weights_for
from pipeline.recognition.encoder import EXPORTED
from pipeline.recognition.model import Model
from pipeline.weights.checkpoints import Checkpoint, cards, resolve, search_folders, weights_file
from pipeline.weights.files import sha256_of

OK = 0
Format = Literal["onnx", "openvino"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml"}


def export(
    name: str,
    to: Format,
    checkpoint: str | None = None,
    output: Path | None = None,
    features: str = "auto",
    check: bool = False,
    checkpoints: Path | None = None,
) -> int:
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
    card = _write(found, model, to, target, features, check)
    print(f"✓ {target}: {model.title}, {card['inputs']['features']}. Its card: {target.with_suffix('.yaml')}")
    print(f"  use it: gait run --set recognition.encoder={model.name} --set recognition.checkpoint={target}")
    return OK


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


def _write(found: Checkpoint, model: Model, to: Format, target: Path, asked: str, check: bool) -> dict[str, Any]:
    from pipeline.recognition.engines.export import (
        TOLERANCE,
        Graph,
        differences,
        least_frames,
        write_onnx,
        write_openvino,
    )
    from pipeline.recognition.model_encoder import features_of, needs_of, network_of, size_of

    weights_for(model, found)
    needs, size = needs_of(model, found), size_of(model, found)
    features = features_of(RecognitionConfig.model_validate({"features": asked}), found)
    network = network_of(model, found, features)
    if features != "logits":
        network.drop_head()
    graph = Graph(network, features)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / f"network{SUFFIXES[to]}"
        onnx = Path(folder) / "network.onnx"
        write_onnx(graph, model, needs, size, onnx)
        if to == "openvino":
            write_openvino(onnx, written)
        least = least_frames(graph, model, needs, size, written)
        for walks, frames, share in differences(graph, model, needs, size, written):
            if frames >= least and not share <= TOLERANCE:
                raise CheckpointError(f"{target}: differs from torch by {share:.1e} of its rms. Not exported.")
            if check:
                print(f"{walks} × {frames} frames: {share:.1e} of torch's rms")
        card = {
            "stage": "encoder",
            "loader": to,
            "model": model.name,
            "file": target.name,
            "size": weights_file(written).stat().st_size,
            "sha256": sha256_of(weights_file(written), afresh=True),
            "licence": found.card.licence,
            "source": found.card.source,
            "inputs": {
                **found.card.inputs,
                "modality": [str(need) for need in needs],
                "size": list(size),
                "features": features,
                "least_frames": least,
            },
        }
        for part in (written, *([written.with_suffix(".bin")] if to == "openvino" else [])):
            write_bytes(target.with_suffix(part.suffix), part.read_bytes())
    write_bytes(target.with_suffix(".yaml"), yaml.safe_dump(card, sort_keys=False, allow_unicode=True).encode())
    return card

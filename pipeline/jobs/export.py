"""A gait network as an .onnx file or in OpenVINO's format, with the card that makes it a checkpoint."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

import yaml

from pipeline.config import RecognitionConfig
from pipeline.errors import CheckpointError
from pipeline.files import write_bytes
from pipeline.recognition import weights_for
from pipeline.recognition.engines.export import (
    TOLERANCE,
    Graph,
    differences,
    least_frames,
    open_written,
    write_onnx,
    write_openvino,
)
from pipeline.recognition.model import Model, features_of, needs_of, size_of
from pipeline.recognition.model_encoder import network_of
from pipeline.weights.checkpoints import Checkpoint, weights_file
from pipeline.weights.files import sha256_of

Format = Literal["onnx", "openvino"]
SUFFIXES: dict[str, str] = {"onnx": ".onnx", "openvino": ".xml"}


def export_network(
    found: Checkpoint, model: Model, to: Format, target: Path, asked: str
) -> tuple[dict[str, Any], list[tuple[int, int, float]]]:
    """Write a network and its card, compared with torch first.

    Args:
        found: the weights.
        model: what reads them.
        to: the format.
        target: the file to write.
        asked: the features, as `recognition.features` has them.

    Returns:
        The card; and by how much what was written differs: walks, frames, share of torch's rms.

    Raises:
        CheckpointError: it differs by more than TOLERANCE.
    """
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
        opened = open_written(written)
        least = least_frames(graph, model, needs, size, opened)
        differing: list[tuple[int, int, float]] = []
        for walks, frames, share in differences(graph, model, needs, size, opened):
            if frames >= least and not share <= TOLERANCE:
                raise CheckpointError(f"{target}: differs from torch by {share:.1e} of its rms. Not exported.")
            differing.append((walks, frames, share))
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
    return card, differing

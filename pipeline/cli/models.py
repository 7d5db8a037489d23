"""`gait models`, `gait export` and `gait checkpoints`: networks and their weights."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from typer import Argument, Option

from pipeline.cli.app import CHECKPOINTS, app, command, group
from pipeline.weights.cards import Scene

CHECKPOINT_HELP = "Card or file of the weights."
SCENES = (
    "Only weights that were measured on such walks, the best first: of people in the same clothes or in others, in the "
    "street, indoors from under the ceiling, or from the side on a walkway or a treadmill. More: docs/which-weights.md"
)

models = group("models", "The gait networks that turn a sequence into an embedding.")
checkpoints_ = group("checkpoints", "List, fetch and verify network weights.")


@command(models, "commands.models:list_models", "gait models list", name="list")
def list_models(
    scene: Scene | None = Option(None, "--for", help=SCENES),
    markdown: bool = Option(False, "--markdown", help="As the tables of the documentation."),
) -> None:
    """Every network: paper, input, size, published accuracy, checkpoints, parity test. Or which weights for a scene."""


@command(
    models,
    "commands.pictures:picture",
    "gait models picture gaitgraph1 output/2026_01_31_18_05_09 gallery/1 --checkpoint gaitgraph_casiab",
)
def picture(
    model: str = Argument(help="gaitgraph1, gaitgraph2 or disentanglement.", metavar="MODEL"),
    run: Path = Argument(help="Folder of a run that wrote poses.", metavar="RUN_DIR"),
    tracks: list[str] = Argument(help="Tracks, such as gallery/1; disentanglement: two to exchange.", metavar="TRACK…"),
    checkpoint: str = Option(..., help=CHECKPOINT_HELP, metavar="NAME|FILE"),
    card: str | None = Option(None, help="Card whose conventions a file follows.", metavar="NAME"),
    output: Path | None = Option(None, help="File: .gif or .mp4 (joints), .png (codes).", metavar="FILE"),
    checkpoints: Path | None = CHECKPOINTS,
) -> None:
    """Draw what a network for skeletons uses.

    gaitgraph1, gaitgraph2: a film of the walker, with the joints that make the embedding lit up. disentanglement: the
    codes of motion, body and view as heat maps; and, of two tracks, each body with the other's motion.
    """


@command(app, "commands.export:export", "gait export swingait_gait3d --to onnx --check")
def export(
    name: str = Argument(help="Checkpoint, or encoder (then with --checkpoint).", metavar="MODEL"),
    to: Literal["onnx", "openvino"] = Option("onnx", help="onnx or openvino."),
    checkpoint: str | None = Option(None, help=CHECKPOINT_HELP, metavar="NAME|FILE"),
    output: Path | None = Option(
        None, help="File to write (default: NAME_onnx.onnx or NAME_openvino.xml).", metavar="FILE"
    ),
    features: str = Option("auto", help="auto, embeddings, neck or logits.", metavar="NAME"),
    check: bool = Option(False, "--check", help="Print by how much the file differs from torch."),
    checkpoints: Path | None = CHECKPOINTS,
) -> None:
    """Write a network for other engines, with a card: it then runs in torch's place."""


@command(checkpoints_, "commands.checkpoints:list_checkpoints", "gait checkpoints list", name="list")
def list_checkpoints(folder: Path | None = CHECKPOINTS) -> None:
    """Every known checkpoint: stage, size, licence, and whether it is here."""


@command(checkpoints_, "commands.checkpoints:fetch_checkpoints", "gait checkpoints fetch light")
def fetch(names: list[str] = Argument(help="Checkpoint or profile names."), folder: Path | None = CHECKPOINTS) -> None:
    """Download checkpoints, verified and resumed where a download broke off."""


@command(checkpoints_, "commands.checkpoints:verify_checkpoints", "gait checkpoints verify light")
def verify(
    names: list[str] = Argument(
        [], help="Checkpoint or profile names; none: all that are present.", show_default=False
    ),
    folder: Path | None = CHECKPOINTS,
) -> None:
    """Compare the checkpoints that are here with their published sha256."""

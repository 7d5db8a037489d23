"""`gait train`: a network, a dataset and a recipe in; weights and figures out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pipeline.config import RuntimeConfig
from pipeline.errors import ConfigError
from pipeline.inference.runtime import device as usable_device
from pipeline.inference.runtime import threads


def train_command(
    config: str, overrides: Sequence[str], resume: bool, output: Path, device: str | None, processes: int = 1
) -> None:
    """Train as `config` says. Raises ConfigError when the extra `train` is missing."""
    try:
        import lightning  # noqa: F401
        import tensorboard  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"gait train needs {error.name}: pip install 'gaitid[train]'.") from None
    import torch

    from pipeline.research.training.config import load_training_config
    from pipeline.research.training.fit import train

    settings = load_training_config(config, overrides)
    if device not in (None, "auto", "cpu", "cuda"):
        raise ConfigError(f"--device {device}: expected auto, cpu or cuda.")
    runtime = RuntimeConfig(device=device or "auto")
    chosen = usable_device(runtime)
    if chosen == "cpu":
        torch.set_num_threads(max(1, threads(runtime) // processes))
    metrics = train(settings, output, resume, chosen, _say, processes)
    if metrics.is_file():
        _say(f"metrics: {metrics}")


def _say(line: str) -> None:
    print(line, flush=True)

"""Which numbers a training computes with: what was asked for, as far as the device has it."""

from __future__ import annotations

from typing import Literal

import torch

from pipeline.research.training.config import TrainerConfig

Precision = Literal["fp32", "fp16", "bf16"]
BF16 = ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")  # instructions; without any, bf16 is ten times slower than fp32


def has_bf16() -> bool:
    """Whether this processor computes with bf16 itself."""
    capabilities = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not say: then fp32
    return any(capabilities.get(name, False) for name in BF16)


def precision_of(config: TrainerConfig, device: str) -> tuple[Precision, str]:
    """What to compute with on this device (cpu or cuda), and a line that says so.

    auto is the fastest that enable_float16 allows. What is asked for by name is done, fp16 on a processor excepted.
    """
    wanted = config.precision
    if wanted == "auto" and not config.enable_float16:
        return "fp32", "precision fp32"
    if device == "cuda":
        chosen: Precision = "fp16" if wanted == "auto" else wanted
        return chosen, f"precision {chosen}"
    if wanted == "fp32":
        return "fp32", "precision fp32"
    if has_bf16():
        return "bf16", "precision bf16" + (": fp16 needs a GPU" if wanted == "fp16" else "")
    if wanted == "bf16":
        return "bf16", "precision bf16: this processor only imitates it, trainer_cfg.precision=fp32 is far faster"
    return "fp32", "precision fp32: 16 bits would be slower, this processor has no bf16"

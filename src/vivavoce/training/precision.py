"""Mixed precision: which arithmetic pays on which machine."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path

import torch

from vivavoce.errors import ConfigError


@cache
def cpu_multiplies_bf16() -> bool:
    """Whether the CPU has bfloat16 products; without them bf16 is emulated, some fifteen times slower than float32."""
    cpuinfo = Path("/proc/cpuinfo")
    return cpuinfo.is_file() and any(flag in cpuinfo.read_text() for flag in ("avx512_bf16", "amx_bf16"))


def product_type(device: torch.device) -> torch.dtype:
    """bfloat16 where it pays: on GPUs, and on CPUs that multiply it; else float32."""
    return torch.float32 if device.type == "cpu" and not cpu_multiplies_bf16() else torch.bfloat16


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """A context in which matrix products run in the given precision.

    Args:
        precision: "fp32", "bf16", or "auto": bf16 on GPUs and on CPUs that multiply it, else fp32.

    Raises:
        ConfigError: another name.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"precision is {precision!r}; expected auto, fp32 or bf16.")
    if precision == "fp32" or (precision == "auto" and product_type(device) == torch.float32):
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)

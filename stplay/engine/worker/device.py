"""What computes: the GPU that the libraries are shown, and its name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def choose_gpu(*, use_cpu: bool) -> None:
    """Show the libraries the first visible GPU, or none; to be called before torch is imported.

    With several, the library's trainer would split each batch among them: its steps would no
    longer be the recipe's, and the cached loss would replay its dropout on the first one only.
    """
    visible = "" if use_cpu else os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.partition(",")[0]


def device_name(device: torch.device) -> str:
    """The device's name as people know it, such as ``NVIDIA H100 PCIe`` or ``CPU, 2 threads``."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return device.type.upper()

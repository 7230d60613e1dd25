"""What the machine has, asked without importing torch."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def has_gpu() -> bool:
    """Whether there seems to be a GPU that torch can use: NVIDIA's or AMD's, and not hidden."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "0") in ("", "-1"):
        return False
    if any(Path(path).exists() for path in ("/dev/nvidia0", "/dev/dxg", "/dev/kfd")):
        return True
    return os.name == "nt" and shutil.which("nvidia-smi") is not None

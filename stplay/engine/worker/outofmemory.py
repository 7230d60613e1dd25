"""Memory that ran out, a GPU's or the machine's: how it is told, and how it is freed."""

from __future__ import annotations

import errno
import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

# In small letters: of torch on any device, of NVIDIA's and AMD's libraries, of Linux and Windows.
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "status_alloc_failed",
    "status_internal_error_device_allocation_failed",
    "status_internal_error_host_allocation_failed",
    "not enough memory",
    "paging file is too small",
    "error 1455",  # the same, in the language of that Windows
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error``, or what led to it, says that memory, a GPU's or the machine's, ran out."""
    return any(_says_out_of_memory(link) for link in chain(error))


def chain(error: BaseException) -> list[BaseException]:
    """``error`` and those that led to it."""
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found


def _says_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    text = str(error).lower()
    return any(words in text for words in OUT_OF_MEMORY)


def release(device: torch.device) -> None:
    """Free what nobody uses on ``device``: what errors held in circles, and what is kept spare."""
    import torch

    gc.collect()
    if device.type != "cpu":
        torch.get_device_module(device).empty_cache()

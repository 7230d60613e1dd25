"""How many tokens can go through a model together, from memory as it is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from torch import Tensor, nn

# Of what is free: gradients on their way back and what the allocators keep need some too.
SHARE = 0.6
CGROUP = Path("/sys/fs/cgroup")


class Footprint(NamedTuple):
    """What a packing takes until its gradients are known: ``constant`` bytes, and some ``a_token``.

    Constant is what does not grow with it: in half precision, a copy of each matrix of the model.
    """

    constant: int
    a_token: int

    @classmethod
    def of(cls, small: tuple[int, int], large: tuple[int, int]) -> Footprint:
        """That of which two packings, of so many tokens, take so many bytes."""
        (tokens, taken), (more_tokens, more_taken) = small, large
        a_token = max(1, round((more_taken - taken) / (more_tokens - tokens)))
        return cls(max(0, more_taken - a_token * more_tokens), a_token)

    def nbytes(self, tokens: int) -> int:
        """The bytes that a packing of ``tokens`` takes."""
        return self.constant + tokens * self.a_token

    def tokens(self, nbytes: float) -> int:
        """How many tokens fit into ``nbytes``."""
        return max(0, int((nbytes - self.constant) / self.a_token))


def available_bytes(device: torch.device) -> int:
    """The bytes that are free on ``device``: of the machine, of its container, or of the GPU."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    free = psutil.virtual_memory().available
    try:
        most, used = (int((CGROUP / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no container, or one without a limit
        return free
    return min(free, most - used)


def state_bytes(model: nn.Module) -> int:
    """The bytes that the gradients of ``model`` and the two moments of AdamW take."""
    trained = (parameter for parameter in model.parameters() if parameter.requires_grad)
    return 3 * sum(parameter.numel() * parameter.element_size() for parameter in trained)


def saved_bytes(model: nn.Module, forward: Callable[[], Tensor]) -> int:
    """The bytes that one ``forward`` of ``model`` keeps until its gradients are known."""
    weights = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        # Not the tensor itself: one that an operator made and keeps would hold its own node, a
        # circle that nothing frees, with all that the forward has kept.
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        output = forward()  # held: what it saved must not make room for the next
    del output
    return sum(saved.values())

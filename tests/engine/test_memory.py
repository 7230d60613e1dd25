"""What memory a forward keeps, measured, against what a machine really hands out."""

from __future__ import annotations

import psutil
import torch
from torch import nn

from stplay.engine import memory


def test_what_is_free() -> None:
    free = memory.available_bytes(torch.device("cpu"))
    assert 0 < free <= psutil.virtual_memory().total


def test_state_of_what_is_trained() -> None:
    model = nn.Sequential(nn.Linear(10, 20), nn.Linear(20, 5))
    model[1].requires_grad_(False)
    assert memory.state_bytes(model) == 3 * 4 * (10 * 20 + 20)


def test_saved_tensors_are_counted_once_and_weights_not_at_all() -> None:
    model = nn.Linear(30, 40, bias=False)
    given = torch.randn(50, 30, requires_grad=True)

    def forward() -> torch.Tensor:
        hidden = model(given)  # keeps ``given`` and its weight
        return (hidden * hidden).sum()  # keeps ``hidden``, twice

    assert memory.saved_bytes(model, forward) == 4 * 50 * (30 + 40)


def test_nothing_is_saved_without_gradients() -> None:
    model = nn.Linear(3, 3).requires_grad_(False)
    assert memory.saved_bytes(model, lambda: model(torch.randn(2, 3))) == 0

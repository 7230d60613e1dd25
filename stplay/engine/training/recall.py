"""What a second forward need not compute again, where memory holds it from the first.

A linear layer that narrows costs the most for the least that is to be kept: the second layer of a
feed-forward block takes a third of all matrix products, and makes an eighteenth of the activations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode


class OutputRecorder(TorchFunctionMode):
    """Within it, ``outputs`` takes what linear layers make that narrow, one after the other.

    Each has the shape (..., features) that its layer gives it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.outputs: list[Tensor] = []

    @property
    def nbytes(self) -> int:
        """The memory that they take, in bytes."""
        return sum(output.nbytes for output in self.outputs)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``."""
        made = func(*args, **(kwargs or {}))
        if func is linear and _narrows(args[1]):
            self.outputs.append(made)
        return made


class OutputRecall(TorchFunctionMode):
    """Within it, those layers make the ``outputs`` that were recorded, with gradients."""

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        super().__init__()
        self._outputs = iter(outputs)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call ``func``, or take what it would make."""
        if func is linear and _narrows(args[1]):
            return _Recalled.apply(*args, next(self._outputs))
        return func(*args, **(kwargs or {}))


def _narrows(weight: Tensor) -> bool:
    made, taken = weight.shape
    return made < taken


class _Recalled(torch.autograd.Function):
    """A linear layer whose ``outputs`` are known."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor | None, outputs: Tensor
    ) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return outputs.view_as(outputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        inputs, weight = ctx.saved_tensors
        needed = ctx.needs_input_grad
        rows = gradient.reshape(-1, gradient.shape[-1])
        of_inputs = of_weight = of_bias = None
        # Autocast has the outputs, and so their gradient, in another precision than the weight.
        if needed[0]:
            of_inputs = (gradient @ weight.to(gradient)).to(inputs)
        if needed[1]:
            of_weight = (rows.T @ inputs.reshape(-1, inputs.shape[-1]).to(gradient)).to(weight)
        if needed[2]:
            of_bias = rows.sum(0).to(weight)
        return of_inputs, of_weight, of_bias, None

"""The random numbers that are to come, so that what was drawn can be drawn again."""

from __future__ import annotations

import torch


class RandomState:
    """The state of the generators of the CPU and of ``device``, as it is now."""

    def __init__(self, device: torch.device) -> None:
        self._device = None if device.type == "cpu" else torch.get_device_module(device)
        self._of_cpu = torch.get_rng_state()
        self._of_device = self._device.get_rng_state() if self._device else None

    def put_back(self) -> None:
        """Let the numbers come that were to come."""
        torch.set_rng_state(self._of_cpu)
        if self._device is not None:
            self._device.set_rng_state(self._of_device)

"""How sentences are looked at: by which metric, in which order, and what is dimmed."""

from __future__ import annotations

from typing import Literal, NamedTuple

from stplay.similarities import SIMILARITIES

Order = Literal["as typed", "by similarity", "clusters"]
ORDERS: tuple[Order, ...] = ("as typed", "by similarity", "clusters")
THRESHOLD_STEPS = 20


class Perspective(NamedTuple):
    """How sentences are looked at.

    Magnitudes below ``threshold`` are dimmed; ``chosen`` is the place of the sentence that others
    are ordered by.
    """

    metric: str = SIMILARITIES[0]
    order: Order = ORDERS[0]
    threshold: float | None = None
    chosen: int = 0

    def by_next_metric(self) -> Perspective:
        """Measured by the next metric, in whose units no threshold is known yet."""
        following = SIMILARITIES[(SIMILARITIES.index(self.metric) + 1) % len(SIMILARITIES)]
        return self._replace(metric=following, threshold=None)

    def in_next_order(self) -> Perspective:
        """In the next order."""
        return self._replace(order=ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)])

    def dimmed(self, by: int, low: float, high: float) -> Perspective:
        """Dimmed ``by`` more of the steps between ``low`` and ``high``; not below the first."""
        step = (high - low) / THRESHOLD_STEPS
        if step <= 0:
            return self._replace(threshold=None)
        place = (0 if self.threshold is None else round((self.threshold - low) / step)) + by
        threshold = None if place <= 0 else low + min(place, THRESHOLD_STEPS) * step
        return self._replace(threshold=threshold)

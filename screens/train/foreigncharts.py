"""The charts of what somebody else's training measured: the losses together, and one a metric."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from stplay.runs.measurements import is_loss, ordered
from stplay.screens.shared.theme import CURVES
from stplay.screens.train.chart import Chart, Line
from stplay.screens.train.plot import Told


class ForeignChart(Chart):
    """A chart of series that bear the names which they have in another training."""

    def __init__(self, title: str, names: Sequence[str], words: Told) -> None:
        """``words`` tells a value of them as people read it."""
        lines = [Line(name, name if len(names) > 1 else "") for name in names]
        super().__init__(title, lines, words)


def foreign_charts(names: Collection[str], words: Told) -> list[ForeignChart]:
    """The charts of the series ``names``, those first that people look at first.

    Of many losses as many are in one chart as there are colours.
    """
    losses = [name for name in ordered(names) if is_loss(name)]
    groups = [losses[at : at + len(CURVES)] for at in range(0, len(losses), len(CURVES))]
    return [
        *(ForeignChart("loss" if len(group) > 1 else group[0], group, words) for group in groups),
        *(ForeignChart(name, [name], words) for name in ordered(names) if not is_loss(name)),
    ]

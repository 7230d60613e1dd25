"""The accuracies of models, drawn as the card's table or, for many models, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from stplay.evaluations import reference
from stplay.evaluations.results import METRICS, Accuracy, EvaluatedSplit
from stplay.evaluations.sidebyside import Contender
from stplay.text import count, decimals, printable, shortened

NAME_WIDTH = 20
CELL_WIDTH = 13
FIGURE_WIDTH = 5
GAP = 4
CARD_WIDTH = 8
MOST_COLUMNS = 3
MODEL_WIDTH = 26
SHORT_WIDTH = 11
LEAST_PLOT = 20


class AccuracyTable(NamedTuple):
    """What to draw: ``split`` is the chosen one, ``metric`` the one that leads.

    Where there is little height, a ``brief`` table has the leading metric and the best only.
    """

    contenders: Sequence[Contender]
    splits: Sequence[EvaluatedSplit]
    split: str
    metric: str
    brief: bool = False

    def content(self, width: int) -> Content:
        """The table for a place ``width`` cells wide."""
        if len(self.contenders) > MOST_COLUMNS:
            return self._lines(width)
        every = NAME_WIDTH + sum(self._split_width(split) for split in self.splits)
        chosen = [split for split in self.splits if split.split == self.split]
        return self._columns(self.splits if every <= width else chosen)

    def _split_width(self, split: EvaluatedSplit) -> int:
        card_width = CARD_WIDTH if _published(split) else 0
        figures = len(self.contenders) * CELL_WIDTH + card_width
        return max(figures, cell_len(_title(split))) + GAP

    def _columns(self, splits: Sequence[EvaluatedSplit]) -> Content:
        titles, letters = [Content(" " * NAME_WIDTH)], [" " * NAME_WIDTH]
        for split in splits:
            width = self._split_width(split)
            chosen = split.split == self.split and len(self.splits) > 1
            titles.append(Content.styled(_fit(_title(split), width), "bold" if chosen else "dim"))
            heads = "".join(self._head(contender) for contender in self.contenders)
            heads += "card".rjust(CARD_WIDTH - 1) if _published(split) else ""
            letters.append(heads.ljust(width))
        lines = [Content("").join(titles), Content.styled("".join(letters), "dim")]
        for metric in METRICS:
            if not self.brief or metric in (self.metric, METRICS[-1]):
                lines.append(self._row(metric, splits))
        return Content("\n").join(lines)

    def _head(self, contender: Contender) -> str:
        # The names stand in full in the line above; a column has room for the letter.
        return contender.letter.rjust(FIGURE_WIDTH).ljust(CELL_WIDTH)

    def _row(self, metric: str, splits: Sequence[EvaluatedSplit]) -> Content:
        leading = metric == self.metric
        parts = [Content.styled(metric.ljust(NAME_WIDTH), "bold $primary" if leading else "")]
        for split in splits:
            found = [contender.accuracy(split.split, metric) for contender in self.contenders]
            best = max((each.value for each in found if each), default=None)
            cells: list[Content] = []
            for each in found:
                style = "bold" if each and each.value == best and len(found) > 1 else ""
                figure = decimals(each and each.value, 3).rjust(FIGURE_WIDTH)
                cells.append(Content.styled(figure, style))
                cells.append(Content.styled(_margin(each).ljust(CELL_WIDTH - FIGURE_WIDTH), "dim"))
            published = _published(split)
            if published:
                sign = "*" if metric == "dot_accuracy" else " "
                cells.append(Content(f"{published[metric]:>{CARD_WIDTH - 1}.3f}{sign}"))
            row = Content("").join(cells)
            parts.append(row + Content(" " * (self._split_width(split) - row.cell_length)))
        return Content("").join(parts)

    def _lines(self, width: int) -> Content:
        split = next(split for split in self.splits if split.split == self.split)
        metrics = METRICS
        if width - MODEL_WIDTH - len(metrics) * SHORT_WIDTH - GAP < LEAST_PLOT:
            metrics = tuple(dict.fromkeys((self.metric, METRICS[-1])))
        plot = width - MODEL_WIDTH - len(metrics) * SHORT_WIDTH - GAP
        leading = [contender.accuracy(split.split, self.metric) for contender in self.contenders]
        known = [each for each in leading if each]
        low = min((each.low for each in known), default=0.0)
        high = max((each.high for each in known), default=1.0)
        scale = " " * GAP + f"{low:.3f}" + f"{high:.3f}".rjust(plot - 5)
        head = _fit(_title(split), MODEL_WIDTH)
        head += "".join(metric.removesuffix("_accuracy").rjust(SHORT_WIDTH) for metric in metrics)
        lines = [Content.styled(head + scale, "dim")]
        room = MODEL_WIDTH - 1 - max(len(each.letter) for each in self.contenders)
        names = shortened([each.model.name for each in self.contenders], room)
        for contender, lead, name in zip(self.contenders, leading, names, strict=True):
            parts = [Content(_fit(f"{contender.letter} {name}", MODEL_WIDTH))]
            for metric in metrics:
                each = contender.accuracy(split.split, metric)
                style = "bold" if metric == self.metric else ""
                parts.append(
                    Content.styled(decimals(each and each.value, 3).rjust(SHORT_WIDTH), style)
                )
            if lead:
                parts.append(Content(" " * GAP) + _interval(lead, low, high, plot))
            lines.append(Content("").join(parts))
        if published := _published(split):
            figures = "".join(f"{published[metric]:>{SHORT_WIDTH}.3f}" for metric in metrics)
            lines.append(Content.styled(_fit("card", MODEL_WIDTH) + figures, "dim"))
        return Content("\n").join(lines)


def _interval(accuracy: Accuracy, low: float, high: float, width: int) -> Content:
    """The 95 % interval as a line, the accuracy as a dot on it."""
    span = max(high - low, 1e-9)

    def place(value: float) -> int:
        return min(width - 1, max(0, round((value - low) / span * (width - 1))))

    first, dot, last = place(accuracy.low), place(accuracy.value), place(accuracy.high)
    left, right = "─" * max(0, dot - first), "─" * max(0, last - dot)
    return Content.assemble(" " * first, (left, "dim"), ("●", "$primary"), (right, "dim"))


def _title(split: EvaluatedSplit) -> str:
    return f"{printable(split.label)}, {count(split.rows)} triplets"


def _published(split: EvaluatedSplit) -> dict[str, float] | None:
    return reference.published(split.data, split.split)


def _margin(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return ""
    wider = max(accuracy.value - accuracy.low, accuracy.high - accuracy.value)
    return f" ±{wider:.3f}".replace("0.", ".", 1)


def _fit(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"

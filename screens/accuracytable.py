"""The accuracies of models, drawn as the card's table or, for many models, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from stplay import card
from stplay.contest import Contender
from stplay.results import METRICS, Accuracy, EvaluatedSplit
from stplay.text import count, decimals, printable

NAME_WIDTH = 20
CELL_WIDTH = 13
CARD_WIDTH = 8
MOST_COLUMNS = 3
MODEL_WIDTH = 28
SHORT_METRICS = ("cosine", "dot", "manhattan", "euclid", "max")
SHORT_WIDTH = 10
LEAST_PLOT = 16


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
        return len(self.contenders) * CELL_WIDTH + card_width + 2

    def _columns(self, splits: Sequence[EvaluatedSplit]) -> Content:
        heads, names = [" " * NAME_WIDTH], [" " * NAME_WIDTH]
        for split in splits:
            title = f"{printable(split.label)}, {count(split.rows)} rows"
            heads.append(_fit(title, self._split_width(split) - 4).rjust(0) + "    ")
            names += [self._head(contender) for contender in self.contenders]
            names.append(f"{'card':>{CARD_WIDTH}}  " if _published(split) else "  ")
        titles = [Content(heads[0])]
        for split, head in zip(splits, heads[1:], strict=True):
            chosen = split.split == self.split and len(self.splits) > 1
            titles.append(Content("  ") + Content.styled(head[:-2], "bold" if chosen else "dim"))
        lines = [Content("").join(titles), Content.styled("".join(names), "dim")]
        for metric in METRICS:
            if not self.brief or metric in (self.metric, METRICS[-1]):
                lines.append(self._row(metric, splits))
        return Content("\n").join(lines)

    def _head(self, contender: Contender) -> str:
        # The names stand in full in the line above; a column has room for the letter.
        return f"{contender.letter:>{CELL_WIDTH - 6}}" + " " * 6

    def _row(self, metric: str, splits: Sequence[EvaluatedSplit]) -> Content:
        leading = metric == self.metric
        parts = [Content.styled(metric.ljust(NAME_WIDTH), "bold $primary" if leading else "")]
        for split in splits:
            found = [contender.accuracy(split.split, metric) for contender in self.contenders]
            best = max((each.value for each in found if each), default=None)
            for each in found:
                style = "bold" if each and each.value == best and len(found) > 1 else ""
                parts += [
                    Content.styled(f"{decimals(each and each.value, 3):>{CELL_WIDTH - 6}}", style),
                    Content.styled(f"{_margin(each):<6}", "dim"),
                ]
            published = _published(split)
            if published:
                sign = "*" if metric == "dot_accuracy" else " "
                parts.append(Content(f"{published[metric]:>{CARD_WIDTH - 1}.3f}{sign}"))
            parts.append(Content("  "))
        return Content("").join(parts)

    def _lines(self, width: int) -> Content:
        split = next(split for split in self.splits if split.split == self.split)
        figures = len(SHORT_METRICS) * SHORT_WIDTH
        plot = width - MODEL_WIDTH - figures - 3
        title = _fit(f"{printable(split.label)}, {count(split.rows)} rows", MODEL_WIDTH)
        head = title.ljust(MODEL_WIDTH) + "".join(
            f"{name:>{SHORT_WIDTH}}" for name in SHORT_METRICS
        )
        leading = [contender.accuracy(split.split, self.metric) for contender in self.contenders]
        known = [each for each in leading if each]
        low = min((each.low for each in known), default=0.0)
        high = max((each.high for each in known), default=1.0)
        scale = ""
        if plot >= LEAST_PLOT:
            scale = f"   {low:.3f}" + f"{high:.3f}".rjust(plot - 5)
        lines = [Content.styled(head + scale, "dim")]
        for contender, lead in zip(self.contenders, leading, strict=True):
            name = f"{contender.letter} {printable(contender.model.name)}"
            parts = [Content(_fit(name, MODEL_WIDTH))]
            for metric in METRICS:
                each = contender.accuracy(split.split, metric)
                style = "bold" if metric == self.metric else ""
                figure = f"{decimals(each and each.value, 3):>{SHORT_WIDTH}}"
                parts.append(Content.styled(figure, style))
            if plot >= LEAST_PLOT and lead:
                parts.append(Content("   ") + _interval(lead, low, high, plot))
            lines.append(Content("").join(parts))
        published = _published(split)
        if published:
            figures_of_card = "".join(
                f"{published[metric]:>{SHORT_WIDTH}.3f}" for metric in METRICS
            )
            lines.append(Content.styled(_fit("card", MODEL_WIDTH) + figures_of_card, "dim"))
        return Content("\n").join(lines)


def _interval(accuracy: Accuracy, low: float, high: float, width: int) -> Content:
    """The 95 % interval as a line, the accuracy as a dot on it."""
    span = max(high - low, 1e-9)

    def place(value: float) -> int:
        return min(width - 1, max(0, round((value - low) / span * (width - 1))))

    first, dot, last = place(accuracy.low), place(accuracy.value), place(accuracy.high)
    left, right = "─" * max(0, dot - first), "─" * max(0, last - dot)
    return Content.assemble(" " * first, (left, "dim"), ("●", "$primary"), (right, "dim"))


def _published(split: EvaluatedSplit) -> dict[str, float] | None:
    return card.published(split.data, split.split)


def _margin(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return ""
    wider = max(accuracy.value - accuracy.low, accuracy.high - accuracy.value)
    return f" ±{wider:.3f}".replace("0.", ".", 1)


def _fit(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, width - 1) + "…"

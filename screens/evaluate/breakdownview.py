"""Where models are right: by margin, by sentence length, by source."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import set_cell_size
from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from stplay.errors import UserError
from stplay.evaluations.breakdown import Bin, Group
from stplay.evaluations.sidebyside import Contender
from stplay.screens.evaluate.figures import Found, Look
from stplay.text import count, decimals, printable, shortened

BAR = 28
NAME_WIDTH = 24
CELL_WIDTH = 14


class BreakdownView(VerticalScroll):
    """The histogram of margins, and the accuracies of parts of the triplets."""

    parts: reactive[tuple[Look, Found] | None] = reactive(None, always_update=True)
    text = getters.query_one("#breakdown", Static)

    def compose(self) -> ComposeResult:
        """One text."""
        yield Static(id="breakdown")

    def watch_parts(self) -> None:
        """Show what was found for a look; nothing is found as long as it is being read."""
        if self.parts is not None:
            self.text.update(_content(*self.parts))


def _content(look: Look, found: Found) -> Content:
    if found is None:
        return Content.styled(f"Reading the scores of {printable(look.rows.label)}…", "dim")
    if isinstance(found, UserError):
        return Content.styled(f"✗ {found.sentence}", "$error")
    models, similarity = look.contenders, look.similarity
    title = f"{similarity} accuracy by"
    parts = [_table(f"{title} words of the longest sentence", models, found.lengths)]
    if found.sources:
        parts.append(_table(f"{title} source", models, found.sources))
    parts += [
        _histogram(contender, similarity, bins)
        for contender, bins in zip(models, found.histograms, strict=True)
    ]
    return Content("\n\n").join(parts)


def _table(title: str, contenders: Sequence[Contender], groups: list[Group]) -> Content:
    head = " " * NAME_WIDTH + "triplets".rjust(9)
    head += "".join(f"{contender.letter:>{CELL_WIDTH}}" for contender in contenders)
    lines = [Content.styled(title, "bold"), Content.styled(head, "dim")]
    names = shortened([group.name for group in groups], NAME_WIDTH)
    for group, name in zip(groups, names, strict=True):
        line = set_cell_size(name, NAME_WIDTH) + f"{count(group.rows):>9}"
        for accuracy in group.accuracies:
            wider = max(accuracy.value - accuracy.low, accuracy.high - accuracy.value)
            line += f"{decimals(accuracy.value, 3)} ±{wider:.3f}".replace("±0.", "±.").rjust(
                CELL_WIDTH
            )
        lines.append(Content(line))
    return Content("\n").join(lines)


def _histogram(contender: Contender, similarity: str, bins: list[Bin]) -> Content:
    title = (
        f"Margins of {contender.letter} {printable(contender.model.name)}: {similarity} to the "
        "positive minus to the negative"
    )
    most = max((each.rows for each in bins), default=1)
    places = 3 if bins and bins[0].high - bins[0].low < 0.05 else 2
    lines = [Content.styled(title, "bold")]
    for each in bins:
        eighths = round(each.rows / most * BAR * 8)
        bar = "█" * (eighths // 8) + ("▏▎▍▌▋▊▉"[eighths % 8 - 1] if eighths % 8 else "")
        name = f"{each.low:+.{places}f} to {each.high:+.{places}f}".rjust(NAME_WIDTH - 2)
        style = "$error" if each.high <= 1e-9 else "$success"
        lines.append(
            Content.assemble(f"{name}  ", (bar.ljust(BAR), style), f"{count(each.rows):>8}")
        )
    return Content("\n").join(lines)

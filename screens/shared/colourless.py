"""What is painted under NO_COLOR: what colours alone would tell is told by reverse and blanks."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter, NoColor

# Of the brightness, from 0 to 1: a panel differs less from the background, a chosen line more.
STANDS_OUT, IS_SEEN = 0.1, 0.02


class Colourless(LineFilter):
    """Takes all colours away; ``ground`` is the background of the app as it is by now.

    What stands on another background than the app's, such as the chosen line of a list, is
    reversed; what is painted in the colour of its own background is not to be seen.
    """

    def __init__(self, ground: Callable[[], Color]) -> None:
        super().__init__()
        self._ground = ground

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments without colours, as wide as they were."""
        brightness = self._ground().brightness
        return [
            segment if segment.style is None else _without_colour(segment, brightness)
            for segment in segments
        ]


def _without_colour(segment: Segment, ground: float) -> Segment:
    text, style, control = segment
    assert style is not None
    plain, is_hidden = _plain(style, ground)
    return Segment(" " * cell_len(text) if is_hidden else text, plain, control)


@lru_cache(1024)
def _plain(style: Style, ground: float) -> tuple[Style, bool]:
    """``style`` without its colours, and whether its text is not to be seen."""
    behind = _brightness(style, background=True)
    before = _brightness(style, background=False)
    stands_out = behind is not None and abs(behind - ground) > STANDS_OUT
    is_hidden = behind is not None and before is not None and abs(behind - before) < IS_SEEN
    reverse = Style(reverse=True) if stands_out else Style()
    return style + NoColor.DEFAULT_COLORS + reverse, is_hidden


def _brightness(style: Style, *, background: bool) -> float | None:
    color = style.bgcolor if background else style.color
    return None if color is None or color.is_default else Color.from_rich_color(color).brightness

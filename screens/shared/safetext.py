"""What is painted, without anything that steers the terminal."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from stplay.text import printable


class SafeText(LineFilter):
    """The last net: text that a view should have made safe is made so, as wide as it was."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments, made safe; most of them as they are."""
        return [
            Segment(set_cell_size(safe, cell_len(text)), style)
            if not control and (safe := printable(text)) != text
            else Segment(text, style, control)
            for text, style, control in segments
        ]

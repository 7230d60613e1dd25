"""What a training will cost, as the form tells it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.content import Content

from stplay.runs.cost import CostLine

NAME_CELLS = 8
FEWEST_CELLS = 20


def cost_content(lines: Sequence[CostLine], below: str, width: int) -> Content:
    """The ``lines`` and what is ``below`` them; each source beside its figure, or under it."""
    room = max(FEWEST_CELLS, width - NAME_CELLS)
    told: list[Content] = []
    for line in lines:
        words = line.words if line.fits else f"✗ {line.words}"
        style = "" if line.fits else "$error"
        wrapped = textwrap.wrap(words, room)
        source = textwrap.wrap(line.source, room)
        beside = bool(source) and len(wrapped) == 1 and len(words) + 2 + len(line.source) <= room
        for number, part in enumerate(wrapped):
            name = "" if number else line.name
            more = f"  {line.source}" if beside else ""
            told.append(
                Content.assemble((f"{name:<{NAME_CELLS}}", "dim"), (part, style), (more, "dim"))
            )
        if not beside:
            told += [Content.styled(f"{'':<{NAME_CELLS}}{part}", "dim") for part in source]
    if below:
        told.append(Content.styled(below, "dim"))
    return Content("\n").join(told)

"""The Explore screen, opened and read by tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from piloting import playground_of, settle
from rich.cells import cell_len
from textual.geometry import Region
from textual.pilot import Pilot

from stplay.runs.probesentences import CARD_SENTENCES
from stplay.screens.app import StplayApp
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.playground import Playground
from stplay.screens.shared.matrix import Matrix


@asynccontextmanager
async def exploring(
    sentences: list[str] | None = None, size: tuple[int, int] = (120, 40)
) -> AsyncIterator[tuple[Pilot[None], Playground]]:
    """The app on its Explore screen, with the answers to ``sentences`` in view."""
    app = StplayApp("explore")
    async with app.run_test(size=size) as pilot:
        screen = app.screen
        assert isinstance(screen, ExploreScreen)
        screen.show_sentences(sentences or CARD_SENTENCES, "builtin:minilm")
        playground = await playground_of(pilot)
        await settle(pilot)
        yield pilot, playground


def arrangement_of(playground: Playground) -> Arrangement:
    """What is in view."""
    assert playground.arrangement is not None
    return playground.arrangement


def shown(playground: Playground, place: int = 0) -> list[str]:
    """The lines of a matrix as they are painted."""
    matrix = list(playground.query(Matrix))[place]
    size = matrix.scrollable_content_region.size
    lines = matrix.render_lines(Region(0, 0, *size))
    for line in lines:
        assert line.cell_length == size.width
        assert cell_len(line.text) == size.width
    return [line.text for line in lines]


def map_text(playground: Playground) -> str:
    """The map as it is painted now, which may be before it has its size or its points."""
    lines = playground.answers.map.render_lines(Region(0, 0, *playground.answers.map.size))
    return "\n".join(line.text for line in lines)


def map_title(playground: Playground) -> str:
    """The first line of the map."""
    return map_text(playground).partition("\n")[0]


def numbers(line: str) -> list[str]:
    """The numbers with decimals in a line."""
    words = line.replace("[", " ").replace("]", " ").split()
    return [word for word in words if "." in word and word.strip("+-").replace(".", "").isdigit()]


async def type_line(pilot: Pilot[None], playground: Playground, line: str) -> None:
    """Type a new last line."""
    playground.editor.focus()
    playground.editor.move_cursor(playground.editor.document.end)
    await pilot.press("enter", *line)

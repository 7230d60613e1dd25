"""The map: every sentence a point in two dimensions, near to what means the same."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.events import Click, Resize
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip
from textual.widget import Widget

from stplay.encoding import projector, similarity
from stplay.encoding.projector import LEAST, NEIGHBOURS, Projector
from stplay.errors import UserError
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.shared.matrix import fitted
from stplay.screens.shared.newest import Newest
from stplay.text import count, printable

CELL_SHAPE = 2.0  # a terminal's cell is about twice as high as wide
MOST_LABEL = 28
TOP = 2
TEACHING = "Type sentences, one a line: those that mean the same lie near each other here."


def map_title(points: NDArray[np.floating], embeddings: NDArray[np.floating]) -> str:
    """What the principal components show: how much of the differences between the sentences.

    Args:
        points: of shape ``(sentences, 2)``, not a number where a sentence has no place.
        embeddings: of shape ``(sentences, dimensions)``.
    """
    placed = np.isfinite(points).all(axis=1)
    rows = np.asarray(embeddings[placed], np.float64)
    whole = float(((rows - rows.mean(axis=0)) ** 2).sum()) if len(rows) else 0.0
    share = float((points[placed] ** 2).sum()) / whole if whole else 1.0
    words = f"two principal components, {share:.0%} of the spread"
    lost = len(points) - len(rows)
    return words + (f"; without the {count(lost)} whose embeddings are not finite" if lost else "")


class _Mark(NamedTuple):
    """A point or its label: where it stands on its line, and of which sentence it is."""

    x: int
    text: str
    sentence: int
    is_point: bool


class PlacedSentences(NamedTuple):
    """Sentences and where they lie: ``points`` has the shape ``(sentences, 2)``."""

    names: list[str]
    points: NDArray[np.floating]
    title: str


NOWHERE = PlacedSentences([], np.empty((0, 2)), "")


class Projection(NamedTuple):
    """What is to be placed, by UMAP or else by principal components."""

    arrangement: Arrangement
    by_umap: bool

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """Those of the first model, of shape ``(sentences, dimensions)``."""
        return self.arrangement.answers[0].embeddings

    @property
    def names(self) -> list[str]:
        """The numbers and the texts of the sentences."""
        grid = self.arrangement.grids[0]
        return [
            f"{grid.number(place)} {printable(sentence.text)}"
            for place, sentence in enumerate(self.arrangement.sentences)
        ]


class MapView(Widget):
    """A scatter of the sentences; those of the selected pair stand out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"map--point", "map--label", "map--chosen"}

    arrangement: var[Arrangement | None] = var(None)
    pair: var[tuple[int, int]] = var((0, 0))
    awaited: var[str] = var("")

    @dataclass
    class PointClicked(Message):
        """The point of the sentence at a place was clicked."""

        sentence: int

    def __init__(self) -> None:
        super().__init__(id="map")
        self.offers_umap = projector.is_installed()
        self.uses_umap = False
        self._projector = Projector()
        self.shown = NOWHERE
        self._projected: Newest[Projection, PlacedSentences] = Newest(
            self, self._project, lambda _, placed: self._show(placed)
        )
        self._places: dict[int, tuple[int, int]] = {}
        self._lines: dict[int, list[_Mark]] = {}

    def watch_arrangement(self) -> None:
        """Show where the first model's embeddings lie."""
        if self.arrangement is None:
            self._show_nothing()
        elif self.display:
            self.project()

    def watch_awaited(self) -> None:
        """Tell what is awaited, where there are no points."""
        if self.arrangement is None:
            self._show_nothing()

    def watch_pair(self) -> None:
        """Let the points of other sentences stand out."""
        self._lay_out()

    def _show_nothing(self) -> None:
        self._projected.forget()
        self._show(NOWHERE._replace(title=self.awaited or TEACHING))

    def switch(self) -> None:
        """Project by UMAP instead of principal components, or the other way round."""
        self.uses_umap = not self.uses_umap
        self.project()

    def project(self) -> None:
        """Find out where the sentences lie."""
        if self.arrangement is not None:
            self._projected.ask(Projection(self.arrangement, self.uses_umap))

    async def _project(self, asked: Projection) -> PlacedSentences:
        """Places by principal components, which are shown until UMAP has its own."""
        embeddings, names = asked.embeddings, asked.names
        enough = len(embeddings) >= LEAST
        known = self._projector.known(embeddings) if asked.by_umap else None
        if known is None:
            points = await asyncio.to_thread(similarity.project, embeddings)
            title = map_title(points, embeddings)
            if not asked.by_umap:
                return PlacedSentences(names, points, title)
            title += "; UMAP is on its way" if enough else f"; UMAP needs {LEAST} sentences"
            self._show(PlacedSentences(names, points, title))
        if not enough:
            return self.shown
        try:
            points = await self._projector.project(embeddings)
        except UserError as error:
            return self.shown._replace(title=error.sentence)
        near = min(NEIGHBOURS, len(points) - 1)
        title = f"UMAP by cosine, {near} neighbours each; far apart says little"
        return PlacedSentences(names, points, title)

    def _show(self, placed: PlacedSentences) -> None:
        self.shown = placed
        self._lay_out()

    def on_unmount(self) -> None:
        """End the projecting process."""
        self._projector.close()

    def on_show(self) -> None:
        """Catch up with what changed while another answer was in view."""
        self.project()

    def on_resize(self, event: Resize) -> None:
        """Fit the points into the new room."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Put every point in its place, then the labels where they cover nothing."""
        self._lines, self._places = {}, {}
        self.refresh()
        width, height = self.size
        (placed,) = np.isfinite(self.shown.points).all(axis=1).nonzero()
        if not placed.size or width < 4 or height < TOP + 2:
            return
        points = self.shown.points[placed]
        low, high = points.min(axis=0), points.max(axis=0)
        spread = np.maximum(high - low, 1e-9)
        room_x, room_y = max(1, width - min(MOST_LABEL, width // 3) - 2), height - 1 - TOP
        scale = min(room_x / spread[0], room_y * CELL_SHAPE / spread[1])  # the same for both axes
        middle = (low + high) / 2
        for sentence, (x, y) in zip(placed.tolist(), (points - middle) * scale, strict=True):
            place = round(room_x / 2 + x), TOP + round(room_y / 2 - y / CELL_SHAPE)
            self._places[sentence] = place
        by_weight = sorted(self._places, key=lambda sentence: sentence not in self.pair)
        for sentence in by_weight:
            x, y = self._places[sentence]
            self._put(y, _Mark(x, "●", sentence, True))
        for sentence in by_weight:
            x, y = self._places[sentence]
            label = self.shown.names[sentence]
            whole = fitted(label, min(cell_len(label), MOST_LABEL))
            for text in (whole, label.partition(" ")[0]):
                spots = (x + 2, x - 1 - cell_len(text))
                if any(self._put(y, _Mark(spot, text, sentence, False)) for spot in spots):
                    break

    def _put(self, y: int, mark: _Mark) -> bool:
        """Add ``mark`` to the line ``y`` if it covers nothing there."""
        line = self._lines.setdefault(y, [])
        end = mark.x + cell_len(mark.text)
        if mark.x < 0 or end > self.size.width:
            return False
        apart = 0 if mark.is_point else 1
        if any(
            mark.x < other.x + cell_len(other.text) + apart and other.x < end + apart
            for other in line
            if other.sentence != mark.sentence
        ):
            return False
        line.append(mark)
        return True

    def render_line(self, y: int) -> Strip:
        """The points and labels on one line."""
        if y == 0:
            title = Segment(self.shown.title, self.get_component_rich_style("map--label"))
            return Strip([title]).adjust_cell_length(self.size.width, self.rich_style)
        x, segments = 0, []
        for mark in sorted(self._lines.get(y, [])):
            segments.append(Segment(" " * (mark.x - x), self.rich_style))
            segments.append(Segment(mark.text, self._style(mark)))
            x = mark.x + cell_len(mark.text)
        return Strip(segments, x).adjust_cell_length(self.size.width, self.rich_style)

    def _style(self, mark: _Mark) -> Style:
        if mark.sentence in self.pair:
            name = "map--chosen"
        else:
            name = "map--point" if mark.is_point else "map--label"
        return self.get_component_rich_style(name)

    def on_click(self, event: Click) -> None:
        """Choose the nearest point."""
        if self._places:
            away = {
                sentence: (event.x - x) ** 2 + (CELL_SHAPE * (event.y - y)) ** 2
                for sentence, (x, y) in self._places.items()
            }
            self.post_message(self.PointClicked(min(away, key=away.__getitem__)))

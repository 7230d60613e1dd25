"""The map: every sentence a point in two dimensions, near to what means the same."""

from __future__ import annotations

import asyncio
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import work
from textual.events import Click, Resize
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from stplay.encoding import projector, similarity
from stplay.encoding.projector import LEAST, NEIGHBOURS, Projector
from stplay.errors import UserError
from stplay.screens.explore.matrix import fitted
from stplay.text import count

CELL_SHAPE = 2.0  # a terminal's cell is about twice as high as wide
MOST_LABEL = 28
TOP = 2
TEACHING = "Type sentences, one a line: those that mean the same lie near each other here."


def map_title(points: NDArray[np.floating], embeddings: NDArray[np.floating]) -> str:
    """What the principal components show: how much of the differences between the sentences."""
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


class MapView(Widget):
    """A scatter of the sentences; those of the selected pair stand out."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"map--point", "map--label", "map--chosen"}

    class Chosen(Message):
        """A point was clicked."""

        def __init__(self, sentence: int) -> None:
            super().__init__()
            self.sentence = sentence

    def __init__(self) -> None:
        super().__init__(id="map")
        self.offers_umap = projector.is_installed()
        self.uses_umap = False
        self._projector = Projector()
        self._embeddings = np.empty((0, 0), np.float32)
        self._points = np.empty((0, 2))
        self._labels: list[str] = []
        self._title = ""
        self._chosen: tuple[int, ...] = ()
        self._places: dict[int, tuple[int, int]] = {}
        self._lines: dict[int, list[_Mark]] = {}

    def show(
        self, embeddings: NDArray[np.float32], labels: list[str], chosen: tuple[int, ...]
    ) -> None:
        """Show where ``embeddings``, of shape (sentences, dimensions), lie under ``labels``."""
        self._embeddings, self._labels, self._chosen = embeddings, labels, chosen
        self._project()

    def show_nothing(self, awaited: str) -> None:
        """There are no points; tell what is ``awaited``, or what would stand here."""
        self.workers.cancel_group(self, "map")
        self._embeddings, self._labels = np.empty((0, 0), np.float32), []
        self._place(np.empty((0, 2)), awaited or TEACHING)

    def switch(self) -> None:
        """Project by UMAP instead of principal components, or the other way round."""
        self.uses_umap = not self.uses_umap
        self._project()

    @work(group="map", exclusive=True)
    async def _project(self) -> None:
        embeddings, few = self._embeddings, len(self._embeddings) < LEAST
        if not len(embeddings):  # what is awaited stays in view
            return
        known = self._projector.known(embeddings) if self.uses_umap else None
        if known is None:
            points = await asyncio.to_thread(similarity.project, embeddings)
            title = map_title(points, embeddings)
            if self.uses_umap:
                title += f"; UMAP needs {LEAST} sentences" if few else "; UMAP is on its way"
            self._place(points, title)
        if self.uses_umap and not few:
            try:
                points = await self._projector.project(embeddings)
            except UserError as error:
                self._place(self._points, error.sentence)
                return
            near = min(NEIGHBOURS, len(points) - 1)
            self._place(points, f"UMAP by cosine, {near} neighbours each; far apart says little")

    def _place(self, points: NDArray[np.floating], title: str) -> None:
        self._points, self._title = points, title
        self._lay_out()
        self.refresh()

    def on_unmount(self) -> None:
        """End the projecting process."""
        self._projector.close()

    def choose(self, chosen: tuple[int, ...]) -> None:
        """Let the points of other sentences stand out."""
        if chosen != self._chosen:
            self._chosen = chosen
            self._lay_out()
            self.refresh()

    def on_resize(self, event: Resize) -> None:
        """Fit the points into the new room."""
        self._lay_out()

    def _lay_out(self) -> None:
        """Put every point in its place, then the labels where they cover nothing."""
        self._lines, self._places = {}, {}
        width, height = self.size
        (placed,) = np.isfinite(self._points).all(axis=1).nonzero()
        if not placed.size or width < 4 or height < TOP + 2:
            return
        points = self._points[placed]
        low, high = points.min(axis=0), points.max(axis=0)
        spread = np.maximum(high - low, 1e-9)
        room_x, room_y = max(1, width - min(MOST_LABEL, width // 3) - 2), height - 1 - TOP
        scale = min(room_x / spread[0], room_y * CELL_SHAPE / spread[1])  # the same for both axes
        middle = (low + high) / 2
        for sentence, (x, y) in zip(placed.tolist(), (points - middle) * scale, strict=True):
            place = round(room_x / 2 + x), TOP + round(room_y / 2 - y / CELL_SHAPE)
            self._places[sentence] = place
        by_weight = sorted(self._places, key=lambda sentence: sentence not in self._chosen)
        for sentence in by_weight:
            x, y = self._places[sentence]
            self._put(y, _Mark(x, "●", sentence, True))
        for sentence in by_weight:
            x, y = self._places[sentence]
            label = self._labels[sentence]
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
            title = Segment(self._title, self.get_component_rich_style("map--label"))
            return Strip([title]).adjust_cell_length(self.size.width, self.rich_style)
        x, segments = 0, []
        for mark in sorted(self._lines.get(y, [])):
            segments.append(Segment(" " * (mark.x - x), self.rich_style))
            segments.append(Segment(mark.text, self._style(mark)))
            x = mark.x + cell_len(mark.text)
        return Strip(segments, x).adjust_cell_length(self.size.width, self.rich_style)

    def _style(self, mark: _Mark) -> Style:
        if mark.sentence in self._chosen:
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
            self.post_message(self.Chosen(min(away, key=away.__getitem__)))

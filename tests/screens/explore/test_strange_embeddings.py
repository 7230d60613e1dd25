"""What Explore shows of embeddings that a model gone wrong may give."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from piloting import eventually
from strangeembeddings import strange
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from stplay.encoding.encoded import Encoded
from stplay.encoding.protocol import ModelFacts
from stplay.screens.explore import heatmapfile
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.mapview import MapView
from stplay.screens.explore.matrices import Matrices
from stplay.screens.explore.perspective import ORDERS, Perspective
from stplay.screens.explore.selection import Selection
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.shared.grid import ramp_ends
from stplay.screens.shared.matrix import Matrix
from stplay.similarities import SIMILARITIES


class Wall(App[None]):
    """All that shows embeddings."""

    CSS = "Matrices, MapView { height: 12; } Selection { height: auto; } MatrixPane { width: 1fr; }"

    def compose(self) -> ComposeResult:
        """The matrices, the map and the selection."""
        yield Matrices()
        yield MapView()
        yield Selection()

    async def show(self, pilot: Pilot[None], arrangement: Arrangement) -> None:
        """Show ``arrangement``, and paint it."""
        last = len(arrangement.sentences) - 1
        map_ = self.query_one(MapView)
        for view in (self.query_one(Matrices), self.query_one(Selection), map_):
            view.pair = (0, last) if not isinstance(view, Selection) else (last, 0)
            view.arrangement = arrangement
        await eventually(pilot, lambda: not map_._projected.is_looking)
        for widget in (map_, *self.query(Matrix)):
            size = widget.scrollable_content_region.size
            for line in widget.render_lines(Region(0, 0, *size)):
                assert line.cell_length == size.width


def arranged(first: np.ndarray, second: np.ndarray, view: Perspective) -> Arrangement:
    """Two models' answers."""
    facts = ModelFacts("mine", None, first.shape[1], None, "cosine", False, "cpu", False)
    sentences = [Sentence(number, f"sentence {number}") for number in range(1, len(first) + 1)]
    texts = [sentence.text for sentence in sentences]
    none = [0] * len(texts)
    answers = [
        Encoded(facts, texts, embeddings, [["a"]] * len(texts), none, 0.0)
        for embeddings in (first, second)
    ]
    return Arrangement.of(sentences, answers, view)


@pytest.mark.parametrize("count", [1, 2, 7])
@pytest.mark.filterwarnings("error::RuntimeWarning")
async def test_whatever_a_model_gives_is_shown(count: int) -> None:
    """Once the map of a diverged model ended the app: SVD did not converge."""
    kinds = strange(count)
    async with Wall().run_test(size=(100, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, Wall)
        for kind, rows in kinds.items():
            for metric in SIMILARITIES:
                order = ORDERS[len(metric) % len(ORDERS)]
                view = Perspective(metric, order, threshold=0.3)
                arrangement = arranged(rows, kinds["mixed"], view)
                await app.show(pilot, arrangement)
                low, high = ramp_ends(arrangement.grids[0].values, metric)
                assert np.isfinite([low, high]).all(), (kind, metric)
                step = view.dimmed(1, low, high).threshold
                assert step is None or np.isfinite(step)
                for grid in arrangement.grids:
                    assert heatmapfile.svg(grid, kind).endswith("</svg>\n")
                picture = heatmapfile.png(arrangement.grids[0], kind)
                Image.open(io.BytesIO(picture)).load()


async def test_what_has_no_place_on_the_map_is_counted_and_not_clicked() -> None:
    async with Wall().run_test(size=(100, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, Wall)
        rows = strange(7)["mixed"]
        await app.show(pilot, arranged(rows, rows, Perspective()))
        map_ = app.query_one(MapView)
        assert "without the 4 whose embeddings are not finite" in map_.shown.title
        assert sorted(map_._places) == [1, 3, 5]

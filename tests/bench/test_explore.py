"""How long a key takes to repaint the matrix, beside a bare encode of one sentence."""

from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from piloting import playground_of
from textual.strip import Strip

from stplay.screens.app import StplayApp
from stplay.screens.shared.grid import Grid
from stplay.screens.shared.matrix import Matrix

TYPED = " home along the quiet river in the last light of a long summer evening"
SENTENCES = [
    "A man in a blue shirt is standing on a ladder.",
    "Two dogs run across a field of grass.",
    "A woman is reading a newspaper on the train.",
    "The children are playing football in the park.",
    "An old house stands at the end of the street.",
    "Someone is cooking dinner in a small kitchen.",
    "A boat sails out of the harbour at dawn.",
    "The band plays its last song of the night.",
    "People wait for the bus in the rain.",
    "A girl rides her bicycle",
]
# A space at the end of a line changes no sentence: it comes with the next key.
STROKES = re.findall(r" ?\S", TYPED)


def percentile(seconds: list[float], share: float) -> float:
    """The value that ``share`` of ``seconds`` do not exceed."""
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


class PaintClock:
    """Knows when each grid was last painted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.painted: dict[int, float] = {}
        render_line = Matrix.render_line

        def clocked(matrix: Matrix, y: int) -> Strip:
            strip = render_line(matrix, y)
            self.painted[id(matrix.grid)] = time.perf_counter()
            return strip

        monkeypatch.setattr(Matrix, "render_line", clocked)


async def test_key_to_matrix(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sentence_transformers import SentenceTransformer

    from stplay.sources import minilm

    model = SentenceTransformer(str(minilm.checked_folder()), device="cpu")
    clock = PaintClock(monkeypatch)
    keyed: list[float] = []
    bare: list[float] = []
    sentence = SENTENCES[-1]
    async with StplayApp("explore").run_test(size=(120, 40)) as pilot:
        playground = await playground_of(pilot)
        playground.editor.text = "\n".join(SENTENCES)
        playground.editor.move_cursor(playground.editor.document.end)
        while len(playground.sentences) != len(SENTENCES):
            await asyncio.sleep(0.01)
        for keys in STROKES:  # by turns, so that both meet the same machine
            await asyncio.sleep(0.05)
            grid = playground.grids[0]
            begin = time.perf_counter()
            playground.editor.insert(keys)
            while playground.grids[0] is grid or id(playground.grids[0]) not in clock.painted:
                await asyncio.sleep(0.0005)
            await asyncio.sleep(0.02)
            keyed.append(clock.painted[id(playground.grids[0])] - begin)

            sentence += keys
            await asyncio.sleep(0.05)
            begin = time.perf_counter()
            model.encode([sentence], show_progress_bar=False)
            bare.append(time.perf_counter() - begin)
    with capsys.disabled():
        print(f"\nKey to repainted matrix, 10 sentences, one changed, {os.cpu_count()} cores")
        for name, taken in (("stplay", keyed), ("a bare model.encode", bare)):
            print(
                f"  {name:22} median {median(taken) * 1000:6.1f} ms"
                f"   95 % {percentile(taken, 0.95) * 1000:6.1f} ms"
            )
        print(f"  ratio of the medians {median(keyed) / median(bare):.2f}; aim: at most 2.5")


@pytest.mark.parametrize("size", [(120, 40), (200, 60)])
async def test_repaint_of_200_sentences(
    home: Path, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    count = 200
    random = np.random.default_rng(0)
    values = random.uniform(0, 1, (count, count)).astype(np.float32)
    labels = [f"sentence number {number}" for number in range(count)]
    numbers = list(range(1, count + 1))
    grids = [Grid(numbers, labels, values.T, random.permutation(count), 0.0, 1.0) for _ in "ab"]
    taken = []
    async with StplayApp("explore").run_test(size=size) as pilot:
        playground = await playground_of(pilot)
        matrix = playground.query(Matrix).first()
        for number in range(60):
            begin = time.perf_counter()
            matrix.show(grids[number % 2])
            lines = matrix.render_lines(matrix.size.region)
            text = "".join(line.render(pilot.app.console) for line in lines)
            taken.append(time.perf_counter() - begin)
            assert text
    with capsys.disabled():
        print(f"\nRepaint of a 200 x 200 matrix on {size[0]}x{size[1]}, without encoding")
        print(
            f"  median {median(taken) * 1000:.1f} ms   "
            f"95 % {percentile(taken, 0.95) * 1000:.1f} ms   aim: under 50 ms"
        )

"""The numbers of a vector, in any width."""

from __future__ import annotations

import numpy as np
import pytest
from textual.app import App
from textual.widgets import Static

from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.explore.vectornumbers import VectorNumbers
from stplay.screens.explore.vectorview import SentenceVector


@pytest.mark.parametrize("width", [4, 9, 22, 80])
async def test_all_numbers_are_there(width: int) -> None:
    shown = SentenceVector(Sentence(1, "a cat"), "mine", np.full(5, 0.25, np.float32), ["cat"], 0)
    app: App[None] = App()
    async with app.run_test(size=(width, 24)):
        await app.push_screen(VectorNumbers(shown))
        texts = [str(line.render()) for line in app.screen.query(Static)]
        assert texts[-1].count("0.25000") == 5

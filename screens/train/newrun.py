"""Before a run: the recipe's form beside the first rows of its data, and what it will cost."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import Any

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.screens.train.datapreview import DataPreview
from stplay.screens.train.recipeform import RecipeForm
from stplay.sources.datasources import rows_word
from stplay.text import count


class NewRun(Horizontal):
    """Makes a run of a recipe and starts it."""

    form = getters.query_one(RecipeForm)
    preview = getters.query_one(DataPreview)

    @dataclass
    class Started(Message):
        """The training process of ``run`` was started."""

        run: Run

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Any] | None = None
        self._rows: int | None = None
        self._word = ""

    def compose(self) -> ComposeResult:
        """The form on the left, the data on the right."""
        yield RecipeForm()
        yield DataPreview()

    @on(RecipeForm.Edited)
    def _show_data(self, event: RecipeForm.Edited) -> None:
        self._values = event.values if event.ready else None
        if self._values is not None:
            data = self._values["data"]
            self.preview.show(data["train"], data.get("train_rows"), data.get("columns"))
        self._show_cost()

    @on(DataPreview.Loaded)
    def _take_rows(self, event: DataPreview.Loaded) -> None:
        self._rows, self._word = event.rows, rows_word(event.negatives)
        self.form.complain_of_data(event.name, event.error or "")
        self._show_cost()

    def _show_cost(self) -> None:
        if self._values is None or self._rows is None:
            self.form.show_cost("")
            return
        training = recipe.build(self._values, "The form").training
        batch = training.per_device_train_batch_size
        too_large = f"The data has only {count(self._rows)} {self._word}."
        self.form.complain_of_batch(too_large if batch > self._rows else "")
        steps = training.steps(math.ceil(self._rows / batch))
        a_step = f"{count(training.triplets_a_step)} {self._word}"
        self.form.show_cost(f"{count(steps)} steps of {a_step}")

    @on(RecipeForm.StartPressed)
    async def _start(self, event: RecipeForm.StartPressed) -> None:
        try:
            run = Run.create(event.chosen, None, event.stem)
            await asyncio.to_thread(run.launch)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            self.form.show_whether_ready()
            return
        self.post_message(self.Started(run))

"""Before a run: the recipe's form beside the first rows of its data, and what it will cost."""

from __future__ import annotations

import asyncio
import copy
import math
from dataclasses import dataclass
from typing import NamedTuple

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from stplay.errors import UserError
from stplay.jobs.events import StageProgressed
from stplay.runs import plans, recipe
from stplay.runs.cost import CostLine, MeasuredRun, cost_lines, measured_runs, step_key
from stplay.runs.plans import Plan
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.runindex import RunIndex
from stplay.runs.runsummary import RunSummary, summaries
from stplay.screens.shared.newest import Newest
from stplay.screens.train.allfields import AllFields
from stplay.screens.train.datapreview import DataPreview
from stplay.screens.train.formfields import Values
from stplay.screens.train.recipeform import RecipeForm
from stplay.screens.train.recipesaving import save_as_asked
from stplay.sources.datasources import rows_word
from stplay.text import count

NOT_MEASURED = "t measures time and memory here, with a few steps of the real training"


class CostQuestion(NamedTuple):
    """What a training of ``chosen`` costs, of so many ``rows`` called ``word``."""

    chosen: Recipe
    rows: int
    word: str
    runs: list[MeasuredRun]
    plan: Plan | None


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
        self._values: Values | None = None
        self._rows: int | None = None
        self._word = ""
        self._all: AllFields | None = None
        self._index: RunIndex | None = None
        self._runs: list[MeasuredRun] = []
        self._plans: dict[str, Plan] = {}
        self._stage = ""
        self._costs: Newest[CostQuestion, list[CostLine]] = Newest(
            self, self._reckon, self._show_lines
        )
        self._measuring: Newest[Recipe, Plan | UserError] = Newest(
            self, self._measure, self._take_plan
        )

    def compose(self) -> ComposeResult:
        """The form on the left, the data on the right."""
        yield RecipeForm()
        yield DataPreview()

    def on_show(self) -> None:
        """Read anew what earlier runs were and took."""
        self.read_runs()

    @work(exclusive=True, group="read-runs")
    async def read_runs(self) -> None:
        """Offer the recipes of earlier runs, and reckon by what they took."""
        found, self._runs = await asyncio.to_thread(self._look_at_runs)
        self.form.offer(found)
        self._show_cost()

    def _look_at_runs(self) -> tuple[list[RunSummary], list[MeasuredRun]]:
        self._index = self._index or RunIndex()
        return summaries(self._index), measured_runs(self._index)

    @on(RecipeForm.Edited)
    def _show_data(self, event: RecipeForm.Edited) -> None:
        self._values = event.values if event.ready else None
        if self._values is not None:
            data = self._values["data"]
            self.preview.show(data["train"], data.get("train_rows"), data.get("columns"))
        self._show_all(event.values)
        asked = self._measuring.question
        if self._measuring.is_looking and asked is not None:
            now = self._chosen
            if now is None or step_key(now) != step_key(asked):  # it would be told of another one
                self._stop_measuring()
        self._show_cost()

    @on(DataPreview.Loaded)
    def _take_rows(self, event: DataPreview.Loaded) -> None:
        self._rows, self._word = event.rows, rows_word(event.negatives)
        self.form.complain_of_data(event.name, event.error or "")
        self._show_cost()

    @property
    def _chosen(self) -> Recipe | None:
        """The recipe in the form, where it has no mistake."""
        if self._values is None:
            return None
        return recipe.resolved(copy.deepcopy(self._values), "The form")

    def _show_cost(self) -> None:
        chosen = self._chosen
        if chosen is None or self._rows is None:
            self._costs.forget()
            self.form.show_cost([], "" if chosen else "what it costs is told once nothing is wrong")
            return
        batch = chosen.training.per_device_train_batch_size
        too_large = f"The data has only {count(self._rows)} {self._word}."
        self.form.complain_of_batch(too_large if batch > self._rows else "")
        plan = self._plans.get(step_key(chosen))
        asked = CostQuestion(chosen, self._rows, self._word, self._runs, plan)
        if not self._costs.ask(asked) and self._costs.found is not None:
            self._show_lines(asked, self._costs.found)

    @staticmethod
    async def _reckon(asked: CostQuestion) -> list[CostLine]:
        training = asked.chosen.training
        steps = training.steps(math.ceil(asked.rows / training.per_device_train_batch_size))
        a_step = f"{count(training.triplets_a_step)} {asked.word}"
        return await asyncio.to_thread(
            cost_lines, asked.chosen, steps, a_step, asked.runs, asked.plan
        )

    def _show_lines(self, asked: CostQuestion, lines: list[CostLine]) -> None:
        below = self._stage
        if not below and asked.plan is None and any(not line.source for line in lines[1:]):
            below = NOT_MEASURED
        self.form.show_cost(lines, below)

    @on(RecipeForm.MeasurePressed)
    def measure(self) -> None:
        """Take a few steps of the training that is in the form, or leave that."""
        if self._measuring.is_looking:
            self._stop_measuring()
        elif (chosen := self._chosen) is None:
            self.notify("Measuring begins once nothing in the form is wrong.", severity="warning")
        else:
            self._measuring.forget()
            self._measuring.ask(chosen)
            self._tell_stage("measuring: starting")

    def _stop_measuring(self) -> None:
        self._measuring.forget()
        self._tell_stage("")

    def _tell_stage(self, words: str) -> None:
        self._stage = words
        self.form.show_measuring(under_way=bool(words))
        self._show_cost()

    async def _measure(self, chosen: Recipe) -> Plan | UserError:
        def tell(stage: StageProgressed) -> None:
            if self._measuring.question is chosen:
                self._tell_stage(f"measuring: {plans.stage_line(stage)}")

        try:
            return await plans.make_async(chosen, tell)
        except UserError as error:
            return error

    def _take_plan(self, asked: Recipe, found: Plan | UserError) -> None:
        if isinstance(found, UserError):
            self.notify(found.sentence, severity="error", markup=False, timeout=10)
        else:
            self._plans[step_key(asked)] = found
        self._tell_stage("")

    def can_do(self, name: str) -> bool:
        """Whether there is anything to bring back; all else can always be done."""
        return name != "bring_back" or bool(self.form.replaced)

    async def do(self, name: str) -> None:
        """Do what a key of the screen asks the form for."""
        match name:
            case "all_fields":
                await self.show_all_fields()
            case "measure":
                self.measure()
            case "save":
                self.save()
            case "bring_back":
                self.form.bring_back()

    async def show_all_fields(self) -> None:
        """Show all fields in place of the data, or the data again."""
        if self._all is None:
            self._all = AllFields()
            await self.mount(self._all)
            self._show_all(copy.deepcopy(self.form.values))
        self.screen.remove_class("-data")
        self.toggle_class("-all-fields")
        if self.has_class("-all-fields"):
            self._all.take_focus()
        else:
            self.form.focus_start()

    def _show_all(self, values: Values) -> None:
        if self._all is not None:
            form = self.form
            self._all.show(values, form.preset, form.source, form.complaints)

    @on(RecipeForm.MorePressed)
    @on(AllFields.Left)
    async def _swap(self) -> None:
        await self.show_all_fields()

    @on(AllFields.Given)
    def _take_given(self, event: AllFields.Given) -> None:
        self.form.take(event.name, event.text)

    @on(AllFields.ResetAsked)
    def _reset(self, event: AllFields.ResetAsked) -> None:
        self.form.reset(event.name)

    @work(exclusive=True, group="save")
    async def save(self) -> None:
        """Save what is in the form as a recipe file."""
        try:
            chosen = recipe.resolved(copy.deepcopy(self.form.values), "The form")
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False, timeout=10)
            return
        await save_as_asked(self.app, chosen, self.form.stem)

    @on(RecipeForm.StartPressed)
    async def _start(self, event: RecipeForm.StartPressed) -> None:
        self._stop_measuring()  # the two would take each other's memory
        try:
            run = Run.create(event.chosen, None, event.stem)
            await asyncio.to_thread(run.launch)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            self.form.show_whether_ready()
            return
        self.post_message(self.Started(run))

"""What to evaluate: models, data, rows; mistakes told where they are made."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, SelectionList, Static

from stplay.errors import UserError
from stplay.evaluations.evaluation import Request
from stplay.hardware import has_gpu
from stplay.runs import modelsathand
from stplay.screens.evaluate.earlierevaluations import EarlierEvaluations, earlier
from stplay.screens.evaluate.offeredmodels import OfferedModels
from stplay.screens.evaluate.requested import Requested
from stplay.screens.shared.field import Checked, Field
from stplay.sources.datasources import data_source
from stplay.sources.modelsources import model_source
from stplay.sources.names import ALL_NLI, SAMPLE
from stplay.text import MOST_DIGITS, whole_number

CARD_ROWS = 1000
DATA = (ALL_NLI, SAMPLE)
MOST_EARLIER = 50


def check_number(text: str) -> None:
    """Make sure that ``text`` is a number of rows or dimensions, or nothing.

    Raises:
        UserError: it is not; tells what is allowed.
    """
    if text and whole_number(text) is None:
        most = f" of at most {MOST_DIGITS} digits" if len(text) > MOST_DIGITS else ""
        raise UserError(f"It must be a whole number above 0{most}, or nothing.")


class EvaluationForm(Horizontal):
    """Asks what to evaluate; beside it stand the earlier evaluations."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave the field", show=False)
    ]

    models = getters.query_one(OfferedModels)
    reading = getters.query_one("#models-reading", Static)
    button = getters.query_one("#evaluate", Button)
    earlier = getters.query_one(EarlierEvaluations)

    def __init__(self) -> None:
        super().__init__()
        self._wanted: str | None = None
        another = "another: a name, a folder, run:…@step"
        data = ALL_NLI if has_gpu() else SAMPLE
        known, number = SuggestFromList(DATA), Checked(check_number)
        self.model = Field("", Input(placeholder=another, compact=True, id="model"))
        self.data = Field(
            "Data",
            Input(
                data,
                suggester=known,
                validators=Checked(data_source),
                compact=True,
                id="data",
            ),
        )
        self.splits = Field("Splits", Input(placeholder="dev and test", compact=True, id="splits"))
        self.rows, self.dimensions = (
            Field(label, Input(text, placeholder="all", validators=number, compact=True, id=id_))
            for label, text, id_ in (
                ("Rows", str(CARD_ROWS), "rows"),
                ("Dimensions", "", "dimensions"),
            )
        )
        self.fields = (self.model, self.data, self.splits, self.rows, self.dimensions)

    def compose(self) -> ComposeResult:
        """The entries on the left, what was found before on the right."""
        with VerticalScroll(id="evaluation-entries", can_focus=False):
            with Horizontal(id="models-line"):
                yield Label("Models")
                with Vertical():
                    yield Static("reading what is at hand…", id="models-reading")
                    yield OfferedModels(id="models", compact=True)
            yield from self.fields
            with Horizontal(id="evaluate-line"):
                yield Button("Evaluate", variant="primary", id="evaluate")
        yield EarlierEvaluations()

    def on_mount(self) -> None:
        """Look for the models at hand and the evaluations made before."""
        self.models.display = False
        self.refresh_lists()

    @work(exclusive=True, group="refresh-lists")
    async def refresh_lists(self) -> None:
        """Read anew what is at hand; what was read before stays meanwhile."""
        offered = await asyncio.to_thread(modelsathand.offered)
        found = await asyncio.to_thread(earlier, MOST_EARLIER)
        self.models.offer(offered)
        if not self.models.selected:
            self.models.choose(self._wanted or offered[0].name)
        self.reading.display = False
        self.models.display = True
        self.earlier.show(found)
        self._allow_start()
        if self.display and self.screen.focused is None:
            self.focus_start()

    def choose(self, name: str) -> None:
        """Choose the model called ``name`` and no other."""
        self._wanted = name
        self.models.deselect_all()
        self.models.choose(name)

    def focus_start(self) -> None:
        """Put the focus on the button, so that a first visit needs one key."""
        self.button.focus()

    def action_leave(self) -> None:
        """Take the focus out of a field, so that single keys work."""
        self.screen.set_focus(None)

    @on(Input.Submitted, "#model")
    def _add_model(self, event: Input.Submitted) -> None:
        if name := event.value.strip():
            self._check_model(name)

    @work(exclusive=True, group="check-model")
    async def _check_model(self, name: str) -> None:
        complaint = ""
        try:
            await asyncio.to_thread(model_source, name)
        except UserError as error:
            complaint = error.sentence
        typed = self.model.value.strip() == name  # or another one by now
        if not complaint:
            self.models.choose(name)
            self.model.value = "" if typed else self.model.value
        elif typed:
            self.model.complaint = complaint
        self._allow_start()

    @on(Field.Changed)
    @on(SelectionList.SelectedChanged)
    def _allow_start(self) -> None:
        wrong = any(field.wrong for field in self.fields)
        self.button.disabled = wrong or not self.models.selected

    @on(Button.Pressed, "#evaluate")
    def _start(self) -> None:
        splits = self.splits.value.replace(",", " ").replace(" and ", " ")
        request = Request(
            models=list(self.models.selected),
            data=self.data.value.strip(),
            splits=splits.split(),
            limit=whole_number(self.rows.value.strip()),
            truncate_dim=whole_number(self.dimensions.value.strip()),
        )
        self.post_message(Requested(request))

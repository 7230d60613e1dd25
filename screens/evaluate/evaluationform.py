"""What to evaluate: models, data, rows; mistakes told where they are made."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, OptionList, SelectionList, Static
from textual.widgets.option_list import Option
from textual.widgets.selection_list import Selection

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.hardware import has_gpu
from stplay.runs import modelsathand
from stplay.screens.shared.complaint import brief
from stplay.sources.datasources import data_source
from stplay.sources.modelsources import model_source
from stplay.sources.names import ALL_NLI, SAMPLE
from stplay.text import MOST_DIGITS, count, decimals, moment, printable, whole_number

CARD_ROWS = 1000
DATA = (ALL_NLI, SAMPLE)
NUMBERS = {"rows": "Rows", "dimensions": "Dimensions"}
MOST_EARLIER = 50


class EvaluationForm(Horizontal):
    """Asks what to evaluate; beside it stand the earlier evaluations."""

    class StartPressed(Message):
        """The person wants ``request`` evaluated."""

        def __init__(self, request: Request) -> None:
            super().__init__()
            self.request = request

    class Reopened(Message):
        """The person wants to see a finished evaluation again."""

        def __init__(self, evaluation: Evaluation) -> None:
            super().__init__()
            self.evaluation = evaluation

    def __init__(self) -> None:
        super().__init__()
        self.complaints: dict[str, str] = {}
        self._wanted: set[str] = set()
        self._listed: set[str] = set()

    def compose(self) -> ComposeResult:
        """The entries on the left, what was found before on the right."""
        with VerticalScroll(id="evaluation-entries", can_focus=False):
            yield Label("Models")
            yield Static("reading what is at hand…", id="models-reading")
            yield SelectionList[str](id="models", compact=True)
            yield Label()
            yield Input(
                placeholder="another: a name, a folder, run:…@step", compact=True, id="model"
            )
            yield Label(classes="complaint")
            yield Static(id="model-complaint", classes="complaint")
            yield Label("Data")
            first = ALL_NLI if has_gpu() else SAMPLE
            yield Input(first, suggester=SuggestFromList(DATA), compact=True, id="data")
            yield Label(classes="complaint")
            yield Static(id="data-complaint", classes="complaint")
            yield Label("Splits")
            yield Input(placeholder="dev and test", compact=True, id="splits")
            yield Label("Rows")
            yield Input(str(CARD_ROWS), placeholder="all", compact=True, id="rows")
            yield Label(classes="complaint")
            yield Static(id="rows-complaint", classes="complaint")
            yield Label("Dimensions")
            yield Input(placeholder="all", compact=True, id="dimensions")
            yield Label(classes="complaint")
            yield Static(id="dimensions-complaint", classes="complaint")
            yield Label()
            with Horizontal(id="evaluate-line"):
                yield Button("Evaluate", variant="primary", id="evaluate")
        with Vertical(id="earlier"):
            yield Static("Earlier evaluations", classes="title")
            reading = Option(Content.styled("reading…", "dim"), disabled=True)
            yield OptionList(reading, id="earlier-list", compact=True)

    def on_mount(self) -> None:
        """Look for the models at hand and the evaluations made before."""
        for name in ("model", "data", *NUMBERS):
            self._complain(name, "")
        self.query_one("#models").display = False
        self.refresh_lists()

    @work(exclusive=True, group="refresh-lists")
    async def refresh_lists(self) -> None:
        """Read anew what is at hand; what was read before stays meanwhile."""
        offered = await asyncio.to_thread(modelsathand.offered)
        found = await asyncio.to_thread(earlier, MOST_EARLIER)
        choices = self.query_one("#models", SelectionList)
        chosen = set(choices.selected) or self._wanted or {offered[0].name}
        for model in offered:
            if model.name not in self._listed:
                self._listed.add(model.name)
                words = Content.assemble(printable(model.name), (f"  {model.words}", "dim"))
                choices.add_option(Selection(words, model.name))
        for name in chosen:
            self._choose(name)
        self.query_one("#models-reading").display = False
        choices.display = True
        listed = self.query_one("#earlier-list", OptionList)
        listed.clear_options()
        options = [Option(words, id=name) for name, words in found.items()]
        listed.add_options(options or [Option(self._teaching(), disabled=True)])
        self._allow_start()
        if self.display and self.screen.focused is None:
            self.focus_start()

    def _teaching(self) -> Content:
        return Content.styled(
            "None yet. Choose one model, or two to compare, and press Evaluate: the accuracies on "
            "dev and test come with their 95 % intervals, the triplets each model gets wrong, and "
            "whether the two can be told apart.",
            "dim",
        )

    def choose(self, name: str) -> None:
        """Choose the model called ``name`` and no other."""
        self._wanted = {name}
        choices = self.query_one("#models", SelectionList)
        choices.deselect_all()
        self._choose(name)

    def _choose(self, name: str) -> None:
        choices = self.query_one("#models", SelectionList)
        if name not in self._listed:
            self._listed.add(name)
            choices.add_option(Selection(Content(printable(name)), name))
        choices.select(name)

    def focus_start(self) -> None:
        """Put the focus on the button, so that a first visit needs one key."""
        self.query_one("#evaluate", Button).focus()

    @on(Input.Submitted, "#model")
    def _add_model(self, event: Input.Submitted) -> None:
        if name := event.value.strip():
            self._check_model(name)

    @on(Input.Changed, "#model")
    def _type_model(self) -> None:
        self._complain("model", "")

    @work(thread=True, exclusive=True, group="check-model")
    def _check_model(self, name: str) -> None:
        complaint = ""
        try:
            model_source(name)
        except UserError as error:
            complaint = error.sentence
        self.app.call_from_thread(self._take_model, name, complaint)

    def _take_model(self, name: str, complaint: str) -> None:
        self._complain("model", complaint)
        if not complaint:
            self._choose(name)
            self.query_one("#model", Input).value = ""

    @on(Input.Changed, "#data")
    def _type_data(self, event: Input.Changed) -> None:
        complaint = ""
        try:
            data_source(event.value.strip())
        except UserError as error:
            complaint = error.sentence
        self._complain("data", complaint)

    @on(Input.Changed, "#rows")
    @on(Input.Changed, "#dimensions")
    def _type_number(self, event: Input.Changed) -> None:
        text, name = event.value.strip(), event.input.id or ""
        fits = not text or whole_number(text) is not None
        most = f" of at most {MOST_DIGITS} digits" if len(text) > MOST_DIGITS else ""
        complaint = f"It must be a whole number above 0{most}, or nothing."
        self._complain(name, "" if fits else complaint)

    @on(SelectionList.SelectedChanged)
    def _count_models(self) -> None:
        self._allow_start()

    def _complain(self, name: str, complaint: str) -> None:
        if complaint:
            self.complaints[name] = complaint
        else:
            self.complaints.pop(name, None)
        line = self.query_one(f"#{name}-complaint", Static)
        line.update(Content(f"✗ {brief(complaint)}"))
        line.display = bool(complaint)
        before = line.parent.children[line.parent.children.index(line) - 1] if line.parent else None
        if before is not None:
            before.display = bool(complaint)  # its cell in the column of labels
        self._allow_start()

    def _allow_start(self) -> None:
        nothing = not self.query_one("#models", SelectionList).selected
        self.query_one("#evaluate", Button).disabled = nothing or bool(self.complaints)

    def _number(self, name: str) -> int | None:
        return whole_number(self.query_one(f"#{name}", Input).value.strip())

    @on(Button.Pressed, "#evaluate")
    def _start(self) -> None:
        splits = self.query_one("#splits", Input).value.replace(",", " ").replace(" and ", " ")
        self.post_message(
            self.StartPressed(
                Request(
                    models=list(self.query_one("#models", SelectionList).selected),
                    data=self.query_one("#data", Input).value.strip(),
                    splits=splits.split(),
                    limit=self._number("rows"),
                    truncate_dim=self._number("dimensions"),
                )
            )
        )

    @on(OptionList.OptionSelected, "#earlier-list")
    def _reopen(self, event: OptionList.OptionSelected) -> None:
        if event.option.id is None:
            return
        try:
            self.post_message(self.Reopened(Evaluation.find(event.option.id)))
        except UserError as error:  # removed meanwhile
            self.notify(error.sentence, severity="error", markup=False)


def earlier(most: int | None = None) -> dict[str, Content]:
    """The newest finished evaluations in a few lines each, by their names; a damaged one is not."""
    found = {}
    for evaluation in Evaluation.every()[:most]:
        with suppress(UserError):
            found[evaluation.id] = earlier_words(evaluation)
    return found


def earlier_words(evaluation: Evaluation) -> Content:
    """A finished evaluation in a few lines.

    Raises:
        UserError: its summary is damaged.
    """
    summary = evaluation.summary()
    lines = [Content.assemble((evaluation.id, "bold"), (f"  {moment(summary.created)}", "dim"))]
    for model in summary.rated()[:3]:
        figures = []
        for split in summary.splits:
            if result := summary.result(model.name, split.split):
                value = decimals(result.accuracies["max_accuracy"].value, 3)
                figures.append(f"{printable(split.split)} {value}")
        lines.append(Content.assemble(f"  {printable(model.name)}  ", (", ".join(figures), "dim")))
    if more := len(summary.rated()[3:]):
        lines.append(Content.styled(f"  and {count(more)} more", "dim"))
    return Content("\n").join(lines)

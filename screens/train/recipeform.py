"""The recipe as a form: the fields that matter, their mistakes told while they are made."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Button, Input, Select, Static

from stplay.errors import UserError
from stplay.hardware import has_gpu
from stplay.runs import recipe
from stplay.runs.cost import CostLine
from stplay.runs.recipe import Recipe
from stplay.runs.recipefields import recipe_fields
from stplay.runs.runsummary import RunSummary
from stplay.screens.shared.field import Checked, Field
from stplay.screens.train.costcontent import cost_content
from stplay.screens.train.formfields import (
    BATCH,
    DATA_FIELDS,
    FP16,
    LABELS,
    PRECISION,
    SUGGESTIONS,
    Values,
    complaint_of_name,
    first_entry,
    given,
    text_of,
    told,
)
from stplay.screens.train.startingpoints import FILE, RecipePaths, check_file, starting_points
from stplay.sources.names import DATA_SUFFIXES, kind_of_file
from stplay.text import count

SHORT_ROWS = 28  # of fewer, none are left for a frame around a button
FEWEST_ROWS = 4


class RecipeForm(Vertical):
    """Edits a recipe that starts as a preset, that of an earlier run, or a file."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "reset_field", "Reset the field", show=False)
    ]

    start = getters.query_one("#start", Button)
    measure = getters.query_one("#measure", Button)
    more = getters.query_one("#more", Static)
    cost = getters.query_one("#cost", Static)
    first_fields = getters.query_one("#first-fields", VerticalScroll)
    below = getters.query_one("#form-below", Vertical)

    @dataclass
    class Edited(Message):
        """The recipe in the form is another one now; ``ready`` where it has no mistake."""

        values: Values
        ready: bool

        def can_replace(self, message: Message) -> bool:
            """Only the newest counts."""
            return isinstance(message, RecipeForm.Edited)

    @dataclass
    class StartPressed(Message):
        """The person wants to train ``chosen``."""

        chosen: Recipe
        stem: str

    class MeasurePressed(Message):
        """The person wants to know what it takes, or not to wait for that any more."""

    class MorePressed(Message):
        """The person wants to see all fields."""

    def __init__(self) -> None:
        super().__init__()
        self.source = self._first = "all-nli" if has_gpu() else "sample"
        self.preset: Values = recipe.load(self.source).to_dict()
        self.values = copy.deepcopy(self.preset)
        self.replaced: dict[str, Any] = {}
        self._told: tuple[Sequence[CostLine], str] = ((), "")
        self._followed = text_of(self.values, "data.train")
        choices = starting_points(self._first, [], self.source)
        self.preset_field = Field(
            "Start from",
            Select(choices, value=self.source, allow_blank=False, compact=True, id="source"),
        )
        path = Input(
            placeholder="a .toml recipe, or run:NAME",
            suggester=RecipePaths(),
            validators=Checked(check_file),
            compact=True,
            id="file",
        )
        self.file = Field("File", path)
        self.fields = {name: Field(LABELS[name], first_entry(name, self.values)) for name in LABELS}

    def compose(self) -> ComposeResult:
        """The fields, what they will cost, then the buttons."""
        with VerticalScroll(id="first-fields", can_focus=False):
            yield self.preset_field
            yield self.file
            yield from self.fields.values()
            yield Static(id="more")
        with Vertical(id="form-below"):
            yield Static(id="cost")
            with Horizontal(id="start-line"):
                yield Button("Start", variant="primary", id="start")
                yield Button("Measure", id="measure")

    def on_mount(self) -> None:
        """Tell what the form begins with."""
        self.file.display = False
        self._announce()

    @property
    def changed(self) -> list[str]:
        """The fields that are not as where the form started from."""
        return [
            name for name in recipe_fields() if given(self.values, name) != given(self.preset, name)
        ]

    @property
    def stem(self) -> str:
        """What runs of the form, and files of it, are called."""
        return recipe.stem(self.source)

    def offer(self, runs: Sequence[RunSummary]) -> None:
        """Offer the recipes of ``runs`` to start from."""
        select = self.preset_field.entry
        assert isinstance(select, Select)
        value = self.preset_field.value
        select.set_options(starting_points(self._first, runs, self.source))
        self.preset_field.value = value

    def _text(self, name: str) -> str:
        return text_of(self.values, name)

    @on(Field.Changed)
    def _take_change(self, event: Field.Changed) -> None:
        field = event.field
        if field is self.preset_field:
            self._choose_source(field.value)
        elif field is self.file:
            self._take_file()
        else:
            name = next(name for name, each in self.fields.items() if each is field)
            if name == PRECISION:
                self._put(FP16, field.value == "fp16")
                self._put(PRECISION, field.value == "true")
            else:
                self._put(name, recipe.parse_value(name, field.value))
            self._announce()

    def _choose_source(self, source: str) -> None:
        self.file.display = source == FILE
        if source == FILE:
            self.file.value = ""
            self.file.entry.focus()
            self.show_whether_ready()
        else:
            self.file.complaint = ""
            self._take_source(source)

    def _take_file(self) -> None:
        if self.file.complaint:
            self.show_whether_ready()
        else:
            self._take_source(self.file.value.strip())

    def start_from(self, source: str) -> None:
        """Begin with the recipe of ``source`` as it stands there, as if its name were typed."""
        self.source, self.preset_field.value = "", FILE
        self.file.display = True
        self.file.value = source
        self._take_file()

    def _take_source(self, source: str) -> None:
        if source != self.source:
            try:
                preset = recipe.load(source).to_dict()
            except UserError as error:  # of a run that was removed or damaged meanwhile
                self.preset_field.complaint = error.sentence
                self.show_whether_ready()
                return
            replaced = {name: given(self.values, name) for name in self.changed}
            self.source, self.preset = source, preset
            self.values = copy.deepcopy(preset)
            self._followed = self._text("data.train")
            self._fill()
            self._tell_replaced(replaced)
        self.preset_field.complaint = ""
        self._announce()

    def _fill(self) -> None:
        for name, field in self.fields.items():
            field.value = self._text(name)
            self._check_source(name)

    def _tell_replaced(self, values: dict[str, Any]) -> None:
        self.replaced = {
            name: value for name, value in values.items() if value != given(self.values, name)
        }
        if self.replaced:
            names = ", ".join(LABELS.get(name, name) for name in self.replaced)
            words = f"What you had changed is replaced: {names}. u brings it back."
            self.notify(words, markup=False, timeout=8)

    def bring_back(self) -> None:
        """Put back what another start has replaced."""
        values, self.replaced = self.replaced, {}
        for name, value in values.items():
            self._put(name, value)
        self._fill()
        self._announce()

    def take(self, name: str, text: str) -> None:
        """Take what was typed elsewhere for the field called ``name``."""
        self._put(name, recipe.parse_value(name, text))
        self._show(name)
        self._announce()

    def reset(self, name: str) -> None:
        """Let the field called ``name`` be again as where the form started from."""
        names = {PRECISION: (PRECISION, FP16), "model.base": ("model.base", *recipe.TRUST)}
        for each in names.get(name, (name,)):
            self._put(each, given(self.preset, each))
        self._show(name)
        self._announce()

    def _show(self, name: str) -> None:
        shown = PRECISION if name == FP16 else name
        if shown in self.fields:
            self.fields[shown].value = self._text(shown)
            self._check_source(shown)

    @on(Field.NotePressed)
    def _reset_pressed(self, event: Field.NotePressed) -> None:
        self.reset(next(name for name, each in self.fields.items() if each is event.field))

    def action_reset_field(self) -> None:
        """Let the field that has the focus be as where the form started from."""
        for name, field in self.fields.items():
            if field.has_focus_within:
                self.reset(name)

    def _put(self, name: str, value: Any) -> None:
        section, _, field = name.partition(".")
        if name == "model.base" and value != given(self.values, name):
            for each in recipe.TRUST:
                self._put(each, False)
        if name == "data.train" and value != given(self.values, name):
            self._put("data.columns", None)  # another's columns are called as they like
        if name in ("data.train", "data.train_rows"):
            self.fields["data.train"].finding = ""
        if name in ("data.train", "data.train_rows", BATCH):
            self.fields[BATCH].finding = ""
        self.values.setdefault(section, {})[field] = value
        self._check_source(name)

    @on(Input.Blurred, "#data-train")
    @on(Input.Submitted, "#data-train")
    def _follow_train(self) -> None:
        # Data with splits of its own brings them along; one file is one split.
        train = self._text("data.train")
        if not train or kind_of_file(train) in DATA_SUFFIXES:
            return
        before, self._followed = self._followed, train
        for name in DATA_FIELDS[1:]:
            if self._text(name) == before:
                self.fields[name].value = train
                self._put(name, train)
        self._announce()

    def _check_source(self, name: str) -> None:
        """Look whether what a field names is there, where it is a name at all."""
        value = given(self.values, name)
        if name in SUGGESTIONS and value is not None and not self.fields[name].complaint:
            self._look(name, str(value))

    @work(group="check-source")
    async def _look(self, name: str, value: str) -> None:
        trusted = bool(given(self.values, "model.allow_pickle"))
        complaint = await asyncio.to_thread(complaint_of_name, name, value, trusted=trusted)
        if self._text(name) == value:
            self.fields[name].complaint = complaint
            self._announce()

    @property
    def complaints(self) -> dict[str, str]:
        """What is wrong with what the first fields name."""
        return {name: field.complaint or field.finding for name, field in self.fields.items()}

    @property
    def _is_mistaken(self) -> bool:
        fields = (self.preset_field, self.file, *self.fields.values())
        return any(field.complaint for field in fields) or bool(recipe.mistakes(self.values))

    def show_whether_ready(self) -> None:
        """Let the button be pressed where nothing is wrong."""
        found = any(field.finding for field in self.fields.values())
        self.start.disabled = found or self._is_mistaken

    def _announce(self) -> None:
        changed = self.changed
        for name, field in self.fields.items():
            differs = name in changed or (name == PRECISION and FP16 in changed)
            field.label.set_class(differs, "changed")
            field.note = f"* instead of {told(self.preset, name)} (^r resets)" if differs else ""
        others = len([name for name in changed if name not in (*LABELS, FP16)])
        differ = f", {count(others)} of the others changed *" if others else ""
        self.more.update(Content(f"m  All {len(recipe_fields())} fields{differ}"))
        self.show_whether_ready()
        # A copy: by the time the message is read, more may have been typed.
        self.post_message(self.Edited(copy.deepcopy(self.values), not self._is_mistaken))
        self.screen.refresh_bindings()

    def show_cost(self, lines: Sequence[CostLine], below: str = "") -> None:
        """Tell what the training will take, and ``below`` how the measuring goes."""
        self._told = lines, below
        self._tell_cost()

    def on_resize(self) -> None:
        """Tell the cost in the room there is now."""
        self.start.compact = self.measure.compact = self.size.height < SHORT_ROWS
        self._tell_cost()

    def _tell_cost(self) -> None:
        lines, below = self._told
        told = cost_content(lines, below, self.cost.size.width)
        self.cost.update(told)
        self.call_after_refresh(self._share_rows)

    def _share_rows(self) -> None:
        """Leave the fields as many rows as what stands below them does not take."""
        rows = max(FEWEST_ROWS, self.size.height - self.below.outer_size.height)
        self.first_fields.styles.max_height = rows

    def show_measuring(self, *, under_way: bool) -> None:
        """Name the button by what it does now."""
        self.measure.label = "Cancel" if under_way else "Measure"

    def complain_of_data(self, name: str, complaint: str) -> None:
        """Tell at its field what is wrong with the training data called ``name``."""
        if self._text("data.train") == name:
            self.fields["data.train"].finding = complaint
            self.show_whether_ready()

    def complain_of_batch(self, complaint: str) -> None:
        """Tell at its field that the batch is larger than the data."""
        self.fields[BATCH].finding = complaint
        self.show_whether_ready()

    def focus_start(self) -> None:
        """Put the focus on the button, so that a first visit needs one key."""
        self.show_whether_ready()
        self.start.focus()

    @on(Button.Pressed, "#measure")
    def _measure(self) -> None:
        self.post_message(self.MeasurePressed())

    def on_click(self, event: Click) -> None:
        """Show all fields where their line is pressed."""
        if event.widget is self.more:
            self.post_message(self.MorePressed())

    @on(Button.Pressed, "#start")
    def _start(self) -> None:
        self.start.disabled = True  # a second press is no second run
        self._make_run()

    @work(exclusive=True, group="start")
    async def _make_run(self) -> None:
        try:
            chosen = recipe.resolved(copy.deepcopy(self.values), "The form")
            await asyncio.to_thread(chosen.check_sources)
        except UserError as error:
            self.app.notify(error.sentence, severity="error", timeout=10, markup=False)
            self.show_whether_ready()
            return
        self.post_message(self.StartPressed(chosen, self.stem))

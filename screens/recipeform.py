"""The recipe as a form: the fields that matter, their mistakes told while they are made."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static

from stplay import recipe, sources
from stplay.errors import UserError
from stplay.hardware import has_gpu
from stplay.recipe import Recipe
from stplay.text import printable

FILE = "recipe file"
MODELS = (
    "builtin:tiny",
    "builtin:minilm",
    "sentence-transformers/all-MiniLM-L6-v2",
    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
)
DATA = ("builtin:sample", "all-nli")
PRECISIONS = [("bf16 where the GPU has it", "true"), ("float32", "false")]


class Field(NamedTuple):
    """One line of the form."""

    name: str
    label: str
    suggestions: tuple[str, ...] = ()


FIELDS = (
    Field("model.base", "Base model", MODELS),
    Field("data.train", "Train data", DATA),
    Field("data.dev", "Dev data", DATA),
    Field("data.test", "Test data", DATA),
    Field("data.train_rows", "Train rows"),
    Field("training.per_device_train_batch_size", "Batch size"),
    Field("training.num_train_epochs", "Epochs"),
    Field("training.learning_rate", "Learning rate"),
)
DATA_FIELDS = ("data.train", "data.dev", "data.test")
PRECISION = "training.bf16"


def identifier(name: str) -> str:
    """The widget id of a field."""
    return name.replace(".", "-")


class RecipeForm(VerticalScroll):
    """Edits a recipe that starts as a preset or a file."""

    can_focus = False

    class Edited(Message):
        """The recipe in the form is another one now; ``ready`` where it has no mistake."""

        def __init__(self, values: dict[str, Any], ready: bool) -> None:
            super().__init__()
            self.values = values
            self.ready = ready

    class StartPressed(Message):
        """The person wants to train ``chosen``."""

        def __init__(self, chosen: Recipe, stem: str) -> None:
            super().__init__()
            self.chosen = chosen
            self.stem = stem

    def __init__(self) -> None:
        super().__init__()
        self.source = "all-nli" if has_gpu() else "sample"
        self.preset = recipe.load(self.source).to_dict()
        self.values = copy.deepcopy(self.preset)
        self.complaints: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """A line a field, then the button."""
        presets = sorted(recipe.presets(), key=lambda name: name != self.source)
        with Horizontal(classes="field"):
            yield Label("Recipe")
            choices = [(name, name) for name in (*presets, FILE)]
            yield Select(choices, value=self.source, allow_blank=False, compact=True, id="source")
            yield Label("", classes="mark")
        with Vertical(classes="entry", id="file-entry"), Horizontal(classes="field"):
            yield Label("File")
            yield Input(placeholder="path of a .toml recipe", compact=True, id="file")
            yield Label("", classes="mark")
        yield Static(id="file-complaint", classes="complaint")
        for field in FIELDS:
            with Horizontal(classes="field"):
                yield Label(field.label)
                suggester = SuggestFromList(field.suggestions) if field.suggestions else None
                yield Input(
                    self._text(field.name),
                    placeholder="all" if field.name == "data.train_rows" else "none",
                    suggester=suggester,
                    compact=True,
                    id=identifier(field.name),
                )
                yield Label("", classes="mark")
            yield Static(id=f"{identifier(field.name)}-complaint", classes="complaint")
        with Horizontal(classes="field"):
            yield Label("Precision")
            yield Select(
                PRECISIONS,
                value=self._text(PRECISION) or "false",
                allow_blank=False,
                compact=True,
                id=identifier(PRECISION),
            )
            yield Label("", classes="mark")
        with Horizontal(id="start-line"):
            yield Button("Start", variant="primary", id="start")
            yield Static(id="cost")

    def on_mount(self) -> None:
        """The first visit needs one key: the button has the focus."""
        self.query_one("#file-entry").display = False
        for complaint in self.query(".complaint"):
            complaint.display = False
        self.query_one("#start", Button).focus()
        self._announce()

    def _text(self, name: str) -> str:
        section, _, field = name.partition(".")
        value = self.values.get(section, {}).get(field)
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    @on(Select.Changed, "#source")
    def _choose_source(self, event: Select.Changed) -> None:
        is_file = event.value == FILE
        self.query_one("#file-entry").display = is_file
        if is_file:
            self.query_one("#file", Input).focus()
            self._take_file(self.query_one("#file", Input).value)
        else:
            self._complain("file", "")
            self._take(str(event.value))

    @on(Input.Changed, "#file")
    def _type_file(self, event: Input.Changed) -> None:
        if self.query_one("#source", Select).value == FILE:
            self._take_file(event.value)

    def _take_file(self, path: str) -> None:
        if not path.strip():
            self._complain("file", "Type the path of a recipe, a .toml file.")
            return
        try:
            recipe.load(path.strip())
        except UserError as error:
            self._complain("file", error.sentence)
            return
        self._complain("file", "")
        self._take(path.strip())

    def _take(self, source: str) -> None:
        if source == self.source:
            self._announce()
            return
        self.source = source
        self.preset = recipe.load(source).to_dict()
        self.values = copy.deepcopy(self.preset)
        for field in FIELDS:
            self.query_one(f"#{identifier(field.name)}", Input).value = self._text(field.name)
            self._check(field.name)
        select = self.query_one(f"#{identifier(PRECISION)}", Select)
        select.value = self._text(PRECISION) or "false"
        self._announce()

    @on(Input.Changed, ".field Input")
    def _type(self, event: Input.Changed) -> None:
        for field in FIELDS:
            if event.input.id == identifier(field.name) and event.value != self._text(field.name):
                self._set(field.name, event.value)
                self._announce()

    @on(Select.Changed, f"#{identifier(PRECISION)}")
    def _choose_precision(self, event: Select.Changed) -> None:
        if (self._text(PRECISION) or "false") != event.value:
            self._set(PRECISION, str(event.value))
        self._announce()

    def _set(self, name: str, text: str) -> None:
        section, _, field = name.partition(".")
        before = self.values.get(section, {}).get(field)
        value = recipe.parse_value(name, text)
        table = self.values.setdefault(section, {})
        if value is None:
            table.pop(field, None)
        else:
            table[field] = value
        self._check(name)
        if name == "data.train" and isinstance(value, str):
            self._follow_train(before, value)

    def _follow_train(self, before: object, value: str) -> None:
        # Data with splits of its own brings them along; one file is one split.
        if value.endswith(sources.DATA_SUFFIXES):
            return
        for name in DATA_FIELDS[1:]:
            entry = self.query_one(f"#{identifier(name)}", Input)
            if self._text(name) == before:
                entry.value = value

    def _check(self, name: str) -> None:
        section, _, field = name.partition(".")
        table = self.values.get(section, {})
        if field not in table:
            required = name in ("model.base", "data.train")
            preset_has = field in self.preset.get(section, {})
            optional = name in ("data.dev", "data.test", "data.train_rows")
            missing = required or (preset_has and not optional)
            self._complain(name, f"It must be {recipe.allowed(name)}." if missing else "")
            return
        found = recipe.mistakes({section: {field: table[field]}})
        self._complain(name, f"It must be {found[0].allowed}." if found else "")
        if not found and name in ("model.base", *DATA_FIELDS):
            self._check_source(name, str(table[field]))

    @work(thread=True, group="check-source")
    def _check_source(self, name: str, value: str) -> None:
        complaint = ""
        try:
            if name == "model.base":
                sources.model_source(value)
            else:
                sources.data_source(value)
        except UserError as error:
            complaint = error.sentence
        self.app.call_from_thread(self._take_check, name, value, complaint)

    def _take_check(self, name: str, value: str, complaint: str) -> None:
        if self._text(name) == value:
            self._complain(name, complaint)
            self._announce()

    def _complain(self, name: str, complaint: str) -> None:
        if complaint:
            self.complaints[name] = complaint
        else:
            self.complaints.pop(name, None)
        line = self.query_one(f"#{identifier(name)}-complaint", Static)
        line.update(Content(f"✗ {printable(complaint)}"))
        line.display = bool(complaint)
        self.query_one("#start", Button).disabled = bool(self.complaints)

    def _announce(self) -> None:
        for name in (*(field.name for field in FIELDS), PRECISION):
            section, _, field = name.partition(".")
            given = self.values.get(section, {}).get(field)
            changed = given != self.preset.get(section, {}).get(
                field, False if name == PRECISION else None
            )
            entry = self.query_one(f"#{identifier(name)}")
            if entry.parent is not None:
                entry.parent.query_one(".mark", Label).update("changed" if changed else "")
        self.query_one("#start", Button).disabled = bool(self.complaints)
        self.post_message(self.Edited(self.values, not self.complaints))

    def show_cost(self, text: str) -> None:
        """Tell what the training will take."""
        self.query_one("#cost", Static).update(Content(text))

    def focus_start(self) -> None:
        """Put the focus on the button."""
        self.query_one("#start", Button).focus()

    @on(Button.Pressed, "#start")
    def _start(self) -> None:
        self._make_run()

    @work(thread=True, exclusive=True, group="start")
    def _make_run(self) -> None:
        try:
            chosen = recipe.resolved(copy.deepcopy(self.values), "The form")
            chosen.check_sources()
        except UserError as error:
            self.app.call_from_thread(
                self.app.notify, error.sentence, severity="error", timeout=10, markup=False
            )
            return
        self.post_message(self.StartPressed(chosen, recipe.stem(self.source)))

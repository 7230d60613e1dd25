"""The recipe as a form: the fields that matter, their mistakes told while they are made."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any, NamedTuple

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Label, Select, Static

from stplay.errors import UserError
from stplay.hardware import has_gpu
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.screens.shared.complaint import brief
from stplay.sources import minilm
from stplay.sources.datasources import data_source
from stplay.sources.modelfolders import check_model_folder
from stplay.sources.modelsources import model_source
from stplay.sources.names import ALL_NLI, DATA_SUFFIXES, MINILM, SAMPLE, TINY

FILE = "recipe file"
MODELS = (
    TINY,
    *((MINILM,) if minilm.is_installed() else ()),
    "sentence-transformers/all-MiniLM-L6-v2",
    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
)
DATA = (SAMPLE, ALL_NLI)

PRECISION = "training.bf16"
BATCH = "training.per_device_train_batch_size"
UNUSABLE_DATA, LARGE_BATCH = "unusable-data", "large-batch"
FOUND_LATER = {UNUSABLE_DATA, LARGE_BATCH}  # by reading the data, which goes on meanwhile
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
    Field(BATCH, "Batch size"),
    Field("training.num_train_epochs", "Epochs"),
    Field("training.learning_rate", "Learning rate"),
)
DATA_FIELDS = ("data.train", "data.dev", "data.test")


def identifier(name: str) -> str:
    """The widget id of a field."""
    return name.replace(".", "-")


def given(values: dict[str, Any], name: str, default: object = None) -> Any:
    """The value that a recipe's plain ``values`` give a field, ``section.name``."""
    section, _, field = name.partition(".")
    return values.get(section, {}).get(field, default)


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
        self._followed = self._text("data.train")
        self.complaints: dict[str, str] = {}
        self._lines: dict[str, tuple[Label, Static]] = {}

    def compose(self) -> ComposeResult:
        """A label and an entry a field, then the button."""
        presets = sorted(recipe.presets(), key=lambda name: name != self.source)
        choices = [(name, name) for name in (*presets, FILE)]
        yield Label("Recipe")
        yield Select(choices, value=self.source, allow_blank=False, compact=True, id="source")
        for field in FIELDS:
            yield Label(field.label, id=f"{identifier(field.name)}-label")
            yield Input(
                self._text(field.name),
                placeholder="all" if field.name == "data.train_rows" else "none",
                suggester=SuggestFromList(field.suggestions) if field.suggestions else None,
                compact=True,
                id=identifier(field.name),
            )
        yield Label("Precision", id=f"{identifier(PRECISION)}-label")
        yield Select(
            PRECISIONS,
            value=self._text(PRECISION) or "false",
            allow_blank=False,
            compact=True,
            id=identifier(PRECISION),
        )
        yield Label()
        with Horizontal(id="start-line"):
            yield Button("Start", variant="primary", id="start")
            yield Static(id="cost")

    def on_mount(self) -> None:
        """Tell what the form begins with."""
        self._announce()

    def _text(self, name: str) -> str:
        value = given(self.values, name)
        if value is None:
            return ""
        return str(value).lower() if isinstance(value, bool) else str(value)

    @on(Select.Changed, "#source")
    async def _choose_source(self, event: Select.Changed) -> None:
        self._complain("file", "")
        await self.query("#file, #file-label").remove()
        if event.value != FILE:
            self._take(str(event.value))
            return
        entry = Input(placeholder="path of a .toml recipe", compact=True, id="file")
        await self.mount(Label("File", id="file-label"), entry, after="#source")
        entry.focus()
        self._take_file("")

    @on(Input.Changed, "#file")
    def _type_file(self, event: Input.Changed) -> None:
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
        self._followed = self._text("data.train")
        for field in FIELDS:
            self.query_one(f"#{identifier(field.name)}", Input).value = self._text(field.name)
            self._check(field.name)
        precision = self.query_one(f"#{identifier(PRECISION)}", Select)
        precision.value = self._text(PRECISION) or "false"
        self._announce()

    @on(Input.Changed)
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
        value = recipe.parse_value(name, text)
        if name == "model.base":
            for each in recipe.OF_ONE_MODEL:
                self.values["model"].pop(each, None)
        if name in ("data.train", "data.train_rows"):
            self._complain(UNUSABLE_DATA, "")
        if name in ("data.train", "data.train_rows", BATCH):
            self._complain(LARGE_BATCH, "")
        table = self.values.setdefault(section, {})
        if value is None:
            table.pop(field, None)
        else:
            table[field] = value
        self._check(name)

    @on(Input.Blurred, "#data-train")
    @on(Input.Submitted, "#data-train")
    def _follow_train(self) -> None:
        # Data with splits of its own brings them along; one file is one split.
        train = self._text("data.train")
        if not train or train.endswith(DATA_SUFFIXES):
            return
        before, self._followed = self._followed, train
        for name in DATA_FIELDS[1:]:
            if self._text(name) == before:
                self.query_one(f"#{identifier(name)}", Input).value = train

    def _check(self, name: str) -> None:
        value = given(self.values, name)
        if value is None:
            required = name in ("model.base", "data.train")
            preset_has = given(self.preset, name) is not None
            optional = name in ("data.dev", "data.test", "data.train_rows")
            missing = required or (preset_has and not optional)
            self._complain(name, f"It must be {recipe.allowed(name)}." if missing else "")
            return
        section, _, field = name.partition(".")
        found = recipe.mistakes({section: {field: value}})
        self._complain(name, f"It must be {found[0].allowed}." if found else "")
        if not found and name in ("model.base", *DATA_FIELDS):
            self._check_source(name, str(value))

    @work(thread=True, group="check-source")
    def _check_source(self, name: str, value: str) -> None:
        complaint = ""
        try:
            if name == "model.base":
                self._check_model(value)
            else:
                data_source(value)
        except UserError as error:
            complaint = error.sentence
        self.app.call_from_thread(self._take_check, name, value, complaint)

    def _check_model(self, value: str) -> None:
        source = model_source(value)
        if source.kind in ("folder", "minilm"):
            trusted = bool(given(self.values, "model.allow_pickle"))
            check_model_folder(Path(source.place), allow_pickle=trusted)

    def _take_check(self, name: str, value: str, complaint: str) -> None:
        if self._text(name) == value:
            self._complain(name, complaint)
            self._announce()

    def _complain(self, name: str, complaint: str, at: str | None = None) -> None:
        if complaint:
            self.complaints[name] = complaint
        else:
            self.complaints.pop(name, None)
        words = Content(f"✗ {brief(complaint)}")
        if name not in self._lines and complaint:
            line = Static(words, classes="complaint", id=f"{identifier(name)}-complaint")
            self._lines[name] = (Label(), line)  # an empty label: the grid has two columns
            self.mount(*self._lines[name], after=f"#{identifier(at or name)}")
        elif name in self._lines:
            label, line = self._lines[name]
            line.update(words)
            label.display = line.display = bool(complaint)
        self.ready_to_start()

    def ready_to_start(self) -> None:
        """Let the button be pressed where nothing is wrong."""
        self.query_one("#start", Button).disabled = bool(self.complaints)

    def _announce(self) -> None:
        for name in (*(field.name for field in FIELDS), PRECISION):
            default = False if name == PRECISION else None
            changed = given(self.values, name, default) != given(self.preset, name, default)
            self.query_one(f"#{identifier(name)}-label").set_class(changed, "changed")
        self.ready_to_start()
        # A copy: by the time the message is read, more may have been typed.
        values = copy.deepcopy(self.values)
        self.post_message(self.Edited(values, not self.complaints.keys() - FOUND_LATER))

    def show_cost(self, text: str) -> None:
        """Tell what the training will take."""
        self.query_one("#cost", Static).update(Content(text))

    def complain_of_data(self, name: str, complaint: str) -> None:
        """Tell at its field what is wrong with the training data called ``name``."""
        if self._text("data.train") == name:
            self._complain(UNUSABLE_DATA, complaint, at="data.train")

    def complain_of_batch(self, complaint: str) -> None:
        """Tell at its field that the batch is larger than the data."""
        self._complain(LARGE_BATCH, complaint, at=BATCH)

    def focus_start(self) -> None:
        """Put the focus on the button, so that a first visit needs one key."""
        self.ready_to_start()
        self.query_one("#start", Button).focus()

    @on(Button.Pressed, "#start")
    def _start(self) -> None:
        self.query_one("#start", Button).disabled = True  # a second press is no second run
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
            self.app.call_from_thread(self.ready_to_start)
            return
        self.post_message(self.StartPressed(chosen, recipe.stem(self.source)))

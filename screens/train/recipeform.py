"""The recipe as a form: the fields that matter, their mistakes told while they are made."""

from __future__ import annotations

import asyncio
import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Select, Static

from stplay.errors import UserError
from stplay.hardware import has_gpu
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.screens.shared.field import Checked, Field
from stplay.sources import minilm
from stplay.sources.datasources import data_source
from stplay.sources.modelfolders import check_model_folder
from stplay.sources.modelsources import model_source
from stplay.sources.names import ALL_NLI, DATA_SUFFIXES, MINILM, SAMPLE, TINY, kind_of_file

FILE = "recipe file"
MODELS = (
    TINY,
    *((MINILM,) if minilm.is_installed() else ()),
    "sentence-transformers/all-MiniLM-L6-v2",
    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
)
DATA = (SAMPLE, ALL_NLI)

BATCH = "training.per_device_train_batch_size"
PRECISION = "training.bf16"
LABELS = {
    "model.base": "Base model",
    "data.train": "Train data",
    "data.dev": "Dev data",
    "data.test": "Test data",
    "data.train_rows": "Train rows",
    BATCH: "Batch size",
    "training.num_train_epochs": "Epochs",
    "training.learning_rate": "Learning rate",
    PRECISION: "Precision",
}
# Two fields of a recipe, of which fp16 counts where both are set.
PRECISIONS = [("bf16 where the GPU has it", "true"), ("fp16", "fp16"), ("float32", "false")]
DATA_FIELDS = ("data.train", "data.dev", "data.test")
SUGGESTIONS = {"model.base": MODELS, **dict.fromkeys(DATA_FIELDS, DATA)}


def identifier(name: str) -> str:
    """The widget id of a field's entry."""
    return name.replace(".", "-")


def given(values: dict[str, Any], name: str) -> Any:
    """The value that a recipe's plain ``values`` give a field, ``section.name``."""
    section, _, field = name.partition(".")
    table = values.get(section, {})
    if name == PRECISION and table.get("fp16"):
        return "fp16"
    return table.get(field, False if name == PRECISION else None)


def text_of(values: dict[str, Any], name: str) -> str:
    """The value that a recipe's plain ``values`` give a field, as one types it."""
    value = given(values, name)
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def check_value(name: str, text: str) -> None:
    """Make sure that ``text`` means a value that the recipe's field called ``name`` may have.

    Raises:
        UserError: tells what is allowed.
    """
    section, _, field = name.partition(".")
    found = recipe.mistakes({section: {field: recipe.parse_value(name, text)}})
    if found:
        raise UserError(f"It must be {found[0].allowed}.")


def check_file(path: str) -> None:
    """Make sure that there is a recipe at ``path``.

    Raises:
        UserError: nothing is typed yet, or it is none.
    """
    if not path:
        raise UserError("Type the path of a recipe, a .toml file, or run:NAME for that of a run.")
    recipe.load(path)


def check_base(model: str, *, trusted: bool) -> None:
    """Check that ``model`` is there, and that its files may be read, as far as that costs nothing.

    Raises:
        UserError: it is not, or they may not.
    """
    source = model_source(model)
    if source.kind in ("folder", "minilm"):
        check_model_folder(Path(source.place), allow_pickle=trusted)


class RecipeForm(VerticalScroll):
    """Edits a recipe that starts as a preset or a file."""

    can_focus = False
    start = getters.query_one("#start", Button)
    cost = getters.query_one("#cost", Static)

    @dataclass
    class Edited(Message):
        """The recipe in the form is another one now; ``ready`` where it has no mistake."""

        values: dict[str, Any]
        ready: bool

        def can_replace(self, message: Message) -> bool:
            """Only the newest counts."""
            return isinstance(message, RecipeForm.Edited)

    @dataclass
    class StartPressed(Message):
        """The person wants to train ``chosen``."""

        chosen: Recipe
        stem: str

    def __init__(self) -> None:
        super().__init__()
        self.source = "all-nli" if has_gpu() else "sample"
        self.preset = recipe.load(self.source).to_dict()
        self.values = copy.deepcopy(self.preset)
        self._followed = text_of(self.values, "data.train")
        presets = sorted(recipe.presets(), key=lambda name: name != self.source)
        choices = [(name, name) for name in (*presets, FILE)]
        self.preset_field = Field(
            "Recipe",
            Select(choices, value=self.source, allow_blank=False, compact=True, id="source"),
        )
        path = Input(
            placeholder="a .toml recipe, or run:NAME",
            validators=Checked(check_file),
            compact=True,
            id="file",
        )
        self.file = Field("File", path)
        self.fields = {name: Field(LABELS[name], self._entry(name)) for name in LABELS}

    def _entry(self, name: str) -> Input | Select[str]:
        text, id_ = text_of(self.values, name), identifier(name)
        if name == PRECISION:
            return Select(PRECISIONS, value=text, allow_blank=False, compact=True, id=id_)
        suggestions = SUGGESTIONS.get(name)
        return Input(
            text,
            placeholder="all" if name == "data.train_rows" else "none",
            suggester=SuggestFromList(suggestions) if suggestions else None,
            validators=Checked(partial(check_value, name)),
            compact=True,
            id=id_,
        )

    def compose(self) -> ComposeResult:
        """The fields, then the button."""
        yield self.preset_field
        yield self.file
        yield from self.fields.values()
        with Horizontal(id="start-line"):
            yield Button("Start", variant="primary", id="start")
            yield Static(id="cost")

    def on_mount(self) -> None:
        """Tell what the form begins with."""
        self.file.display = False
        self._announce()

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
            self._set(name, field.value)
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
            self.source = source
            self.preset = recipe.load(source).to_dict()
            self.values = copy.deepcopy(self.preset)
            self._followed = self._text("data.train")
            for name, field in self.fields.items():
                field.value = self._text(name)
                self._check_source(name)
        self._announce()

    def _set(self, name: str, text: str) -> None:
        section, _, field = name.partition(".")
        value = recipe.parse_value(name, text)
        if name == "model.base":
            for each in recipe.OF_ONE_MODEL:
                self.values["model"].pop(each, None)
        if name == "data.train":  # another's columns are called as they like
            self.values["data"].pop("columns", None)
        if name in ("data.train", "data.train_rows"):
            self.fields["data.train"].finding = ""
        if name in ("data.train", "data.train_rows", BATCH):
            self.fields[BATCH].finding = ""
        table = self.values.setdefault(section, {})
        if name == PRECISION:
            value, table["fp16"] = text == "true", text == "fp16"
        if value is None:
            table.pop(field, None)
        else:
            table[field] = value
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
                self._set(name, train)
        self._announce()

    def _check_source(self, name: str) -> None:
        """Look whether what a field names is there, where it is a name at all."""
        value = given(self.values, name)
        if name in SUGGESTIONS and value is not None and not self.fields[name].complaint:
            self._look(name, str(value))

    @work(group="check-source")
    async def _look(self, name: str, value: str) -> None:
        trusted = bool(given(self.values, "model.allow_pickle"))
        complaint = ""
        try:
            if name == "model.base":
                await asyncio.to_thread(check_base, value, trusted=trusted)
            else:
                await asyncio.to_thread(data_source, value)
        except UserError as error:
            complaint = error.sentence
        if self._text(name) == value:
            self.fields[name].complaint = complaint
            self._announce()

    @property
    def _all_fields(self) -> list[Field]:
        return [self.file, *self.fields.values()]

    def show_whether_ready(self) -> None:
        """Let the button be pressed where nothing is wrong."""
        self.start.disabled = any(field.wrong for field in self._all_fields)

    def _announce(self) -> None:
        for name, field in self.fields.items():
            field.label.set_class(given(self.values, name) != given(self.preset, name), "changed")
        self.show_whether_ready()
        # A copy: by the time the message is read, more may have been typed.
        values = copy.deepcopy(self.values)
        self.post_message(self.Edited(values, not any(each.complaint for each in self._all_fields)))

    def show_cost(self, text: str) -> None:
        """Tell what the training will take."""
        self.cost.update(Content(text))

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
        self.post_message(self.StartPressed(chosen, recipe.stem(self.source)))

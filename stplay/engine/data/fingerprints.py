"""What a run trains on and from, by content: equal fingerprints are equal rows, equal files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from stplay.engine.data.sample import SAMPLE_VERSION
from stplay.engine.data.triplets import Split
from stplay.jobs.manifest import MANIFEST
from stplay.sources.datasources import COLUMNS
from stplay.sources.modelfolders import model_parts
from stplay.sources.modelsources import model_source

MODEL_FILES = ("*.json", "*.txt", "*.model", "*.safetensors", "pytorch_model*.bin")
PIECE = 1 << 20


def of_rows(split: Split) -> str:
    """The SHA-256 of the triplets of ``split``, in their order; other rows tell their columns."""
    digest = hashlib.sha256()
    if split.columns != [*COLUMNS]:
        digest.update(",".join((*split.columns, "")).encode())
    columns = split.triplets[:]
    for row in zip(*(columns[name] for name in split.columns), strict=True):
        for sentence in row:
            text = sentence.encode()
            digest.update(b"%d:" % len(text) + text)  # where one ends is part of what it is
    return digest.hexdigest()


def of_base(name: str, full_name: str) -> str:
    """The fingerprint of the base model ``name``, which was loaded as ``full_name``.

    Raises:
        UserError: there is no such model any more.
        OSError: a file of it cannot be read.
    """
    source = model_source(name)
    if source.kind == "tiny":
        return f"{name}, made from version {SAMPLE_VERSION} of the sample or from the rows"
    if source.kind == "folder":
        return _of_folder(Path(source.place))
    return full_name  # a Hub model's holds its commit; the packaged one's hashes were compared


def _of_folder(folder: Path) -> str:
    """The SHA-256 of the files in ``folder`` that make a model, and of its modules' folders."""
    parts = {folder, *model_parts(folder)}
    files = {path for part in parts for pattern in MODEL_FILES for path in part.glob(pattern)}
    digest = hashlib.sha256()
    for path in sorted(files - {folder / MANIFEST}):  # a checkpoint's is rewritten as it is thinned
        digest.update(f"{path.relative_to(folder).as_posix()}:{path.stat().st_size}:".encode())
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                digest.update(piece)
    return digest.hexdigest()

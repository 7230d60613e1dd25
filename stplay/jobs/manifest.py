"""The files of a saved model or checkpoint, written down so that damage to them is found."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from stplay.text import count, printable

MANIFEST = "manifest.json"
NOT_LISTED = (MANIFEST, "README.md")  # figures are written into a card later on
PIECE = 1 << 20


class SavedFile(msgspec.Struct):
    """What a file was when it was saved; ``sha256`` in hexadecimal digits."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct):
    """The files of the folder called ``folder``, by their paths relative to it."""

    folder: str
    files: dict[str, SavedFile]


def record(folder: Path, name: str | None = None) -> None:
    """Bring all files of ``folder`` to the disk, and write down what they are.

    ``name`` is what the folder will be called, where that is not its name yet.

    Raises:
        OSError: the disk is full or fails.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        elif path.name not in NOT_LISTED:
            with path.open("r+b") as file:
                os.fsync(file.fileno())
                size, digest = _read(path)
            files[path.relative_to(folder).as_posix()] = SavedFile(size, digest)
    _write(folder, Manifest(name or folder.name, files))
    sync_folder(folder.parent)


def remove(folder: Path, names: Collection[str]) -> None:
    """Remove the files called ``names`` from ``folder``, which is whole without them."""
    there = load(folder)
    if there is not None:
        there.files = {name: saved for name, saved in there.files.items() if name not in names}
        _write(folder, there)  # first: a file that is there but not listed is no damage
    for name in names:
        (folder / name).unlink(missing_ok=True)


def load(folder: Path) -> Manifest | None:
    """What ``folder`` was when it was saved; ``None`` where nobody wrote it down.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: what was written down is damaged.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        return None
    return msgspec.json.decode(text, type=Manifest)


def damage(folder: Path, *, hashes: bool) -> str | None:
    """What is wrong with the files of ``folder``, in a few words; ``None`` where nothing is.

    Without ``hashes`` only their sizes are looked at. Of a folder that an older stplay saved, and
    of which nothing is written down, only an empty file is known to be damaged.
    """
    try:
        there = load(folder)
        if there is None:
            return _empty_file(folder)
        words = next(_damages(folder, there, hashes), None)
        if words is not None and load(folder) != there:  # what only a resume needs is being removed
            return damage(folder, hashes=hashes)
        return words
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"{MANIFEST} is damaged"
    except OSError as error:
        name = Path(error.filename or folder).name
        return f"{printable(name)} cannot be read: {error.strerror}"


def _damages(folder: Path, there: Manifest, hashes: bool) -> Iterator[str]:
    if there.folder != folder.name:
        yield f"its files are those of {printable(there.folder)}"
    for name, saved in there.files.items():
        path, shown = folder / name, printable(name)
        if not path.is_file():
            yield f"{shown} is gone"
        elif (size := path.stat().st_size) != saved.bytes:
            yield f"{shown} has {count(size)} of {count(saved.bytes)} bytes"
        elif hashes and _read(path)[1] != saved.sha256:
            yield f"{shown} is not what was saved"


def _empty_file(folder: Path) -> str | None:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in NOT_LISTED and not path.stat().st_size:
            return f"{printable(path.relative_to(folder).as_posix())} is empty"
    return None


def _read(path: Path) -> tuple[int, str]:
    size, digest = 0, hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            size += len(piece)
            digest.update(piece)
    return size, digest.hexdigest()


def _write(folder: Path, manifest: Manifest) -> None:
    partial = folder / (MANIFEST + ".partial")
    with partial.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / MANIFEST)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Bring the names in ``folder`` to the disk, where a folder can be opened for that."""
    if os.name != "posix":
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)

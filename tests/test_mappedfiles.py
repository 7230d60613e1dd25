"""No file is mapped to be written: on a full disk that kills the process, and no error is told."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from checkout import ROOT

# The calls that map a file: where the mode stands, and those that only read or stay in memory.
MAPPING = {
    "memmap": (2, "mode", {"r", "c"}),
    "open_memmap": (1, "mode", {"r", "c"}),
    "load": (1, "mmap_mode", {"r", "c", None}),
    "memory_map": (1, "mode", {"r"}),
    "mmap": (3, "access", {"ACCESS_READ", "ACCESS_COPY"}),
    "from_file": (1, "shared", {False, None}),
}
DEFAULTS = {"load": None, "memory_map": "r", "from_file": None}


def mapped_to_write(code: str) -> Iterator[int]:
    """The lines of ``code`` that map a file otherwise than to read it."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        whole = ast.unparse(node.func)
        name = whole.rpartition(".")[2]
        if name not in MAPPING or (name == "load" and whole not in ("np.load", "numpy.load")):
            continue
        place, keyword, allowed = MAPPING[name]
        given = [each.value for each in node.keywords if each.arg == keyword]
        given += node.args[place : place + 1]
        if not given:
            mode = DEFAULTS.get(name, "r+")
        elif isinstance(given[0], ast.Constant):
            mode = given[0].value
        else:
            mode = getattr(given[0], "attr", "?")
        if mode not in allowed:
            yield node.lineno


def test_every_file_is_mapped_to_be_read_only() -> None:
    paths = [*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]
    assert len(paths) > 50
    found = {
        f"{path.relative_to(ROOT)}:{line}"
        for path in paths
        for line in mapped_to_write(path.read_text(encoding="utf-8"))
    }
    assert found == set()


@pytest.mark.parametrize(
    "code",
    [
        "np.lib.format.open_memmap(path, 'w+', dtype, shape)",
        "open_memmap(path)",
        "np.memmap(path, dtype)",
        "np.memmap(path, dtype, mode='r+')",
        "np.load(path, mmap_mode='r+')",
        "np.load(path, mmap_mode=mode)",
        "pyarrow.memory_map(path, 'w')",
        "mmap.mmap(file.fileno(), 0)",
        "mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_WRITE)",
        "torch.from_file(path, shared=True)",
    ],
)
def test_a_file_that_is_mapped_to_be_written_is_found(code: str) -> None:
    assert list(mapped_to_write(code)) == [1]


@pytest.mark.parametrize(
    "code",
    [
        "np.load(path)",
        "np.load(path, mmap_mode='r')",
        "np.memmap(path, dtype, 'r', shape=(1, 2))",
        "mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)",
        "recipe.load(source)",
        "recipe.load(source, overrides=[])",
    ],
)
def test_a_file_that_is_mapped_to_be_read_is_not(code: str) -> None:
    assert list(mapped_to_write(code)) == []

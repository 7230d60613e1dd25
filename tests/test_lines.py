"""One reader of lines: what ends a line, and that nobody else decides it."""

from __future__ import annotations

import ast
import gzip
import io
import os
from pathlib import Path

import pytest
from checkout import ROOT

from stplay import lines
from stplay.errors import UserError

NO_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
TEXTS = [
    "",
    "\n",
    "a",
    "a\n",
    "a\r\nb\rc\nd",
    "a\r\n",
    "\r\n\r\n",
    "a\n\nb\n\n",
    f"a{NO_ENDS}b\n{NO_ENDS}\r\nc",
]
# What is split there is a message of ours or of a library, and no text of a user's.
ALLOWED = {
    "stplay/lines.py": 1,
    "stplay/cli/main.py": 1,
    "stplay/engine/data/tables.py": 1,
    "stplay/engine/training/capture.py": 1,
    "stplay/jobs/process.py": 1,
    "screens/evaluate/evaluatescreen.py": 1,
}


@pytest.mark.parametrize("text", TEXTS)
def test_text_and_files_have_the_lines_that_python_reads(text: str, tmp_path: Path):
    path = tmp_path / "text.txt"
    path.write_bytes(text.encode())
    with path.open(encoding="utf-8") as file:
        wanted = [line.rstrip("\n") for line in file]
    assert lines.split(text) == wanted
    with path.open("rb") as file:
        assert list(lines.sentences(file, "it")) == wanted
    with path.open("rb") as file:
        assert "".join(lines.read(file, "it")) == text


def test_a_mark_at_the_beginning_is_no_text():
    assert list(lines.sentences(io.BytesIO("\ufeffa\nb".encode()), "it")) == ["a", "b"]


def test_what_is_not_utf_8_is_told_by_its_line():
    with pytest.raises(UserError, match=r"^it: line 3 is not UTF-8 text; convert the file"):
        list(lines.read(io.BytesIO(b"a\rb\n\xff\n"), "it"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("text", TEXTS)
def test_marked_and_packed_text_is_read_as_any_other(text: str, encoding: str):
    marked = ("\ufeff" if encoding == "utf-16-be" else "") + text
    for data in (marked.encode(encoding), gzip.compress(marked.encode(encoding))):
        file = io.BytesIO(data)
        assert "".join(lines.read(file, "it")) == text
        assert not file.closed


def test_utf_16_without_a_mark_and_half_of_it_are_told():
    with pytest.raises(UserError, match=r"^it: line 1 has zero bytes, .*: iconv -f utf-16le"):
        list(lines.read(io.BytesIO("a\nb".encode("utf-16-le")), "it"))
    with pytest.raises(UserError, match=r"^it begins as UTF-16 text, but is none"):
        list(lines.read(io.BytesIO("a\nb".encode("utf-16")[:-1]), "it"))


def test_a_packed_file_of_which_the_end_is_missing_is_told():
    packed = gzip.compress(str([*range(999)]).encode())
    for data in (packed[:-20], packed[:50] + b"\0" * 20 + packed[70:], packed[:-8] + b"\0" * 8):
        with pytest.raises(UserError, match=r"^it is damaged, or not all there: "):
            list(lines.read(io.BytesIO(data), "it"))


def test_a_pointer_of_git_lfs_is_no_text():
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    with pytest.raises(UserError, match=r"^it is only a pointer .*: git lfs pull$"):
        list(lines.read(io.BytesIO(pointer), "it"))


def test_lines_of_a_pipe_are_read_without_going_back():
    read, write = os.pipe()
    os.write(write, b"a\nb\n")
    os.close(write)
    with open(read, "rb") as file:  # noqa: PTH123
        assert list(lines.sentences(file, "it")) == ["a", "b"]


def test_nobody_else_splits_lines():
    found = {}
    for path in sorted([*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(("stplay/screens/", "stplay/assets/")):  # links to what is seen anyway
            continue
        calls = sum(
            isinstance(node, ast.Attribute) and node.attr == "splitlines"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        )
        if calls > ALLOWED.get(name, 0):
            found[name] = calls
    assert not found, "use stplay.lines, which knows what ends a line"

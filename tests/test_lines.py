"""One reader of lines: what ends a line, and that nobody else decides it."""

from __future__ import annotations

import ast
import io
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
    "stplay/engine/data/triplets.py": 1,
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

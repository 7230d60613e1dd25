"""The grammar of names: every form, read and written, and nobody else who takes one apart."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from checkout import ROOT

from stplay.sources import names
from stplay.sources.names import HubName, PathName, Reserved, RunName, parse

FORMS = [
    ("builtin:tiny", Reserved("builtin:tiny")),
    ("builtin:none", Reserved("builtin:none")),
    ("all-nli", Reserved("all-nli")),
    ("run:first", RunName("first")),
    ("run:first@300", RunName("first", "300")),
    ("run:first@", RunName("first", "")),
    ("run:", RunName("")),
    ("run:a@b@c", RunName("a", "b@c")),
    ("org/name", HubName("org/name")),
    ("org/name@refs/pr/1", HubName("org/name", "refs/pr/1")),
    ("./org/name", PathName(Path("org/name"))),
    ("/all-nli", PathName(Path("/all-nli"))),
    ("org/name.jsonl", PathName(Path("org/name.jsonl"))),
    ("run", None),
    ("word@1", None),
    ("", None),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_every_form(
    name: str, form: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse(name) == form
    assert RunName.of(name) == (form if isinstance(form, RunName) else None)
    if isinstance(form, (RunName, HubName)):
        assert str(form) == name


def test_what_is_on_the_disk_is_meant(tmp_path: Path) -> None:
    (tmp_path / "org" / "name").mkdir(parents=True)
    (tmp_path / "all-nli").mkdir()
    assert parse("org/name", tmp_path) == PathName(tmp_path / "org" / "name")
    assert parse("org/other", tmp_path) == HubName("org/other")
    assert parse("all-nli", tmp_path) == Reserved("all-nli")
    assert names.absolute("./org/../org/name", tmp_path) == str(tmp_path / "org" / "name")
    for name in ("org/other", "all-nli", "run:first@300", "builtin:tiny", ""):
        assert names.absolute(name, tmp_path) == name


# Nobody else reads or writes one

TAKING_APART = {
    "startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split",
    "rsplit", "find", "rfind", "index", "rindex", "replace", "count",
}  # fmt: skip
MARKS = ("run:", "builtin:", "@")
GRAMMAR = ROOT / "stplay" / "sources" / "names.py"
# What a run's folder has is told with its name; of the rooms below ``sources``, nobody reads it.
TELLS = {ROOT / "stplay" / "jobs" / "folders.py"}


def handled(source: str) -> list[int]:
    """The lines of ``source`` where a name is taken apart, compared or put together."""
    found = []
    for node in ast.walk(ast.parse(source)):
        parts: list[ast.expr] = []
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr=method)):
                if method in TAKING_APART or ast.unparse(owner) == "re":
                    parts = node.args
            case ast.Compare(left=left, comparators=others):
                parts = [left, *others]
            case ast.BinOp(left=left, op=ast.Add()):
                parts = [left]
            case ast.JoinedStr(values=[ast.Constant(value="run:" | "builtin:") as first, *_]):
                parts = [first]
        found += [
            text.lineno
            for part in parts
            for text in (part.elts if isinstance(part, (ast.Tuple, ast.List, ast.Set)) else [part])
            if isinstance(text, ast.Constant) and str(text.value).lstrip("^(").startswith(MARKS)
        ]
    return found


@pytest.mark.parametrize(
    "code",
    [
        "name.startswith('run:')",
        "name.startswith(('builtin:', 'run:'))",
        "name.removeprefix('run:')",
        "name.partition('@')",
        "name.rsplit('@', 1)",
        "'@' in name",
        "name == 'builtin:tiny'",
        "name in ('all', 'builtin:tiny')",
        "f'run:{run}'",
        "f'run:{run}@{step}'",
        "'run:' + run",
        "re.compile(r'run:(.*)')",
        "re.match('^run:', name)",
    ],
)
def test_the_guard_knows_every_way(code: str) -> None:
    assert handled(code)


def test_nobody_else_takes_a_name_apart_or_puts_one_together() -> None:
    sources = [*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]
    assert len(sources) > 80
    found = {
        str(path): lines
        for path in sources
        if path not in {GRAMMAR, *TELLS} and (lines := handled(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_what_stplay_names_itself_is_written_once() -> None:
    words = re.compile(r"builtin:\w+")
    for path in [*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        found = [text for text in texts if isinstance(text, str) and words.fullmatch(text)]
        assert path == GRAMMAR or not found, path

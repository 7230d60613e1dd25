"""No two modules, classes or aliases of one name, so that a name alone tells what is meant."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from checkout import ROOT

from stplay.similarities import SIMILARITIES


def modules() -> list[Path]:
    """The modules of the package, the screens among them."""
    folders = (ROOT / "stplay", ROOT / "screens")
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def classes_of(tree: ast.Module) -> Iterator[str]:
    """The names of classes, a class in another one after its owner, and of aliases of types."""

    def walk(node: ast.AST, owner: str) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield owner + child.name
                yield from walk(child, f"{owner}{child.name}.")
            else:
                yield from walk(child, owner)

    yield from walk(tree, "")
    for node in tree.body:
        match node:
            case ast.Assign(value=ast.Call(func=ast.Name("TypeVar" | "ParamSpec"))):
                continue  # stands for any type
            case ast.Assign(targets=[ast.Name(name)]) | ast.AnnAssign(target=ast.Name(name)):
                if not name.isupper() and name.lstrip("_")[:1].isupper():
                    yield name


def twice(named: Iterable[tuple[str, Path]]) -> dict[str, list[str]]:
    """Where the names that are there more than once are."""
    places: dict[str, list[str]] = defaultdict(list)
    for name, path in named:
        places[name].append(path.relative_to(ROOT).as_posix())
    return {name: there for name, there in places.items() if len(there) > 1}


def test_no_two_modules_have_one_name() -> None:
    named = ((path.stem, path) for path in modules() if not path.stem.startswith("__"))
    assert not twice(named)


def test_no_two_classes_have_one_name() -> None:
    named = (
        (name, path)
        for path in modules()
        for name in classes_of(ast.parse(path.read_text(encoding="utf-8")))
    )
    found = twice(named)
    assert not found


def test_similarities_are_listed_once() -> None:
    lists = [
        path.relative_to(ROOT).as_posix()
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Tuple | ast.List | ast.Set)
        and {each.value for each in node.elts if isinstance(each, ast.Constant)} >= {*SIMILARITIES}
    ]
    assert lists == ["stplay/similarities.py"]


def test_classes_and_aliases_are_found_and_nothing_else() -> None:
    code = """
from typing import Literal, TypeVar
LIMIT = 3
Task = Literal["query"]
_Row: type = dict
Kind = TypeVar("Kind")
class View:
    class Changed:
        Inner = 1
    Alias = 2
def function():
    class _Local:
        pass
"""
    found = sorted(classes_of(ast.parse(code)))
    assert found == ["Task", "View", "View.Changed", "_Local", "_Row"]

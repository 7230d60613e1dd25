"""Exit codes have names, and stand in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from checkout import ROOT

from stplay import exitcodes
from stplay.errors import UserError


def numbers_in(tree: ast.AST, commands: bool) -> Iterator[int]:
    """The lines where an exit code, or what a command returns, is a bare number."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="exit_code", value=ast.Constant()):
                yield node.value.lineno
            case ast.Return(value=ast.Constant(value=number)) if commands and type(number) is int:
                yield node.lineno


def test_exit_codes_stand_in_one_place() -> None:
    assert UserError.exit_code == exitcodes.WRONG_INPUT
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "stplay").rglob("*.py"))
        for line in numbers_in(ast.parse(path.read_text("utf-8")), path.parent.name == "cli")
    ]
    assert not found, "use stplay.exitcodes"


def test_a_bare_number_is_found() -> None:
    code = "def main():\n    tell(exit_code=1)\n    tell(exit_code=FAILED)\n    return 2"
    assert sorted(numbers_in(ast.parse(code), commands=True)) == [2, 4]
    assert [*numbers_in(ast.parse(code), commands=False)] == [2]

"""The tests themselves: none hopes that it waited long enough, none forks beside threads."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from checkout import TESTS

PAUSES = {"sleep", "pause"}
ALLOWED = {
    "test_signals.py: test_a_start_interrupted_at_any_moment_leaves_nothing_at_work": (
        "the moment is any; what is asserted holds at each"
    ),
    "test_signals.py: test_an_interrupted_evaluation_leaves_nothing": (
        "the moment is any; what is asserted holds at each"
    ),
    "test_explore_states.py: test_what_is_typed_is_awaited_and_never_asked_for": (
        "what was typed has reached the playground; what is read is waited for"
    ),
    "piloting.py: settle": "it is how the tests wait: for the screen to have taken all messages",
    "piloting.py: eventually": "what was waited for is painted before it is read",
    "test_sentenceeditor.py: test_edits_undone_and_made_again_at_random": (
        "it is a whim of the person who types; nothing is read after it"
    ),
    "test_evaluate_moments.py: test_what_comes_late_is_not_shown_under_another_title": (
        "nothing may come of it, which cannot be waited for"
    ),
    "test_wildlogs.py: test_whatever_stands_in_a_log_is_shown_in_the_app": (
        "it has to be painted; nothing is read after it"
    ),
}


def pauses_of(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """The function and the line of each pause that is not part of a loop with a condition."""

    def walk(node: ast.AST, function: str, waits: bool) -> Iterator[tuple[str, int]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function, waits = node.name, False
        if isinstance(node, ast.While):
            waits = True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in PAUSES and not waits:
                yield function, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from walk(child, function, waits)

    return walk(tree, "the module", False)


def test_whoever_pauses_waits_for_something() -> None:
    hoping, seen = [], set()
    for path in sorted(TESTS.rglob("*.py")):
        name = path.name
        if path.parent.name == "bench":  # they measure time
            continue
        for function, line in pauses_of(ast.parse(path.read_text(encoding="utf-8"))):
            place = f"{name}: {function}"
            seen.add(place)
            if place not in ALLOWED:
                hoping.append(f"{name}:{line}, in {function}")
    assert not hoping, "wait for what is read (piloting.eventually), do not hope:\n" + "\n".join(
        hoping
    )
    assert set(ALLOWED) <= seen, "these are no exceptions any more"


def test_a_pause_that_hopes_is_found() -> None:
    code = """
async def test_it():
    await asyncio.sleep(0.1)
    for _ in range(3):
        await pilot.pause()
    while not there():
        time.sleep(0.01)
    def inner():
        sleep(1)
"""
    assert [*pauses_of(ast.parse(code))] == [("test_it", 3), ("test_it", 5), ("inner", 9)]


def test_only_a_process_without_threads_forks_and_goes_on() -> None:
    may = {
        "forkserver.py",  # it makes sure that it has no threads
        "terminal.py",  # it becomes another program at once
        "test_processes.py",  # words in a script that is looked at
    }
    forking = re.compile(r"os\.fork\(\)|[\"']fork[\"']|\bos\.forkpty\b|\bpty\.fork\b")
    found = {
        path.name
        for path in TESTS.rglob("*.py")
        if path.name != "test_suite.py" and forking.search(path.read_text(encoding="utf-8"))
    }
    assert found <= may, (
        "a fork has the locks of the threads it has not: start a Python (manyranks.py does)"
    )

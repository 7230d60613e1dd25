"""The columns of a list of runs: their order, their room, their words."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from test_runfilter import summary

from stplay.errors import UserError
from stplay.runs.runcolumns import COLUMNS, IMPORTANCE, column, in_order, table

RUNS = [
    summary("a", best_dev_accuracy=0.5, note="", started=time.time() - 7200),
    summary("b", best_dev_accuracy=None, test_max_accuracy=0.9, started=None),
    summary("C", best_dev_accuracy=0.75, seconds=3.0, disk_bytes=0),
]


def names(by: str, *, backwards: bool = False) -> str:
    return "".join(run.run for run in in_order(RUNS, column(by), backwards=backwards))


def test_the_best_the_newest_and_the_first_of_the_alphabet_come_first() -> None:
    assert names("run") == "abC"
    assert names("run", backwards=True) == "Cba"
    assert (names("dev"), names("dev", backwards=True)) == ("Cab", "aCb")
    assert names("age") == "aCb"
    assert names("took") == "Cab"
    assert names("disk") == "abC"
    assert names("note") == "bCa"
    assert names("test") == "baC"


def test_a_column_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UserError, match=r"no column 'deev'; there are run, status, step, dev, at"):
        column("deev")


def test_the_words() -> None:
    cells = dict(zip(COLUMNS, table(RUNS).cells[0], strict=True))
    assert cells == {
        "run": "a",
        "status": "✓ finished",
        "step": "6,250 of 6,250",
        "dev": "0.500",
        "at": "6,200",
        "test": "-",
        "recipe": "all-nli +1",
        "base": "builtin:tiny",
        "data": "all-nli",
        "age": "2 h",
        "took": "1 h 30 min",
        "disk": "3.0 GiB",
        "note": "-",
    }
    assert not table(RUNS).missing


@pytest.mark.parametrize("runs", [[], RUNS, [summary("\N{CJK UNIFIED IDEOGRAPH-732B}" * 40)]])
@given(room=st.integers(1, 250))
def test_no_line_is_longer_than_there_is_room(runs: list[object], room: int) -> None:
    shown = table(runs, room)  # pyright: ignore[reportArgumentType]
    assert sorted([*shown.missing, *(each.title for each in shown.columns)]) == sorted(
        each.title for each in COLUMNS.values()
    )
    if len(shown.columns) > 1:
        assert max(map(cell_len, shown.lines())) <= room
    assert shown.columns[0].name == "run"


def test_what_matters_least_goes_first() -> None:
    assert sorted(IMPORTANCE) == sorted(COLUMNS)
    shown = [each.name for each in table(RUNS, 60).columns]
    assert shown == [name for name in COLUMNS if name in IMPORTANCE[: len(shown)]]
    assert 3 < len(shown) < len(COLUMNS)

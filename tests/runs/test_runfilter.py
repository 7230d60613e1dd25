"""The language by which runs are chosen."""

from __future__ import annotations

import shlex
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.runcolumns import COLUMNS
from stplay.runs.runfilter import chosen, run_filter
from stplay.runs.runsummary import RunSummary

RECIPE = recipe.load("all-nli").to_dict()


def summary(run: str = "all-nli-7", **other: Any) -> RunSummary:
    fields: dict[str, Any] = {
        "status": "completed",
        "step": 6250,
        "total_steps": 6250,
        "dev_max_accuracy": 0.84,
        "test_max_accuracy": None,
        "started": 1.7e9,
        "error": None,
        "folder": "/runs/all-nli-7",
        "diverged": False,
        "synthetic": False,
        "best_dev_accuracy": 0.849,
        "best_dev_step": 6200,
        "seconds": 5400.0,
        "disk_bytes": 3 << 30,
        "base": "builtin:tiny",
        "data": "all-nli",
        "preset": "all-nli +1",
        "recipe": RECIPE,
        "note": "#baseline first try",
        "tags": ["baseline"],
    }
    return RunSummary(run=run, **(fields | other))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("ALL-NLI", True),
        ("snli", False),
        ("builtin:tiny", True),
        ("builtin:minilm", False),
        ("#baseline try", True),
        ("#baseline second", False),
        ("run:nli-7 data:nli base:tiny", True),
        ("status:finished", True),
        ("status:completed", True),
        ("status:running", False),
        ("status!=running", True),
        ('note:"first try"', True),
        ('"first  try"', False),
        ("dev>0.8 dev<=0.849 dev>=.849", True),
        ("dev>0.849", False),
        ("dev=0.849", True),
        ("dev:0.849 dev!=0.5", True),
        ("test>0", False),
        ("test!=0", False),
        ("took>1h took<=90min took>=5400 took<1d", True),
        ("took>2h", False),
        ("disk>2GiB", True),
        ("disk<2GiB", False),
        ("age>300d", True),
        ("recipe:all-nli", True),
        ("recipe.learning_rate>=5e-5 recipe.training.learning_rate<1e-4", True),
        ("recipe.learning_rate>=1e-4", False),
        ("recipe.bf16:true recipe.train:nli recipe.optim=adamw_torch", True),
        ("recipe.bf16:false", False),
        ("recipe.dropout:0.1", False),
        ("recipe.learning_rate:fast", False),
    ],
)
def test_what_holds(text: str, holds: bool) -> None:
    assert run_filter(text)(summary()) is holds


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("lr>1", r"^Runs have no 'lr'; they have run, status, .*, note, and recipe\.NAME"),
        ("stauts:running", r"^Runs have no 'stauts'; they have run, status, "),
        ("dev>high", r"^dev is compared with a number, not with 'high'\.$"),
        ("dev>", r"^dev is compared with a number, not with ''\.$"),
        ("dev>1.2.3", r"^dev is compared with a number"),
        ("dev>1e999", r"^dev is compared with a number"),
        ("dev>1h", r"^dev is compared with a number, not with '1h'\.$"),
        ("took>1w", r"^took is compared with a number, or with a unit, s, min, h, d, not"),
        ("recipe.lr>1", r"^Recipes have no 'lr'; they have base, .*, learning_rate, "),
        ("status>running", r"^status is a text, for which there are status: and status!=$"),
        ('note:"first', r"^A quotation mark is missing in note:\"first$"),
    ],
)
def test_mistakes_are_one_sentence_that_names_what_there_is(text: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        run_filter(text)


@given(st.text(max_size=40))
def test_anything_typed_is_understood_or_told_as_a_mistake(text: str) -> None:
    with suppress(UserError):
        assert run_filter(text)(summary()) in (True, False)


@given(
    st.sampled_from([column for column in COLUMNS.values() if column.is_number]),
    st.sampled_from([">", ">=", "<", "<=", "=", "!="]),
    st.floats(-1e6, 1e6).map(lambda number: round(number, 3)),
    st.none() | st.floats(0, 1e6),
)
def test_numbers_are_compared_as_numbers_are(
    column: Any, sign: str, number: float, value: float | None
) -> None:
    run = summary(
        step=value or 0,
        best_dev_accuracy=value,
        best_dev_step=value,
        test_max_accuracy=value,
        seconds=value or 0,
        disk_bytes=value or 0,
        started=None,
    )
    there = column.value(run)
    python = {"=": "=="}.get(sign, sign)
    expected = there is not None and eval(f"{there!r} {python} {number!r}")
    assert run_filter(f"{column.name}{sign}{number!r}")(run) is expected


@given(st.text(st.characters(categories=["L", "N", "P", "Z"]), min_size=1, max_size=12))
def test_a_quoted_text_is_found_as_it_stands(text: str) -> None:
    runs = [summary(note=f"a {text} b"), summary(note="")]
    word = shlex.quote(f"note:{text}")
    assert runs[0] in chosen(runs, word)


@given(st.lists(st.sampled_from(["dev>0.8", "nli", "status:failed", "took<1h"]), max_size=4))
def test_more_conditions_choose_no_more(parts: list[str]) -> None:
    runs = [summary(), summary("other", best_dev_accuracy=0.5, status="failed", seconds=1.0)]
    found = chosen(runs, " ".join(parts))
    for part in parts:
        assert all(run in chosen(runs, part) for run in found)
    assert [run for run in runs if all(run in chosen(runs, part) for part in parts)] == found

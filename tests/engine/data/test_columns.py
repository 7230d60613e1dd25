"""The columns of triplets: under our names, under usual ones, and under those that are told."""

from __future__ import annotations

import pytest

from stplay.engine.data.columns import TripletColumns
from stplay.errors import UserError
from stplay.runs import recipe
from stplay.sources.datasources import COLUMNS


def chosen(*names: str, **given: str) -> tuple[str, ...]:
    found = TripletColumns({name: given[name] for name in COLUMNS if name in given})(names, "x.csv")
    return tuple(found[wanted] for wanted in COLUMNS)


def told(*names: str, **given: str) -> str:
    with pytest.raises(UserError) as raised:
        chosen(*names, **given)
    return raised.value.sentence


@pytest.mark.parametrize(
    "names",
    [
        ("query", "positive", "negative"),
        ("query", "pos", "neg"),
        ("sentence1", "sentence2", "sentence3"),
        ("premise", "entailment", "contradiction"),
        ("Anchor", " Positive", "NEGATIVE "),
        ("Query", "pos ", "Negative"),
    ],
)
def test_usual_names_are_recognised_and_said(names: tuple[str, ...]) -> None:
    columns = TripletColumns(None)
    found = columns(["id", *reversed(names), "label"], "x.csv")
    assert tuple(found[wanted] for wanted in COLUMNS) == names
    said = [f"{own} is the {wanted}" for wanted, own in zip(COLUMNS, names, strict=True)]
    assert columns.said == ", ".join(
        each for each, own in zip(said, names, strict=True) if own not in COLUMNS
    )


def test_nothing_is_said_of_what_is_called_as_it_should_be_or_was_told() -> None:
    columns = TripletColumns({"anchor": "title"})
    columns(["title", "positive", "negative"], "x.csv")
    assert columns.said == ""


def test_own_names_come_before_usual_ones_and_told_ones_before_all() -> None:
    assert chosen("query", *COLUMNS, "pos") == COLUMNS
    assert chosen(*COLUMNS, "query", anchor="query") == ("query", "positive", "negative")
    # What was told to be another column is not guessed to be this one too.
    assert "lacks the column negative" in told("anchor", "positive", "negative", anchor="negative")
    assert chosen("a", "b", "c", anchor="c", positive="a", negative="b") == ("c", "a", "b")
    assert chosen("Title ", "pos", "neg", anchor="title") == ("Title ", "pos", "neg")


def test_of_two_usual_names_neither_is_guessed() -> None:
    assert "lacks the column anchor; it has query, question, pos, neg." in told(
        "query", "question", "pos", "neg"
    )
    assert "lacks the column anchor" in told("Anchor", "ANCHOR", "pos", "neg")


def test_what_cannot_be_guessed_shows_the_options_with_the_names_of_the_file() -> None:
    assert told("id", 'a "b"', "query", "other text") == (
        'x.csv lacks the columns positive, negative; it has id, a "b", query, other text. Say '
        'which is which, in a recipe with data.columns = { anchor = "query", positive = "id", '
        'negative = "a \\"b\\"" }, for stplay eval with --anchor query --positive id --negative '
        "'a \"b\"'"
    )
    table = told("id", 'a "b"', "query").partition("data.columns = ")[2].partition(" }")[0]
    made = recipe.load("sample", [f"data.columns={table} }}"])
    assert made.data.columns == {"anchor": "query", "positive": "id", "negative": 'a "b"'}
    assert recipe.tomllib.loads(made.to_toml())["data"]["columns"] == made.data.columns
    assert told("a", "b").endswith(
        "it has a, b. Triplets need the columns anchor, positive, negative."
    )
    assert told("a", "b", anchor="c") == "x.csv has no column c; it has a, b."


def test_other_columns_in_a_recipe_are_refused() -> None:
    for wrong in ('{ anchr = "a" }', '{ anchor = "" }', "{ anchor = 1 }", "query"):
        with pytest.raises(UserError, match=r'it must be a table such as \{ anchor = "query" \}'):
            recipe.load("sample", [f"data.columns={wrong}"])
    assert recipe.load("sample", ["data.columns="]).data.columns is None

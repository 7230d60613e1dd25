"""The columns of triplets: under our names, under usual ones, and under those that are told."""

from __future__ import annotations

import pytest

from stplay.engine.data.columns import RowColumns
from stplay.errors import UserError
from stplay.runs import recipe
from stplay.sources.datasources import COLUMNS, OwnNames


def chosen(*names: str, **given: str | list[str]) -> tuple[str, ...]:
    own: OwnNames = {name: given[name] for name in COLUMNS if name in given}
    return tuple(RowColumns(own)(names, "x.csv").values())


def told(*names: str, **given: str | list[str]) -> str:
    with pytest.raises(UserError) as raised:
        chosen(*names, **given)
    return raised.value.sentence


def without_negatives(*names: str, **given: str) -> str:
    """What is told of the same columns where triplets are wanted."""
    columns = RowColumns({name: given[name] for name in COLUMNS if name in given})
    columns(names, "x.csv")
    assert not columns.has_negatives
    return columns.no_negatives.sentence


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
    columns = RowColumns(None)
    found = columns(["id", *reversed(names), "label"], "x.csv")
    assert tuple(found[wanted] for wanted in COLUMNS) == names
    said = [f"{own} is the {wanted}" for wanted, own in zip(COLUMNS, names, strict=True)]
    assert columns.said == [
        each for each, own in zip(said, names, strict=True) if own not in COLUMNS
    ]


def test_nothing_is_said_of_what_is_called_as_it_should_be_or_was_told() -> None:
    columns = RowColumns({"anchor": "title"})
    columns(["title", "positive", "negative"], "x.csv")
    assert columns.said == []


def test_own_names_come_before_usual_ones_and_told_ones_before_all() -> None:
    assert chosen("query", *COLUMNS, "pos") == COLUMNS
    assert chosen("pos", "neg_2", "query", "neg_10", "neg_1") == (
        *("query", "pos"),
        *("neg_1", "neg_2", "neg_10"),
    )
    assert chosen(*COLUMNS, "query", anchor="query") == ("query", "positive", "negative")
    # What was told to be another column is not guessed to be this one too.
    assert "it has anchor, positive, negative" in without_negatives(*COLUMNS, anchor="negative")
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
    assert told("a").endswith("it has a. The columns anchor and positive are needed.")
    assert told("a", "b", anchor="c") == "x.csv has no column c; it has a, b."


def test_several_negatives_are_taken_in_the_order_of_their_numbers_or_as_they_are_told() -> None:
    columns = RowColumns(None)
    names = ["negative_2", "anchor", "negative_10", "positive", "negative_1"]
    found = columns(names, "x.csv")
    assert [*found] == ["anchor", "positive", "negative", "negative_2", "negative_3"]
    assert [*found.values()] == ["anchor", "positive", "negative_1", "negative_2", "negative_10"]
    assert columns.said == []
    columns = RowColumns({"positive": "p"})
    columns(["query", "p", "Neg 1", "neg2"], "x.csv")
    assert columns.said == ["query is the anchor", "Neg 1, neg2 are the negatives"]
    several = ["easy", "hard"]
    assert chosen("anchor", "hard", "positive", "easy", negative=several) == (
        *COLUMNS[:2],
        *several,
    )
    assert "has no column easy; it has" in told(*COLUMNS, negative=several)
    assert told(*COLUMNS, positive=["a", "b"]) == "The positive is one column, not 2; name one."
    made = recipe.load("sample", ['data.columns={ negative = ["easy", "hard"] }'])
    assert made.data.columns == {"negative": several}
    assert recipe.tomllib.loads(made.to_toml())["data"]["columns"] == {"negative": several}


def test_pairs_have_no_negative_and_tell_what_was_not_taken() -> None:
    columns = RowColumns(None)
    found = columns(["query", "pos", "negatve", "id", "source"], "x.csv")
    assert [*found.values()] == ["query", "pos", "source"]
    assert columns.said[-1] == "its other columns are not taken (negatve, id)"
    assert without_negatives("anchor", "positive", "negatve") == (
        "x.csv lacks the column negative, and of pairs no triplets can be made; it has anchor, "
        "positive, negatve. Say which is which, in a recipe with data.columns = { anchor = "
        '"anchor", positive = "positive", negative = "negatve" }, for stplay eval with --anchor '
        "anchor --positive positive --negative negatve"
    )
    # What may be the negatives is not passed over, even where there need not be any.
    assert told("anchor", "positive", "neg", "contradiction").startswith(
        "x.csv lacks the column negative; it has anchor, positive, neg, contradiction. Say which"
    )
    assert told("a", "b").endswith(
        'with data.columns = { anchor = "a", positive = "b" }, for stplay eval with --anchor a '
        "--positive b"
    )
    assert without_negatives("anchor", "positive").endswith(
        "The columns anchor, positive and negative are needed."
    )


def test_rows_of_other_columns_are_taken_by_those_before() -> None:
    columns = RowColumns(None)
    columns(["query", "positive"], "x.jsonl: line 1")
    found = columns(["anchor", "question", "query", "positive", "neg_1"], "x.jsonl: line 2")
    assert [*found.values()] == ["query", "positive", "neg_1"]
    assert columns.said == ["query is the anchor", "neg_1 is the negative"]
    columns(["query", "positive", "neg_1", "neg_2"], "x.jsonl: line 3")
    assert columns.said == ["query is the anchor", "neg_1, neg_2 are the negatives"]


def test_other_columns_in_a_recipe_are_refused() -> None:
    for wrong in ('{ anchr = "a" }', '{ anchor = "" }', "{ anchor = 1 }", "query"):
        with pytest.raises(UserError, match=r'it must be a table such as \{ anchor = "query" \}'):
            recipe.load("sample", [f"data.columns={wrong}"])
    assert recipe.load("sample", ["data.columns="]).data.columns is None

"""Oddities of model cards, each in a small card of its own."""

from __future__ import annotations

import pytest
from placesread import folded

from stplay.errors import UserError
from stplay.foreign.cardreader import card_events
from stplay.jobs.events import Event, MetricsLogged, Noted, ResultsListed, RunFinished


def rows(text: str) -> list[tuple[int, int, float | None, dict[str, float | None]]]:
    """The segment, step, epoch and values of each row."""
    return [
        (event.segment, event.step, event.epoch, event.values)
        for event in card_events(text, "card", 1.0)
        if isinstance(event, MetricsLogged)
    ]


def words(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Noted)]


def test_a_card_is_a_finished_run() -> None:
    events = card_events("| Epoch | Step | Loss |\n|---|---|---|\n| 1.0 | 5 | 0.5 |\n", "c", 1.0)
    assert events[0] == MetricsLogged(time=1.0, step=5, epoch=1.0, values={"Loss": 0.5})
    assert isinstance(events[-1], RunFinished)
    assert folded(events).status == "completed"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", " "])
def test_lines_end_as_they_do_or_not_at_all(end: str) -> None:
    text = end.join(
        [
            "### Training Logs",
            "<details><summary>Click to expand</summary>",
            "| Epoch | Step | Training Loss | dev_ap |",
            "|:-----:|:----:|:-------------:|:------:|",
            "| 0.5   | 10   | 1.25          | -      |",
            "| **1.0** | **20** | **-** | **0.75** |",
            "</details>",
            "### Framework Versions",
        ]
    )
    assert rows(text) == [
        (0, 10, 0.5, {"Training Loss": 1.25}),
        (0, 20, 1.0, {"dev_ap": 0.75}),
    ]


def test_the_order_of_columns_and_setfits_heading_do_not_matter() -> None:
    text = (
        "### Training Results\n| Training Loss | Epoch | Step | Validation Loss |\n"
        "|:--|:--|:--|:--|\n| No log | 1.0 | 7 | 0.25 |\n"
    )
    assert rows(text) == [(0, 7, 1.0, {"Validation Loss": 0.25})]
    assert words(card_events(text, "card")) == ["1 cell is no number, and left out."]


def test_two_numbers_in_a_cell() -> None:
    text = "| Epoch | Step | ndcg@10 |\n|---|---|---|\n| -1 | -1 | 0.9571 (+0.4571) |\n"
    assert rows(text) == [(0, -1, None, {"ndcg@10": 0.9571, "ndcg@10 (in brackets)": 0.4571})]


def test_epoch_and_step_alone() -> None:
    assert rows("| Epoch | Step |\n|---|---|\n| -1 | -1 |\n") == [(0, -1, None, {})]


def test_a_row_after_the_last_step_belongs_to_it() -> None:
    text = "| Epoch | Step | a | b |\n|---|---|---|---|\n| 1 | 9 | 1 | - |\n| -1 | -1 | - | 2 |\n"
    assert rows(text) == [(0, 9, 1.0, {"a": 1.0}), (0, 9, None, {"b": 2.0})]
    assert any("A row tells step 0 or -1" in each for each in words(card_events(text, "card")))


def test_a_second_training_that_begins_with_step_0() -> None:
    table = "| Epoch | Step | a |\n|---|---|---|\n" + 2 * "| 0 | 0 | 1 |\n| 1 | 5 | 2 |\n"
    assert [row[:2] for row in rows(table)] == [(0, 0), (0, 5), (1, 0), (1, 5)]


def test_columns_of_one_name_are_told_apart() -> None:
    text = "| Epoch | Step | a | a |\n|---|---|---|---|\n| 1 | 5 | 1 | inf |\n"
    assert rows(text) == [(0, 5, 1.0, {"a": 1.0, "a (2)": None})]


def test_metrics_of_several_data_sets_side_by_side() -> None:
    text = (
        "#### Semantic Similarity\n\n* Datasets: `sts-dev` and `sts-test`\n\n"
        "| Metric | sts-dev | sts-test |\n|:--|:--|:--|\n| **pearson** | **0.5** | 0.6 |\n"
        "| spearman | nan | - |\n"
    )
    found = [event for event in card_events(text, "card") if isinstance(event, ResultsListed)]
    assert [(each.evaluator, each.data, each.values) for each in found] == [
        ("Semantic Similarity", "sts-dev", {"pearson": 0.5, "spearman": None}),
        ("Semantic Similarity", "sts-test", {"pearson": 0.6}),
    ]


@pytest.mark.parametrize(("version", "inverted"), [("3.0.1", True), ("3.1.0", False)])
def test_the_dot_accuracy_of_3_0_is_told_and_stays(version: str, inverted: bool) -> None:
    text = (
        "#### Triplet\n* Dataset: `dev`\n* Evaluated with TripletEvaluator\n| Metric | Value |\n"
        f"|---|---|\n| dot_accuracy | 0.25 |\n\n- Sentence Transformers: {version}\n"
    )
    events = card_events(text, "card")
    (found,) = (event for event in events if isinstance(event, ResultsListed))
    assert found.values == {"dot_accuracy": 0.25}
    assert [each for each in words(events) if "0.250 would be about 0.750" in each] == (
        words(events) if inverted else []
    )
    assert len(words(events)) == inverted


def test_what_stands_in_a_cell_steers_no_terminal() -> None:
    text = "| Epoch | Step | \x1b[31mred\u202e |\n|---|---|---|\n| 1 | 5 | 1 |\n"
    ((_, _, _, values),) = rows(text)
    assert list(values) == ["�[31mred�"]


def test_a_card_without_any_table_is_no_training() -> None:
    with pytest.raises(UserError, match=r"neither a training log.* nor a table of metrics"):
        card_events("# A model\n| anchor | positive |\n|---|---|\n| a | b |\n", "card")

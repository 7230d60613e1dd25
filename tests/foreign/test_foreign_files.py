"""Files of other people, as they stand, read to the counts that were made by careful reading."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from checkout import SHARED
from placesread import folded, read_place

from stplay.foreign.foreignlog import ForeignLog
from stplay.jobs.events import MetricsLogged, Noted, RunFinished, StageProgressed

FILES = SHARED / "data" / "foreign"
pytestmark = pytest.mark.skipif(
    not FILES.is_dir(), reason=f"the files of other people are not in {FILES}"
)


def read(name: str) -> ForeignLog:
    return folded(read_place(FILES / name))


def measured(name: str) -> list[MetricsLogged]:
    return [event for event in read_place(FILES / name) if isinstance(event, MetricsLogged)]


def segments(events: Iterable[MetricsLogged]) -> int:
    return len({event.segment for event in events})


def test_many_losses() -> None:
    log = read("cards/many-losses.md")
    assert (len(log.lines()), len(log.headings()), len(log.results)) == (32, 21, 0)
    last = log.measured()[-1]
    assert (last.epoch, last.step) == (1.0, 30560)
    assert last.values["wikititles loss"] == 7.3346
    assert last.values["negation loss"] == 7.4302


def test_an_sts_evaluator_without_a_validation_loss() -> None:
    log = read("cards/korean-sts.md")
    rows = {row.step: row.values for row in log.measured()}
    assert len(rows) == 10
    assert rows[500]["Training Loss"] == 1.1345
    assert rows[5000] == {"Training Loss": 0.4381, "sts-dev_spearman_cosine": 0.8564}
    assert [(each.evaluator, each.data) for each in log.results] == [
        ("Semantic Similarity", "sts-dev")
    ]


def test_a_table_inside_details() -> None:
    log = read("cards/details-487-rows.md")
    rows = log.measured()
    assert len(rows) == 487
    assert (rows[0].step, rows[0].values["Training Loss"]) == (25, 7287.0037)
    assert (rows[-1].step, rows[-1].values["Training Loss"]) == (11950, 1.1446)
    assert not log.results


def test_a_model_that_was_trained_twice() -> None:
    log = read("cards/repeated-steps-5.7.md")
    assert [(row.segment, row.step) for row in log.measured()] == [
        (0, 500),
        (0, 847),
        (1, 500),
        (1, 847),
    ]
    assert log.measured()[-1].values["cosine_ap"] == 0.8444
    assert len(log.results) == 1
    assert log.headings()[0] == "Training"


def test_measurements_that_are_no_numbers() -> None:
    events = measured("cards/nan.md")
    assert len(events) == 9
    assert [value for event in events for value in event.values.values()] == [None] * 9


def test_evaluations_of_step_0_in_the_middle() -> None:
    events = read_place(FILES / "cards/step-0-in-the-middle.md")
    rows = [event for event in events if isinstance(event, MetricsLogged)]
    assert (len(rows), segments(rows)) == (60, 1)
    assert len(folded(events).lines()) == 60
    told = [event.step for event in rows if "kd-holdout_kl_divergence" in event.values]
    assert told == [500, 1000, 1500, 2000, 4000]
    words = [event.text for event in events if isinstance(event, Noted)]
    assert any("5 rows tell step 0 or -1" in text for text in words)
    assert any("step 2,000, the card's bold row" in text for text in words)


def test_a_state_of_two_processes() -> None:
    events = read_place(FILES / "trainer_states/two-gpus-11950.json")
    rows = [event for event in events if isinstance(event, MetricsLogged)]
    assert len(rows) == 487
    assert sum("loss" in row.values for row in rows) == 478
    assert sum("eval_loss" in row.values for row in rows) == 9
    assert [event.done for event in events if isinstance(event, StageProgressed)] == [11950]
    assert isinstance(events[-1], RunFinished)


def test_an_epoch_that_falls_back() -> None:
    events = read_place(FILES / "trainer_states/epoch-falls-back.json")
    rows = [event for event in events if isinstance(event, MetricsLogged)]
    assert (len(rows), segments(rows)) == (5, 1)
    assert [event.done for event in events if isinstance(event, StageProgressed)] == [110000]


def test_a_single_entry() -> None:
    (row,) = measured("trainer_states/one-entry.json")
    assert (row.step, row.values["loss"]) == (500, 0.6436)


@pytest.mark.parametrize(
    ("name", "rows", "trainings"),
    [
        ("similarity_evaluation_validation_results.csv", 16, 3),
        ("triplet_evaluation_dev_evaluator_results.csv", 6, 2),
    ],
)
def test_csv_files_of_several_trainings(name: str, rows: int, trainings: int) -> None:
    events = measured(f"evaluator_csv/{name}")
    assert (len(events), segments(events)) == (rows, trainings)


CARD = SHARED / "seed" / "model-card.txt"


@pytest.mark.skipif(not CARD.is_file(), reason=f"the published card is not in {CARD}")
def test_the_published_card_squeezed_onto_one_line() -> None:
    events = read_place(CARD)
    log = folded(events)
    rows = log.measured()
    assert (len(rows), rows[0].step, rows[-1].step) == (64, 0, 6250)
    assert rows[1].values == {
        "Training Loss": 3.5308,
        "loss": 3.1817,
        "all-nli-dev_max_accuracy": 0.558,
    }
    assert rows[-1].values == {"all-nli-test_max_accuracy": 0.839}
    found = {each.data: each.values for each in log.results}
    assert found["all-nli-dev"]["max_accuracy"] == 0.849
    assert found["all-nli-test"]["dot_accuracy"] == 0.15  # as the card has it
    (inverted,) = (event.text for event in events if isinstance(event, Noted))
    assert "0.163 would be about 0.837" in inverted


def test_no_file_is_forgotten() -> None:
    tested = Path(__file__).read_text(encoding="utf-8")
    files = [path.name for path in FILES.rglob("*") if path.is_file() and path.suffix != ".md"]
    files += [path.name for path in (FILES / "cards").iterdir()]
    assert [name for name in files if name not in tested] == []

"""What Trainers print: figures, bars, evaluations, failures; in any pieces."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from placesread import folded, let_settle, read_place

from stplay.foreign.printedlog import NUMBERED, OUTPUT_ENDED, WORKED_OUT, PrintedLog
from stplay.foreign.printedoutput import PrintedFile, PrintedPipe
from stplay.jobs.events import Event, MetricsLogged, Noted, Replaced, RunFinished, StageProgressed


def bar(done: int, total: int = 100, elapsed: str = "00:10", label: str = "") -> str:
    share = 100 * done // total
    return (
        f"\r{label}{share:3}%|{'█' * (share // 10):10}| {done}/{total} [{elapsed}<00:20,  5.0it/s]"
    )


def figures(*, quoted: bool = False, **values: object) -> str:
    told = {name: str(value) if quoted else value for name, value in values.items()}
    return f"\r{' ' * 40}\r{told}\n"


def read(text: str, *, ended: bool = True, piece: int | None = None) -> list[Event]:
    log, data = PrintedLog(lambda: 1000.0, pipe=True), text.encode()
    size = piece or len(data)
    events = [
        event
        for begin in range(0, len(data), size)
        for event in log.feed(data[begin : begin + size])
    ]
    return events + log.settle(ended=ended)


def rows(events: list[Event]) -> list[tuple[int, int, dict[str, float | None]]]:
    return [
        (event.segment, event.step, event.values)
        for event in events
        if isinstance(event, MetricsLogged)
    ]


def ends(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(event.outcome, event.error) for event in events if isinstance(event, RunFinished)]


TRAINING = (
    "Loading weights: 100%|██████████| 23/23 [00:00<00:00, 6660it/s]\n"
    + bar(0, elapsed="00:00")
    + bar(9)
    + figures(loss=2.5, grad_norm=1.5, epoch=0.2)
    + bar(10)
    + "".join(bar(batch, 4, "00:01") for batch in range(5))
    + figures(eval_loss=2.25, eval_dev_cosine_accuracy=0.75, epoch=0.2)
    + bar(10, elapsed="00:12")
    + bar(99, elapsed="01:40")
    + figures(loss="nan", epoch=2.0, quoted=True)
    + bar(100, elapsed="01:41")
    + figures(train_runtime=101.0, train_loss=1.0, epoch=2.0)
    + bar(100, elapsed="01:41")
    + "\n"
)


@pytest.mark.parametrize("piece", [None, 1, 7, 100])
def test_a_training_comes_out_the_same_in_any_pieces(piece: int | None) -> None:
    events = read(TRAINING, piece=piece)
    assert rows(events) == [
        (0, 10, {"loss": 2.5, "grad_norm": 1.5}),
        (0, 10, {"eval_loss": 2.25, "eval_dev_cosine_accuracy": 0.75}),
        (0, 100, {"loss": None}),
        (0, 100, {"train_runtime": 101.0, "train_loss": 1.0}),
    ]
    progress = [event for event in events if isinstance(event, StageProgressed)]
    assert (progress[0].done, progress[-1].done, progress[-1].total) == (0, 100, 100)
    assert progress[-1].time - progress[0].time == 101.0  # as the bars tell
    assert ends(events) == [("completed", None)]


def test_the_time_left_comes_from_the_bars() -> None:
    log = folded(read(bar(0, elapsed="00:00") + bar(25, elapsed="00:50") + "\n", ended=False))
    assert (log.step, log.total_steps, log.seconds_left()) == (25, 100, 150.0)


def test_figures_as_numbers_and_as_strings_are_the_same() -> None:
    for quoted in (False, True):
        line = figures(quoted=quoted, loss=0.5, learning_rate=5e-05, epoch=0.1)
        assert rows(read(bar(5) + line + bar(5)))[0][2] == {"loss": 0.5, "learning_rate": 5e-05}


def test_lines_that_were_kept_back_share_out_the_steps_by_their_epochs() -> None:
    lines = "".join(figures(loss=1.0, epoch=step / 50) for step in (10, 20, 30))
    events = read(bar(0) + bar(30) + lines + bar(31))
    assert [step for _, step, _ in rows(events)] == [10, 20, 30]
    assert [event.text for event in events if isinstance(event, Noted)] == [WORKED_OUT]


def test_lines_without_any_bar_are_numbered_and_that_is_said() -> None:
    events = read(figures(loss=1.0, epoch=0.5) + figures(loss=0.5, epoch=1.0))
    assert [step for _, step, _ in rows(events)] == [1, 2]
    assert [event.text for event in events if isinstance(event, Noted)] == [NUMBERED]


def test_without_any_bar_evaluators_tell_of_steps() -> None:
    head = "TripletEvaluator: Evaluating the model on the x dataset in epoch 0.4 after 20 steps:\n"
    text = figures(loss=1.0, epoch=0.2) + head + "A: 5%\n" + figures(loss=0.5, epoch=0.6)
    assert [step for _, step, _ in rows(read(text))] == [20, 10, 30]


def test_another_training_in_the_same_output_is_another_segment() -> None:
    events = read(TRAINING + TRAINING.replace("/100 ", "/200 "))
    assert {segment for segment, _, _ in rows(events)} == {0, 1}
    assert next(step for segment, step, _ in rows(events) if segment) == 10


def test_what_an_evaluator_logs() -> None:
    text = bar(20) + (
        "\nINFO:sentence_transformers.evaluation:TripletEvaluator: Evaluating the model on the "
        "all-nli-dev dataset in epoch 0.4 after 20 steps:\n"
        "INFO:sentence_transformers.evaluation:Accuracy Cosine Similarity:\t84.90%\n"
        "2024-05-01 10:00:00 - EmbeddingSimilarityEvaluator: Evaluating the model on the sts "
        "dataset after epoch 1:\n"
        "2024-05-01 10:00:01 - Cosine-Similarity :\tPearson: 0.8509\tSpearman: 0.8533\n"
        "Information Retrieval Evaluation of the model on the ir dataset:\n"
        "Queries: 300\nCorpus: 9000\n\nScore-Function: cosine\nMRR@10: 0.3\n"
        "Saving model checkpoint\nSize: 3\n"
    )
    assert rows(read(text)) == [
        (0, 20, {"all-nli-dev Accuracy Cosine Similarity (%)": 84.9}),
        (
            0,
            20,
            {"sts Cosine-Similarity Pearson": 0.8509, "sts Cosine-Similarity Spearman": 0.8533},
        ),
        (0, 20, {"ir cosine MRR@10": 0.3}),
    ]


TRACEBACK = """Traceback (most recent call last):
  File "train.py", line 3, in <module>
    trainer.train()
torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB.
"""


def test_a_traceback_at_the_end_is_the_failure() -> None:
    events = read(bar(5) + "\n" + TRACEBACK)
    word = events[-1]
    assert isinstance(word, RunFinished)
    assert word.outcome == "failed"
    assert word.error == "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB."
    assert (word.details or "").startswith("Traceback")
    assert folded(events).status == "failed"


def test_a_traceback_that_the_training_outlives_is_none() -> None:
    assert ends(read(bar(5) + "\n" + TRACEBACK + bar(6))) == [("stopped", OUTPUT_ENDED)]


def test_ctrl_c_and_slurm_end_a_training() -> None:
    interrupted = TRACEBACK.rpartition("torch.")[0] + "KeyboardInterrupt\n"
    assert ends(read(bar(5) + "\n" + interrupted)) == [("stopped", "KeyboardInterrupt")]
    slurm = "slurmstepd: error: *** JOB 12 ON n1 CANCELLED AT 2024-01-01 DUE TO TIME LIMIT ***"
    assert ends(read(f"{bar(5)}\n{slurm}\n")) == [("failed", slurm)]


def test_nothing_steers_the_terminal_by_a_name() -> None:
    events = read(bar(5) + "{'lo\x1b]0;t\x07\x9b31mss': 0.5, 'epoch': 0.1}\n" + bar(5))
    ((_, _, values),) = rows(events)
    assert list(values) == ["lo�31mss"]


def test_a_log_is_followed_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "slurm-1.out"
    path.write_text(TRAINING)
    let_settle(path)
    assert rows(read_place(path)) == rows(read(TRAINING))
    assert folded(read_place(path)).status == "completed"


def test_a_log_that_another_takes_the_place_of_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "slurm-1.out"
    path.write_text(TRAINING)
    reader = PrintedFile(path)
    events = reader.read()
    path.write_text(bar(5) + figures(loss=0.25, epoch=0.1) + bar(5) + "\n")
    replaced = reader.read()
    assert isinstance(replaced[0], Replaced)
    events += [*replaced, *reader.read()]
    assert [row.values for row in folded(events).measured()] == [{"loss": 0.25}]


def test_a_pipe_tells_what_came_and_ends_with_its_writer() -> None:
    reading, writing = os.pipe()
    reader = PrintedPipe(reading)
    os.write(writing, (bar(5) + figures(loss=1.0, epoch=0.1) + bar(5)).encode() + b"\r")
    assert rows(reader.read()) == [(0, 5, {"loss": 1.0})]
    assert reader.read() == []
    threading.Thread(target=os.close, args=(writing,)).start()
    while not (events := reader.read()):
        pass
    assert ends(events) == [("stopped", OUTPUT_ENDED)]
    os.close(reading)

"""What ``stplay.StplayCallback`` costs a step of the built-in model's training.

By turns, in one process: one Trainer trains with the callback, a second one, alike in all else,
without it; each takes a step, then the other, on one processor, by the clock of its own thread,
which leaves out what other processes take. Evaluations and checkpoints are no part of a step. What
the callback's own calls take is told too, and what its signs of life take of another processor.
"""

from __future__ import annotations

import threading
import time
from itertools import islice
from pathlib import Path
from statistics import fmean, median
from typing import Any, NamedTuple

import psutil
import pytest
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from transformers import TrainerCallback

import stplay
from stplay.engine.data.sample import generate
from stplay.engine.models.tiny import build_tiny
from stplay.engine.training.trainingrecorder import TrainingRecorder
from stplay.engine.worker.heartbeat import BEATS_A_LOOK, HEARTBEAT_SECONDS
from stplay.jobs.sampler import Sampler

STEPS = 70
WARM_UP = 10


class Turns(TrainerCallback):
    """Lets two Trainers take a step by turns, and has the seconds of each of their steps."""

    def __init__(self, mine: threading.Semaphore, others: threading.Semaphore) -> None:
        self.mine, self.others = mine, others
        self.seconds: list[float] = []

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Wait for the first turn."""
        if state.global_step == 0:
            self.mine.acquire()
            self._begun = time.thread_time()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Give the turn to the other, and wait for the next one."""
        self.seconds.append(time.thread_time() - self._begun)
        self.others.release()
        if state.global_step < state.max_steps:
            self.mine.acquire()
        self._begun = time.thread_time()


class Timed(stplay.StplayCallback):
    """Has the seconds that each of its calls takes of its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def _safely(self, work: Any, *given: Any) -> None:
        begun = time.thread_time()
        super()._safely(work, *given)
        if given:  # else a run is made
            self.seconds += time.thread_time() - begun


def made(folder: Path, base: Path, callbacks: list[TrainerCallback]) -> SentenceTransformerTrainer:
    rows = Dataset.from_list([each._asdict() for each in islice(generate("train"), 16 * STEPS)])
    model = SentenceTransformer(str(base), device="cpu")
    return SentenceTransformerTrainer(
        model,
        SentenceTransformerTrainingArguments(
            str(folder),
            max_steps=STEPS,
            per_device_train_batch_size=16,
            logging_steps=10,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=rows,
        loss=MultipleNegativesRankingLoss(model),
        callbacks=callbacks,
    )


class Turn(NamedTuple):
    """What came of two trainings by turns: CPU seconds of each pair of steps, and of the calls."""

    watched: list[float]
    alone: list[float]
    calls: float
    recorder: TrainingRecorder


def by_turns(folder: Path, base: Path, *, watched_first: bool) -> Turn:
    """Train with the callback and without, each a step at a time."""
    first, second = threading.Semaphore(1), threading.Semaphore(0)
    mine, others = (first, second) if watched_first else (second, first)
    watched, alone, timed = Turns(mine, others), Turns(others, mine), Timed()
    makers = [
        lambda: made(folder / "with", base, [timed, watched]),
        lambda: made(folder / "without", base, [alone]),
    ]
    # What is made first, and begins first, has memory of its own, which is not as quick.
    trainers = [make() for make in (makers if watched_first else reversed(makers))]
    threads = [threading.Thread(target=each.train) for each in trainers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert timed._recorder is not None
    return Turn(
        watched.seconds[WARM_UP:], alone.seconds[WARM_UP:], timed.seconds / STEPS, timed._recorder
    )


@pytest.mark.timeout(1200)
def test_callback(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_num_threads(1)
    base = tmp_path / "tiny"
    sentences = (text for row in islice(generate("train"), 2000) for text in row)
    build_tiny(sentences).save_pretrained(str(base), create_model_card=False)
    turns = [by_turns(tmp_path, base, watched_first=first) for first in (True, False)]
    step = fmean(median(turn.alone) for turn in turns)
    # Whoever is first has it easier or harder by as much as the other, when it is its turn.
    more = fmean(
        median(mine - other for mine, other in zip(turn.watched, turn.alone, strict=True))
        for turn in turns
    )
    calls = fmean(turn.calls for turn in turns)
    heartbeat, sampler = turns[0].recorder._heartbeat, Sampler(tmp_path)
    begun = time.thread_time()
    for _ in range(2 * BEATS_A_LOOK):
        heartbeat._sample(psutil.Process(), sampler)
    beat = (time.thread_time() - begun) / (2 * BEATS_A_LOOK * HEARTBEAT_SECONDS)
    with capsys.disabled():
        print(
            f"\n{sum(len(turn.alone) for turn in turns)} pairs of steps of {1e3 * step:.1f} ms, on "
            f"one thread: {more / step:+.2%} with the callback (medians of pairs, either first); "
            f"its own calls take {1e6 * calls:.0f} µs a step, {calls / step:.3%} (aim: 0.5 %), "
            f"its signs of life {beat:.2%} of another processor"
        )

"""Where memory runs out in a step it is taken again in smaller packings, and nothing else changes.

What stands for a GPU's memory here is an embedder that takes only so many tokens.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import write_triplets
from fasttraining import FastTraining
from limited import Held, Limited, Most, enough
from rerun import Rerun
from smallmodels import small_model
from torch import Tensor

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Bucket, Packing
from stplay.engine.training.capture import RECORDED_WHEN_SEEN, Capture, Embed, Recording, Sums
from stplay.engine.training.embedder import Embedder
from stplay.jobs.events import Event, Noted, PackingShrunk, RunStarted
from stplay.runs.traininglog import TrainingLog

STEPS = 10


def short_from(first: int, most: int = 130) -> Most:
    return lambda call: most if call >= first else enough(call)


class Told:
    """What events were told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, event: Event, /) -> None:
        self.events.append(event)

    @property
    def shrunk(self) -> list[PackingShrunk]:
        return [event for event in self.events if isinstance(event, PackingShrunk)]


class Short(FastTraining):
    """A training with the memory that ``most`` tells."""

    def __init__(
        self,
        folder: Path,
        most: Most = enough,
        error: type[Exception] = torch.OutOfMemoryError,
        words: str = "CUDA out of memory. Tried to allocate 2.00 GiB.",
        packed_by: int | None = None,
        replayed: bool = False,
        **settings: Any,
    ) -> None:
        self.told, self.record = Told(), Rerun()
        settings = {"max_steps": STEPS} | settings
        super().__init__(folder, events=self.told, **settings)
        self.embedder = self.fast.embedder = Limited(self.fast.embedder, most, error, words)
        self.collator = self.trainer.collator
        self.collator.most_tokens = packed_by or self.collator.most_tokens
        if replayed:
            parameters = self.model.parameters()
            self.loss.capture = Capture(self.embedder, parameters, self.record, pytest.fail)
            self.collator.on_gpu = True
        self.trainer.train()


Train = Callable[..., Short]
Expected = Callable[[int], Short]


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> Train:
    folder = tmp_path_factory.mktemp("trained")
    write_triplets(folder / "train.jsonl", 320)
    return partial(Short, folder)


@pytest.fixture(scope="module")
def expected(train: Train) -> Expected:
    """What enough memory trains, of so many batches a step."""
    return cache(lambda batches: train(gradient_accumulation_steps=batches))


def assert_close(found: Short, expected: Short) -> None:
    assert len(found.losses) == len(expected.losses) == STEPS
    assert found.losses == pytest.approx(expected.losses, rel=1e-5)
    right = expected.weights
    for name, weight in found.weights.items():
        if "key.bias" not in name:  # its gradient is nothing but rounding
            torch.testing.assert_close(weight, right[name], rtol=0, atol=1e-4, msg=name)


def are_same(found: Short, expected: Short) -> bool:
    return found.losses == expected.losses and all(
        torch.equal(weight, expected.weights[name]) for name, weight in found.weights.items()
    )


# At once, in the second batch of the first step, and later; a batch is one call where all fits.
@pytest.mark.parametrize("call", [0, 1, 7])
@pytest.mark.parametrize("batches", [1, 3])
def test_what_is_trained_is_what_enough_memory_would_have_trained(
    train: Train, expected: Expected, call: int, batches: int
) -> None:
    short = train(short_from(call), gradient_accumulation_steps=batches)
    assert_close(short, expected(batches))
    (shrunk,) = short.told.shrunk
    assert shrunk.step == call // batches
    assert shrunk.most_tokens == short.collator.most_tokens <= 130


def test_memory_that_runs_out_more_than_once(train: Train, expected: Expected) -> None:
    def most(call: int) -> int:
        return 130 if call < 60 else 40

    short = train(most, gradient_accumulation_steps=2)
    assert_close(short, expected(2))
    first, second = short.told.shrunk
    assert first.step < second.step
    assert first.most_tokens > second.most_tokens == short.collator.most_tokens


@pytest.mark.parametrize("call", [0, 2, 3])
def test_the_random_numbers_are_drawn_again(train: Train, call: int) -> None:
    """The whole first step is that of a training which was packed so from its start."""
    settings: dict[str, Any] = {"dropout": 0.3, "gradient_accumulation_steps": 4, "max_steps": 3}
    short = train(short_from(call), **settings)
    (shrunk,) = short.told.shrunk
    assert shrunk.step == 0
    assert are_same(short, train(packed_by=shrunk.most_tokens, **settings))
    assert not are_same(short, train(packed_by=shrunk.most_tokens, seed=43, **settings))


def test_one_sentence_that_does_not_fit_ends_the_training(train: Train) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        train(short_from(5, most=3))


def test_nothing_else_is_taken_for_a_lack_of_memory(train: Train) -> None:
    with pytest.raises(RuntimeError, match="illegal memory access"):
        train(short_from(5), RuntimeError, "CUDA error: an illegal memory access was encountered")


def test_a_run_that_goes_on_begins_with_the_smaller_packing(train: Train) -> None:
    short = train(short_from(0))
    (shrunk,) = short.told.shrunk
    log = TrainingLog()
    log.apply(
        RunStarted(
            recipe={},
            base="builtin:tiny",
            device="",
            precision="float32",
            versions={},
            rows={},
            total_steps=STEPS,
            parameters=1,
            engine=short.fast.engine,
        )
    )
    log.apply(shrunk)
    again = train(short_from(0), begun=log.started)
    assert again.embedder.failed == 0
    assert again.fast.engine.most_tokens == again.collator.most_tokens == shrunk.most_tokens
    assert shrunk.mini_batch_size == max(1, shrunk.most_tokens // again.fast.longest)
    # Whoever asks for another mini-batch gets it.
    larger = train(begun=log.started, mini_batch_size=1000, max_steps=1)
    assert (larger.fast.engine.most_tokens or 0) > shrunk.most_tokens
    (note,) = log.notes
    assert note.text == (
        "The memory ran out in step 1; it was taken again, and from there on "
        f"{shrunk.most_tokens} tokens go through the model together at most. "
        f"A run with loss.mini_batch_size = {shrunk.mini_batch_size} takes no more at once from "
        "its first step."
    )


def test_an_evaluation_goes_on_with_less_and_the_run_says_so(train: Train) -> None:
    short = train(max_steps=1)
    encoder, sentences = short.fast.encoder(), short.split.triplets["anchor"]
    expected = encoder.encode(sentences)

    def few(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        if arguments[0]["token_embeddings"].shape[1] > 60:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = short.model[1].register_forward_pre_hook(few)
    try:
        found = encoder.encode(sentences)
    finally:
        hook.remove()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    (note,) = [event for event in short.told.events if isinstance(event, Noted)]
    assert note.text.startswith("The memory ran out while sentences were encoded; from there on ")


# What is held where memory is short


def test_a_step_that_failed_lets_go_of_all_it_held(train: Train) -> None:
    """Else the step that is taken again lacks the memory too."""
    short = train(short_from(3), max_steps=5)
    assert short.embedder.failed > 1
    assert max(short.embedder.alive) == 0


def test_recordings_are_let_go_of(train: Train, expected: Expected) -> None:
    short = train(short_from(8), replayed=True)
    assert_close(short, expected(1))
    assert short.record.recorded > 0
    (shrunk,) = short.told.shrunk
    assert shrunk.step > 2
    capture = short.loss.capture
    assert capture is not None
    assert (capture.recordings, capture.sums, capture.most) == ({}, None, 0)
    assert short.loss.most_recalled < expected(1).loss.most_recalled


def test_a_recording_that_failed_lets_go_of_all_it_held(tmp_path: Path) -> None:
    model = small_model(3, tmp_path)
    embedder = Embedder(PackedModel(model))
    sentences = embedder.packed.tokenize(["a cat sleeps", "the dog runs"]).sentences
    packing = Packing(sentences, bucket=Bucket.of([len(each) for each in sentences]))
    held: weakref.WeakSet[Any] = weakref.WeakSet()
    alive: list[int] = []
    told: list[str] = []

    def embed(packing: Packing) -> Tensor:
        alive.append(len(held))
        return embedder(packing)

    def record(embed: Embed, sums: Sums, packing: Packing) -> Recording:
        recorded = Held()
        held.update((recorded, sums))
        try:
            raise torch.OutOfMemoryError("CUDA out of memory.\nMore of it.")
        except RuntimeError as error:
            first = error  # a frame and its error hold each other
            raise RuntimeError("CUDA error: the capture was invalidated") from first

    capture = Capture(embed, model.parameters(), record, told.append)
    for _ in range(RECORDED_WHEN_SEEN + 2):
        capture(packing)
    assert told == [
        "Steps are not recorded on this GPU, which makes them slower: CUDA out of memory."
    ]
    assert capture.sums is None
    assert max(alive) == 0


def test_sentences_are_found_again_in_their_order() -> None:
    sentences = [np.arange(1, 1 + length, dtype=np.int32) for length in (3, 9, 1, 9, 2)]
    for bucket in (None, Bucket.of([len(each) for each in sentences])):
        found = Packing(sentences, bucket=bucket).unpacked()
        assert all(map(np.array_equal, found, sentences))

"""What stplay makes of a saved model, beside what the library itself makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pytest
from judges import library as library_judges
from judges import ours as ours_judges
from layouts import WORDS
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules.tokenizer import WordTokenizer

from stplay.encoding import protocol
from stplay.engine.encode import EncodingProcess, ToldStages
from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
from stplay.engine.models.inputmodules import prompt
from stplay.engine.packed.sentenceencoder import SentenceEncoder, Task
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.similarities import SIMILARITIES

STAGES = Stages(EventWriter(Path(os.devnull)))
ALL: tuple[Task | None, ...] = (None, "query", "document")
LONG = " ".join(WORDS * 3)
SENTENCES = ["a cat sleeps", "the dog runs", "The BIG dog!", "qux", "", "  under the tree "]
SENTENCES += [" ".join(WORDS[:count]) for count in (5, 13, 19)]
SENTENCES += [LONG, " ".join(reversed(WORDS * 2)), "[MASK] a [SEP] b", "[PAD] a"]
PLAIN = SENTENCES[:9]  # each token of them is of the text, and none is cut
TRIPLETS = [
    tuple(" ".join(WORDS[(first + step) % len(WORDS)] for step in range(2 + part)) for part in rows)
    for first in range(12)
    for rows in [(0, 3, 1), (1, 2, 4)]
]


class Case(NamedTuple):
    """How a model is made, and what of it the library cannot do.

    It ``fails`` for these tasks, until it is mended by hand as ``mend`` does. Where ``padding``
    counts, its answers depend on which sentences are encoded together.
    """

    make: Callable[[Path], object]
    fails: tuple[Task | None, ...] = ()
    mend: Callable[[SentenceTransformer], object] | None = None
    padding: bool = False
    allow_pickle: bool = False


def pad_with(token: str) -> Callable[[SentenceTransformer], None]:
    """What makes a tokenizer without a padding token the library's."""

    def mend(model: SentenceTransformer) -> None:
        model.tokenizer.pad_token = token

    return mend


def library(folder: Path) -> SentenceTransformer:
    """The library's own model."""
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True).eval()


def process(folder: Path, *, allow_pickle: bool = False) -> tuple[EncodingProcess, Any]:
    """An encoding process, all but its socket, with the facts as a client reads them."""
    made = EncodingProcess(folder / "no.sock", str(folder), "", allow_pickle, 60.0)
    made.facts = made._open(ToldStages(lambda *told: None))
    packed = msgspec.msgpack.encode(made.facts)
    return made, msgspec.msgpack.decode(packed, type=protocol.ModelFacts)


def library_encodes(model: SentenceTransformer, task: Task | None, texts: Sequence[str]) -> Any:
    """The library's embeddings."""
    encode = {None: model.encode, "query": model.encode_query, "document": model.encode_document}
    return encode[task]([*texts], show_progress_bar=False)


def assert_as_the_library(case: Case, folder: Path) -> None:
    """A saved model gives what the library gives, and fails only where that fails."""
    case.make(folder)
    theirs = library(folder)
    made, facts = process(folder, allow_pickle=case.allow_pickle)
    assert facts.dimensions == theirs.encode_query("a cat").shape[-1] if not case.fails else True
    assert facts.similarity == theirs.similarity_fn_name
    for task in case.fails:
        with pytest.raises(Exception):  # noqa: B017, PT011  whatever the library raises
            library_encodes(theirs, task, SENTENCES)
    if case.mend is not None:
        case.mend(theirs)
    for task in ALL:
        if task in case.fails and case.mend is None:
            with pytest.raises((UserError, ValueError, TypeError, KeyError)):
                made._encode(protocol.Encode(1, SENTENCES, task))  # pyright: ignore
            continue
        _assert_encoded(case, made, theirs, task)
    if case.mend is None and {"query", "document"} & {*case.fails}:
        return
    _assert_judged(case, made.encoder, theirs, folder)


def _assert_encoded(
    case: Case, made: EncodingProcess, theirs: SentenceTransformer, task: Task | None
) -> None:
    expected = library_encodes(theirs, task, SENTENCES)
    request: Any = protocol.Encode(1, SENTENCES, task)  # pyright: ignore[reportArgumentType]
    answer, body = made._encode(request)
    answer = msgspec.msgpack.decode(msgspec.msgpack.encode(answer), type=protocol.Embedded)
    found = np.frombuffer(body, np.float32).reshape(-1, answer.dimensions)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    if case.padding:
        alone = library_encodes(theirs, task, SENTENCES[:1])
        assert np.abs(alone - expected[:1]).max() > 1e-3, "its padding does not count"
    assert answer.tokens[0] in (["a", "cat", "sleeps"], ["cat", "sleeps"], []), answer.tokens[0]
    for text, tokens, dropped in zip(PLAIN, answer.tokens, answer.dropped, strict=False):
        seen, whole = fed(theirs, task, text)
        assert (len(tokens), dropped) == (seen, whole - seen), (text, tokens)
    seen, whole = fed(theirs, task, LONG)
    place = SENTENCES.index(LONG)
    assert (len(answer.tokens[place]), answer.dropped[place]) == (seen, whole - seen)


def fed(model: SentenceTransformer, task: Task | None, text: str) -> tuple[int, int]:
    """How many tokens of ``text`` the library's preprocessing makes, and how many there are."""
    before = prompt(model, task)

    def count(text: str, before: str = "", **settings: Any) -> int:
        words = model.tokenizer
        if isinstance(words, WordTokenizer):  # it takes no settings
            ids = words.tokenize(before + text)
            return len(ids if "truncation" in settings else ids[: model.max_seq_length])
        given: dict[str, Any] = {"processing_kwargs": {"text": settings}} if settings else {}
        if task is not None:
            given["task"] = task
        features = model.preprocess([text], prompt=before, **given)
        if "query_expansion_positions" in features:
            return int((~features["query_expansion_positions"] & features["input_ids"].ne(0)).sum())
        if "attention_mask" in features:
            return int(features["attention_mask"].sum())
        if "input_ids" in features:
            return features["input_ids"].numel()
        raise AssertionError(f"what is fed is not told: {[*features]}")

    around = count("")
    first = count(before) - around if before else 0
    whole = count(text, before, truncation=False) - around - first
    seen = min(whole, count(text, before) - around - first)
    return max(seen, 0), whole


def _assert_judged(
    case: Case, encoder: SentenceEncoder, theirs: SentenceTransformer, folder: Path
) -> None:
    """Every triplet is judged alike, by the evaluation and by what evaluates in a training."""
    triplets: Any = TRIPLETS
    right, accuracies = library_judges(theirs, triplets)
    if case.padding:  # and so it counts that the library encodes each column by itself
        return
    judged = ours_judges(encoder.model, triplets, folder / "judged")
    columns = zip(("anchors", "positives", "negatives"), zip(*TRIPLETS, strict=True), strict=True)
    named: Any = {name: list(column) for name, column in columns}
    trained = TripletEvaluator(STAGES, encoder, name="dev", **named)(encoder.model)
    for name in SIMILARITIES:
        far = np.abs(judged.scores.margins(name)) > 1e-4  # what is nearly a tie, rounding decides
        np.testing.assert_array_equal(judged.right[name][far], right[name][far])
        near = pytest.approx(accuracies[f"{name}_accuracy"], abs=1e-9 + (~far).mean())
        assert trained[f"dev_{name}_accuracy"] == near

"""Similarities for the command line: between sentences, or of sentences to a corpus."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from stplay.cli import output
from stplay.cli.matrixtable import DECIMALS, matrix_table, shortened
from stplay.encoding import corpora, exports
from stplay.encoding.client import Encoder, Neighbour, Progress
from stplay.encoding.encoded import Encoded, cut_mark
from stplay.encoding.similarity import similarity_matrix
from stplay.errors import UserError
from stplay.runs import modelsathand
from stplay.text import count, duration, printable, size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SHOWN_KEY = 8


def compare(
    sentences: list[str], model: str | None, metric: str, form: str, allow_pickle: bool
) -> str | bytes:
    """The similarities of all pairs of ``sentences``; as a table, one pair is one number.

    Raises:
        UserError: there are less than two sentences, or the model cannot be loaded.
    """
    if len(sentences) < 2:
        raise UserError('Two sentences are needed, as in: stplay sim "a cat" "a kitten"')
    encoded, why = asyncio.run(_encoded(model, sentences, allow_pickle))
    if words := encoded.cut_words():
        _say(words)
    matrix = similarity_matrix(encoded.embeddings, encoded.embeddings, metric)
    match form:
        case "json":
            facts = {"why": why, "tokens": encoded.read, "cut": encoded.dropped}
            return exports.json(encoded.model, metric, sentences, matrix, facts) + "\n"
        case "csv":
            return exports.csv(sentences, matrix)
        case "npy":
            return exports.npy(matrix)
    if len(sentences) == 2:
        return f"{matrix[0, 1]:.{DECIMALS}f}\n"
    marks = map(cut_mark, encoded.dropped)
    shown = [f"{shortened(each)}{mark}" for each, mark in zip(sentences, marks, strict=True)]
    return matrix_table(shown, matrix)


async def _encoded(
    model: str | None, sentences: list[str], allow_pickle: bool
) -> tuple[Encoded, str]:
    """What the model makes of ``sentences``, and why it is this model that answers."""
    async with _started(model, allow_pickle) as (encoder, why):
        return await encoder.encode(sentences), why


def search(
    queries: list[str],
    corpus: str,
    column: str | None,
    k: int,
    model: str | None,
    metric: str,
    form: str,
    allow_pickle: bool,
) -> str:
    """The ``k`` sentences of ``corpus`` that are most like each of ``queries``.

    Raises:
        UserError: there is no query, or the corpus or the model cannot be loaded.
    """
    if not queries:
        raise UserError('A sentence is needed, as in: stplay sim --against corpus.txt "a cat"')
    if form == "npy":
        raise UserError("Neighbours have no npy form; use --format json or csv.")
    asked = _neighbours(queries, corpus, column, k, model, metric, allow_pickle)
    encoded, why, found = asyncio.run(asked)
    if words := encoded.cut_words():
        _say(words)
    cut = len({one.row for neighbours in found for one in neighbours if one.cut})
    if cut:
        _say(f"{count(cut)} of the sentences found {'was' if cut == 1 else 'were'} cut as well.")
    if form == "json":
        answers = [
            {
                "sentence": query,
                "tokens": tokens,
                "cut": dropped,
                "neighbours": [one._asdict() for one in neighbours],
            }
            for query, tokens, dropped, neighbours in zip(
                queries, encoded.read, encoded.dropped, found, strict=True
            )
        ]
        told = {
            "model": encoded.model,
            "why": why,
            "metric": metric,
            "corpus": corpus,
            "queries": answers,
        }
        return msgspec.json.encode(told).decode() + "\n"
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["sentence", "score", "row", "text"])
        for query, neighbours in zip(queries, found, strict=True):
            writer.writerows([query, one.score, one.row, one.text] for one in neighbours)
        return text.getvalue()
    table: list[str] = []
    for query, dropped, neighbours in zip(queries, encoded.dropped, found, strict=True):
        if len(queries) > 1:
            heading = printable(query) + cut_mark(dropped)
            table += ["", heading] if table else [heading]
        table += [
            f"{one.score:.{DECIMALS}f}  {printable(one.text)}{cut_mark(one.cut)}"
            for one in neighbours
        ]
    return "\n".join(table) + "\n"


async def _neighbours(
    queries: list[str],
    corpus: str,
    column: str | None,
    k: int,
    model: str | None,
    metric: str,
    allow_pickle: bool,
) -> tuple[Encoded, str, list[list[Neighbour]]]:
    """The encoded queries, why it is their model that answers, and the neighbours of each."""
    async with _started(model, allow_pickle) as (encoder, why):
        with output.StatusLine() as status:
            facts = await encoder.load_corpus(corpus, column, _tells(status))
        encoded = await encoder.encode(queries, encoder.query_task)
        found = [await encoder.neighbours(facts.key, query, k, metric) for query in queries]
        return encoded, why, found


@asynccontextmanager
async def _started(model: str | None, allow_pickle: bool) -> AsyncIterator[tuple[Encoder, str]]:
    """An encoder whose model is loaded, and why it is that one: told once it has answered."""
    name, why = (model, modelsathand.AS_ASKED) if model is not None else modelsathand.best()
    encoder = Encoder(name, allow_pickle)
    try:
        with output.StatusLine() as status:
            facts = await encoder.start(_tells(status))
        yield encoder, why
        _say(modelsathand.answering(facts.name, why))  # it has
        if facts.untrained:
            _say(f"{facts.name} is untrained: what it finds alike means nothing.")
    finally:
        await encoder.close()


def _tells(status: output.StatusLine) -> Progress:
    def tell(stage: str, done: int, total: int | None) -> None:
        of = f" of {count(total)}" if total else ""
        status.show(stage + (f" {count(done)}{of}" if done else ""))

    return tell


def _say(sentence: str) -> None:
    output.remark(f"stplay: {sentence}")


def corpora_table(chosen: list[corpora.KeptCorpus], removed: bool) -> str:
    """The corpora ``chosen``: which one it is, where it is from, its size, and its last use."""
    if not chosen:
        return "No corpus is kept.\n"
    table = []
    for facts, used in chosen:
        state = "removed" if removed else f"used {duration(time.time() - used)} ago"
        source, model = facts.source or "unknown source", facts.model or "unknown model"
        table.append(
            f"{facts.key[:SHOWN_KEY]}  {size(facts.disk):>9}  {count(facts.rows):>11} rows  "
            f"{state}  {printable(model)}  {printable(source)}"
        )
    return "\n".join(table) + "\n"


def warm_table(stop: bool) -> str:
    """The encoding processes that are there, asked to end where ``stop`` says so."""
    from stplay.encoding import encoders

    found = asyncio.run(encoders.stop_all() if stop else encoders.warm())
    if not found:
        return "No encoder is warm.\n"
    table = []
    for one in found:
        state = "stopped" if stop else f"unused for {duration(one.idle_seconds)}"
        if one.clients:
            state = f"in use by {count(one.clients)}" + (", stopped" if stop else "")
        table.append(f"{printable(one.model)}  process {one.pid}  {state}")
    return "\n".join(table) + "\n"

"""Similarities for the command line: between sentences, or of sentences to a corpus."""

from __future__ import annotations

import asyncio
import csv
import io
import sys
import time
from collections.abc import Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stplay import corpora, exports, models, output
from stplay.encoder import Encoder, Neighbour, Progress
from stplay.errors import UserError
from stplay.similarity import similarity_matrix
from stplay.text import count, duration, printable, size

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DECIMALS = 4
SHOWN_CHARACTERS = 60
SHOWN_KEY = 8


def sentences_of(file: str | None, typed: Iterable[str]) -> list[str]:
    """The sentences to compare: those typed and the lines of ``file``, or else of a piped input.

    Raises:
        UserError: the file cannot be read, or a sentence is no text.
    """
    found = list(typed)
    if file is not None:
        try:
            found += Path(file).read_bytes().decode("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be read: {_reason(error)}.") from None
    elif not found and sys.stdin is not None and not sys.stdin.isatty():
        try:
            found = sys.stdin.buffer.read().decode("utf-8-sig").splitlines()
        except (OSError, ValueError) as error:
            raise UserError(f"The input cannot be read: {_reason(error)}.") from None
    found = [sentence for sentence in found if sentence.strip()]
    for sentence in found:
        try:
            sentence.encode()
        except UnicodeEncodeError:
            raise UserError(f"{sentence!r} is not UTF-8 text.") from None
    return found


def compare(
    sentences: list[str], model: str | None, metric: str, form: str, allow_pickle: bool
) -> str | bytes:
    """The similarities of all pairs of ``sentences``; as a table, one pair is one number.

    Raises:
        UserError: there are less than two sentences, or the model cannot be loaded.
    """
    if len(sentences) < 2:
        raise UserError('Two sentences are needed, as in: stplay sim "a cat" "a kitten"')
    name, embeddings = asyncio.run(_embeddings(model, sentences, allow_pickle))
    matrix = similarity_matrix(embeddings, embeddings, metric)
    match form:
        case "json":
            return exports.json(name, metric, sentences, matrix) + "\n"
        case "csv":
            return exports.csv(sentences, matrix)
        case "npy":
            return exports.npy(matrix)
    if len(sentences) == 2:
        return f"{matrix[0, 1]:.{DECIMALS}f}\n"
    cells = [[f"{value:.{DECIMALS}f}" for value in row] for row in matrix]
    width = max(len(str(len(cells))), *(len(cell) for row in cells for cell in row))
    lines = [" " * 5 + "".join(f" {number:>{width}}" for number in range(1, len(cells) + 1))]
    for number, (sentence, row) in enumerate(zip(sentences, cells, strict=True), 1):
        shown = printable(sentence)
        if len(shown) > SHOWN_CHARACTERS:
            shown = shown[: SHOWN_CHARACTERS - 1] + "…"
        lines.append(f"{number:>5}" + "".join(f" {cell:>{width}}" for cell in row) + f"  {shown}")
    return "\n".join(lines) + "\n"


async def _embeddings(model: str | None, sentences: list[str], allow_pickle: bool):
    async with _started(model, allow_pickle) as encoder:
        return encoder.model, (await encoder.encode(sentences)).embeddings


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
    name, found = asyncio.run(_neighbours(queries, corpus, column, k, model, metric, allow_pickle))
    if form == "json":
        answers = [
            {"sentence": query, "neighbours": [one._asdict() for one in neighbours]}
            for query, neighbours in zip(queries, found, strict=True)
        ]
        told = {"model": name, "metric": metric, "corpus": corpus, "queries": answers}
        return msgspec.json.encode(told).decode() + "\n"
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["sentence", "score", "row", "text"])
        for query, neighbours in zip(queries, found, strict=True):
            writer.writerows([query, one.score, one.row, one.text] for one in neighbours)
        return text.getvalue()
    lines: list[str] = []
    for query, neighbours in zip(queries, found, strict=True):
        if len(queries) > 1:
            lines += ["", printable(query)] if lines else [printable(query)]
        lines += [f"{one.score:.{DECIMALS}f}  {printable(one.text)}" for one in neighbours]
    return "\n".join(lines) + "\n"


async def _neighbours(
    queries: list[str],
    corpus: str,
    column: str | None,
    k: int,
    model: str | None,
    metric: str,
    allow_pickle: bool,
) -> tuple[str, list[list[Neighbour]]]:
    async with _started(model, allow_pickle) as encoder:
        with output.StatusLine() as status:
            facts = await encoder.load_corpus(corpus, column, _tells(status))
        await encoder.encode(queries, encoder.query_task)
        found = [await encoder.neighbours(facts.key, query, k, metric) for query in queries]
        return encoder.model, found


@asynccontextmanager
async def _started(model: str | None, allow_pickle: bool) -> AsyncIterator[Encoder]:
    name = model or next(one.name for one in models.offered() if one.here)
    encoder = Encoder(name, allow_pickle)
    try:
        with output.StatusLine() as status:
            facts = await encoder.start(_tells(status))
        if facts.untrained:
            output.remark(
                f"stplay: {encoder.model} is untrained: what it finds alike means nothing."
            )
        yield encoder
    finally:
        await encoder.close()


def _tells(status: output.StatusLine) -> Progress:
    def tell(stage: str, done: int, total: int | None) -> None:
        of = f" of {count(total)}" if total else ""
        status.show(stage + (f" {count(done)}{of}" if done else ""))

    return tell


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return getattr(error, "strerror", None) or str(error)


def corpora_table(chosen: list[corpora.Kept], removed: bool) -> str:
    """The corpora ``chosen``: which one it is, where it is from, its size, and its last use."""
    if not chosen:
        return "No corpus is kept.\n"
    lines = []
    for facts, used in chosen:
        state = "removed" if removed else f"used {duration(time.time() - used)} ago"
        source, model = facts.source or "unknown source", facts.model or "unknown model"
        lines.append(
            f"{facts.key[:SHOWN_KEY]}  {size(facts.disk):>9}  {count(facts.rows):>11} rows  "
            f"{state}  {printable(model)}  {printable(source)}"
        )
    return "\n".join(lines) + "\n"


def warm_table(stop: bool) -> str:
    """The encoding processes that are there, asked to end where ``stop`` says so."""
    from stplay import encoders

    found = asyncio.run(encoders.stop_all() if stop else encoders.warm())
    if not found:
        return "No encoder is warm.\n"
    lines = []
    for one in found:
        state = "stopped" if stop else f"unused for {duration(one.idle_seconds)}"
        if one.clients:
            state = f"in use by {count(one.clients)}" + (", stopped" if stop else "")
        lines.append(f"{printable(one.model)}  process {one.pid}  {state}")
    return "\n".join(lines) + "\n"

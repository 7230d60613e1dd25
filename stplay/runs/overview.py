"""What a run is, in words: how it stands, what it trains on what, and every field of its recipe."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Any, NamedTuple

import msgspec

from stplay.jobs.events import RunStarted
from stplay.runs.recipe import SECTIONS
from stplay.runs.traininglog import (
    TrainingLog,
    device_words,
    engine_words,
    split_word,
    started_epoch_words,
)
from stplay.text import count, duration, moment, printable, size

DIGEST = re.compile("[0-9a-f]{64}")
FINGERPRINT_SIGNS = 12  # of a digest: as many as tell two contents apart at a glance


class Fact(NamedTuple):
    """One thing that is so of a run; ``instead_of`` is what it is where nobody chooses."""

    name: str
    value: str
    instead_of: str | None = None

    def __str__(self) -> str:
        """As one line."""
        beside = "" if self.instead_of is None else f"   instead of {self.instead_of}"
        return f"{self.value}{beside}"


class FactGroup(NamedTuple):
    """Facts that belong together."""

    title: str
    facts: list[Fact]


def overview(id_: str, folder: PurePath, log: TrainingLog) -> list[FactGroup]:
    """All that ``log`` tells of the run ``id_`` in ``folder``, ready to be printed."""
    parts = [FactGroup("Run", _run(id_, folder, log))]
    if (started := log.started) is not None:
        parts += [
            FactGroup("Model", _model(started)),
            FactGroup("Data", _data(started)),
            *(_told(started.recipe) if started.foreign else _recipe(started.recipe)),
            FactGroup(
                "Versions", [Fact(*map(printable, each)) for each in started.versions.items()]
            ),
        ]
    return [part for part in parts if part.facts]


def matching(parts: list[FactGroup], words: str) -> list[FactGroup]:
    """The facts that have each of ``words`` in their part's title, their name or their value."""
    wanted = words.casefold().split()
    found = []
    for part in parts:
        facts = [
            fact
            for fact in part.facts
            if all(word in f"{part.title} {fact.name} {fact}".casefold() for word in wanted)
        ]
        if facts:
            found.append(FactGroup(part.title, facts))
    return found


def _run(id_: str, folder: PurePath, log: TrainingLog) -> list[Fact]:
    total = f" of {count(log.total_steps)}" if log.total_steps else ""
    facts = [
        Fact("name", printable(id_)),
        Fact("state", log.state),
        Fact("step", f"{count(log.step)}{total}"),
    ]
    if log.error:
        facts.append(Fact("why", printable(log.error)))
    if log.begun is not None:
        facts.append(Fact("begun", moment(log.begun)))
    if log.begun is not None and log.finished is not None:
        facts.append(Fact("ended", f"{moment(log.finished.time)}"))
        facts.append(Fact("from begin to end", duration(log.finished.time - log.begun)))
    if (worker := log.worker) is not None:
        facts.append(Fact("process", f"{worker.pid} on {printable(worker.host)}"))
    if (checkpoint := log.checkpoint) is not None:
        facts.append(Fact("newest checkpoint", f"step {count(checkpoint.step)}"))
        facts.append(
            Fact("checkpoints", f"{count(checkpoint.kept)}, {size(checkpoint.disk_bytes)}")
        )
    return [*facts, Fact("folder", printable(str(folder)))]


def _model(started: RunStarted) -> list[Fact]:
    facts = [
        Fact("base", printable(started.base)),
        Fact("parameters", count(started.parameters)),
        Fact("trained on", device_words(started)),
        Fact("precision", printable(started.precision)),
    ]
    if words := engine_words(started.engine):
        facts.append(Fact("engine", words))
    if started.engine is not None and started.engine.why:
        facts.append(Fact("why so", printable(started.engine.why)))
    if started.fingerprints is not None and started.fingerprints.base:
        facts.append(Fact("contents", _fingerprint(started.fingerprints.base)))
    return facts


def _data(started: RunStarted) -> list[Fact]:
    facts = []
    for split, rows in started.rows.items():
        words = f"{count(rows)} {split_word(started, split)}"
        if skipped := started.skipped_rows.get(split):
            words += f", {count(skipped)} left out"
        if started.fingerprints is not None and (found := started.fingerprints.rows.get(split)):
            words += f", contents {_fingerprint(found)}"
        facts.append(Fact(printable(split), words))
    if started.synthetic:
        facts.append(Fact("made", "by a grammar, for trying out"))
    if words := started_epoch_words(started):
        facts.append(Fact("an epoch", words.removeprefix("an epoch ")))
    return facts


def _told(recipe: dict[str, Any]) -> list[FactGroup]:
    """What another program's Trainer was given, as far as it tells: nothing of it is a default."""
    return [
        FactGroup(
            f"Arguments: {printable(section)}",
            [Fact(printable(name), _written(value, "-")) for name, value in fields.items()],
        )
        for section, fields in recipe.items()
        if isinstance(fields, dict)
    ]


def _recipe(recipe: dict[str, Any]) -> list[FactGroup]:
    """Every field of it, and what the library takes where a recipe says nothing."""
    parts = []
    for section, kind in SECTIONS.items():
        told = recipe.get(section)
        told = told if isinstance(told, dict) else {}
        usual = msgspec.structs.asdict(kind())
        facts = []
        for name in [*usual, *(name for name in told if name not in usual)]:
            value, default = told.get(name), usual.get(name)
            if value is None and default is not None:
                facts.append(Fact(name, "not told"))  # by a run from before there was such a field
            else:
                instead_of = None if value == default else _written(default, "nothing")
                facts.append(Fact(printable(name), _written(value, "-"), instead_of))
        parts.append(FactGroup(f"Recipe: {section}", facts))
    return parts


def _written(value: object, nothing: str) -> str:
    """A value as a recipe has it, ``nothing`` where it has none."""
    if value is None:
        return nothing
    words = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return printable(words)


def _fingerprint(words: str) -> str:
    """The beginning of a digest, but a name whole."""
    return printable(words[:FINGERPRINT_SIGNS] if DIGEST.fullmatch(words) else words)

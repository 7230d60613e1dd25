"""Runs side by side: what they reached, and in what they differ."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from stplay.errors import UserError
from stplay.jobs.events import RunStarted
from stplay.runs.presetwords import fields_of
from stplay.runs.run import Run
from stplay.runs.runindex import ReadLog
from stplay.runs.runsummary import RunSummary, summarised
from stplay.runs.series import Point, SeriesLog
from stplay.text import count, decimals, duration, printable

BEST = "*"
NOTHING = "-"


class ComparedRun(NamedTuple):
    """A run as it is compared: its line in the list, what it began with, and what it measured."""

    summary: RunSummary
    started: RunStarted | None
    series: SeriesLog

    @property
    def name(self) -> str:
        """What people call it."""
        return self.summary.run


class Contrast(NamedTuple):
    """One line of a comparison: what it is, and the words for each run.

    ``best`` has the places of those that are best.
    """

    title: str
    words: list[str]
    best: frozenset[int] = frozenset()

    def marked(self) -> list[str]:
        """The words, the best ones marked by a sign."""
        places = range(len(self.words))
        return [f"{self.words[at]} {BEST}" if at in self.best else self.words[at] for at in places]


class Figure(NamedTuple):
    """A figure by which runs are judged: its value, the words for it, and which one is best."""

    title: str
    of: Callable[[ComparedRun], float | None]
    words: Callable[[float], str]
    best: Callable[[Iterable[float]], float] | None = max


def read(names: Iterable[str]) -> list[ComparedRun]:
    """The runs called ``names``, each once, as far as they have come.

    Raises:
        UserError: there is no such run, or only one.
    """
    runs = [Run.find(name) for name in dict.fromkeys(names)]
    if len(runs) < 2:
        raise UserError("A comparison takes two runs or more, such as: stplay compare RUN RUN")
    return [read_run(run) for run in runs]


def read_run(run: Run) -> ComparedRun:
    """``run`` as far as it has come."""
    log, series = ReadLog(), SeriesLog()
    log.read_on(run.events_path)
    run.fold_into(series)
    return ComparedRun(summarised(run.folder, log), log.digest.log.started, series)


def _measured(run: ComparedRun, name: str) -> list[Point]:
    """What is finite of a series."""
    if name not in run.series:
        return []
    return [point for point in run.series[name] if math.isfinite(point.value)]


def _last(name: str) -> Callable[[ComparedRun], float | None]:
    def last(run: ComparedRun) -> float | None:
        points = _measured(run, name)
        return points[-1].value if points else None

    return last


def _least(run: ComparedRun) -> Point | None:
    return min(_measured(run, "dev/loss"), key=lambda point: point.value, default=None)


def _least_loss(run: ComparedRun) -> float | None:
    point = _least(run)
    return point.value if point else None


def _least_step(run: ComparedRun) -> float | None:
    point = _least(run)
    return point.step if point else None


def _speed(run: ComparedRun) -> float | None:
    points = [point.value for point in _measured(run, "train/samples_per_second")]
    return sum(points) / len(points) if points else None


def _three(value: float) -> str:
    return decimals(value, 3)


def _four(value: float) -> str:
    return decimals(value, 4)


FIGURES = (
    Figure("best dev accuracy", lambda run: run.summary.best_dev_accuracy, _three),
    Figure("its step", lambda run: run.summary.best_dev_step, count, None),
    Figure("newest dev accuracy", lambda run: run.summary.dev_max_accuracy, _three),
    Figure("test accuracy", lambda run: run.summary.test_max_accuracy, _three),
    Figure("least dev loss", _least_loss, _four, min),
    Figure("step of the least", _least_step, count, None),
    Figure("newest training loss", _last("train/loss"), _four, min),
    Figure("samples a second, mean", _speed, count),
    Figure("time at work", lambda run: run.summary.seconds or None, duration, min),
)


def figures(runs: Sequence[ComparedRun]) -> list[Contrast]:
    """What the runs have reached; what none of them has is left out."""
    contrasts = []
    for figure in FIGURES:
        values = [figure.of(run) for run in runs]
        told = [value for value in values if value is not None]
        words = [NOTHING if value is None else figure.words(value) for value in values]
        if not told:
            continue
        best = frozenset[int]()
        if figure.best is not None and len({*words}) > 1 and len(told) > 1:
            of_the_best = figure.words(figure.best(told))  # what looks alike is called alike
            best = frozenset(place for place, word in enumerate(words) if word == of_the_best)
        contrasts.append(Contrast(figure.title, words, best))
    return contrasts


def settings(run: ComparedRun) -> dict[str, Any]:
    """What a run was begun with, by name: state, base, recipe, machine, versions."""
    summary, started = run.summary, run.started
    told: dict[str, Any] = {
        "status": summary.state,
        "base": summary.base,
        **fields_of(summary.recipe),
    }
    if started is not None:
        told |= {
            "device": started.device,
            "processes": started.processes,
            "precision": started.precision,
            "engine": started.engine.name if started.engine else None,
            "steps": started.total_steps,
            "parameters": started.parameters,
            **{f"rows of {split}": rows for split, rows in started.rows.items()},
            **{f"{name} version": version for name, version in started.versions.items()},
        }
        if started.fingerprints is not None:
            told["base, by content"] = started.fingerprints.base
            told |= {
                f"rows of {split}, by content": rows
                for split, rows in started.fingerprints.rows.items()
            }
    if summary.note:
        told["note"] = summary.note
    return told


def differences(runs: Sequence[ComparedRun]) -> list[Contrast]:
    """In what the runs differ; what all of them have alike is left out."""
    told = [settings(run) for run in runs]
    names = dict.fromkeys(name for each in told for name in each)
    return [
        Contrast(name, [_words(each.get(name)) for each in told])
        for name in names
        if any(each.get(name) != told[0].get(name) for each in told[1:])
    ]


def _words(value: object) -> str:
    match value:
        case None:
            return NOTHING
        case bool():
            return "true" if value else "false"
        case int():
            return count(value)
        case float():
            return f"{value:.10g}"
    return printable(str(value))

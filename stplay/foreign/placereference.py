"""What somebody else's training measured, to lie behind a run under the names that runs have."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from stplay.errors import UserError
from stplay.foreign.places import place
from stplay.jobs.events import MetricsLogged
from stplay.runs.measurements import is_loss, is_training_loss
from stplay.runs.referencelog import Reference, run_reference
from stplay.runs.run import Run
from stplay.runs.series import SeriesLog
from stplay.text import clipped, printable

_ACCURACY = re.compile(r"(.*?)((?:cosine|dot|manhattan|euclidean|max)_accuracy)", re.IGNORECASE)
_SAME = {"learning_rate": "train/learning_rate", "grad_norm": "train/gradient_norm"}
MOST_TOLD = 300


class LaidPlace(NamedTuple):
    """What lies behind a run now, and what of the place does not; nothing where all does."""

    reference: Reference
    left_out: str = ""


def series_name(name: str, beside: Collection[str] = ()) -> str | None:
    """What a run calls the series that others call ``name``; nothing where it has none such.

    In a card ``loss`` is that of the evaluation: ``beside`` it stands the training's, by its name.
    """
    folded = name.casefold()
    if folded == "loss" and any("train" in each.casefold() for each in beside if is_loss(each)):
        return "dev/loss"
    if folded in _SAME:
        return _SAME[folded]
    if is_training_loss(name):
        return "train/loss"
    if is_loss(name):
        return "test/loss" if "test" in folded else "dev/loss"
    accuracy = _ACCURACY.fullmatch(name)
    if accuracy is None:
        return None
    split = "test" if "test" in accuracy[1].casefold() else "dev"
    return f"{split}/{accuracy[2].casefold()}"


def place_reference(name: str) -> LaidPlace:
    """The training at the place ``name``, as far as it has come; of several there, the last.

    Raises:
        UserError: nothing is there, or nothing that a run measures too.
    """
    source = place(name).source
    if isinstance(source, Run):
        return LaidPlace(run_reference(source))
    logged: list[MetricsLogged] = []
    stream = source.events()
    while events := stream.read():
        logged += [event for event in events if isinstance(event, MetricsLogged)]
    last = max((event.segment for event in logged), default=0)
    logged = [event for event in logged if event.segment == last]
    all_names = dict.fromkeys(name for event in logged for name in event.values)
    names: dict[str, str] = {}
    left_out: dict[str, None] = {}
    series = SeriesLog()
    for event in logged:
        values: dict[str, float | None] = {}
        for theirs, value in event.values.items():
            ours = series_name(theirs, all_names)
            if ours is None or names.setdefault(ours, theirs) != theirs:
                left_out[theirs] = None
            else:
                values[ours] = value
        series.apply(MetricsLogged(step=event.step, epoch=event.epoch, values=values))
    if not names or not series.step:
        raise UserError(
            f"{printable(name)} has no training log of a loss or an accuracy of triplets, which is "
            "what can lie behind a run."
        )
    told = clipped(", ".join(map(printable, left_out)), MOST_TOLD)
    also = f"Not laid behind, as runs have no such series or have one already: {told}."
    return LaidPlace(Reference(source.id, series, series.step), also if left_out else "")

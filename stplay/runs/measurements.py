"""What other programs measure: by the names they give it, in the order people want, as a figure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from stplay.text import decimals

SMALL = 1e-3  # below it a figure is told by its power of ten
LARGE = 1e5

_TRAINING_LOSS = re.compile(r"(?:train(?:ing)?[ /_]?)?loss", re.IGNORECASE)
_LAST = (
    re.compile(
        r"runtime|per_second|total_flos|(?:^|/)train_loss$|num_tokens|preparation|^step$", re.I
    ),
    re.compile(r"learning_rate|grad_norm|^lr$", re.I),
)


def is_training_loss(name: str) -> bool:
    """Whether a series is the loss of the training itself."""
    return _TRAINING_LOSS.fullmatch(name.rpartition("/")[2]) is not None and "eval" not in name


def is_loss(name: str) -> bool:
    """Whether a series is any loss."""
    return name.casefold().endswith("loss")


def _rank(name: str) -> int:
    """How early people want to see a column: losses first, then measurements, then the rest."""
    bookkeeping, schedule = _LAST
    if bookkeeping.search(name):
        return 4
    if schedule.search(name):
        return 3
    return 0 if is_training_loss(name) else 1 if is_loss(name) else 2


def ordered(names: Iterable[str]) -> list[str]:
    """``names`` of series in the order in which people want to see them."""
    return sorted(names, key=_rank)


def figure(value: float | None) -> str:
    """A figure as people read it: in four decimals, or by its power of ten."""
    if value is None:
        return "nan"
    if value and not SMALL <= abs(value) < LARGE:
        return f"{value:.2e}"
    return decimals(value, 4)

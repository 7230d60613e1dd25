"""The figures of the published model card that this project reproduces."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

import msgspec

from stplay.errors import UserError
from stplay.sources.datasources import data_source


class Card(msgspec.Struct):
    """The card's accuracies by split and metric, taken on the first ``rows`` of ``data``."""

    model: str
    data: str
    rows: int
    accuracies: dict[str, dict[str, float]]


@cache
def card() -> Card:
    """The published card."""
    text = (resources.files("stplay.assets") / "card.json").read_text(encoding="utf-8")
    return msgspec.convert(json.loads(text), Card)


def published(data: str, split: str) -> dict[str, float] | None:
    """The card's accuracies on ``split`` where ``data`` is the card's, else nothing."""
    try:
        theirs, ours = data_source(card().data), data_source(data)
    except UserError:
        return None
    return card().accuracies.get(split) if theirs.place == ours.place else None


def dot_note() -> str:
    """What is wrong with the card's dot accuracies, in a sentence with the true figures."""
    figures = (
        f"{1 - found['dot_accuracy']:.3f} on {split}" for split, found in card().accuracies.items()
    )
    return (
        "The card's dot accuracy is inverted: sentence-transformers 3.0.0 counted a triplet as "
        "right when the positive's dot product was the smaller one. The true figures are about "
        f"{' and '.join(figures)}."
    )

"""Which preset a recipe is nearest to, and in how many fields it differs from it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import msgspec

from stplay.runs import recipe

MOST_CHANGES = 9
OWN = "own"


def fields_of(sections: dict[str, Any]) -> dict[str, Any]:
    """The fields of a recipe's plain ``sections`` by their full names."""
    return {
        f"{section}.{name}": value
        for section, fields in sections.items()
        if isinstance(fields, dict)
        for name, value in fields.items()
    }


@cache
def _presets() -> dict[str, dict[str, Any]]:
    return {name: fields_of(recipe.load(name).to_dict()) for name in recipe.presets()}


def preset_words(sections: dict[str, Any]) -> str:
    """The preset that a recipe is, or is nearest to: ``all-nli +2`` differs from it in two fields.

    ``own`` where it is near to none.
    """
    return _nearest(msgspec.json.encode(sections))


@lru_cache
def _nearest(encoded: bytes) -> str:
    fields = fields_of(msgspec.json.decode(encoded))
    changes = {
        name: sum(fields.get(field) != preset.get(field) for field in fields.keys() | preset.keys())
        for name, preset in _presets().items()
    }
    nearest = min(changes, key=changes.__getitem__)
    if changes[nearest] > MOST_CHANGES:
        return OWN
    return f"{nearest} +{changes[nearest]}" if changes[nearest] else nearest

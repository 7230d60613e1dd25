"""The little English that the sample's grammar needs: articles and endings of verbs."""

from __future__ import annotations

import re
from functools import cache
from typing import Literal


def with_article(noun: str) -> str:
    """Put a or an before a noun phrase."""
    return f"{'an' if noun[0] in 'aeiou' and noun[:3] != 'uni' else 'a'} {noun}"


DOUBLING = frozenset(
    [
        "chop",
        "cut",
        "dig",
        "get",
        "nap",
        "pedal",
        "put",
        "run",
        "scrub",
        "shop",
        "sip",
        "strum",
        "swim",
        "travel",
    ]
)


@cache
def inflect(deed: str, ending: Literal["ing", "s"]) -> str:
    """Inflect the first word: ride a bike gives riding a bike, or rides a bike."""
    verb, space, rest = deed.partition(" ")
    if ending == "s" and re.search("[^aeiou]y$", verb):
        verb = verb[:-1] + "ies"
    elif ending == "s":
        verb += "es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s"
    elif verb.endswith("ie"):
        verb = verb[:-2] + "ying"
    elif verb in DOUBLING:
        verb += verb[-1] + "ing"
    else:
        verb = verb.removesuffix("e") + "ing"
    return verb + space + rest

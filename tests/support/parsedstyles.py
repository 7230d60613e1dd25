"""Textual parses all stylesheets anew for every app; the tests make a thousand apps.

What a stylesheet comes to depends on its text and on the colours of the theme alone.
"""

from __future__ import annotations

from textual.css.stylesheet import Stylesheet

parse = Stylesheet._parse_rules
known = {}


def parse_once(self: Stylesheet, css: str, *place: object, **named: object):
    """As ``Stylesheet._parse_rules``, once for all apps."""
    key = css, place, *named.items(), *self._variables.items()
    if key not in known:
        known[key] = parse(self, css, *place, **named)  # pyright: ignore[reportArgumentType]
    return known[key]


def parse_all_once() -> None:
    """Have every app of this process know what another has parsed."""
    Stylesheet._parse_rules = parse_once  # pyright: ignore[reportAttributeAccessIssue]

"""The colours of the app, all of them: what is painted anywhere else is mixed of these."""

from __future__ import annotations

from typing import NamedTuple

from textual.theme import Theme

ACCENT = "#5fb3b3"
TEXT, QUIET, INK = "#d8dee4", "#9aa4ad", "#0b0f12"  # INK stands on what is light
BACKGROUND, PANEL = "#12161a", "#1c2329"
FAINT = "#58626b"  # of what lies behind
# Of the lines of a chart, in their order: as far apart in lightness as in hue.
CURVES = (
    *(ACCENT, "#e0b050", "#b58ad8", "#8cc265"),
    *("#e5707a", "#7aa2d8", "#d8d2b8", "#d68cb8"),
)


class Drawn(NamedTuple):
    """The colours of what a chart draws: its ``curves``, what is ``quiet``, what lies behind."""

    curves: tuple[str, ...]
    quiet: str
    faint: str


ON_DARK = Drawn(CURVES, QUIET, FAINT)
ON_LIGHT = Drawn(
    (
        *("#187878", "#a06000", "#7a45b0", "#3c7a1c"),
        *("#c02c40", "#2a5cb0", "#6b6340", "#a03c7c"),
    ),
    "#67727c",
    "#aab3bb",
)


def drawn_on(theme: Theme) -> Drawn:
    """The colours that are seen on the background of ``theme``, one of ours or of Textual's."""
    return ON_DARK if theme.dark else ON_LIGHT


def _theme(name: str, drawn: Drawn, text: str, background: str, panel: str) -> Theme:
    accent, warning, _, success, error, *_ = drawn.curves
    return Theme(
        name=name,
        dark=drawn is ON_DARK,
        primary=accent,
        secondary=accent,
        accent=accent,
        foreground=text,
        background=background,
        surface=background,
        panel=panel,
        success=success,
        warning=warning,
        error=error,
        variables={
            "footer-key-foreground": accent,
            "footer-background": panel,
            "input-selection-background": f"{accent} 35%",
            "scrollbar": panel,
            "scrollbar-hover": accent,
            "scrollbar-active": accent,
            "scrollbar-background": background,
            "scrollbar-background-hover": background,
            "scrollbar-background-active": background,
            "scrollbar-corner-color": background,
        },
    )


DARK = _theme("stplay", ON_DARK, TEXT, BACKGROUND, PANEL)
LIGHT = _theme("stplay-light", ON_LIGHT, "#1a2026", "#fbfcfc", "#e6ecef")
THEMES = (DARK, LIGHT)

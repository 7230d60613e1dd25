"""The colours of the app, all of them: what is painted anywhere else is mixed of these."""

from __future__ import annotations

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

THEME = Theme(
    name="stplay",
    primary=ACCENT,
    secondary=ACCENT,
    accent=ACCENT,
    foreground=TEXT,
    background=BACKGROUND,
    surface=BACKGROUND,
    panel=PANEL,
    success="#8cc265",
    warning="#e0b050",
    error="#e5707a",
    variables={
        "footer-key-foreground": ACCENT,
        "footer-background": PANEL,
        "input-selection-background": f"{ACCENT} 35%",
        "scrollbar": PANEL,
        "scrollbar-hover": ACCENT,
        "scrollbar-active": ACCENT,
        "scrollbar-background": BACKGROUND,
        "scrollbar-background-hover": BACKGROUND,
        "scrollbar-background-active": BACKGROUND,
        "scrollbar-corner-color": BACKGROUND,
    },
)

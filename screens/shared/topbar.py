"""The line on top: the app, its three screens, and the machine."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Static

from stplay.text import printable

TABS = {"train": "1 Train", "evaluate": "2 Evaluate", "explore": "3 Explore"}


class TopBar(Widget):
    """Names the screens, of which one is ``current``, and where the work is done."""

    DEFAULT_CSS = """
    TopBar {
        height: 1;
        background: $panel;
        color: $text-muted;
        layout: horizontal;

        & #tabs {
            width: auto;
            link-style: none;
            link-color: $foreground;
            link-style-hover: none;
            link-background-hover: $primary 30%;
            link-color-hover: $foreground;
        }

        & #place {
            width: 1fr;
            text-align: right;
            padding-right: 1;
        }
    }
    """

    place: reactive[str] = reactive("")
    line = getters.query_one("#place", Static)

    def __init__(self, current: str) -> None:
        super().__init__()
        self.current = current

    def compose(self) -> ComposeResult:
        """The tabs on the left, the place on the right."""
        parts = [Content.styled(" stplay ", "bold $text")]
        for mode, title in TABS.items():
            parts.append(Content("  "))
            if mode == self.current:
                parts.append(Content.styled(f" {title} ", "bold $background on $primary"))
            else:
                parts.append(Content.from_markup(f"[@click=app.switch_mode('{mode}')] {title} [/]"))
        yield Static(Content("").join(parts), id="tabs")
        yield Static(id="place")

    def watch_place(self, place: str) -> None:
        """Show where the work is done."""
        if self.is_mounted:
            self.line.update(Content(printable(place)))

    def on_mount(self) -> None:
        """Show the place that was known before."""
        self.watch_place(self.place)

"""The line of keys at the bottom of every screen."""

from __future__ import annotations

from textual.binding import Binding
from textual.widgets import Footer


class KeyLine(Footer):
    """Textual's footer, made anew, a widget a key, only where it would show other keys.

    Textual makes it anew whenever the focus moves or anything asks for it, mostly for the same
    keys: that was a third of what the app did at a key.
    """

    _shown: list[tuple[Binding, bool, str]] | None = None

    async def recompose(self) -> None:
        """Show the keys that can be pressed, unless they are there already."""
        while self.is_attached and (keys := self._keys()) != self._shown:  # or changed meanwhile
            self._shown = keys
            await super().recompose()

    def _keys(self) -> list[tuple[Binding, bool, str]]:
        active = self.screen.active_bindings.values()
        return [(each.binding, each.enabled, each.tooltip) for each in active if each.binding.show]

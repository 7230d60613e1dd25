"""The command palette: every key that works here and now, by its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from textual.command import DiscoveryHit, Hit, Hits, Provider


class KeyCommands(Provider):
    """Offers the actions of all keys that are active where the palette was opened."""

    def _commands(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        seen = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            known = binding.action in seen or binding.action == "command_palette"
            if known or binding.system or not active.enabled or not binding.description:
                continue
            if not (binding.show or active.node in (self.app, self.screen)):
                continue  # it moves something: no command
            seen.add(binding.action)
            key = self.app.get_key_display(binding)
            run = partial(self.app.run_action, binding.action, active.node)
            yield binding.description, f"key {key}", run

    async def discover(self) -> Hits:
        """All of them."""
        for name, help_, run in self._commands():
            yield DiscoveryHit(name, run, help=help_)

    async def search(self, query: str) -> Hits:
        """Those that match what is typed."""
        matcher = self.matcher(query)
        for name, help_, run in self._commands():
            if (score := matcher.match(name)) > 0:
                yield Hit(score, matcher.highlight(name), run, help=help_)

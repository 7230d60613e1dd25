"""Textual's command palette, to which keys that come too early or too late are nothing."""

from __future__ import annotations

from contextlib import suppress

from textual import on
from textual.app import App
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.message import Message
from textual.widgets import Button, Input, OptionList


class Palette(CommandPalette):
    """Takes one choice; before its list is painted and after it has gone it takes none."""

    @staticmethod
    def is_there(app: App[None]) -> bool:
        """Whether a palette is open on any screen, also under another one."""
        return any(isinstance(screen, CommandPalette) for screen in app.screen_stack)

    @on(Input.Submitted)
    @on(Button.Pressed)
    @on(OptionList.OptionSelected)
    def _take_none_too_late(self, event: Message) -> None:
        if self.app.screen is not self:
            event.stop()
            event.prevent_default()

    def dismiss(self, result: None = None) -> AwaitComplete:
        """Go away, once."""
        return super().dismiss(result) if self.app.screen is self else AwaitComplete.nothing()

    def _action_command_list(self, action: str) -> None:
        with suppress(LookupError):  # a list that is not painted yet has no lines to move by
            super()._action_command_list(action)

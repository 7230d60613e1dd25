"""The Explore screen: type sentences, and see their vectors and similarities at once.

What answers is imported and started after the first paint.
"""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from stplay import lines
from stplay.screens.explore.kepttext import KeptText
from stplay.screens.shared.keyline import KeyLine
from stplay.screens.shared.latecontent import call_once_imported, mount_into
from stplay.screens.shared.topbar import TopBar

if TYPE_CHECKING:
    from stplay.screens.explore.playground import Playground
    from stplay.screens.explore.sentenceeditor import SentenceEditor

KEEP_SECONDS = 0.5  # what is typed is on disk by then


class ExploreScreen(Screen[None]):
    """The frame of the playground; keeps what is typed into it, and takes what is handed over."""

    CSS_PATH: ClassVar = "explore.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "open_file", "Open file", show=False),
    ]

    room = getters.query_one("#room", Container)
    topbar = getters.query_one(TopBar)

    def __init__(self, *, afresh: bool = False) -> None:
        super().__init__()
        self._afresh = afresh
        self._sentences: list[str] | None = None
        self._model: str | None = None
        self._playground: Playground | None = None
        self._editor: SentenceEditor | None = None  # has its text even when it broke
        self._kept = KeptText()
        self._keeps = True

    def compose(self) -> ComposeResult:
        """The frame; what fills it comes after it is painted."""
        yield TopBar("explore")
        yield Container(id="room")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill the frame once it is painted."""
        self.topbar.place = platform.node()
        call_once_imported(self, "stplay.screens.explore.playground", self._fill)

    async def _fill(self) -> None:
        from stplay.runs import modelsathand
        from stplay.runs.probesentences import CARD_SENTENCES
        from stplay.screens.explore.playground import Playground

        if self._afresh:
            self._tell(self._kept.set_aside())
        kept = self._kept.read()
        playground = Playground(kept.split("\n") if kept.strip() else CARD_SENTENCES)
        if not await mount_into(self.room, playground):
            return
        self._playground, self._editor = playground, playground.editor
        if self._sentences is not None:  # others were handed over meanwhile
            playground.editor.text = "\n".join(self._sentences)
        else:
            playground.editor.move_cursor(playground.editor.document.end)
        self._kept.show(playground.editor.text)
        self.set_interval(KEEP_SECONDS, self._keep_typed)
        playground.editor.focus()
        if self._model is None:
            best = await asyncio.to_thread(modelsathand.best)
            if self._model is None:  # nobody has asked for one meanwhile
                self._model = best.name
                playground.models.open(best.name, why=best.why)
                return
        playground.models.open(self._model)

    def show_sentences(self, sentences: list[str], model: str | None = None) -> None:
        """Put ``sentences`` into the editor, if any, and let ``model`` answer, if it is named."""
        one_each = [" ".join(lines.split(sentence)) for sentence in sentences]
        self._sentences = one_each or self._sentences
        self._model = model or self._model
        if self._playground is None:
            return
        if one_each:
            self._tell(self._kept.keep(self._playground.editor.text))
            self._playground.editor.text = "\n".join(one_each)
            self._kept.show(self._playground.editor.text)
        if model is not None and model != self._playground.models.slots[0].name:
            self._playground.models.open(model)

    async def _keep_typed(self) -> None:
        if self._editor is not None:
            self._tell(await asyncio.to_thread(self._kept.keep, self._editor.text))

    def _tell(self, sentence: str | None) -> None:
        if sentence is not None:
            self.notify(sentence, timeout=10, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Open no file before there is anything to open it in."""
        return action != "open_file" or self._playground is not None

    def set_focus(
        self, widget: Widget | None, scroll_visible: bool = True, from_app_focus: bool = False
    ) -> None:
        """Give ``widget`` the focus; nothing never has it, as the playground has the keys.

        So those work that look at the matrix also while it is not in view.
        """
        if widget is not None or self._playground is None:
            super().set_focus(widget, scroll_visible, from_app_focus)

    @work
    async def action_open_file(self) -> None:
        """Put the lines of a file into the editor."""
        from stplay.screens.explore.sentenceeditor import read_sentences
        from stplay.screens.shared.prompt import Prompt

        prompt = Prompt("Open a file", "one sentence a line", check=read_sentences)
        if path := await self.app.push_screen_wait(prompt):
            self.show_sentences(read_sentences(path))

    def on_unmount(self) -> None:
        """Keep what was typed."""
        if self._editor is not None:
            self._kept.keep(self._editor.text)

"""An app that goes on when a view of it breaks.

Textual ends the app at any error that nobody caught. Its hooks for that are not public; the tests
that break every view tell when they change.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, ClassVar
from weakref import WeakSet

from textual._compositor import CompositorUpdate
from textual._context import active_message_pump
from textual.app import App
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.events import DescendantFocus, Event, InputEvent, Paste, Resize
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea
from textual.worker import NoActiveWorker, WorkerFailed, get_current_worker

from stplay.errors import UserError
from stplay.screens.shared import breakage
from stplay.screens.shared.breakage import Breakage
from stplay.screens.shared.brokenscreen import BreakageDialog, BrokenScreen
from stplay.screens.shared.calmpainting import PICTURE_SECONDS, CalmPainting
from stplay.screens.shared.paintedcells import PaintedCells
from stplay.screens.shared.topbar import TABS

MOST_ERRORS, SECONDS = 20, 10.0  # more of them in less time, and the app ends after all


def is_leaving(widget: Widget) -> bool:
    """Whether ``widget`` is on its way out: what it consisted of may be gone already."""
    return widget._pruning or not widget.is_attached


class GuardedApp(App[None]):
    """Replaces the screen of a mode that broke, tells of it, and can open it again."""

    MODES: ClassVar[dict[str, Callable[..., Screen[None]]]]  # pyright: ignore

    def __init__(self, *, calm: bool = False) -> None:
        super().__init__()
        self._errors: deque[float] = deque(maxlen=MOST_ERRORS)
        self._broken: WeakSet[Widget] = WeakSet()  # screens, and all that is in them
        self._painted = PaintedCells()
        self.painting = CalmPainting(calm=calm)
        if calm:
            self.animation_level = "none"

    async def on_load(self) -> None:
        """Hear of tasks that failed while nobody waited for them."""
        asyncio.get_running_loop().set_exception_handler(self._take_task)

    def on_mount(self) -> None:
        """Paint all anew after the shell had the terminal."""
        self.painting.attend()
        self.app_resume_signal.subscribe(self, lambda _: self._painted.forget())

    def on_resize(self) -> None:
        """Paint all anew: who knows what the terminal has made of it."""
        self._painted.forget()

    async def on_event(self, event: Event) -> None:
        """Let be seen at once what a person does."""
        if isinstance(event, InputEvent | Paste | Resize):
            self.painting.attend()
        await super().on_event(event)

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Let no cursor blink that is painted once a second: it could be seen never."""
        if self.painting.calm and isinstance(event.widget, Input | TextArea):
            event.widget.cursor_blink = False

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if not isinstance(renderable, CompositorUpdate) or self._batch_count:
            super()._display(screen, renderable)  # pyright: ignore
        elif seconds := self.painting.seconds_left():
            if not self.painting.has_put_off:
                self.painting.has_put_off = True
                self.set_timer(seconds, self._paint_put_off)
        elif self.painting.has_put_off:
            self._paint_put_off()
        else:
            self._paint(screen, renderable)

    def _paint_put_off(self) -> None:
        """Paint all as it is now, of which no more is sent than differs from what was painted."""
        if not self.painting.has_put_off or not self.screen_stack:
            return
        # In a batch what is there is not to be seen yet; and a key may have painted meanwhile.
        if wait := PICTURE_SECONDS if self._batch_count else self.painting.seconds_left():
            self.set_timer(wait, self._paint_put_off)
            return
        screen = self.screen
        stack = self._background_screens
        self._paint(screen, screen._compositor.render_update(full=True, screen_stack=stack))

    def _paint(self, screen: Screen[Any], update: Any) -> None:
        super()._display(screen, self._painted.spared(update))  # pyright: ignore
        self.painting.painted(self._painted.sent)

    async def on_unmount(self) -> None:
        """Leave the loop as it was."""
        asyncio.get_running_loop().set_exception_handler(None)

    def _take_task(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and self._running:
            with self._context():
                self._handle_exception(error)
        else:
            loop.default_exception_handler(context)

    async def _dispatch_message(self, message: Message) -> None:
        # An error in a key's action is an error in the app's own loop, which must not end.
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self._is_mounted:
                raise
            self._handle_exception(error)

    def _handle_exception(self, error: Exception) -> None:
        try:
            goes_on = self._take_error(error)
        except Exception:
            goes_on = False
        if not goes_on:
            super()._handle_exception(error)

    def _take_error(self, error: Exception) -> bool:
        cause = error.error if isinstance(error, WorkerFailed) else error
        if isinstance(error, WorkerFailed) and isinstance(cause, UserError) and self._running:
            self.notify(cause.sentence, severity="error", timeout=10, markup=False)
            return True  # no view is dead, and whoever made the mistake knows now
        widgets = breakage.widgets_of(cause)
        ended = self._ended(error)
        if isinstance(cause, NoMatches) and any(map(is_leaving, [*widgets, *ended])):
            return True  # an answer that came late finds nowhere to stand, and nobody misses it
        screens = self._screens(widgets, ended)
        news = {screen: mode for screen, mode in screens.items() if screen not in self._broken}
        if not news and any(widget in self._broken for widget in [*widgets, *ended]):
            return self._running  # what is broken, and on its way out, goes on failing
        mode = next(iter(news.values()), None)
        told = breakage.tell(cause, breakage.name_of([*widgets, *ended], self._title(mode)))
        if not self._running or self._exit or self._too_many():
            return False
        for screen in news:
            self._broken.update(screen.walk_children(Widget, with_self=True))
        self.call_later(self._tell, news, told)
        return True

    def _too_many(self) -> bool:
        now = time.monotonic()
        self._errors.append(now)
        return len(self._errors) == MOST_ERRORS and now - self._errors[0] < SECONDS

    @staticmethod
    def _title(mode: str | None) -> str | None:
        return None if mode is None else TABS[mode].partition(" ")[2]

    @staticmethod
    def _ended(error: Exception) -> list[Widget]:
        """The widget whose message loop or worker ``error`` ended, if it was one's."""
        try:
            worker = isinstance(error, WorkerFailed)
            ended = get_current_worker().node if worker else active_message_pump.get()
        except (LookupError, NoActiveWorker):
            return []
        return [ended] if isinstance(ended, Widget) else []

    def _screens(self, widgets: list[Widget], ended: list[Widget]) -> dict[Screen[Any], str]:
        """The screens that broke, with their modes: where the error arose, and what it ended."""
        modes = {
            screen: mode
            for mode in self.MODES
            if mode in self._screen_stacks
            for screen in self.get_screen_stack(mode)
        }
        broken = {}
        for among in (widgets, ended):
            for widget in among:
                with suppress(NoScreen):  # it was taken out of its screen
                    if widget.screen in modes:
                        broken[widget.screen] = modes[widget.screen]
                        break
        return broken

    async def _tell(self, broken: dict[Screen[Any], str], told: Breakage) -> None:
        closed = [mode for screen, mode in broken.items() if self._close(screen, mode, told)]

        async def answer(again: bool | None) -> None:
            if again:
                await self.reopen(closed[0])

        await self.push_screen(BreakageDialog(told, reopens=bool(closed)), answer)

    def _close(self, screen: Screen[Any], mode: str, told: Breakage) -> bool:
        """Take a broken screen away; true where it was the whole mode, which is marked then."""
        stack = self.get_screen_stack(mode)
        if screen not in stack:
            return False
        # Textual leaves the children of what broke as it was made alone, and at work.
        for widget in screen.walk_children(Widget, with_self=True):
            if not widget.is_running:
                self._prune(*widget.children)
        if mode != self.current_mode:
            self.remove_mode(mode)
            self.add_mode(mode, partial(BrokenScreen, mode, told))
            return True
        place = stack.index(screen)
        for question in reversed(stack[max(place, 1) :]):
            question.dismiss(None)
        if place == 0:
            self._replace_base(BrokenScreen(mode, told))
        return place == 0

    def _replace_base(self, screen: Screen[None]) -> Awaitable[None]:
        # Textual pops a callback that it gives no mode's first screen.
        if not self.screen._result_callbacks:
            self.screen._push_result_callback(self, None)
        return self.switch_screen(screen)

    def reopen(self, mode: str, *, afresh: bool = False) -> Awaitable[None]:
        """Go to the screen of ``mode``; open it again if it broke, ``afresh``: at its beginning."""
        shown = self.switch_mode(mode)
        if isinstance(self.screen, BrokenScreen):
            return self._replace_base(self.MODES[mode](afresh=afresh))
        return shown

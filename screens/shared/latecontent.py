"""The content of a screen, which is imported and mounted once its frame is painted."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from importlib import import_module

from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

Callback = Callable[[], Awaitable[None]]


async def mount_into(room: Container, content: Widget) -> bool:
    """Mount ``content`` in ``room``; false where neither stays, as the app is being left."""
    if not room.is_attached:
        return False
    await room.mount(content)
    return bool(content.children)


def call_once_imported(screen: Screen[None], module: str, callback: Callback) -> None:
    """Let ``screen`` call back when ``module`` is imported: in a thread, as it paints meanwhile."""

    async def wait() -> None:
        await asyncio.to_thread(import_module, module)
        screen.call_later(callback)

    screen.run_worker(wait())

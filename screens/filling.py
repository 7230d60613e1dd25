"""What fills the frame of a screen once that is painted."""

from __future__ import annotations

import asyncio
from importlib import import_module

from textual.containers import Container
from textual.widget import Widget


async def fill(room: Container, content: Widget) -> bool:
    """Mount ``content`` in ``room``; false where neither stays, as the app is being left."""
    if not room.is_attached:
        return False
    await room.mount(content)
    return bool(content.children)


async def imported(module: str) -> None:
    """Import ``module`` in a thread: an import here would hold up the first paint."""
    await asyncio.to_thread(import_module, module)

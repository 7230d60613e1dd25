"""An app of the tests has no terminal: its widgets are rendered, but not pieced together.

Textual makes of them what a terminal is to get, and then gives it to nobody. Whoever asks for a
picture of the screen gets it all the same.
"""

from __future__ import annotations

from rich.console import RenderableType
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.geometry import Region
from textual.screen import Screen

paint = Compositor.render_update


def render_only(
    self: Compositor,
    full: bool = False,
    screen_stack: list[Screen] | None = None,
    simplify: bool = False,
) -> RenderableType | None:
    """As ``Compositor.render_update``, without the update that nobody takes."""
    if full:
        return paint(self, full, screen_stack, simplify)
    visible_screen_stack.set(screen_stack or [])
    regions = self._dirty_regions.copy()
    self._dirty_regions.clear()
    if regions:
        crop = Region.from_union(regions).intersection(self.size.region)
        for _ in self._get_renders(crop):
            pass
    return None


def paint_nothing() -> None:
    """Have no app of this process make updates for a terminal that it does not have."""
    Compositor.render_update = render_only

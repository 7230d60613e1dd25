"""Textual's lines of a screen get seven caches each as they are made, and most use none of them.

They are made a million times by the apps of the tests; here a cache is made when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable

from rich.segment import Segment
from textual.cache import FIFOCache
from textual.strip import Strip

SIZES = {
    "_divide_cache": 4,
    "_crop_cache": 16,
    "_style_cache": 16,
    "_filter_cache": 4,
    "_line_length_cache": 4,
    "_crop_extend_cache": 4,
    "_offsets_cache": 4,
}


def begin(self: Strip, segments: Iterable[Segment], cell_length: int | None = None) -> None:
    """As ``Strip.__init__``, without the caches."""
    self._segments = list(segments)
    self._cell_length = cell_length
    self._render_cache = self._link_ids = self._cell_count = None


def cache(self: Strip, name: str) -> FIFOCache[object, object]:
    """The cache of that name, which nobody has used yet."""
    if name not in SIZES:
        raise AttributeError(name)
    made: FIFOCache[object, object] = FIFOCache(SIZES[name])
    setattr(self, name, made)
    return made


def make_caches_late() -> None:
    """Have the lines of all apps of this process make their caches when they use them."""
    Strip.__init__ = begin
    Strip.__getattr__ = cache  # pyright: ignore[reportAttributeAccessIssue]

"""stplay, the terminal workbench for sentence embeddings: train, evaluate and explore.

``stplay.StplayCallback`` makes a run of a training that another program begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stplay.engine.training.stplaycallback import StplayCallback

__all__ = ["StplayCallback", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the callback, and torch with it, for whoever asks for it alone."""
    if name == "StplayCallback":
        from stplay.engine.training.stplaycallback import StplayCallback

        return StplayCallback
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""While a test runs that is to need no torch, nobody can import it, and who tries is told of.

The environment then names a file that takes what was wanted: a test may never look at what became
of a process that it started.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

WITHOUT_TORCH = "STPLAY_TESTS_WITHOUT_TORCH"
LIBRARIES = ("torch", "transformers", "sentence_transformers", "datasets")


class NoTorch:
    """Finds no torch, and says what is to be done about it."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: object = None) -> None:
        told = os.environ.get(WITHOUT_TORCH)
        if told and name in LIBRARIES:
            Path(told).write_text(name, encoding="utf-8")
            raise ImportError(f"{name} is for the tests that are marked with pytest.mark.torch")


sys.meta_path.insert(0, NoTorch())  # pyright: ignore[reportArgumentType]

"""Embeddings that a model gone wrong may give."""

from __future__ import annotations

import numpy as np

ROWS = np.random.default_rng(0).standard_normal((40, 384)).astype(np.float32)


def strange(count: int) -> dict[str, np.ndarray]:
    """Embeddings that a model gone wrong may give, ``count`` rows of each kind."""
    rows = ROWS[:count]
    mixed = rows.copy()
    mixed[::2, 3] = np.nan
    return {
        "equal": np.ones_like(rows),
        "zero": np.zeros_like(rows),
        "huge": rows / np.abs(rows).max() * np.float32(3e38),
        "tiny": rows * np.float32(1e-42),
        "nan": np.full_like(rows, np.nan),
        "infinite": np.full_like(rows, np.inf),
        "mixed": mixed,
    }

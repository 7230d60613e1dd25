"""Projections by UMAP, in the process that makes them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import psutil
import pytest

from stplay.encoding import projector
from stplay.encoding.projector import LEAST, Projector
from stplay.errors import UserError


@pytest.mark.skipif(projector.is_installed(), reason="umap-learn is installed")
async def test_without_umap_it_says_so(home: Path) -> None:
    made = Projector()
    with pytest.raises(UserError, match="No module named 'umap'"):
        await made.project(np.eye(LEAST, dtype=np.float32))
    made.close()


@pytest.mark.skipif(not projector.is_installed(), reason="umap-learn is not installed")
async def test_the_same_sentences_lie_in_the_same_places(home: Path) -> None:
    made = Projector()
    rows = np.random.default_rng(0).normal(size=(40, 384)).astype(np.float32)
    groups = np.concatenate([rows[:20] + 3 * rows[0], rows[20:] - 3 * rows[0]])
    points = await made.project(groups)
    assert points.shape == (40, 2)
    assert np.linalg.norm(points[:20].mean(axis=0) - points[20:].mean(axis=0)) > 2
    for odd in (rows[:LEAST], np.ones((12, 8), np.float32), np.zeros((5, 8), np.float32)):
        places = await made.project(odd)
        assert places.shape == (len(odd), 2)
        assert np.isfinite(places).all()
    assert made.known(groups) is None, "only the last ones are kept"
    again = await made.project(groups)
    assert np.array_equal(points, again)
    assert made.known(groups) is again
    made.close()


@pytest.mark.skipif(not projector.is_installed(), reason="umap-learn is not installed")
async def test_closing_ends_the_process_in_the_middle_of_its_work(home: Path) -> None:
    made = Projector()
    asked = asyncio.ensure_future(made.project(np.eye(LEAST, dtype=np.float32)))
    while not (children := psutil.Process().children()):
        await asyncio.sleep(0.01)
    made.close()
    with pytest.raises(UserError, match="ended"):
        await asked
    assert not any(child.is_running() and child.status() != "zombie" for child in children)

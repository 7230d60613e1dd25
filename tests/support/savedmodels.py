"""Models saved, changed on the disk, and loaded again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import (
    Pooling,
)
from smallmodels import DIMENSIONS, transformer

from stplay.engine.models.basemodel import BaseModel, load_model, open_model
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventWriter
from stplay.runs import recipe


def stages() -> Stages:
    return Stages(EventWriter(Path(os.devnull)))


def opened(folder: Path, *, allow_pickle: bool = False) -> SentenceTransformer:
    return open_model(str(folder), allow_pickle=allow_pickle, stages=stages()).model


def loaded(folder: Path, **settings: Any) -> BaseModel:
    return load_model(recipe.ModelSection(base=str(folder), **settings), None, None, stages())  # pyright: ignore


def saved(model: SentenceTransformer, folder: Path) -> Path:
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound model: one layer, mean pooling, and a dense module after it."""
    torch.manual_seed(0)
    modules = [transformer(1, tmp_path / "made"), Pooling(DIMENSIONS), Dense(DIMENSIONS, 8)]
    return saved(SentenceTransformer(modules=modules, device="cpu"), tmp_path / "model")

"""Models saved, changed on the disk, and loaded again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

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

"""The models that are at hand: which one answers where none is named, and what else to offer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.sources import minilm
from stplay.sources.names import MINILM, TINY, RunName

CARD_MODEL = "mics-nlp/xlm-roberta-small-all-nli-triplet"
PUBLISHED_MINILM = "sentence-transformers/all-MiniLM-L6-v2"
MOST_RUNS = 5
SYNTHETIC = "synthetic data"
DAMAGED = "its model is damaged"
AS_ASKED = "as asked"
NO_FIGURES = "no figures to judge it by"
# Half-way between a coin's accuracy and all triplets judged right.
LEAST_ACCURACY = 0.75
# Of the loss of a model that knows nothing, which takes all sentences of a batch for alike.
MOST_LOSS = 0.5


class OfferedModel(NamedTuple):
    """A model's name and what it is, in a few words."""

    name: str
    words: str


class BestModel(NamedTuple):
    """The model that answers where none is named, and why that one, as a clause."""

    name: str
    why: str


class _FinishedRun(NamedTuple):
    """A finished run whose model is there, and why it should not answer, if it should not."""

    name: str
    unfit: str | None


def best() -> BestModel:
    """The best model at hand; reads the disk, so not for a paint.

    The newest finished run that was trained on real data, did not diverge and is not undertrained
    by its own figures, else the packaged all-MiniLM-L6-v2, else the model of the Hub's cache that
    was used last, else the untrained built-in one.
    """
    return _best(_finished())


def _best(finished: Iterable[_FinishedRun]) -> BestModel:
    passed: list[_FinishedRun] = []
    for run in finished:
        if run.unfit is None:
            fit = f" that is fit{_reason(passed)}" if passed else ""
            return BestModel(run.name, f"it is the newest finished run on real data{fit}")
        passed.append(run)
    real = any(run.unfit != SYNTHETIC for run in passed)
    why = f"no finished run on real data is {'fit' if real else 'here'}{_reason(passed)}"
    if minilm.is_installed():
        return BestModel(MINILM, why)
    why += f", {MINILM} is not installed"
    if cached := cached_hub_models():
        return BestModel(cached[0], why)
    return BestModel(TINY, f"{why}, and the Hub's cache has no sentence encoder")


def _reason(passed: list[_FinishedRun]) -> str:
    """Why the newest of the runs that were passed over does not answer, in brackets."""
    return f" ({passed[0].name}: {passed[0].unfit})" if passed else ""


def answering(model: str, why: str) -> str:
    """The sentence that tells which model answers, and why that one."""
    shown = f"{model} (all-MiniLM-L6-v2)" if model == MINILM else model
    return f"{shown} answers{', ' if why == AS_ASKED else ': '}{why}."


def _finished() -> Iterator[_FinishedRun]:
    """The finished runs that have their final model, the newest first."""
    for run in Run.every():
        log = run.read_log()
        if log.status != "completed":
            continue
        try:
            run.model_folder()
        except folders.DamagedError:
            yield _FinishedRun(str(RunName(run.id)), DAMAGED)
        except UserError:  # it is gone
            continue
        else:
            yield _FinishedRun(str(RunName(run.id)), _unfit(log))


def _unfit(log: TrainingLog) -> str | None:
    """Why the model of a finished run should not answer unless it is asked for.

    By the figures that the run itself has, those of its newest evaluated step before the training
    loss: a run without any cannot be told from one that was not trained at all.
    """
    if log.started is None:
        return NO_FIGURES
    if log.started.synthetic:
        return SYNTHETIC
    if log.diverged:
        return "diverged"
    recipe = _recipe(log)
    # What was evaluated before the first step is the base model.
    newest = max((step for _, step in log.evaluations if step > 0), default=None)
    judged = [
        (split, found)
        for (split, step), found in log.evaluations.items()
        if step == newest and (found.cosine_accuracy, found.loss) != (None, None)
    ]
    for split, found in sorted(judged, key=lambda each: each[0]):
        accuracy = found.cosine_accuracy
        if accuracy is not None and not accuracy >= LEAST_ACCURACY:
            return f"undertrained: {split} cosine accuracy {accuracy:.3f}"
        batch = min(recipe.evaluation.per_device_eval_batch_size, found.rows)
        negatives = log.started.negatives.get(split, 1)
        if found.loss is not None and not found.loss <= _most_loss(batch, negatives):
            return f"undertrained: {split} loss {found.loss:.2f}"
    if judged:
        return None
    losses = [row.training_loss for row in log.table() if row.training_loss is not None]
    if not losses:
        return NO_FIGURES
    # The median of the second half: the last batches of an epoch may be tiny, and their loss low.
    loss = statistics.median(losses[len(losses) // 2 :])
    batch, negatives = recipe.training.per_device_train_batch_size, log.started.negatives
    if not loss <= _most_loss(batch, negatives.get("train", 1)):
        return f"undertrained: training loss {loss:.2f}"
    return None


def _recipe(log: TrainingLog) -> Recipe:
    """The recipe of a run as it wrote it down; the defaults where a newer stplay did."""
    assert log.started is not None
    try:
        return msgspec.convert(log.started.recipe, Recipe)
    except msgspec.ValidationError:
        return Recipe()


def _most_loss(batch: int, negatives: int) -> float:
    """The loss up to which a model has learned something, of ``batch`` rows of ``negatives``."""
    return MOST_LOSS * math.log((1 + negatives) * max(1, batch))


def offered() -> list[OfferedModel]:
    """The models to choose from, the best at hand first; reads the disk, so not for a paint."""
    finished, cached = list(_finished()), cached_hub_models()
    first = _best(finished).name
    found = [
        OfferedModel(run.name, ", ".join(filter(None, ("a finished run", run.unfit))))
        for place, run in enumerate(finished)
        if place < MOST_RUNS or run.name == first
    ]
    if minilm.is_installed():
        found.append(OfferedModel(MINILM, "all-MiniLM-L6-v2, packaged"))
    found += [OfferedModel(name, "in the Hub cache") for name in cached]
    found.append(OfferedModel(TINY, "built in, untrained"))
    found.sort(key=lambda model: model.name != first)
    return found + [
        OfferedModel(name, words)
        for name, words in (
            (CARD_MODEL, "the card's own, a download"),
            (PUBLISHED_MINILM, "a download"),
        )
        if name not in cached
    ]


def cached_hub_models() -> list[str]:
    """The sentence encoders in the Hub's cache, the one used last first."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    encoders = [
        repository
        for repository in repositories
        if repository.repo_type == "model"
        and any(
            file.file_name == "modules.json"
            for revision in repository.revisions
            for file in revision.files
        )
    ]
    newest_first = sorted(encoders, key=lambda repository: repository.last_accessed, reverse=True)
    return [repository.repo_id for repository in newest_first]

"""The training process: ``python -m stplay.engine.train RUN_FOLDER``.

Reads the run's recipe, trains with the library's own trainer, and tells all of it as events.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from filelock import FileLock, Timeout

from stplay.engine.worker import work
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs import folders, manifest
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Engine, Fingerprints, RunResumed, RunStarted
from stplay.jobs.job import LOCK
from stplay.runs.recipe import Loss, Recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import epoch_warning

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
    from transformers import TrainerState

    from stplay.engine.data.triplets import Split

Precision = Literal["bf16", "float32"]

LOCK_SECONDS = 3.0
LIBRARY_MINI_BATCH = 32


def main() -> int:
    """Run the training process on the run folder named on the command line."""
    run = Run(Path(sys.argv[1]))
    lock = FileLock(run.folder / LOCK)
    try:
        lock.acquire(timeout=LOCK_SECONDS)  # a process that was stopped may be on its way out
    except Timeout:
        print(f"Another process is at work on {run.id}.", file=sys.stderr)
        return UserError.exit_code
    advice = work.Advice(
        disk_full="free some room there, or keep fewer checkpoints (training.save_total_limit), "
        f"and go on with: stplay resume {run.id}",
        out_of_memory="make loss.mini_batch_size or training.per_device_train_batch_size smaller.",
    )
    exit_code = work.perform(
        EventWriter(run.events_path),
        run.folder,
        lambda events, stop: train(run, events, stop),
        lambda: remove_partial_checkpoints(run),
        advice,
        use_cpu=lambda: run.recipe().training.use_cpu,
    )
    lock.release()
    return exit_code


def remove_partial_checkpoints(run: Run) -> None:
    """Remove what a save that failed half-way has left, and what a resume has replaced."""
    saved = folders.saved_checkpoints(run.folder).values()
    for path in (run.folder / "checkpoints").glob("checkpoint-*"):
        if path not in saved:
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(run.folder / "model.partial", ignore_errors=True)


def train(run: Run, events: EventWriter, stop: work.StopSignal) -> None:
    """Train, evaluate and save the run.

    Raises:
        UserError: the recipe, its data or its model cannot be used.
        Stopped: a stop was asked for; what is needed to go on is saved.
    """
    from transformers import TrainerState, set_seed

    from stplay.engine.data import fingerprints
    from stplay.engine.data.triplets import load_split
    from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
    from stplay.engine.models.basemodel import load_model
    from stplay.engine.models.inputmodules import tasks_of_columns
    from stplay.engine.training.callback import EventCallback, evaluated
    from stplay.engine.training.epoch import first_epoch
    from stplay.engine.training.fastpath import FastPath, why_stock
    from stplay.engine.training.resumption import Resumption, is_last
    from stplay.engine.training.trainer import Trainer

    recipe = run.recipe()
    stages = Stages(events)
    remove_partial_checkpoints(run)
    past = Resumption(run, recipe)
    begun, checkpoint = past.begun, past.checkpoint
    arguments, precision = training_arguments(recipe, run.folder / "checkpoints", events)

    data = recipe.data
    train_split = load_split(data.train, "train", data.train_rows, stages)
    dev = load_split(data.dev, "dev", data.dev_rows, stages) if data.dev else None
    test = None
    if data.test and recipe.evaluation.test_at_end:
        test = load_split(data.test, "test", data.test_rows, stages)
    splits = {"train": train_split, "dev": dev, "test": test}
    splits = {name: split for name, split in splits.items() if split is not None}
    rows = {name: len(split.triplets) for name, split in splits.items()}
    rows_fingerprints = {name: fingerprints.of_rows(split) for name, split in splits.items()}
    past.check_rows(rows, rows_fingerprints)
    check_batch(recipe, train_split)
    epoch = first_epoch(train_split, recipe.training, stages)

    set_seed(recipe.training.seed)
    base = load_model(recipe.model, train_split, checkpoint, stages)
    model = base.model
    base_name = begun.base if begun and checkpoint else base.name  # a checkpoint tells no commit
    base_fingerprint = past.base_fingerprint(recipe.model, base_name)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    fast, engine = None, Engine(name="stock")
    if recipe.training.engine == "fast":
        kept = begun if checkpoint else None
        engine.why = why_stock(model, kept)
        if engine.why is None:
            fast = FastPath(recipe, model, splits, precision, stages, kept)
            engine = fast.engine
    evaluators = {
        name: TripletEvaluator(
            stages,
            fast.encoder() if fast else None,
            anchors=split.triplets["anchor"],
            positives=split.triplets["positive"],
            negatives=split.triplets["negative"],
            name=split.name,
            batch_size=recipe.evaluation.per_device_eval_batch_size,
        )
        for name, split in splits.items()
        if name != "train"
    }

    arguments.eval_on_start = arguments.eval_on_start and checkpoint is None

    def announce(state: TrainerState) -> None:
        events.write(
            RunStarted(
                recipe=recipe.to_dict(),
                base=base_name,
                device=work.device_name(arguments.device),
                precision=precision,
                versions=work.versions(),
                rows=rows,
                skipped_rows={
                    name: split.skipped for name, split in splits.items() if split.skipped
                },
                synthetic=train_split.synthetic,
                total_steps=state.max_steps,
                parameters=parameters,
                engine=engine,
                fingerprints=Fingerprints(base=base_fingerprint, rows=rows_fingerprints),
                epoch=epoch,
            )
        )
        if past.resumed:
            events.write(RunResumed(step=state.global_step))
            remove_partial_checkpoints(run)
        warning = epoch_warning(epoch, rows["train"])
        for sentence in (*past.notes, *base.notes, *([warning] if warning else [])):
            work.note(events, sentence)
        if engine.why:
            work.note(events, f"The library's own path is taken for the training, as {engine.why}.")
        if not hasattr(loss, "mini_batch_size"):
            work.note(
                events,
                f"The training's loss is {type(loss).__name__}, without a cache, as a static "
                "embedding reads a batch in one piece; loss.mini_batch_size changes nothing.",
            )
        for name, split in splits.items():
            if split.skipped:
                work.note(
                    events,
                    f"{split.skipped:,} of the {name} rows have an empty sentence; "
                    "they are left out.",
                )

    stages.progress("preparing the training")
    loss = library_loss(model, recipe.loss)
    arguments.router_mapping = tasks_of_columns(model)  # pyright: ignore[reportAttributeAccessIssue]
    callback = EventCallback(events, stop, run.folder / "checkpoints", announce)
    callback.dev = evaluators.get("dev")
    make_trainer = fast.trainer if fast else Trainer
    trainer = make_trainer(
        model=model,
        args=arguments,
        train_dataset=train_split.triplets,
        eval_dataset=dev.triplets if dev and arguments.eval_strategy != "no" else None,
        loss=loss,
        evaluator=callback.dev,
        callbacks=[callback],
    )
    callback.trainer = trainer

    stop.check()
    if checkpoint is None or not is_last(checkpoint):
        stop.deferred = True
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        stop.deferred = False
        stop.check()
    else:  # only what comes after the last step is left to do
        trainer.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        announce(trainer.state)

    if "test" in evaluators:
        evaluator = evaluators["test"]
        metrics = evaluator(
            model, epoch=trainer.state.epoch or 0.0, steps=trainer.state.global_step
        )
        events.write(evaluated(evaluator, "test", metrics, trainer.state))
    if run.read_log().diverged:
        work.note(
            events,
            "The training has diverged: its loss or its weights are not finite, and its model is "
            "of no use. Make training.learning_rate smaller, or training.warmup_ratio larger.",
        )
    stages.progress("saving the model")
    with fast.whole() if fast else nullcontext():
        save_model(model, run.folder / "model")


def library_loss(model: SentenceTransformer, settings: Loss) -> torch.nn.Module:
    """The library's loss; of what a static embedding reads, nothing can be split: in one piece."""
    from sentence_transformers.sentence_transformer.losses import (
        CachedMultipleNegativesRankingLoss,
        MultipleNegativesRankingLoss,
    )
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from sentence_transformers.util import cos_sim, dot_score

    from stplay.engine.models.inputmodules import input_modules

    similarity = {"cos_sim": cos_sim, "dot_score": dot_score}[settings.similarity_fct]
    if any(isinstance(module, StaticEmbedding) for module in input_modules(model)):
        return MultipleNegativesRankingLoss(model, settings.scale, similarity)
    mini_batch_size = settings.mini_batch_size or LIBRARY_MINI_BATCH
    return CachedMultipleNegativesRankingLoss(model, settings.scale, similarity, mini_batch_size)


def training_arguments(
    recipe: Recipe, folder: Path, events: EventWriter
) -> tuple[SentenceTransformerTrainingArguments, Precision]:
    """The library's arguments for ``recipe``, and the precision they train in."""
    import torch
    from sentence_transformers import SentenceTransformerTrainingArguments

    evaluation = recipe.evaluation
    values: dict[str, Any] = recipe.to_dict()["training"]
    del values["engine"]
    # transformers 5 takes the ratio under the name of the steps.
    values["warmup_steps"] = values.pop("warmup_ratio")
    precision, why = precision_of(recipe)
    values["bf16"] = precision == "bf16"
    if why is not None:
        work.note(events, f"{why}; the training runs in float32 instead of bf16.")
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        **values,
        eval_strategy=evaluation.eval_strategy if recipe.data.dev else "no",
        eval_steps=evaluation.eval_steps,
        eval_on_start=evaluation.eval_on_start and recipe.data.dev is not None,
        per_device_eval_batch_size=evaluation.per_device_eval_batch_size,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        save_strategy="steps",
    )
    return arguments, precision


def precision_of(recipe: Recipe) -> tuple[Precision, str | None]:
    """What ``recipe`` trains in on this machine, and why that is not what it asks for."""
    import torch

    if not recipe.training.bf16:
        return "float32", None
    if not torch.cuda.is_available():  # also where the recipe hides it
        return "float32", "bf16 needs a CUDA GPU"
    if not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float32", "This GPU has no bf16"
    return "bf16", None


def check_batch(recipe: Recipe, split: Split) -> None:
    """Make sure that the training split fills at least one batch.

    Raises:
        UserError: it does not.
    """
    rows, batch = len(split.triplets), recipe.training.per_device_train_batch_size
    if rows < 2:
        raise UserError(
            f"{split.name} has 1 triplet; training needs at least 2, as each one's negatives come "
            "from the others too."
        )
    if batch > rows:
        raise UserError(
            f"A batch of {batch:,} is larger than the {rows:,} triplets of {split.name}; set "
            f"training.per_device_train_batch_size to {rows:,} or less."
        )


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Save ``model`` with the library's own card; ``folder`` appears only once it is whole."""
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    model.save_pretrained(str(partial))
    manifest.record(partial, folder.name)
    shutil.rmtree(folder, ignore_errors=True)  # of a process that died before its last word
    partial.replace(folder)
    manifest.sync_folder(folder.parent)


if __name__ == "__main__":
    sys.exit(main())

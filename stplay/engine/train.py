"""The training process: ``python -m stplay.engine.train RUN_FOLDER [OVERRIDE ...]``.

Reads the run's recipe, trains with the library's own trainer, and tells all of it as events.
"""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stplay.engine.training.watchedevents import WatchedEvents
from stplay.engine.worker.controls import Controls
from stplay.engine.worker.device import DeviceWish, kind_of_device
from stplay.engine.worker.eventsink import EventSink, note
from stplay.engine.worker.lastword import Advice
from stplay.engine.worker.launcherwatch import end_with_launcher
from stplay.engine.worker.libraries import versions
from stplay.engine.worker.place import Place
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.engine.worker.rankwords import RankEvents, is_final, last_word_of_all, words_of
from stplay.engine.worker.soleworker import as_sole_worker
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import StopSignal
from stplay.engine.worker.work import perform
from stplay.exitcodes import FAILED, FINISHED
from stplay.jobs import folders, manifest
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunResumed
from stplay.runs.run import Run
from stplay.text import count

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import TrainerState

    from stplay.engine.training.preparedtraining import PreparedTraining
    from stplay.engine.training.trainingdata import TrainingData

PARTIAL = ".partial"
ALL_STEPS_TAKEN = "What was asked for came too late: all steps were taken."


def main() -> int:
    """Run the training process on the run folder named on the command line.

    What follows it overrides its recipe.
    """
    run, place = Run(Path(sys.argv[1]), sys.argv[2:]), Place.taken()
    if place.launcher is None:
        return as_sole_worker(run, lambda: work(run, EventWriter(run.events_path), ALONE))
    end_with_launcher(place.launcher)
    ranks, events = Ranks(place), RankEvents(run.folder, place)
    if place.restarts:
        before = words_of(run.folder, place.restarts - 1)
        if place.is_stopping or is_final(before):
            return FAILED
        again = f"all processes were started again ({place.restarts})."
        note(events, last_word_of_all(before, {}, again, was_asked=False).error or again)
    exit_code = work(run, events, ranks)
    # Else torchrun would take it for a failure, also of those that stopped together.
    return FINISHED if ranks.parted else exit_code


def work(run: Run, events: EventSink, ranks: Ranks) -> int:
    """Train ``run`` as one of ``ranks``; returns the exit code."""
    events = WatchedEvents(run, events) if ranks.is_first else events
    advice = Advice(
        disk_full="free some room there, or keep fewer checkpoints (training.save_total_limit), "
        f"and go on with: stplay resume {run.id}",
        out_of_memory="make loss.mini_batch_size smaller, as by stplay resume "
        f"{run.id} --set loss.mini_batch_size=1, or start a new run with a smaller "
        "training.per_device_train_batch_size; what fits is measured by stplay plan "
        f"run:{run.id}, and by t in the form.",
    )
    return perform(
        events,
        run.folder,
        lambda stages: read_data(run, stages),
        lambda events, stop, data: train(run, events, stop, data, ranks),
        lambda: remove_partial(run) if ranks.is_first else None,
        advice,
        lambda: DeviceWish.of_recipe(run.recipe().training, ranks.place),
    )


def read_data(run: Run, stages: Stages) -> TrainingData:
    """Read the data of the run.

    Raises:
        UserError: the recipe or its data cannot be used.
    """
    from stplay.engine.training.trainingdata import TrainingData, check_batch

    recipe = run.recipe()
    data = TrainingData(recipe, stages)
    if run.read_log().started is None:  # else it is told that the rows are others now
        check_batch(recipe, data.read["train"])
    return data


def train(
    run: Run, events: EventSink, stop: StopSignal, data: TrainingData, ranks: Ranks = ALONE
) -> None:
    """Train on ``data``, evaluate and save the run.

    Raises:
        UserError: the recipe or its model cannot be used.
        Stopped: a stop was asked for; what is needed to go on is saved.
        PeerLostError: another of the ``ranks`` has ended.
    """
    stages = Stages(events)
    training = prepare(run, stages, data, ranks)
    controls = Controls(run, events, hears=ranks.is_first)
    fit(training, stages, stop, controls)
    finish(training, stages)
    controls.refuse_rest(training.trainer.state.global_step, ALL_STEPS_TAKEN)
    ranks.part()


def prepare(run: Run, stages: Stages, data: TrainingData, ranks: Ranks) -> PreparedTraining:
    """Read the model, and make the trainer."""
    from transformers import set_seed

    from stplay.engine.evaluation.evaluators import evaluator_of
    from stplay.engine.models.basemodel import load_model
    from stplay.engine.training.epoch import first_epoch
    from stplay.engine.training.fastpath import training_path
    from stplay.engine.training.loss import library_loss
    from stplay.engine.training.preparedtraining import PreparedTraining
    from stplay.engine.training.probes import Probes
    from stplay.engine.training.resumption import Resumption
    from stplay.engine.training.sameness import check_same
    from stplay.engine.training.trainingarguments import precision_of, training_arguments

    recipe = run.recipe()
    if ranks.is_first:
        remove_partial(run)
    past = Resumption(run, recipe)
    precision, why = precision_of(recipe)
    if why is not None:
        note(stages.events, f"{why}; the training runs in {precision}.")

    past.check_rows(data.rows, data.fingerprints)
    epoch = first_epoch(data.train, recipe.training, stages)

    set_seed(recipe.training.seed)
    base = load_model(recipe.model, data.train, past.checkpoint, stages)
    ranks.join()  # only now: among several, transformers lets the first alone save what is made
    model, parameters = base.model, base.parameters  # of which the fast path leaves some aside
    check_same(
        ranks,
        {
            "version of a library": versions(),
            "kind of device": kind_of_device(model.device),
            "precision": precision,
            "data": data.fingerprints,
            "checkpoint": past.checkpoint and past.checkpoint.name,
        },
    )
    base_fingerprint = past.base_fingerprint(recipe.model, past.base_name(base.name))
    path = training_path(recipe, model, data.splits, precision, stages, past.continued, ranks)
    ranks.spread([*model.parameters(), *model.buffers()])

    rows_together, encoder = recipe.evaluation.per_device_eval_batch_size, path.encoder()
    evaluators = {
        name: evaluator_of(split, rows_together, stages, encoder)
        for name, split in data.splits.items()
        if name == "dev" or (name == "test" and split.negatives)
    }
    stages.progress("preparing the training")
    arguments = training_arguments(
        recipe,
        model,
        precision,
        run.folder / "checkpoints",
        columns=[*dict.fromkeys(each for split in data.splits.values() for each in split.columns)],
        resumed=past.checkpoint is not None,
    )
    evaluates = "dev" in data.splits and recipe.evaluation.eval_strategy != "no"
    trainer = path.trainer(
        model=model,
        args=arguments,
        train_dataset=data.train.triplets,
        eval_dataset=data.splits["dev"].triplets if evaluates else None,
        loss=library_loss(model, recipe.loss),
        evaluator=evaluators.get("dev"),
    )
    sentences = recipe.evaluation.probes if evaluates and ranks.is_first else []
    if "dev" in data.splits:  # also where the recipe evaluates nothing: it can be asked for
        trainer.eval_dataset = data.splits["dev"].triplets
    return PreparedTraining(
        run=run,
        recipe=recipe,
        past=past,
        precision=precision,
        data=data,
        epoch=epoch,
        base=base,
        base_fingerprint=base_fingerprint,
        parameters=parameters,
        path=path,
        evaluators=evaluators,
        trainer=trainer,
        probes=Probes(sentences, model, path.vocabulary) if sentences else None,
        ranks=ranks,
    )


def fit(training: PreparedTraining, stages: Stages, stop: StopSignal, controls: Controls) -> None:
    """Take the steps that are left, and tell what comes of them."""
    from transformers import TrainerState

    from stplay.engine.training.callback import EventCallback
    from stplay.engine.training.checkpointfiles import STATE
    from stplay.engine.training.controlcallback import ControlCallback

    trainer, checkpoint = training.trainer, training.past.checkpoint
    tell_beginning = partial(announce, training, stages.events)
    stop.check()
    if checkpoint is not None and training.past.is_over:  # only what comes after is left to do
        trainer.state = TrainerState.load_from_json(str(checkpoint / STATE))
        tell_beginning(trainer.state)
        return
    trainer.add_callback(EventCallback(trainer, stages, tell_beginning, training.probes))
    trainer.add_callback(ControlCallback(trainer, controls, stop))
    stop.deferred = True  # the callback heeds it after a step
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    stop.requested = training.ranks.any(stop.requested)
    if stop.requested:
        training.ranks.part()
    stop.deferred = False
    stop.check()


def announce(training: PreparedTraining, events: EventSink, state: TrainerState) -> None:
    """Tell what begins, or goes on, at the step of ``state``."""
    if training.ranks.is_first:
        training.run.keep_overrides()  # only now does the run do what they say
    events.write(training.started(state.max_steps))
    if training.past.resumed and training.ranks.is_first:
        events.write(RunResumed(step=state.global_step))
        remove_partial(training.run)
    if training.past.is_extended:
        rate = training.trainer._get_learning_rate()
        note(
            events,
            f"The run is longer now: the learning rate goes on at {rate:.2g}, where the schedule "
            f"of all {count(state.max_steps)} steps stands after {count(state.global_step)}.",
        )
    for sentence in training.notes():
        note(events, sentence)


def finish(training: PreparedTraining, stages: Stages) -> None:
    """Evaluate on test, tell whether the training has diverged, and save the model."""
    from stplay.engine.evaluation.evaluators import evaluated

    run, model, state = training.run, training.base.model, training.trainer.state
    if test := training.evaluators.get("test"):
        metrics = test(model, epoch=state.epoch or 0.0, steps=state.global_step)
        stages.events.write(evaluated(test, "test", metrics, state))
    if run.read_log().diverged:
        note(
            stages.events,
            "The training has diverged: its loss or its weights are not finite, and its model is "
            "of no use. Make training.learning_rate smaller, or training.warmup_ratio larger.",
        )
    if not training.ranks.is_first:
        return
    stages.progress("saving the model")
    with training.path.whole():
        save_model(model, run.folder / "model")


def save_model(model: SentenceTransformer, folder: Path) -> None:
    """Save ``model`` with the library's own card; ``folder`` appears only once it is whole."""
    partial_folder = folder.with_name(f"{folder.name}{PARTIAL}")
    shutil.rmtree(partial_folder, ignore_errors=True)
    model.save_pretrained(str(partial_folder))
    manifest.record(partial_folder, folder.name)
    shutil.rmtree(folder, ignore_errors=True)  # of a process that died before its last word
    partial_folder.replace(folder)
    manifest.sync_folder(folder.parent)


def remove_partial(run: Run) -> None:
    """Remove what a save that failed half-way has left, and what a resume has replaced."""
    begun = (run.recipe_path, run.events_path, run.worker_log_path)
    if not any(path.exists() for path in begun):  # somebody removed the run: this came after
        shutil.rmtree(run.folder, ignore_errors=True)
        return
    saved = folders.saved_checkpoints(run.folder).values()
    for path in (run.folder / "checkpoints").glob("checkpoint-*"):
        if path not in saved:
            shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(run.folder / f"model{PARTIAL}", ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

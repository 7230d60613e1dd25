"""The evaluation process: ``python -m stplay.engine.evaluate EVALUATION_FOLDER``.

Judges triplets with each model asked for, as the library's ``TripletEvaluator`` does, and keeps
the similarities of every triplet.
"""

from __future__ import annotations

import shutil
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stplay.engine.worker.device import device_name
from stplay.engine.worker.eventsink import EventSink, note
from stplay.engine.worker.lastword import Advice, user_sentence
from stplay.engine.worker.libraries import versions
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.work import perform
from stplay.errors import UserError
from stplay.evaluations.evaluation import ENCODING_STAGE, Evaluation
from stplay.evaluations.results import EvaluatedModel, EvaluatedSplit, Result, Summary
from stplay.jobs.eventlog import EventWriter
from stplay.similarities import SIMILARITIES
from stplay.sources.names import TINY
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.engine.evaluation.evaluationsplit import EvaluationSplit

MOST_REASON = 200
ADVICE = Advice(
    disk_full="free some room there and evaluate again.",
    out_of_memory="close other programs, or evaluate fewer rows (--limit).",
)


def main() -> int:
    """Run the evaluation process on the folder named on the command line."""
    evaluation = Evaluation(Path(sys.argv[1]))
    return perform(
        EventWriter(evaluation.events_path),
        evaluation.folder,
        lambda stages: read_splits(evaluation, stages),
        lambda events, stop, splits: evaluate(evaluation, splits, events, lambda: stop.raised),
        evaluation.remove_partial_results,
        ADVICE,
    )


def evaluate(
    evaluation: Evaluation,
    splits: list[EvaluationSplit],
    events: EventSink,
    interrupted: Callable[[], bool],
) -> None:
    """Evaluate all that the request names on its ``splits``; the summary is written last.

    A model that cannot be evaluated, for whatever reason, is told in the summary, and the others
    go on, unless the process was ``interrupted``.

    Raises:
        UserError: none of the models can be used.
    """
    from stplay.engine.evaluation.modelcard import write_results

    begun = time.time()
    request, stages = evaluation.request(), Stages(events)
    summary = Summary(
        models=[],
        splits=[split.facts for split in splits],
        results=[],
        device="",
        precision="",
        versions=versions(),
        created=begun,
        seconds=0.0,
        truncate_dim=request.truncate_dim,
    )
    for name in request.models:
        facts = EvaluatedModel(name, untrained=name == TINY)
        summary.models.append(facts)
        try:
            summary.results += _judge(evaluation, facts, splits, summary, stages)
        except Exception as error:  # of one model: the figures of the others stand
            if interrupted():  # a library's word for being interrupted
                raise
            facts.error = _sentence(error, evaluation, name)
            _remove_results(evaluation, len(summary.models) - 1)  # first: they may fill the disk
            if not isinstance(error, UserError):
                traceback.print_exception(error)
                sys.stderr.flush()
            note(events, facts.error)
    if not summary.rated():
        raise UserError(" ".join(model.error or "" for model in summary.models))
    shutil.rmtree(evaluation.work_folder)
    if request.write_card:
        for sentence in write_results(summary):
            note(events, sentence)
    summary.precision = ", ".join(sorted(summary.precisions()))
    summary.seconds = time.time() - begun
    partial = evaluation.summary_path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    partial.replace(evaluation.summary_path)


def read_splits(evaluation: Evaluation, stages: Stages) -> list[EvaluationSplit]:
    """The splits that are asked for; tells what is strange about their rows.

    Raises:
        UserError: the data cannot be used.
    """
    from stplay.engine.data.triplets import split_names
    from stplay.engine.evaluation.evaluationsplit import EvaluationSplit

    evaluation.remove_partial_results()
    request = evaluation.request()
    evaluation.work_folder.mkdir()
    splits = [
        EvaluationSplit(
            request.data,
            name,
            request.limit,
            evaluation.triplets_path(place),
            evaluation.work_folder,
            stages,
            request.columns,
        )
        for place, name in enumerate(split_names(request.data, request.splits, stages))
    ]
    for split in splits:
        _note_rows(split.facts, stages.events)
        if split.remark:
            note(stages.events, split.remark)
    return splits


def _sentence(error: Exception, evaluation: Evaluation, name: str) -> str:
    """Why the model called ``name`` has no figures; the log has the rest of what was unforeseen."""
    name = printable(name)
    sentence = user_sentence(error, evaluation.folder, ADVICE)
    if sentence is None:
        reason = " ".join("".join(traceback.format_exception_only(error)).split())[:MOST_REASON]
        reason = reason.rstrip(":.")
        sentence = (
            f"{name} failed unexpectedly: {reason}; the whole story is in "
            f"{evaluation.worker_log_path}"
        )
    elif name not in sentence:
        sentence = f"{name}: {sentence}"
    return UserError(sentence).sentence


def _remove_results(evaluation: Evaluation, place: int) -> None:
    """Remove what the model at ``place`` has left."""
    for path in (
        *evaluation.folder.glob(f"scores-{place + 1}-*"),
        *evaluation.work_folder.iterdir(),
    ):
        path.unlink()


def _note_rows(facts: EvaluatedSplit, events: EventSink) -> None:
    if facts.skipped:
        note(
            events,
            f"{facts.skipped:,} of the rows of {facts.label} lack an anchor, a positive or a "
            "negative; they are left out.",
        )
    if facts.duplicates:
        note(
            events,
            f"{facts.duplicates:,} of the triplets of {facts.label} came before; they count "
            "again, as in the library.",
        )


def _judge(
    evaluation: Evaluation,
    facts: EvaluatedModel,
    splits: list[EvaluationSplit],
    summary: Summary,
    stages: Stages,
) -> list[Result]:
    """The figures of the newest model of ``summary``, whose own ``facts`` it completes.

    Raises:
        UserError: the model is missing, damaged, or gives numbers that are not finite.
    """
    from stplay.engine.models.basemodel import open_model
    from stplay.engine.packed.sentenceencoder import SentenceEncoder
    from stplay.evaluations.significance import accuracy

    request, begun = evaluation.request(), time.time()
    opened = open_model(facts.name, allow_pickle=request.allow_pickle, stages=stages)
    tell = partial(note, stages.events)
    encoder = SentenceEncoder(opened.model, request.truncate_dim, facts.name, tell)
    facts.folder, facts.revision = str(opened.folder), opened.revision
    summary.device = device_name(opened.model.device)
    facts.precision = opened.precision
    results, place = [], len(summary.models) - 1
    stage = f"{ENCODING_STAGE}{printable(facts.name)}"
    sentences = sum(len(split.sentences) for split in splits)
    total, before = len(request.models) * sentences, place * sentences
    for number, split in enumerate(splits):

        def progress(done: int, before: int = before) -> None:
            stages.progress(stage, before + done, total, "sentences")

        path = evaluation.scores_path(place, number)
        right, facts.dimensions = split.judge(encoder, path, progress)
        before += len(split.sentences)
        rows = split.facts.rows
        accuracies = {f"{name}_accuracy": accuracy(right[name], rows) for name in SIMILARITIES}
        accuracies["max_accuracy"] = accuracy(max(right.values()), rows)
        results.append(Result(facts.name, split.facts.split, accuracies))
    facts.seconds = time.time() - begun
    return results


if __name__ == "__main__":
    sys.exit(main())

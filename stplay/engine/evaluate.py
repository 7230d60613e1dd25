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
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stplay.engine.worker import work as worker
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.evaluations.evaluation import ENCODING_STAGE, Evaluation
from stplay.evaluations.results import SIMILARITIES, EvaluatedModel, Result, Summary
from stplay.jobs.eventlog import EventWriter
from stplay.runs import modelsathand
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.engine.evaluation.evaluationsplit import EvaluationSplit

MOST_REASON = 200
ADVICE = worker.Advice(
    disk_full="free some room there and evaluate again.",
    out_of_memory="close other programs, or evaluate fewer rows (--limit).",
)


def main() -> int:
    """Run the evaluation process on the folder named on the command line."""
    evaluation = Evaluation(Path(sys.argv[1]))
    return worker.perform(
        EventWriter(evaluation.events_path),
        evaluation.folder,
        lambda events, stop: evaluate(evaluation, events, lambda: stop.raised),
        evaluation.remove_partial_results,
        ADVICE,
    )


def evaluate(evaluation: Evaluation, events: EventWriter, interrupted: Callable[[], bool]) -> None:
    """Evaluate all that the request names; the summary is written last.

    A model that cannot be evaluated, for whatever reason, is told in the summary, and the others
    go on, unless the process was ``interrupted``.

    Raises:
        UserError: the data cannot be used, or none of the models.
    """
    from stplay.engine.data.triplets import split_names
    from stplay.engine.evaluation.evaluationsplit import EvaluationSplit
    from stplay.engine.evaluation.modelcard import write_results

    evaluation.remove_partial_results()
    begun = time.time()
    request, stages = evaluation.request(), Stages(events)
    work = evaluation.work_folder
    work.mkdir()
    splits = [
        EvaluationSplit(
            request.data, name, request.limit, evaluation.triplets_path(place), work, stages
        )
        for place, name in enumerate(split_names(request.data, request.splits, stages))
    ]
    for split in splits:
        _note_rows(split, events)
    summary = Summary(
        models=[],
        splits=[split.facts for split in splits],
        results=[],
        device="",
        precision="",
        versions=worker.versions(),
        created=begun,
        seconds=0.0,
        truncate_dim=request.truncate_dim,
    )
    sentences = sum(len(split.sentences) for split in splits)
    for place, name in enumerate(request.models):
        stage = f"{ENCODING_STAGE}{printable(name)}"

        def progress(done: int, stage: str = stage, before: int = place * sentences) -> None:
            stages.progress(stage, before + done, len(request.models) * sentences, "sentences")

        facts = EvaluatedModel(name, untrained=name == modelsathand.UNTRAINED)
        summary.models.append(facts)
        try:
            summary.results += _judge(evaluation, facts, splits, summary, stages, progress)
        except Exception as error:  # of one model: the figures of the others stand
            if interrupted():  # a library's word for being interrupted
                raise
            facts.error = _sentence(error, evaluation, name)
            _remove_results(evaluation, place)  # first: they may have filled the disk
            if not isinstance(error, UserError):
                traceback.print_exception(error)
                sys.stderr.flush()
            worker.note(events, facts.error)
    if not summary.rated():
        raise UserError(" ".join(model.error or "" for model in summary.models))
    shutil.rmtree(work)
    if request.write_card:
        for sentence in write_results(summary):
            worker.note(events, sentence)
    summary.precision = ", ".join(sorted(summary.precisions()))
    summary.seconds = time.time() - begun
    partial = evaluation.summary_path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(summary)))
    partial.replace(evaluation.summary_path)


def _sentence(error: Exception, evaluation: Evaluation, name: str) -> str:
    """Why the model called ``name`` has no figures; the log has the rest of what was unforeseen."""
    name = printable(name)
    sentence = worker.user_sentence(error, evaluation.folder, ADVICE)
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


def _note_rows(split: EvaluationSplit, events: EventWriter) -> None:
    facts = split.facts
    if facts.skipped:
        worker.note(
            events,
            f"{facts.skipped:,} of the rows of {facts.label} have an empty sentence; they are "
            "left out.",
        )
    if facts.duplicates:
        worker.note(
            events,
            f"{facts.duplicates:,} of the rows of {facts.label} came before; they count again, "
            "as in the library.",
        )


def _judge(
    evaluation: Evaluation,
    facts: EvaluatedModel,
    splits: list[EvaluationSplit],
    summary: Summary,
    stages: Stages,
    progress: Callable[[int], None],
) -> list[Result]:
    from stplay.engine.models.basemodel import open_model
    from stplay.engine.packed.sentenceencoder import Encoder
    from stplay.evaluations.significance import accuracy

    request, begun = evaluation.request(), time.time()
    opened = open_model(facts.name, allow_pickle=request.allow_pickle, stages=stages)
    encoder = Encoder(opened.model, request.truncate_dim, facts.name)
    facts.folder, facts.revision = str(opened.folder), opened.revision
    summary.device = worker.device_name(opened.model.device)
    facts.precision = opened.precision
    results, before = [], 0
    place = len(summary.models) - 1
    for number, split in enumerate(splits):

        def count(done: int, before: int = before) -> None:
            progress(before + done)

        right, facts.dimensions = split.judge(encoder, evaluation.scores_path(place, number), count)
        before += len(split.sentences)
        rows = split.facts.rows
        accuracies = {f"{name}_accuracy": accuracy(right[name], rows) for name in SIMILARITIES}
        accuracies["max_accuracy"] = accuracy(max(right.values()), rows)
        results.append(Result(facts.name, split.facts.split, accuracies))
    facts.seconds = time.time() - begun
    return results


if __name__ == "__main__":
    sys.exit(main())

"""The evaluation process: what it keeps, what it tells, and what it makes of bad input."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stplay, write_triplets
from huggingface_hub import ModelCard, ModelCardData
from judges import library
from runner import events_of
from samplerun import finished_run
from sentence_transformers import SentenceTransformer
from smallmodels import DIMENSIONS, small_model

from stplay.engine.evaluate import evaluate, read_splits
from stplay.engine.evaluation.evaluationsplit import EvaluationSplit
from stplay.engine.models import basemodel as model
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.evaluations.breakdown import by_source, histogram
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.evaluations.results import METRICS
from stplay.evaluations.significance import compare
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted, RunFinished, StageProgressed, WorkerStarted
from stplay.similarities import SIMILARITIES

ROWS, EMPTY, REPEATED = 60, 3, 4


def silent() -> Stages:
    return Stages(EventWriter(Path(os.devnull)))


def judge_all(evaluation: Evaluation, interrupted: Callable[[], bool]) -> None:
    """What the evaluation process does, here."""
    events = EventWriter(evaluation.events_path)
    evaluate(evaluation, read_splits(evaluation, Stages(events)), events, interrupted)


def saved_model(folder: Path, seed: int, broken: bool = False) -> Path:
    """A small random model on disk; a broken one has a weight that is not a number."""
    made = small_model(seed, folder.with_suffix(".made"))
    if broken:
        with torch.no_grad():
            next(parameter for parameter in made.parameters()).fill_(float("nan"))
    made.save_pretrained(str(folder), create_model_card=False)
    return folder


def mixed_data(path: Path) -> Path:
    """Triplets of two sources, of which some are empty and some come twice."""
    write_triplets(path, ROWS)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row["source"] = "snli" if number % 3 else "mnli"
    rows[5:5] = [rows[0] | {"negative": ""}, rows[0] | {"anchor": " \t"}]
    rows += [*rows[:2], *rows[:2], rows[0] | {"positive": ""}]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


Mixed = tuple[Evaluation, "subprocess.CompletedProcess[str]", Path]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mixed]:
    """One evaluation of a model of other dimensions, one that gives NaN, and one of 384."""
    folder = tmp_path_factory.mktemp("mixed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folder / "home"))
        small = saved_model(folder / "small", 1)
        saved_model(folder / "broken", 2, broken=True)
        data = mixed_data(folder / "mixed.jsonl")
        names = [str(small), str(folder / "broken"), "builtin:tiny"]
        done = run_stplay("eval", *names, "--data", str(data), "--json")
        (evaluation,) = Evaluation.every()
        yield evaluation, done, folder


def test_a_model_that_gives_nan_is_told_and_the_others_are_kept(mixed: Mixed) -> None:
    evaluation, done, folder = mixed
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    (told,) = [line for line in done.stderr.splitlines() if "not finite" in line]
    assert told.startswith(f"stplay: The model {folder / 'broken'} gives numbers that are not")
    assert "The animal" in told or "The " in told  # names a sentence
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    *figures, failed = lines
    assert [line["model"] for line in figures] == [str(folder / "small"), "builtin:tiny"]
    summary = evaluation.summary()
    assert failed == {"model": str(folder / "broken"), "error": summary.models[1].error}
    assert [model.error is None for model in summary.models] == [True, False, True]
    shown = run_stplay("evaluations", evaluation.id)
    assert shown.returncode == 0
    assert "✗ " in shown.stdout
    with pytest.raises(UserError, match="has no figures: The model"):
        evaluation.scores(str(folder / "broken"), "mixed")


FULL = OSError(errno.ENOSPC, "No space left on device")
LOST = FileNotFoundError(errno.ENOENT, "No such file or directory", "model.safetensors")


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("no such\nthing:"), "b failed unexpectedly: ValueError: no such thing; the "),
        (KeyError("x" * 9000), "b failed unexpectedly: KeyError: 'xxx"),
        (RecursionError(), "b failed unexpectedly: RecursionError; the whole story is in "),
        (LOST, "b failed unexpectedly: FileNotFoundError: [Errno 2] No such file or directory"),
        (UserError("The model b is odd."), "The model b is odd."),
        (UserError("It is odd."), "b: It is odd."),
        (MemoryError(), "b: The memory ran out; close other programs, or evaluate fewer rows"),
        (RuntimeError("CUDA out of memory"), "b: The memory ran out; close other programs"),
        (FULL, "is full; free some room there and evaluate again."),
    ],
)
@pytest.mark.parametrize("at", ["open", "first", "second"])
def test_a_model_that_fails_anyhow_takes_nothing_from_the_others(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    raised: Exception,
    told: str,
    at: str,
) -> None:
    for split in ("dev", "test"):
        write_triplets(tmp_path / f"{split}.jsonl", 6)
    names = [str(saved_model(tmp_path / name, 1)) for name in ("a", "b", "c")]
    evaluation = Evaluation.create(Request(names, str(tmp_path), ["dev", "test"]))
    judge, opened, before = EvaluationSplit.judge, model.open_model, tmp_path / "b"

    def judging(self: EvaluationSplit, encoder: SentenceEncoder, path: Path, *rest: Any) -> Any:
        found = judge(self, encoder, path, *rest)
        if (
            path.name.startswith("scores-2")
            and at == {"dev": "first", "test": "second"}[self.facts.split]
        ):
            raise raised
        return found

    def opening(name: str, **options: Any) -> model.OpenedModel:
        if name == names[1] and at == "open":
            raise raised
        return opened(name, **options)

    monkeypatch.setattr(EvaluationSplit, "judge", judging)
    monkeypatch.setattr(model, "open_model", opening)
    judge_all(evaluation, lambda: False)
    summary = evaluation.summary()
    errors = [each.error for each in summary.models]
    assert (errors[0], errors[2]) == (None, None)
    assert errors[1] is not None
    assert len(errors[1]) < 700
    assert told in errors[1].replace(str(before), "b")
    assert {each.model for each in summary.results} == {names[0], names[2]}
    assert len(summary.results) == 4
    assert all(len(evaluation.scores(name, "test").right("cosine")) == 6 for name in names[::2])
    assert not list(evaluation.folder.glob("scores-2-*"))
    assert not evaluation.work_folder.exists()
    (noted,) = [each.text for each in events_of(evaluation) if isinstance(each, Noted)]
    assert noted == errors[1]
    assert ("Traceback" in capfd.readouterr().err) is not isinstance(raised, UserError)


def test_without_one_good_model_their_sentences_are_all_that_is_told(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(name: str, **options: Any) -> model.OpenedModel:
        raise ValueError(f"bad {name}")

    monkeypatch.setattr(model, "open_model", opening)
    evaluation = Evaluation.create(
        Request(["builtin:tiny", "org/name"], str(write_triplets(tmp_path / "rows.jsonl", 6)))
    )
    with pytest.raises(UserError) as error:
        judge_all(evaluation, lambda: False)
    for name in ("builtin:tiny", "org/name"):
        assert f"{name} failed unexpectedly: ValueError: bad {name};" in error.value.sentence
    with pytest.raises(UserError, match="no summary"):
        evaluation.summary()


def test_what_a_library_makes_of_an_interruption_is_no_fault_of_the_model(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(name: str, **options: Any) -> model.OpenedModel:
        raise ValueError("interrupted")

    monkeypatch.setattr(model, "open_model", opening)
    data = str(write_triplets(tmp_path / "rows.jsonl", 6))
    evaluation = Evaluation.create(Request(["builtin:tiny"], data))
    with pytest.raises(ValueError, match="interrupted"):
        judge_all(evaluation, lambda: True)


def test_other_dimensions_than_384_work_and_are_told(mixed: Mixed) -> None:
    evaluation, _, _ = mixed
    assert [model.dimensions for model in evaluation.summary().rated()] == [DIMENSIONS, 384]
    shown = run_stplay("evaluations", evaluation.id).stdout
    assert "24 dimensions" in shown
    assert "384 dimensions" in shown


def test_empty_and_repeated_rows_are_told_and_counted(mixed: Mixed) -> None:
    evaluation, done, _ = mixed
    (split,) = evaluation.summary().splits
    assert (split.split, split.label) == ("mixed", "mixed")
    assert (split.rows, split.skipped, split.duplicates) == (ROWS + REPEATED, EMPTY, REPEATED)
    assert (
        "3 of the rows of mixed lack an anchor, a positive or a negative; they are" in done.stderr
    )
    assert "4 of the triplets of mixed came before; they count again" in done.stderr
    triplets = evaluation.triplets("mixed")
    assert triplets.rows[4:7].tolist() == [5, 8, 9]  # the rows of the file, from 1
    assert len(triplets) == ROWS + REPEATED


def test_figures_equal_the_librarys_on_the_same_rows(mixed: Mixed) -> None:
    evaluation, done, folder = mixed
    triplets = evaluation.triplets("mixed")
    rows = [triplets.sentences(place) for place in range(len(triplets))]
    right, accuracies = library(SentenceTransformer(str(folder / "small"), device="cpu"), rows)
    scores = evaluation.scores(str(folder / "small"), "mixed")
    for name in SIMILARITIES:
        np.testing.assert_array_equal(scores.right(name), right[name])
    line = json.loads(done.stdout.splitlines()[0])
    for metric in METRICS:
        assert line[metric] == pytest.approx(accuracies[metric], abs=1e-6)
    assert line["rows"] == len(rows)


def test_accuracies_by_source(mixed: Mixed) -> None:
    evaluation, _, folder = mixed
    triplets = evaluation.triplets("mixed")
    right = evaluation.scores(str(folder / "small"), "mixed").right("cosine")
    groups = by_source(triplets.sources, [right])
    assert [group.name for group in groups] == ["snli", "mnli"]
    assert [group.rows for group in groups] == [42, 22]
    for group in groups:
        expected = right[triplets.sources == group.name].mean()
        assert group.accuracies[0].value == pytest.approx(expected)
    margins = evaluation.scores(str(folder / "small"), "mixed").margins("cosine")
    bins = histogram(margins)
    assert sum(each.rows for each in bins) == ROWS + REPEATED
    assert sum(each.rows for each in bins if each.low >= 0) >= right.sum()


def test_the_wrong_of_one_that_the_other_gets_right(mixed: Mixed) -> None:
    evaluation, _, folder = mixed
    names = (str(folder / "small"), "builtin:tiny")
    rights = [evaluation.scores(name, "mixed").right("cosine") for name in names]
    compared = compare(rights[0], rights[1])
    differing = 0
    for wrong, better, count in (
        (*names, compared.b_better),
        (*reversed(names), compared.a_better),
    ):
        done = run_stplay("wrong", evaluation.id, "--model", wrong, "--better", better)
        found = [json.loads(line) for line in done.stdout.splitlines()]
        assert len(found) == count
        assert [each["margin"] for each in found] == sorted(each["margin"] for each in found)
        differing += count
    assert differing > 0
    shown = run_stplay("evaluations", evaluation.id).stdout
    # The lines are wrapped, and a path may be broken where they are.
    assert "".join(compared.words(*names).split()) in "".join(shown.split())


def test_progress_is_told_from_the_first_second_to_the_last(mixed: Mixed) -> None:
    evaluation, done, _ = mixed
    found = events_of(evaluation)
    assert isinstance(found[0], WorkerStarted)
    assert isinstance(found[-1], RunFinished)
    assert (found[-1].outcome, found[-1].exit_code) == ("completed", 0)
    stages = [event for event in found if isinstance(event, StageProgressed)]
    assert stages[0].time - found[0].time < 1
    encoding = [stage for stage in stages if stage.stage.startswith("encoding with ")]
    told = [stage.done for stage in encoding]
    assert told == sorted(told)
    assert {stage.total for stage in encoding} == {3 * 3 * ROWS}  # three models
    assert told[-1] == 3 * 3 * ROWS
    assert "encoding with builtin:tiny" in done.stderr


def test_the_folder_holds_what_is_needed_and_nothing_else(mixed: Mixed) -> None:
    evaluation, _, folder = mixed
    assert {path.name for path in evaluation.folder.iterdir()} == {
        "request.json",
        "events.jsonl",
        "worker.log",
        "summary.json",
        "triplets-1.parquet",
        "scores-1-1.parquet",
        "scores-3-1.parquet",
    }
    summary = evaluation.summary()
    assert summary.precision == "float32"
    assert summary.device.startswith("CPU")
    assert {"stplay", "torch", "sentence-transformers"} <= set(summary.versions)
    assert summary.models[0].folder == str(folder / "small")
    assert [model.untrained for model in summary.models] == [False, False, True]
    assert len(summary.splits[0].fingerprint) == 64
    assert evaluation.worker_log_path.read_text(encoding="utf-8").count("Traceback") == 0


def test_every_checkpoint_of_a_run_and_its_card(home: Path, tmp_path: Path) -> None:
    run = finished_run("done")
    (run.folder / "checkpoints").mkdir()
    saved_model(run.folder / "checkpoints" / "x", 1)
    saved_model(run.folder / "model", 2)
    data = write_triplets(tmp_path / "rows.jsonl", 30)
    done = run_stplay(
        "eval", "run:done", "--checkpoints", "--data", str(data), "--truncate-dim", "8",
        "--write-card", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["model"] for line in lines] == ["run:done@300", "run:done"]
    (evaluation,) = Evaluation.every()
    summary = evaluation.summary()
    assert summary.truncate_dim == 8
    assert {model.dimensions for model in summary.models} == {8}
    for line, folder in zip(lines, ("checkpoints/x", "model"), strict=True):
        path = run.folder / folder / "README.md"
        assert f"The figures are in {path}" in done.stderr
        data_ = ModelCard.load(path).data
        assert isinstance(data_, ModelCardData)
        found = {each.metric_type: each.metric_value for each in data_.eval_results or []}
        assert found == {metric: round(line[metric], 4) for metric in METRICS}

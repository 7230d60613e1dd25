"""Which model answers where none is named, and why: judged by the runs' own events."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from samplerun import finished_run

from stplay.jobs import manifest
from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.jobs.events import Evaluated, Event, RunStarted, TrainLogged
from stplay.runs import modelsathand
from stplay.runs.run import Run
from stplay.similarities import SIMILARITIES
from stplay.sources import minilm

MINILM = "builtin:minilm"


@pytest.fixture(autouse=True)
def _packaged(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(minilm, "is_installed", lambda: True)


def trained(
    name: str,
    dev: tuple[float | None, float | None] | None = (0.82, 1.66),
    losses: list[float | None] = [3.0, 2.0, 1.5],  # noqa: B006
    batch: int = 32,
    model: bool = True,
    **started: Any,
) -> Run:
    """A finished run on real data with these last dev figures (accuracy, loss), and its model."""
    run = finished_run(name, steps=len(losses), synthetic=False)
    recipe = msgspec.to_builtins(run.recipe())
    recipe["training"]["per_device_train_batch_size"] = batch
    recipe["evaluation"]["per_device_eval_batch_size"] = batch
    rest = iter(losses)
    events: list[Event] = []
    for event in EventReader(run.events_path).read():
        match event:
            case RunStarted():
                event = msgspec.structs.replace(event, recipe=recipe, **started)
            case TrainLogged():
                event = msgspec.structs.replace(event, loss=next(rest))
            case Evaluated():
                if dev is None:
                    continue
                event = msgspec.structs.replace(event, cosine_accuracy=dev[0], loss=dev[1])
        events.append(event)
    run.events_path.unlink()
    writer = EventWriter(run.events_path)
    for event in events:
        writer.write(event)
    writer.close()
    if model:
        (run.folder / "model").mkdir()
    return run


def test_nothing_was_trained() -> None:
    assert modelsathand.best() == (MINILM, "no finished run on real data is here")


@pytest.mark.parametrize(
    ("figures", "unfit"),
    [
        ({}, None),
        ({"dev": (0.849, 0.9), "batch": 16}, None),  # the published card
        ({"dev": (0.95, 0.4), "losses": [0.5], "batch": 16}, None),  # a good base, for a moment
        ({"dev": None, "losses": [0.4]}, None),
        ({"dev": (0.57, 3.9)}, "undertrained: dev cosine accuracy 0.570"),
        ({"dev": (0.79, 4.1)}, "undertrained: dev loss 4.10"),
        ({"dev": (0.8, None)}, None),
        # Pairs have no accuracy, and of a batch of 32 a blank model's loss is ln 32.
        ({"dev": (None, 1.7), "negatives": {"dev": 0}}, None),
        ({"dev": (None, 1.8), "negatives": {"dev": 0}}, "undertrained: dev loss 1.80"),
        ({"dev": (0.82, 2.6), "negatives": {"dev": 5}}, None),
        ({"dev": (0.82, 2.6)}, "undertrained: dev loss 2.60"),
        (
            {"dev": None, "losses": [2.0], "negatives": {"train": 0}},
            "undertrained: training loss 2.00",
        ),
        ({"dev": (None, None), "losses": [4.0]}, "undertrained: training loss 4.00"),
        ({"dev": None, "losses": [4.2, 4.1, 4.0]}, "undertrained: training loss 4.05"),
        ({"dev": None, "losses": [4.2, 4.1, 4.0, 4.0, 0.003]}, "undertrained: training loss 4.00"),
        ({"dev": None, "losses": []}, "no figures to judge it by"),
        ({"losses": [3.0, None]}, "diverged"),
        ({"synthetic": True}, "synthetic data"),
    ],
)
def test_a_run_is_judged_by_its_own_figures(figures: dict[str, Any], unfit: str | None) -> None:
    trained("mine", **figures)
    if unfit is None:
        assert modelsathand.best() == ("run:mine", "it is the newest finished run on real data")
        assert modelsathand.offered()[0] == ("run:mine", "a finished run")
    else:
        name, why = modelsathand.best()
        assert name == MINILM
        assert why.startswith("no finished run on real data is ")
        assert why.endswith(f"(run:mine: {unfit})")
        assert modelsathand.offered()[0].name == MINILM
        assert ("run:mine", f"a finished run, {unfit}") in modelsathand.offered()


def test_what_was_evaluated_before_the_first_step_is_the_base_model() -> None:
    """And a figure that is older than another one does not judge the model of the end."""
    run = trained("mine", dev=None, losses=[4.2, 4.1, 4.0])
    writer = EventWriter(run.events_path)

    def evaluated(step: int, split: Literal["dev", "test"], accuracy: float) -> None:
        accuracies = dict.fromkeys((*SIMILARITIES, "max"), accuracy)
        figures = {f"{name}_accuracy": value for name, value in accuracies.items()}
        writer.write(Evaluated(step=step, epoch=0.0, split=split, data="mine", rows=500, **figures))

    evaluated(0, "dev", 0.958)
    assert modelsathand.best().why.endswith("(run:mine: undertrained: training loss 4.05)")
    evaluated(100, "dev", 0.5)
    evaluated(300, "test", 0.85)
    assert modelsathand.best().name == "run:mine"
    evaluated(300, "test", 0.083)
    assert modelsathand.best().why.endswith("(run:mine: undertrained: test cosine accuracy 0.083)")


def test_a_run_whose_model_is_damaged_is_named() -> None:
    folder = trained("mine").folder / "model"
    (folder / "model.safetensors").write_bytes(b"weights")
    manifest.record(folder)
    assert modelsathand.best().name == "run:mine"
    (folder / "model.safetensors").write_bytes(b"")
    assert modelsathand.best().why.endswith("(run:mine: its model is damaged)")


def test_the_newest_that_is_fit_answers_and_those_passed_over_are_named() -> None:
    trained("old")
    trained("fit")
    trained("bad", dev=(0.5, 4.1))
    for number in range(modelsathand.MOST_RUNS):
        finished_run(f"toy-{number}").folder.joinpath("model").mkdir()
    best = modelsathand.best()
    assert best.name == "run:fit"
    assert best.why == (
        "it is the newest finished run on real data that is fit (run:toy-4: synthetic data)"
    )
    names = [model.name for model in modelsathand.offered()]
    assert names[0] == "run:fit"
    assert len(names) == len(set(names))
    assert "run:toy-4" in names


def test_a_run_that_has_no_model_any_more_is_none() -> None:
    trained("gone", model=False)
    assert modelsathand.best().name == MINILM
    assert all(model.name != "run:gone" for model in modelsathand.offered())


def test_where_nothing_is_installed_the_cache_and_then_the_untrained_one_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(minilm, "is_installed", lambda: False)
    monkeypatch.setattr(modelsathand, "cached_hub_models", lambda: ["org/one", "org/two"])
    assert modelsathand.best() == (
        "org/one",
        "no finished run on real data is here, builtin:minilm is not installed",
    )
    assert modelsathand.offered()[0].name == "org/one"
    monkeypatch.setattr(modelsathand, "cached_hub_models", lambda: [])
    assert modelsathand.best().name == "builtin:tiny"
    assert modelsathand.best().why.endswith("and the Hub's cache has no sentence encoder")


def test_a_newer_recipe_is_judged_all_the_same() -> None:
    run = trained("newer", dev=(0.82, 1.0))
    text = run.events_path.read_text()
    run.events_path.write_text(text.replace('"loss":{"scale"', '"new_part":{},"loss":{"scale"'))
    assert '"new_part"' in run.events_path.read_text()
    assert Run.find("newer").read_log().started is not None
    assert modelsathand.best().name == "run:newer"

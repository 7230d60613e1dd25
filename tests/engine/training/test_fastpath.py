"""When the fast engine is taken, what it says of itself, and runs that began with another one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import make_home, run_stplay, write_triplets
from runner import logged, small_recipe, start, wait_for
from unpackablemodels import unpackable

from stplay.jobs.events import Engine
from stplay.runs.run import Run


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for the runs of this module."""
    folder = make_home(tmp_path_factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folder))
        yield folder


def engine_of(run: Run) -> Engine:
    started = run.read_log().started
    assert started is not None
    assert started.engine is not None
    return started.engine


def stopped_run(folder: Path, name: str, **changes: str) -> Run:
    """A run that was stopped with a checkpoint on its way."""
    run = start(small_recipe(folder, **changes), name)
    wait_for(run, logged(8))
    assert run_stplay("stop", name).returncode == 0
    assert run.read_log().status == "stopped"
    return run


def test_a_model_of_another_kind_takes_the_librarys_path_and_says_so(tmp_path: Path) -> None:
    base = tmp_path / "albert"
    unpackable("ALBERT", tmp_path).save_pretrained(str(base))
    recipe = small_recipe(tmp_path / "data", model__base=str(base), training__max_steps="4")
    done = run_stplay(*recipe, "--name=albert")
    assert done.returncode == 0, done.stderr
    run = Run.find("albert")
    assert engine_of(run).name == "stock"
    assert str(engine_of(run).why).startswith("its architecture, albert, is none of bert")
    (note,) = [note.text for note in run.read_log().notes]
    assert note == f"The library's own path is taken for the training, as {engine_of(run).why}."
    assert "the library's own path" in done.stdout


def test_the_library_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, training__engine="stock", training__max_steps="4")
    assert run_stplay(*recipe, "--name=asked").returncode == 0
    run = Run.find("asked")
    assert engine_of(run) == Engine(name="stock")
    assert not run.read_log().notes


def test_what_fits_is_told(tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, training__max_steps="2")
    done = run_stplay(*recipe, "--name=whole")
    assert "one forward a step, " in done.stdout
    engine = engine_of(Run.find("whole"))
    assert engine.name == "fast"
    assert engine.most_tokens is not None
    assert engine.largest_batch_tokens is not None
    assert engine.most_tokens > engine.largest_batch_tokens
    recipe = small_recipe(tmp_path, training__max_steps="2", loss__mini_batch_size="2")
    done = run_stplay(*recipe, "--name=parts")
    cached = engine_of(Run.find("parts")).most_tokens
    assert f"gradient caching by {cached} tokens" in done.stdout


def test_a_run_whose_data_changed_is_not_resumed(tmp_path: Path) -> None:
    run = stopped_run(tmp_path, "changed")
    before = run.events_path.read_bytes()
    path = tmp_path / "train.jsonl"
    path.write_text(path.read_text().replace("sleeps", "snores"), encoding="utf-8")
    done = run_stplay("resume", "changed")
    assert done.returncode == 2
    assert (
        "The training data is no longer what this run began with (train: 80 triplets as then, but "
        "not the same); put it back and resume, or start a new run." in done.stderr
    )
    assert run.events_path.read_bytes().startswith(before)
    write_triplets(path, 80)
    assert run_stplay("resume", "changed").returncode == 0
    assert run.read_log().status == "completed"


def test_a_run_of_an_earlier_stplay_goes_on_as_it_began(tmp_path: Path) -> None:
    run = stopped_run(tmp_path, "earlier", training__engine="stock")
    # Neither its recipe nor its events knew of engines.
    run.recipe_path.write_text(run.recipe_path.read_text().replace('engine = "stock"\n', ""))
    events = run.events_path.read_text()
    assert '"engine":{"name":"stock"},' in events
    assert '"engine":"stock",' in events
    run.events_path.write_text(re.sub(r'"engine":(\{"name":"stock"\}|"stock"),', "", events))
    assert run.recipe().training.engine == "fast"
    done = run_stplay("resume", "earlier")
    assert done.returncode == 0, done.stderr
    assert engine_of(run) == Engine(name="stock", why="the run began with it")

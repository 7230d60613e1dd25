"""A run goes on as it was begun, from its newest checkpoint that is whole, or not at all."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from changedruns import (
    BARE,
    NEVER_LISTED,
    NEWEST,
    OLDER,
    SPLITS,
    Given,
    as_an_older_log,
    change_base,
    change_base_without_a_checkpoint,
    cut,
    cut_in_half,
    damage_both,
    damage_the_beginning,
    edit,
    exchange_checkpoints,
    fewer_than_a_batch,
    forget_checkpoints,
    move_a_word,
    move_data,
    nothing,
    swap_rows,
    without_manifests,
)
from checkout import SUPPORT
from conftest import write_triplets
from runner import SMALL, figures
from smallmodels import small_model

from stplay.engine.data import fingerprints
from stplay.errors import UserError
from stplay.jobs import folders, manifest
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import RunStarted
from stplay.runs import recipe
from stplay.runs.run import Run

DATA = "is no longer what this run began with"
REFUSED: dict[str, tuple[Callable[[Given], None], str]] = {
    "half the rows": (cut_in_half, "training data " + DATA + " (train: 80 triplets then, 40 now)"),
    "too few rows for a batch": (fewer_than_a_batch, "(train: 80 triplets then, 4 now)"),
    "rows swapped": (swap_rows("train"), "(train: 80 triplets as then, but not the same)"),
    "a word moved": (move_a_word, "(train: 80 triplets as then, but not the same)"),
    "dev": (swap_rows("dev"), "The dev data is no longer"),
    "test": (swap_rows("test"), "The test data is no longer"),
    "data gone": (lambda given: given.data["train"].unlink(), "has no file for train"),
    "another rate": (
        edit("learning_rate = 0.001", "learning_rate = 0.002"),
        "The recipe is no longer what this run began with (training.learning_rate: 0.001 then, "
        "0.002 now)",
    ),
    "a limit": (edit("train_rows = 80", "train_rows = 79"), "data.train_rows: 80 then, 79 now"),
    "a limit less": (edit("dev_rows = 24\n", ""), "data.dev_rows: 24 then, nothing now"),
    "fewer steps": (
        edit("max_steps = 18", "max_steps = 15"),
        "training.max_steps: 18 then, 15 now",
    ),
    "moved, of an older log": (as_an_older_log(move_data), "(data.train: "),
    "no dev": (edit("dev = ", "# dev = "), "data.dev: "),
    "another base": (change_base_without_a_checkpoint, "model.* " + DATA),
    "no whole checkpoint": (damage_both, "No checkpoint of the run .* is whole"),
    "checkpoints exchanged": (exchange_checkpoints, "its files are those of checkpoint-12"),
    "an older log": (as_an_older_log(cut_in_half), "(train: 80 triplets then, 40 now)"),
    "stock": (cut_in_half, "(train: 80 triplets then, 40 now)"),
}
GOES_ON: dict[str, tuple[Callable[[Given], None], str]] = {
    "nothing changed": (nothing, ""),
    "stock goes on": (nothing, ""),
    "a log damaged": (damage_the_beginning, "no longer tells what this run began with"),
    "an older stplay's": (without_manifests(as_an_older_log(nothing)), ""),
    "checkpoints kept": (
        edit("save_total_limit = 3", "save_total_limit = 2"),
        "The recipe was changed: training.save_total_limit: 3 then, 2 now.",
    ),
    "base gone": (lambda given: shutil.rmtree(given.base), "goes on from its own checkpoint"),
    "base changed": (change_base, "goes on from its own checkpoint"),
    "data moved": (move_data, "The recipe was changed: data.train: "),
    "no checkpoint yet": (forget_checkpoints, ""),
    "newest cut": (
        cut("optimizer.pt"),
        "The checkpoint of step 13 is damaged (optimizer.pt has ",
    ),
    "newest gone": (
        lambda given: shutil.rmtree(given.checkpoint(NEWEST)),
        "is damaged (it is gone)",
    ),
    "state cut": (cut("trainer_state.json"), "(trainer_state.json has "),
    "weights cut, of old": (
        without_manifests(cut("model.safetensors")),
        "(model.safetensors cannot be read)",
    ),
    "optimizer cut, of old": (
        without_manifests(cut("optimizer.pt")),
        "(optimizer.pt cannot be read)",
    ),
    "state cut, of old": (
        without_manifests(cut("trainer_state.json")),
        "(trainer_state.json cannot be read)",
    ),
}
CHANGES = ("training.logging_steps=1", "evaluation.eval_steps=2", "training.save_steps=1")
FALLS_BACK = ("newest cut", "newest gone", "state cut")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Given]:
    """All runs, resumed once after their change, in one process: that of a case by its name.

    "uninterrupted" was not stopped; the others were, after step 13 of 18.
    """
    folder = tmp_path_factory.mktemp("resumed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folder / "home"))
        first = _begin(folder, "first", "fast")
        stock = _begin(folder, "stock-first", "stock")
        begun = (str(each.run.folder) for each in (first, stock))
        _train(*(word for each in begun for word in ("--stop-only", "12", each)))
        uninterrupted = _begin(folder, "uninterrupted", "fast")
        uninterrupted_stock = _begin(folder, "uninterrupted-stock", "stock")
        made = {"uninterrupted": uninterrupted, "uninterrupted stock": uninterrupted_stock}
        for case, (change, _) in (REFUSED | GOES_ON).items():
            made[case] = _copy(folder, stock if case.startswith("stock") else first, case)
            change(made[case])
        # In the steps that are left, more is told and saved; then it goes on once more.
        made["changed"] = changed = _copy(folder, first, "changed")
        _train(
            *("--change", "15", str(changed.run.folder), *CHANGES),
            *(f"--attempt={each.run.folder}" for each in made.values()),
        )
    return lambda case: made[case]


def _begin(folder: Path, name: str, engine: str) -> Given:
    place = folder / "data" / name
    place.mkdir(parents=True)
    small_model(3, place / "transformer").save_pretrained(str(place / "base"))
    for split, start in zip(SPLITS, (0, 100, 200), strict=True):
        write_triplets(place / f"{split}.jsonl", 80, start)
    settings = SMALL | dict.fromkeys((f"data.{split}" for split in SPLITS), str(place))
    settings |= {"training.max_steps": "18", "training.engine": engine}
    settings |= {"model.base": str(place / "base")}
    chosen = recipe.load("sample", [f"{field}={value}" for field, value in settings.items()])
    return Given(Run.create(chosen, name, "sample"), place)


def _copy(folder: Path, given: Given, case: str) -> Given:
    name = case.replace(" ", "-").replace(",", "").replace("'", "")
    copy = Run(given.run.folder.with_name(name))
    place, old_place = folder / "data" / name, given.base.parent
    shutil.copytree(old_place, place)
    shutil.copytree(given.run.folder, copy.folder)
    for path in (copy.recipe_path, copy.events_path):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(str(old_place), str(place)), encoding="utf-8")
    return Given(copy, place)


def _train(*arguments: str) -> None:
    script = SUPPORT / "train_many.py"
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr[-4000:]


@pytest.mark.parametrize("case", REFUSED)
def test_another_run_is_refused_and_nothing_of_it_is_lost(
    given: Callable[[str], Given], case: str
) -> None:
    log = given(case).log
    assert log.finished is not None
    assert (log.finished.outcome, log.finished.exit_code) == ("failed", 2)
    pattern = re.escape(REFUSED[case][1]).replace(r"\.\*", ".*")
    assert re.search(pattern, str(log.error)), log.error
    stopped = case != "another base"  # that one was never stopped
    assert log.status == ("stopped" if stopped else "failed")
    if stopped:
        assert [row.step for row in log.table()] == [0, 4, 8, 12]
        assert log.step == NEWEST
    assert given(case).checkpoint(OLDER).is_dir() == stopped


@pytest.mark.parametrize("case", GOES_ON)
def test_the_same_run_goes_on_and_says_what_is_other(
    given: Callable[[str], Given], case: str
) -> None:
    log = given(case).log
    assert log.finished is not None
    assert log.finished.outcome == "completed", log.error
    assert GOES_ON[case][1] in given(case).notes
    if not GOES_ON[case][1]:
        assert "no longer" not in given(case).notes
        assert "damaged" not in given(case).notes
    whole = given("uninterrupted stock" if case.startswith("stock") else "uninterrupted")
    assert figures(given(case).run) == figures(whole.run)
    weights = [each.run.model_folder() / "model.safetensors" for each in (given(case), whole)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


@pytest.mark.parametrize("case", FALLS_BACK)
def test_what_the_older_checkpoint_replaces_is_gone(
    given: Callable[[str], Given], case: str
) -> None:
    assert "the run goes on from step 12." in given(case).notes
    kept = folders.checkpoints(given(case).run.folder)
    assert [*kept] == [BARE, OLDER, 18]
    for path in kept.values():
        assert manifest.damage(path, hashes=True) is None


def test_a_run_that_was_refused_goes_on_once_its_data_is_back(
    given: Callable[[str], Given], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = given("half the rows")
    monkeypatch.setenv("STPLAY_HOME", str(case.run.folder.parents[2]))
    write_triplets(case.data["train"], 80, 0)
    _train(f"--attempt={case.run.folder}")
    assert case.log.status == "completed"
    assert figures(case.run) == figures(given("uninterrupted").run)


def test_what_a_run_began_with_stays_what_it_is(given: Callable[[str], Given]) -> None:
    told = []
    for events in iter(EventReader(given("base changed").run.events_path).read, []):
        told += [event for event in events if isinstance(event, RunStarted)]
    assert len(told) == 2
    assert told[0].fingerprints == told[1].fingerprints
    assert told[0].fingerprints is not None
    assert told[0].fingerprints.rows.keys() == set(SPLITS)


def test_what_may_change_is_changed_and_stays_so(given: Callable[[str], Given]) -> None:
    case, whole = given("changed"), given("uninterrupted")
    assert case.log.status == "completed", case.log.error
    told = (
        "The recipe was changed: training.logging_steps: 4 then, 1 now; training.save_steps: 6 "
        "then, 1 now; evaluation.eval_steps: 8 then, 2 now."
    )
    assert case.notes.count("The recipe was changed") == 1
    assert told in case.notes
    started = [
        event
        for events in iter(case.run.events().read, [])
        for event in events
        if isinstance(event, RunStarted)
    ]
    assert [each.recipe["training"]["logging_steps"] for each in started] == [4, 1, 1]
    assert case.run.recipe().evaluation.eval_steps == 2
    rows = case.log.table()
    assert [row.step for row in rows] == [0, 4, 8, 12, *range(14, 19)]
    assert [row.step for row in rows if row.loss is not None] == [0, 8, 14, 16, 18]
    weights = [each.run.model_folder() / "model.safetensors" for each in (case, whole)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_a_base_is_known_by_the_folders_that_a_router_leads_to(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text('[{"path": "", "type": "Router"}]', encoding="utf-8")
    (tmp_path / "router_config.json").write_text('{"types": {"query": "Dense"}}', encoding="utf-8")
    (tmp_path / "query").mkdir()
    weights = tmp_path / "query" / "model.safetensors"
    weights.write_bytes(b"one")
    before = fingerprints.of_base(str(tmp_path), "")
    weights.write_bytes(b"two")
    assert fingerprints.of_base(str(tmp_path), "") != before


def _files(folder: Path) -> list[str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return sorted({path.relative_to(folder).as_posix() for path in paths} - NEVER_LISTED)


def _empty(path: Path, other: Path) -> str:
    path.write_bytes(b"")
    return "has 0 of"


def _cut(path: Path, other: Path) -> str:
    path.write_bytes(path.read_bytes()[:-1])
    return "bytes"


def _remove(path: Path, other: Path) -> str:
    path.unlink()
    return "is gone"


def _exchange(path: Path, other: Path) -> str:
    same_size = other.stat().st_size == path.stat().st_size
    path.write_bytes(other.read_bytes())
    return "is not what was saved" if same_size else "bytes"


def _flip(path: Path, other: Path) -> str:
    text = bytearray(path.read_bytes())
    text[len(text) // 2] ^= 1
    path.write_bytes(text)
    return "is not what was saved"


@pytest.mark.parametrize("harm", [_empty, _cut, _remove, _exchange, _flip])
def test_damage_to_any_file_of_a_checkpoint_is_found(
    given: Callable[[str], Given], tmp_path: Path, harm: Callable[[Path, Path], str]
) -> None:
    """Exchanged: with the file of that name in the other checkpoint, or another one of its own."""
    case = given("rows swapped")
    checkpoint, other = case.checkpoint(NEWEST), case.checkpoint(OLDER)
    names = _files(checkpoint)
    assert {"optimizer.pt", "rng_state.pth", "trainer_state.json", "tokenizer.json"} <= {*names}
    folder = tmp_path / checkpoint.name
    for name in names:
        shutil.copytree(checkpoint, folder)
        source = other / name
        if source.read_bytes() == (checkpoint / name).read_bytes():
            source = other / next(each for each in names if each != name)
        words = harm(folder / name, source)
        found = manifest.damage(folder, hashes=True)
        assert found is not None, name
        assert found.startswith(name)
        assert words in found
        shutil.rmtree(folder)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000, b'{"folder": "checkpoint-13", "files": 3}'],
    ids=["empty", "cut", "a list", "no text", "too deep", "no files"],
)
def test_a_damaged_manifest_is_damage(
    given: Callable[[str], Given], tmp_path: Path, text: bytes
) -> None:
    shutil.copytree(given("rows swapped").checkpoint(NEWEST), folder := tmp_path / "checkpoint-13")
    (folder / manifest.MANIFEST).write_bytes(text)
    assert manifest.damage(folder, hashes=False) == "manifest.json is damaged"


def test_a_damaged_checkpoint_is_offered_nowhere_and_names_the_whole_ones(
    given: Callable[[str], Given], tmp_path: Path
) -> None:
    shutil.copytree(given("nothing changed").run.folder, run := tmp_path / "run")
    cut_file = run / "checkpoints" / "checkpoint-12" / "model.safetensors"
    cut_file.write_bytes(cut_file.read_bytes()[:100])
    assert [*folders.checkpoints(run)] == [13, 18]
    with pytest.raises(UserError, match=r"12.*model.safetensors has 100 of .*whole: 13, 18\."):
        folders.checkpoint(run, "12")
    with pytest.raises(UserError, match=r"no checkpoint of step '7'; kept steps: 13, 18\."):
        folders.checkpoint(run, "7")
    weights = run / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    folders.check_whole(folders.checkpoint(run, "18"))
    with pytest.raises(UserError, match=r"model.safetensors is not what was saved.*run:run@18"):
        folders.check_whole(folders.model_folder(run))
    weights.write_bytes(b"")
    with pytest.raises(UserError, match=r"model.safetensors has 0 of .*run:run@18"):
        folders.model_folder(run)


def test_a_card_may_be_written_to(given: Callable[[str], Given], tmp_path: Path) -> None:
    shutil.copytree(given("nothing changed").run.folder / "model", folder := tmp_path / "model")
    (folder / "README.md").write_text("other figures", encoding="utf-8")
    assert manifest.damage(folder, hashes=True) is None


def test_a_thinned_checkpoint_is_whole_without_what_a_resume_needs(
    given: Callable[[str], Given],
) -> None:
    thinned = given("nothing changed").checkpoint(OLDER)
    assert not (thinned / "optimizer.pt").exists()
    assert manifest.damage(thinned, hashes=True) is None
    saved = manifest.load(thinned)
    assert saved is not None
    assert saved.files.keys() == {*_files(thinned)}

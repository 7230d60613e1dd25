"""``stplay plan``: what fits, how fast it is, and which mini-batch to use, measured for real."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from conftest import make_home, run_stplay, write_triplets
from sampleplan import choice, plan_of

from stplay.errors import UserError
from stplay.jobs.events import Engine, Epoch, StageProgressed
from stplay.runs import plans, recipe


def test_the_fastest_is_best_and_among_equals_the_smallest() -> None:
    big, small, slow = choice(72, 0.50, 900), choice(32, 0.51, 400), choice(8, 0.9, 100)
    assert plan_of(big, small, slow).best == small
    assert plan_of(big, slow).best == big
    assert plan_of().best is None


def test_what_people_read() -> None:
    whole, parts = choice(72, 0.5, 130 << 20), choice(8, 0.9, 80 << 20, forwards=14)
    assert [*plans.lines(plan_of(whole, parts))] == [
        "builtin:tiny on CPU, 2 threads, float32, 3.0 GiB free",
        "6,400 triplets, 32 a step, 200 steps",
        "A batch has 1,219 tokens, at most 1,777; 250,000 fit together",
        "",
        "mini_batch_size    tokens  forwards      memory    s/step  all steps",
        "             72     1,440         1   130.0 MiB     0.500  1 min 40 s    "
        "<- loss.mini_batch_size",
        "              8       160        14    80.0 MiB     0.900  3 min 00 s",
        "",
        "A batch fits as a whole: each step goes forward through the model once.",
    ]


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (6400, None),
        (6300, "An epoch sees 6,300 of 6,400 triplets, 31.5 a batch instead of 32"),
        (1600, "warning: An epoch sees 1,600 of 6,400 triplets, 8.0 a batch instead of 32, as "),
    ],
)
def test_rows_that_an_epoch_leaves_out_are_told(rows: int, line: str | None) -> None:
    plan = plan_of()
    plan.epoch = Epoch(rows=rows, batches=200, batch_size=32)
    told = [*plans.lines(plan)][2]
    assert told.startswith(line or "A batch has")


def test_a_model_of_another_kind_is_told() -> None:
    engine = Engine(name="stock", why="its architecture, albert, is none of bert\x1b[2J")
    (line,) = [*plans.lines(plan_of(engine=engine))][2:]
    assert line.startswith("The library's own path is taken, as its architecture, albert, is")
    assert "\x1b" not in line


@pytest.fixture(scope="module")
def home_of_plans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_home(tmp_path_factory)


def test_the_command_measures_real_steps(home_of_plans: Path, tmp_path: Path) -> None:
    data = write_triplets(tmp_path / "train.jsonl", 200)
    settings = [f"--set=data.train={data}", "--set=loss.mini_batch_size=4"]
    done = run_stplay(
        "plan", "sample", "--json", *settings, env={"STPLAY_HOME": str(home_of_plans)}
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing moves where there is no terminal
    found = json.loads(done.stdout)
    assert (found["triplets"], found["batch_size"], found["steps"]) == (200, 32, 7)
    assert found["engine"]["name"] == "fast"
    assert found["engine"]["most_tokens"] == 4 * found["longest_tokens"]
    assert found["fitting_tokens"] > found["engine"]["largest_batch_tokens"]
    by_size = {each["mini_batch_size"]: each for each in found["choices"]}
    assert {4, 8, 32} <= by_size.keys()
    whole = by_size[max(by_size)]
    assert whole["forwards"] == 1
    assert whole["tokens"] >= found["engine"]["largest_batch_tokens"]
    assert by_size[4]["forwards"] > by_size[8]["forwards"] > 2
    assert by_size[4]["memory_bytes"] < by_size[8]["memory_bytes"] < whole["memory_bytes"]
    assert all(each["seconds_a_step"] > 0 for each in found["choices"])
    assert not [*(home_of_plans / "data").glob("runs/*")]  # a plan is no run


def test_the_steps_and_rows_of_an_epoch_are_those_of_the_training(tmp_path: Path) -> None:
    rows = [
        {"anchor": f"anchor {n % 16}", "positive": f"positive {n}", "negative": f"negative {n}"}
        for n in range(256)
    ]
    data = tmp_path / "train.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    settings = [
        f"--set=data.train={data}",
        "--set=data.dev=",
        "--set=data.test=",
        "--set=training.per_device_train_batch_size=64",
        "--set=training.num_train_epochs=2",
        "--set=training.engine=stock",  # which is not measured
    ]
    env = {"STPLAY_HOME": str(tmp_path / "home")}
    planned = run_stplay("plan", "sample", *settings, env=env)
    assert planned.returncode == 0, planned.stderr
    told = "An epoch sees 64 of 256 triplets, 16.0 a batch instead of 64, as no_duplicates"
    assert f"256 triplets, 64 a step, 8 steps\nwarning: {told}" in planned.stdout
    trained = run_stplay("train", "sample", *settings, "--name=few", env=env)
    assert trained.returncode == 0, trained.stderr
    assert "256 triplets, 8 steps, an epoch sees 64 of 256 triplets" in trained.stdout
    assert f"warning: {told}" in trained.stdout
    assert "step 8 " in trained.stdout


def test_mistakes_end_in_one_sentence(home_of_plans: Path, tmp_path: Path) -> None:
    lacking = tmp_path / "lacking.jsonl"
    lacking.write_text('{"anchor": "a", "negative": "b"}\n', encoding="utf-8")
    done = run_stplay(
        "plan", "sample", f"--set=data.train={lacking}", env={"STPLAY_HOME": str(home_of_plans)}
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "lacks the column positive" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_progress_in_words() -> None:
    stage = StageProgressed(stage="tokenizing x\x07", done=5, total=10, unit="rows")
    assert plans.stage_line(stage) == "tokenizing x\N{REPLACEMENT CHARACTER}, 5 of 10 rows"
    assert plans.stage_line(StageProgressed(stage="importing")) == "importing"


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os; os._exit(7)", "The planning process ended with exit code 7; its output is"),
        ("raise KeyError('x')", "ended with exit code 1; the last error in its output is KeyError"),
        ("", "The planning process ended with exit code 0; its output is in"),
    ],
)
def test_a_process_that_ends_without_a_plan_is_told_as_it_was(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, told: str
) -> None:
    (tmp_path / "noplan.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(plans, "MODULE", "noplan")
    with pytest.raises(UserError) as raised:
        plans.make(recipe.load("sample"), lambda stage: None)
    assert told in raised.value.sentence

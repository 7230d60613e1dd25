"""What a run is, in words."""

from __future__ import annotations

from typing import Any

import pytest
from runsondisk import COMPLETED, STARTED, create, write
from samplerun import finished_run

from stplay.jobs.events import Fingerprints, RunStarted, WorkerStarted
from stplay.runs.overview import Fact, FactGroup, matching, overview
from stplay.runs.run import Run

pytestmark = pytest.mark.usefixtures("home")


def facts(run: Run) -> dict[str, dict[str, Fact]]:
    parts = overview(run.id, run.folder, run.read_log())
    return {part.title: {fact.name: fact for fact in part.facts} for part in parts}


def started(**changes: Any) -> RunStarted:
    fields = {name: getattr(STARTED, name) for name in STARTED.__struct_fields__}
    return RunStarted(**{**fields, **changes})


def test_a_run_of_which_nothing_was_told_has_a_name_and_a_place() -> None:
    found = facts(create("new"))
    assert [*found] == ["Run"]
    assert found["Run"]["name"].value == "new"
    assert found["Run"]["folder"].value.endswith("/runs/new")


def test_a_finished_run() -> None:
    found = facts(finished_run())
    assert found["Run"]["state"].value == "✓ finished"
    assert found["Run"]["step"].value == "300 of 300"
    assert found["Run"]["process"].value == "1 on gpu-box"
    assert found["Model"]["base"].value == "builtin:tiny"
    assert found["Data"]["train"].value.startswith("10,000 triplets")
    assert found["Data"]["made"].value == "by a grammar, for trying out"


def test_what_somebody_chose_is_told_beside_what_would_be() -> None:
    recipe = STARTED.recipe | {"training": {**STARTED.recipe["training"], "learning_rate": 0.25}}
    recipe["data"] = {**recipe["data"], "dev": "dev.jsonl"}
    found = facts(write(create(), started(recipe=recipe)))
    assert found["Recipe: training"]["learning_rate"] == Fact("learning_rate", "0.25", "0.00005")
    assert found["Recipe: data"]["dev"] == Fact("dev", "dev.jsonl", "nothing")
    assert found["Recipe: training"]["weight_decay"] == Fact("weight_decay", "0.0")
    chosen = [fact for part in found.values() for fact in part.values() if fact.instead_of]
    assert len(chosen) == 2


@pytest.mark.parametrize("recipe", [{}, {"training": {}}, {"training": 3, "later": {"a": 1}}])
def test_nothing_is_made_up_for_a_run_of_another_stplay(recipe: dict[str, Any]) -> None:
    found = facts(write(create(), started(recipe=recipe)))
    assert found["Recipe: training"]["learning_rate"] == Fact("learning_rate", "not told")


def test_a_field_of_a_newer_stplay_is_told_too() -> None:
    found = facts(write(create(), started(recipe={"loss": {"newer\x1b[2J": [1]}})))
    assert found["Recipe: loss"]["newer\N{REPLACEMENT CHARACTER}[2J"].value == "[1]"


def test_a_digest_is_cut_and_a_name_is_not() -> None:
    name = "builtin:tiny, made from version 1 of the sample"
    for base, told in (("ab" * 32, "abababababab"), (name, name)):
        prints = Fingerprints(base=base, rows={"train": "c0" * 32})
        found = facts(write(create(), started(fingerprints=prints)))
        assert found["Model"]["contents"].value == told
        assert found["Data"]["train"].value == "100 triplets, contents c0c0c0c0c0c0"


def test_how_long_it_took() -> None:
    worker = WorkerStarted(time=100.0, host="box", pid=1, process_started=0.0)
    done = type(COMPLETED)(time=165.0, outcome="completed", exit_code=0)
    assert facts(write(create(), worker, STARTED, done))["Run"]["from begin to end"].value == (
        "1 min 05 s"
    )


def test_words_find_facts_by_all_that_is_told_of_them() -> None:
    parts = [
        FactGroup("Run", [Fact("name", "first"), Fact("state", "done")]),
        FactGroup("Recipe: training", [Fact("learning_rate", "0.1", "0.2"), Fact("seed", "1")]),
    ]
    assert matching(parts, "") == parts
    assert matching(parts, "LEARNING") == [FactGroup("Recipe: training", parts[1].facts[:1])]
    assert matching(parts, "training 0.2") == [FactGroup("Recipe: training", parts[1].facts[:1])]
    assert matching(parts, "run") == parts[:1]
    assert matching(parts, "run learning") == []

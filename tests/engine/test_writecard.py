"""Figures written into a model's own card, and what becomes of the rest of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from huggingface_hub import ModelCard, ModelCardData
from keptresults import summary_of
from samplerun import finished_run

from stplay.engine.evaluation.modelcard import write_results
from stplay.evaluations.results import METRICS, Summary
from stplay.evaluations.writtencards import CardsWritten
from stplay.jobs.process import Refused

TEXT = """---
language: en
license: apache-2.0
tags:
- sentence-transformers
widget:
- source_sentence: 'A cat, "sleeping": it is'
---

# A model of mine

Some *words* that stay. A --- line of dashes:

---

| a | b |
|---|---|
| 1 | 2 |
"""


def figures(summary: Summary, value: float) -> Summary:
    for result in summary.results:
        for accuracy in result.accuracies.values():
            accuracy.value = value
    return summary


def data_of(path: Path) -> ModelCardData:
    data = ModelCard.load(path).data
    assert isinstance(data, ModelCardData)
    return data


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "my-model"
    folder.mkdir()
    return folder


def test_the_text_of_a_card_stays(folder: Path) -> None:
    path = folder / "README.md"
    path.write_text(TEXT, encoding="utf-8")
    before = ModelCard.load(path)
    assert write_results(summary_of([str(folder)])) == [f"The figures are in {path}"]
    after = ModelCard.load(path)
    assert after.text == before.text
    assert after.text.endswith("| 1 | 2 |\n")
    kept = before.data.to_dict()
    assert {name: after.data.to_dict()[name] for name in kept} == kept


def test_the_figures_are_read_by_the_library(folder: Path) -> None:
    path = folder / "README.md"
    path.write_text(TEXT, encoding="utf-8")
    summary = summary_of([str(folder)])
    summary.splits[0].revision = "d482672"
    write_results(summary)
    data = data_of(path)
    assert data.model_name == "my-model"
    results = data.eval_results
    assert results is not None
    assert [result.metric_type for result in results] == list(METRICS)
    for result in results:
        assert result.metric_value == 0.75
        assert (result.task_type, result.dataset_name) == ("triplet", "data-dev")
        assert (result.dataset_split, result.dataset_revision) == ("dev", "d482672")
    assert results[0].metric_name == "Cosine Accuracy"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("/home/someone/data/rows.jsonl", "rows.jsonl"),
        ("/home/someone/data", "data"),
        ("~/data/rows.csv", "rows.csv"),
        ("./rows.csv", "rows.csv"),
        ("all-nli", "all-nli"),
        ("org/name@main", "org/name@main"),
        ("builtin:sample", "builtin:sample"),
    ],
)
def test_a_card_names_no_place_of_this_machine(folder: Path, data: str, told: str) -> None:
    summary = summary_of([str(folder)])
    summary.splits[0].data = data
    write_results(summary)
    results = data_of(folder / "README.md").eval_results
    assert results is not None
    assert {result.dataset_type for result in results} == {told}
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "someone" not in text
    assert str(folder.parent) not in text


def test_a_card_that_fails_anyhow_takes_nothing_from_the_others(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    load = ModelCard.load

    def broken(path: Path) -> ModelCard:
        if path.parent == other:
            raise RecursionError("too deep")
        return load(path)

    (other / "README.md").touch()
    monkeypatch.setattr(ModelCard, "load", broken)
    sentences = write_results(summary_of([str(other), str(folder)]))
    assert sentences == [
        f"The card of {other} cannot be written: RecursionError: too deep",
        f"The figures are in {folder / 'README.md'}",
    ]


def test_an_evaluation_that_has_gone_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "stplay.engine.writecard", str(tmp_path / "gone-1")],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2
    reply = msgspec.json.decode(done.stdout, type=CardsWritten | Refused)
    assert reply == Refused(error="The evaluation gone-1 has no summary.json; evaluate again.")


def test_the_newest_figure_stands_and_others_stay(folder: Path) -> None:
    path = folder / "README.md"
    write_results(figures(summary_of([str(folder)]), 0.5))
    write_results(figures(summary_of([str(folder)], split="test"), 0.6))
    write_results(figures(summary_of([str(folder)]), 0.9))
    results = data_of(path).eval_results
    assert results is not None
    found = {(result.dataset_split, result.metric_type): result.metric_value for result in results}
    assert len(results) == len(found) == 2 * len(METRICS)
    assert {value for (split, _), value in found.items() if split == "dev"} == {0.9}
    assert {value for (split, _), value in found.items() if split == "test"} == {0.6}


def test_a_run_gets_its_figures_without_a_card_of_before(home: Path) -> None:
    run = finished_run("done")
    checkpoint = run.folder / "checkpoints" / "x"
    for folder in (run.folder / "model", checkpoint):
        folder.mkdir(parents=True)
    summary = summary_of(["run:done", "run:done@300"])
    for sentence, path in zip(
        write_results(summary), (run.model_folder(), checkpoint), strict=True
    ):
        assert sentence == f"The figures are in {path / 'README.md'}"
        assert len(data_of(path / "README.md").eval_results or []) == len(METRICS)


@pytest.mark.parametrize("name", ["builtin:tiny", "org/name", "org/name@main"])
def test_what_is_not_the_users_is_left_alone(home: Path, name: str) -> None:
    assert write_results(summary_of([name])) == [
        f"{name} is not a folder of yours; its card is left as it is."
    ]


def test_a_model_without_figures_is_left_alone(folder: Path) -> None:
    summary = summary_of([str(folder)])
    summary.models[0].error = "It broke."
    assert write_results(summary) == []
    assert not (folder / "README.md").exists()


@pytest.mark.parametrize(
    "text",
    [
        "---\nlicense: [\n---\ntext\n",
        "---\n- a\n- b\n---\ntext\n",
        "---\njust words\n---\ntext\n",
        "---\nmodel-index: 3\n---\ntext\n",
        "---\nmodel-index:\n- name: x\n  results: 5\n---\ntext\n",
        "---\nmodel-index:\n- nme: x\n---\ntext\n",
        "---\nmodel-index: []\n---\ntext\n",
        b"\xff\xfe\x00",
    ],
)
def test_a_damaged_card_is_told_and_left_as_it_is(folder: Path, text: str | bytes) -> None:
    path = folder / "README.md"
    raw = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(raw)
    (sentence,) = write_results(summary_of([str(folder)]))
    if sentence != f"The figures are in {path}":
        assert sentence.startswith(f"The card of {folder} is damaged: ")
        assert "\n" not in sentence
        assert path.read_bytes() == raw
    else:
        assert ModelCard.load(path).text.strip() == "text"
        assert len(data_of(path).eval_results or []) == len(METRICS)


def test_a_card_that_cannot_be_written(folder: Path) -> None:
    path = folder / "README.md"
    path.mkdir()
    (sentence,) = write_results(summary_of([str(folder)]))
    assert sentence.startswith(f"The card of {folder} cannot be written: ")


def test_a_read_only_card(folder: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anything")
    path = folder / "README.md"
    path.write_text(TEXT, encoding="utf-8")
    path.chmod(0o400)
    (sentence,) = write_results(summary_of([str(folder)]))
    assert sentence.startswith(f"The card of {folder} cannot be written: ")


def test_one_bad_card_does_not_keep_the_others_from_theirs(folder: Path, home: Path) -> None:
    sentences = write_results(summary_of(["run:none", "./nowhere", str(folder)]))
    assert "no run 'none'" in sentences[0]
    assert "no model folder" in sentences[1]
    assert len(data_of(folder / "README.md").eval_results or []) == len(METRICS)

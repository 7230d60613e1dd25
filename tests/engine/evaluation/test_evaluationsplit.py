"""What an evaluation reads: its splits, the triplets of their rows, and what cannot be judged."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from conftest import run_stplay, write_triplets
from runner import events_of
from smallmodels import small_model

from stplay.engine.data.triplets import split_names
from stplay.engine.evaluation.evaluationsplit import EvaluationSplit
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.results import Triplets
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import StageProgressed

ROWS, EMPTY, REPEATED = 60, 3, 4


def silent() -> Stages:
    return Stages(EventWriter(Path(os.devnull)))


@pytest.mark.parametrize(
    ("name", "wanted", "told"),
    [
        ("folder", ["x"], "folder has no split x; it has dev, train, validation2."),
        ("folder", ["dev", "test"], "folder has no split test; it has dev, train, validation2."),
        (
            "empty",
            [],
            "empty has no split dev or test; it has no .jsonl, .json, .csv, .tsv, .parquet fil",
        ),
        ("folder/dev.jsonl", ["test"], "dev.jsonl has no split test; it has dev."),
        ("builtin:sample", ["x"], "builtin:sample has no split x; it has train, dev, test."),
    ],
)
def test_a_split_that_is_not_there_names_those_that_are(
    tmp_path: Path, name: str, wanted: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder").mkdir()
    for split in ("train", "dev", "validation2"):
        write_triplets(tmp_path / "folder" / f"{split}.jsonl", 2)
    place = name if name.startswith("builtin") else str(tmp_path / name)
    with pytest.raises(UserError) as error:
        split_names(place, wanted, silent())
    assert told in error.value.sentence


def test_splits_by_default_and_by_another_name(tmp_path: Path) -> None:
    write_triplets(tmp_path / "validation.jsonl", 2)
    assert split_names(str(tmp_path), [], silent()) == ["dev"]
    assert split_names(str(tmp_path), ["dev", "dev"], silent()) == ["dev"]
    assert split_names("builtin:sample", [], silent()) == ["dev", "test"]
    assert split_names(str(tmp_path / "validation.jsonl"), [], silent()) == ["validation"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"anchor": "a", "negative": "c"}', "lacks the column positive; it has anchor, negative"),
        ('{"anchor": "a", "positive": "b", "negative": 3}', "row 1 has 3 as its negative"),
        ('{"anchor": "", "positive": "b", "negative": "c"}', "has no triplets for rows"),
        ('{"anchor": "a", "positive": "b", "negative": []}', "has no triplets for rows"),
        ('{"anchor": "a", "positive": "b"}', "lacks the column negative, and of pairs no triplets"),
        ("", "is empty."),
    ],
)
def test_rows_that_cannot_be_judged(tmp_path: Path, text: str, told: str) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(text)
    with pytest.raises(UserError) as error:
        EvaluationSplit(str(data), "rows", None, tmp_path / "t.parquet", tmp_path, silent())
    assert told in error.value.sentence


def test_columns_of_other_names_are_said_or_told(home: Path, tmp_path: Path) -> None:
    data = tmp_path / "rows.CSV"
    data.write_text("title;body;neg\n" + "A cat.;A kitten.;A car.\n" * 3)
    command = ("eval", "builtin:tiny", "--data", str(data), "--json")
    failed = run_stplay(*command)
    assert failed.returncode == 2
    assert "lacks the columns anchor, positive; it has title, body, neg." in failed.stderr
    assert "--anchor title --positive body --negative neg" in failed.stderr
    told = run_stplay(*command, "--anchor=title", "--positive=body", "--negative=a", "--negative=b")
    assert (told.returncode, told.stdout) == (2, "")
    assert "has no column a; it has title, body, neg." in told.stderr
    done = run_stplay(*command, "--anchor", "Title", "--positive=body")
    assert done.returncode == 0, done.stderr
    assert "stplay: Of rows, neg is the negative." in done.stderr
    assert json.loads(done.stdout.splitlines()[0])["rows"] == 3
    (left,) = [each for each in Evaluation.every() if each.summary().results]
    stages = [each.stage for each in events_of(left) if isinstance(each, StageProgressed)]
    assert stages.index("reading rows") < stages.index("importing torch")


def test_a_row_makes_a_triplet_with_each_of_its_negatives(tmp_path: Path) -> None:
    rows = [
        {"query": "q1", "pos": ["p1", "p2"], "neg": ["n1", "n2", "n1"], "source": "web"},
        {"query": "q2", "pos": [], "neg": ["n3"]},
        {"query": "q3", "pos": ["p3"], "neg": []},
        {"query": "q4", "pos": ["p4"], "neg": [None, "n4"]},
        {"query": "q5", "pos": ["p5"]},
    ]
    expected = [
        *(("q1", "p1", negative) for negative in ("n1", "n2", "n1")),
        *(("q1", "p2", negative) for negative in ("n1", "n2", "n1")),
        ("q4", "p4", "n4"),
    ]
    data, kept = tmp_path / "rows.jsonl", tmp_path / "t.parquet"
    data.write_text("\n".join(map(json.dumps, rows)))
    split = EvaluationSplit(str(data), "rows", None, kept, tmp_path, silent())
    triplets = Triplets(kept)
    assert [triplets.sentences(place) for place in range(len(triplets))] == expected
    assert triplets.rows.tolist() == [1] * 6 + [4]
    assert [*triplets.sources] == ["web"] * 6 + [""]
    assert (split.facts.rows, split.facts.skipped, split.facts.duplicates) == (7, 3, 2)
    first = EvaluationSplit(str(data), "rows", 1, kept, tmp_path, silent())
    assert (first.facts.rows, first.facts.skipped) == (6, 0)
    # The same triplets, a row each, are the same to whoever compares evaluations.
    names = ("anchor", "positive", "negative")
    lines = [json.dumps(dict(zip(names, triplet, strict=True))) for triplet in expected]
    data.write_text("\n".join(lines))
    alone = EvaluationSplit(str(data), "rows", None, kept, tmp_path, silent())
    assert alone.facts.fingerprint == split.facts.fingerprint


def test_the_first_rows_and_equal_rows_share_a_fingerprint(tmp_path: Path) -> None:
    data = write_triplets(tmp_path / "rows.jsonl", 9)

    def facts(limit: int | None, path: Path = data):
        work = tmp_path / "t.parquet"
        return EvaluationSplit(str(path), "rows", limit, work, tmp_path, silent()).facts

    assert [facts(limit).rows for limit in (4, 9, 100, None)] == [4, 9, 9, 9]
    assert facts(9).fingerprint == facts(None).fingerprint != facts(4).fingerprint
    turned = tmp_path / "turned.jsonl"
    turned.write_text("\n".join(reversed(data.read_text().splitlines())))
    assert facts(None, turned).fingerprint != facts(None).fingerprint


def test_nan_anywhere_is_found_and_names_its_sentence(tmp_path: Path) -> None:
    small = small_model(3, tmp_path / "m")
    data = write_triplets(tmp_path / "rows.jsonl", 20)
    rows = data.read_text().splitlines()
    rows[7] = json.dumps({"anchor": "a", "positive": "b", "negative": "only {} here"})
    data.write_text("\n".join(rows))
    embedding = next(m for m in small.modules() if isinstance(m, torch.nn.Embedding))
    number = small.tokenizer.convert_tokens_to_ids("{")
    with torch.no_grad():
        embedding.weight[number] = float("inf")
    split = EvaluationSplit(str(data), "rows", None, tmp_path / "t.parquet", tmp_path, silent())
    with pytest.raises(UserError) as error:
        split.judge(SentenceEncoder(small), tmp_path / "s.parquet", lambda done: None)
    assert "not finite (NaN), such as for 'only {} here'" in error.value.sentence

"""What lies beside the logs is foreign too: summaries of evaluations and facts of corpora."""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyarrow
import pytest
from pyarrow import parquet
from sampleevaluation import finished_evaluation
from wildlogs import WILD

from stplay import home as places
from stplay.cli import evaluationcommands, sim
from stplay.encoding import corpora
from stplay.encoding.protocol import CorpusFacts
from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation

PLACE = "a place for a wild value"


def leaves(value: Any) -> Iterator[list[Any]]:
    """The ways to all values that are no lists or objects, of a list only to its first."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value[:1])
    for key, inner in items:
        if isinstance(inner, (dict, list)) and inner:
            yield from ([key, *way] for way in leaves(inner))
        else:
            yield [key]


def changed(value: Any) -> Iterator[str]:
    """``value`` as JSON, with each wild value in the place of each of its own."""
    for way in leaves(value):
        other = copy.deepcopy(value)
        inner = other
        for key in way[:-1]:
            inner = inner[key]
        inner[way[-1]] = PLACE
        text = json.dumps(other)
        for wild in WILD:
            yield text.replace(f'"{PLACE}"', wild)


def shown(**options: Any) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as told, contextlib.redirect_stderr(told):
        evaluationcommands.show(argparse.Namespace(evaluation=None, **options))
    return told.getvalue()


def test_whatever_stands_in_a_summary_is_shown_or_damaged(home: Path):
    evaluation = finished_evaluation("found", ["builtin:minilm"], rows=20, splits=["dev"])
    summary = json.loads(evaluation.summary_path.read_bytes())
    damaged = 0
    for text in changed(summary):
        evaluation.summary_path.write_text(text, encoding="utf-8")
        listed = shown(json=False)
        assert "found" in listed
        if "damaged" in listed:
            damaged += 1
            continue
        for as_json in (False, True):
            told = io.TextIOWrapper(io.BytesIO())
            with contextlib.redirect_stdout(told), contextlib.suppress(UserError):
                evaluationcommands.show(argparse.Namespace(evaluation="found", json=as_json))
    assert damaged > len(WILD)


def test_whatever_stands_in_the_facts_of_a_corpus_is_listed_or_passed_over(home: Path):
    key = "0123456789abcdef" * 2
    folder = places.cache_folder() / "corpora" / key
    folder.mkdir(parents=True)
    facts = CorpusFacts(key, 1, 1, 1.0, 1, "model", "source", 0)
    for text in changed(msgspec.to_builtins(facts)):
        (folder / "facts.json").write_text(text, encoding="utf-8")
        kept = corpora.kept()
        assert all(each.facts.key == key for each in kept)
        assert sim.corpora_table(kept, removed=False).endswith("\n")


def test_a_file_that_the_system_keeps_back_is_not_called_damaged(home: Path):
    evaluation = finished_evaluation("found", rows=20)
    scores = evaluation.scores_path(0, 0)
    scores.unlink()
    scores.mkdir()
    with pytest.raises(UserError, match=r"scores-1-1\.parquet cannot be read: Is a directory"):
        evaluation.scores("run:all-nli-7", "dev")
    folder = Evaluation(home / "other")
    folder.summary_path.mkdir(parents=True)
    with pytest.raises(UserError, match=r"summary\.json cannot be read: Is a directory"):
        folder.summary()


def test_scores_that_lack_a_column_are_damaged(home: Path):
    evaluation = finished_evaluation("found", rows=20)
    parquet.write_table(pyarrow.table({"cosine_positive": [0.5]}), evaluation.scores_path(0, 0))
    with pytest.raises(UserError, match=r"scores-1-1\.parquet is damaged"):
        evaluation.scores("run:all-nli-7", "dev")

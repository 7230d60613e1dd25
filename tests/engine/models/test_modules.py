"""Every module that the installed library has: read as it reads it, or named here and why not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path

import numpy as np
import pytest
import sentence_transformers
import torch
from layouts import (
    WIDTH,
    edit,
    static,
)
from librarysown import STAGES, Case, assert_as_the_library, library
from modulekinds import (
    MODULES,
    after_transformer,
    routed,
)
from safetensors.torch import load_file
from sentence_transformers.base.modules import Module
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    LSTM,
    Pooling,
    WordWeights,
)
from torch import nn

from stplay.engine.models.basemodel import open_model
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.errors import UserError
from stplay.sources.modelfolders import WITHOUT_WEIGHTS


def short_static(folder: Path) -> None:
    static(folder)
    path = folder / "tokenizer.json"
    way = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    edit(path, truncation=way)


NO_ENCODERS = {
    "Module": "what all of them have in common",
    "InputModule": "what those that read have in common",
    "LogitScore": "of a cross encoder, whose answer is about a pair",
    "MultiVectorMask": "of a multi-vector encoder, which has an embedding for each token",
    "BaseTokenPooling": "of a multi-vector encoder",
    "HierarchicalTokenPooling": "of a multi-vector encoder",
    "LambdaTokenPooling": "of a multi-vector encoder",
    "MLMTransformer": "of a sparse encoder, whose embeddings are as long as its vocabulary",
    "SparseAutoEncoder": "of a sparse encoder",
    "SparseStaticEmbedding": "of a sparse encoder",
    "SpladePooling": "of a sparse encoder",
}


def installed() -> dict[str, type]:
    """All modules of the installed library, by name."""
    found: dict[str, type] = {}
    for package in pkgutil.walk_packages(sentence_transformers.__path__, "sentence_transformers."):
        if ".modules" in package.name:
            for each in vars(importlib.import_module(package.name)).values():
                if inspect.isclass(each) and issubclass(each, Module):
                    found[each.__name__] = each
    return found


def test_every_module_of_the_library_is_here() -> None:
    found = {*installed()}
    assert len(found) > 20
    assert found - {*MODULES} - {*NO_ENCODERS} == set(), "new: a case of it, or why there is none"
    assert {*MODULES} | {*NO_ENCODERS} == found, "gone from the library"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{name}-{number}")
        for name, cases in MODULES.items()
        for number, case in enumerate(cases)
    ],
)
def test_a_module(case: Case, tmp_path: Path) -> None:
    assert_as_the_library(case, tmp_path / "model")


@pytest.mark.parametrize("module", [LSTM(WIDTH, 6), WordWeights(["a"], {})])
def test_modules_that_the_library_cannot_join(module: nn.Module, tmp_path: Path) -> None:
    """What a transformer does not give: neither can encode, and both say so."""
    after_transformer(module, Pooling(12))(tmp_path / "model")
    with pytest.raises((KeyError, IndexError)):
        library(tmp_path / "model").encode("a cat")
    opened = open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    with pytest.raises((KeyError, IndexError)):
        SentenceEncoder(opened.model).encode(["a cat"])


def test_where_padding_counts_the_library_s_own_batches_are_taken(tmp_path: Path) -> None:
    torch.manual_seed(0)
    make = after_transformer(CNN(WIDTH, 6, [1, 3]), Pooling(12))
    assert_as_the_library(Case(make, padding=True), tmp_path / "model")


def test_a_static_tokenizer_that_cuts(tmp_path: Path) -> None:
    from stplay.engine.models.seentokens import SeenTokens

    short_static(tmp_path / "model")
    opened = open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    sentence = "a cat sleeps under the old tree"
    found = SentenceEncoder(opened.model).encode([sentence])
    np.testing.assert_array_equal(found, library(tmp_path / "model").encode([sentence]))
    tokens, dropped = SeenTokens(opened.model).of([sentence])
    assert (tokens, dropped) == ([["a", "cat", "sleeps", "under", "the"]], [2])
    assert SentenceEncoder(opened.model).max_tokens == 5


@pytest.mark.parametrize("name", sorted({*MODULES} - {"Router"}))
def test_which_modules_have_weights(name: str, tmp_path: Path) -> None:
    MODULES[name][0].make(tmp_path / "model")
    kind = installed()[name]
    module = next(each for each in library(tmp_path / "model") if type(each) is kind)
    assert (not module.state_dict()) == (name in WITHOUT_WEIGHTS)


def test_a_pickle_in_a_route_is_refused(tmp_path: Path) -> None:
    routed()(tmp_path / "model")
    [weights] = (tmp_path / "model").glob("query_0_*/model.safetensors")
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(UserError, match="query_0_StaticEmbedding has only a pickle checkpoint"):
        open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    opened = open_model(str(tmp_path / "model"), allow_pickle=True, stages=STAGES)
    assert SentenceEncoder(opened.model).encode(["a cat"], "query").shape == (1, WIDTH)

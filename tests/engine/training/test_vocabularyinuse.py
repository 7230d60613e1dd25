"""The word embeddings of a training: only the rows in use, and all of them where it is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from smallmodels import small_model
from torch._subclasses.fake_tensor import FakeTensorMode

from stplay.engine.training.vocabularyinuse import VocabularyInUse

USED = np.array([0, 2, 7, 19, 20])


@pytest.fixture
def model(tmp_path: Path) -> SentenceTransformer:
    return small_model(1, tmp_path / "model")


def embedding_of(model: SentenceTransformer) -> torch.nn.Embedding:
    transformer: Any = model[0].auto_model
    return transformer.get_input_embeddings()


def test_the_rows_in_use_are_looked_up_by_the_same_ids(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    whole = embedding_of(model)
    assert whole.padding_idx is not None
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    narrow = embedding_of(model)
    used = torch.from_numpy(np.union1d(USED, [whole.padding_idx]))
    assert len(narrow.weight) == len(used) == len(vocabulary.used)
    torch.testing.assert_close(narrow(used), whole(used), rtol=0, atol=0)
    # As the library counts it: padding gets no gradient, whatever it is called now.
    narrow(used).sum().backward()
    assert narrow.weight.grad is not None
    rows = narrow.weight.grad.any(dim=1)
    assert rows.sum() == len(used) - 1
    with pytest.raises(IndexError):
        narrow(torch.tensor([1 + max(USED)]))


def test_what_is_saved_is_whole(model: SentenceTransformer, tmp_path: Path) -> None:
    before = embedding_of(model).weight.detach().clone()
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    narrow = embedding_of(model)
    with torch.no_grad():
        narrow.weight += 1
    with vocabulary.whole():
        model.save_pretrained(str(tmp_path / "saved"))
    assert embedding_of(model) is narrow
    found = embedding_of(SentenceTransformer(str(tmp_path / "saved"), device="cpu")).weight
    used = vocabulary.used
    torch.testing.assert_close(found[used], before[used] + 1, rtol=0, atol=0)
    others = torch.ones(len(before), dtype=torch.bool)
    others[used] = False
    torch.testing.assert_close(found[others], before[others], rtol=0, atol=0)


def test_what_is_saved_is_not_brought_to_a_gpu(model: SentenceTransformer) -> None:
    """The rows in use are said to be on one; torch's own stand-in tells where tensors would be."""
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    narrow = vocabulary.narrow
    with FakeTensorMode(allow_non_fake_inputs=True):
        narrow.weight = torch.nn.Parameter(torch.empty(narrow.weight.shape, device="cuda"))
        with vocabulary.whole():
            whole = embedding_of(model).weight
            assert (narrow.weight.device.type, whole.device.type) == ("cuda", "cpu")


def test_a_model_that_is_saved_stays_where_it_is(model: SentenceTransformer) -> None:
    """The library encodes for its card, and moves all to where it takes the model to be."""
    sentences = ["a baby smiling", "The dog has big ears."]
    expected = model.encode(sentences)
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    with vocabulary.whole():
        np.testing.assert_array_equal(model.encode(sentences), expected)
        model.to("meta")  # all of it is on another device than the table now
        model.to(model.device)
        assert {each.device.type for each in model.parameters()} == {"meta"}
        assert embedding_of(model).weight.data_ptr() == vocabulary.table.data_ptr()
        rows = embedding_of(model)(torch.tensor([0, 2]))
        torch.testing.assert_close(rows, vocabulary.table[[0, 2]], rtol=0, atol=0)


def test_the_model_is_narrow_again_where_the_saving_fails(
    model: SentenceTransformer, tmp_path: Path
) -> None:
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    narrow = embedding_of(model)
    with pytest.raises(OSError, match="full"), vocabulary.whole():
        raise OSError("full")
    assert embedding_of(model) is narrow


def test_half_precision(model: SentenceTransformer, tmp_path: Path) -> None:
    model.bfloat16()
    before = embedding_of(model).weight.detach().clone()
    vocabulary = VocabularyInUse(model[0].auto_model, USED)
    with vocabulary.whole():
        torch.testing.assert_close(embedding_of(model).weight, before, rtol=0, atol=0)

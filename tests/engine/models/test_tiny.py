"""``builtin:tiny`` and its tokenizer: XLM-RoBERTa's form, the same every time, saved faithfully."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import XLMRobertaModel, XLMRobertaTokenizer

from stplay.engine.data.sample import SampleSplit, triplets
from stplay.engine.models.tiny import build_tiny
from stplay.engine.models.tokenizertraining import train_tokenizer
from stplay.similarities import SIMILARITIES

FEW = ["A dog runs.", "Two cats are sleeping.", "A dog sleeps."]
ODD = ["Zoë ate 3 crêpes 😀😀 in 東京!", "", " ", "\n\t", "a" * 3000, "<s> <mask> ▁"]


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    return [text for row in triplets("dev") for text in row]


@pytest.fixture(scope="module")
def tiny(sentences: list[str]) -> SentenceTransformer:
    return build_tiny(sentences)


def test_special_tokens_are_where_xlm_roberta_has_them(sentences: list[str]) -> None:
    tokenizer = train_tokenizer(sentences)
    assert isinstance(tokenizer, XLMRobertaTokenizer)
    ids = tokenizer.convert_tokens_to_ids(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    assert ids == [0, 1, 2, 3, len(tokenizer) - 1]
    assert tokenizer.pad_token_id == 1
    first, *pieces, last = tokenizer("A dog runs.")["input_ids"]
    assert (first, last) == (0, 2)
    assert tokenizer.decode(pieces) == "A dog runs."


def test_frequent_words_are_one_piece_and_no_piece_crosses_a_word(sentences: list[str]) -> None:
    tokenizer = train_tokenizer(sentences)
    assert tokenizer.tokenize("A woman is riding a bicycle.") == [
        *("▁A", "▁woman", "▁is", "▁riding", "▁a", "▁bicycle", ".")
    ]
    assert not [piece for piece in tokenizer.get_vocab() if "▁" in piece[1:]]


@pytest.mark.parametrize("corpus", [FEW, [], [""], ["😀"], ["aaaa aaaa"]])
def test_any_corpus_gives_a_working_tokenizer(corpus: list[str]) -> None:
    tokenizer = train_tokenizer(corpus)
    for text in ODD:
        ids = tokenizer(text, truncation=True)["input_ids"]
        assert len(ids) <= 512
        assert max(ids) < len(tokenizer)
    assert tokenizer.unk_token_id in tokenizer("東")["input_ids"]
    assert tokenizer.unk_token_id not in tokenizer("Zebra?")["input_ids"]


def test_the_vocabulary_keeps_to_its_size(sentences: list[str]) -> None:
    assert len(train_tokenizer(sentences, vocab_size=300)) <= 300
    assert 300 < len(train_tokenizer(sentences)) <= 8000


def test_the_vocabulary_is_the_same_in_every_process() -> None:
    code = (
        "from stplay.engine.data.sample import triplets\n"
        "from stplay.engine.models.tokenizertraining import train_tokenizer\n"
        "rows = [text for row in triplets('dev') for text in row]\n"
        "import hashlib\n"
        "saved = train_tokenizer(rows, 500).backend_tokenizer.to_str()\n"
        "print(hashlib.sha256(saved.encode()).hexdigest())"
    )
    run = [sys.executable, "-c", code]
    assert subprocess.check_output(run) == subprocess.check_output(run)


def test_it_has_the_shape_of_the_card(tiny: SentenceTransformer) -> None:
    transformer, pooling = tiny
    assert isinstance(transformer, Transformer)
    assert isinstance(transformer.model, XLMRobertaModel)
    assert isinstance(pooling, Pooling)
    assert pooling.pooling_mode == "mean"
    assert tiny.max_seq_length == 512
    assert tiny.get_embedding_dimension() == 384
    assert transformer.model.config.hidden_dropout_prob == 0.1
    assert transformer.model.dtype == torch.float32
    assert tiny.encode(ODD).shape == (len(ODD), 384)


def test_the_seed_decides_and_the_global_state_is_left_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, same, other = (build_tiny(FEW, seed).encode(FEW) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert (one == same).all()
    assert (one != other).any()


def test_saved_and_loaded_it_gives_identical_embeddings(
    tiny: SentenceTransformer, tmp_path: Path
) -> None:
    tiny.save_pretrained(str(tmp_path), create_model_card=False)
    loaded = SentenceTransformer(str(tmp_path), device="cpu")
    assert isinstance(loaded.tokenizer, XLMRobertaTokenizer)
    assert loaded.tokenizer.get_vocab() == tiny.tokenizer.get_vocab()
    assert loaded.max_seq_length == 512
    assert (loaded.encode(FEW + ODD) == tiny.encode(FEW + ODD)).all()


@pytest.mark.parametrize("split", ["dev", "test"])
def test_untrained_it_knows_next_to_nothing(tiny: SentenceTransformer, split: SampleSplit) -> None:
    rows = triplets(split)
    anchors, positives, negatives = (list(column) for column in zip(*rows, strict=True))
    evaluator = TripletEvaluator(
        anchors,
        positives,
        negatives,
        batch_size=100,
        write_csv=False,
        similarity_fn_names=[*SIMILARITIES],
    )
    accuracies = evaluator(tiny)
    assert len(accuracies) == 5
    for name, accuracy in accuracies.items():
        assert 0.42 < accuracy < 0.65, name
    assert accuracies["max_accuracy"] > 0.45

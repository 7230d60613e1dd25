"""Small encoders with random weights, exact ones among them, and triplets for them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Pooling,
    StaticEmbedding,
    Transformer,
)
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import XLMRobertaConfig, XLMRobertaModel

from stplay.engine.models.tokenizertraining import train_tokenizer

TEXT = """
a the man woman cat dog child two three red green old young runs sleeps eats jumps sits stands
near under over inside outside park street house river bench ball hat car boat horse
"""

WORDS = TEXT.split()

DIMENSIONS = 24

Triplet = tuple[str, str, str]


def sentence(source: random.Random, words: int | None = None) -> str:
    return " ".join(source.choices(WORDS, k=words or source.randint(1, 14)))


def random_triplets(seed: int, rows: int = 150) -> list[Triplet]:
    """Triplets of random words; sentences come back in other triplets and in other places."""
    source = random.Random(seed)
    pool = [sentence(source) for _ in range(rows)]
    return [(source.choice(pool), source.choice(pool), sentence(source)) for _ in range(rows)]


def transformer(seed: int, folder: Path) -> Transformer:
    tokenizer = train_tokenizer(WORDS * 3, vocab_size=300, max_length=64)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=DIMENSIONS,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
        initializer_range=0.5,  # far apart, so that rounding decides nothing
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        XLMRobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Transformer(str(folder))


def small_model(seed: int, folder: Path, **settings: Any) -> SentenceTransformer:
    """A random one-layer encoder of 24 dimensions."""
    modules = [transformer(seed, folder), Pooling(DIMENSIONS)]
    return SentenceTransformer(modules=modules, device="cpu", **settings).eval()


def exact_model(seed: int = 0) -> SentenceTransformer:
    """Sums of small whole numbers: no rounding, and the order of words does not count."""
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(["?", *WORDS])}, "?"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    weights = np.random.default_rng(seed).integers(-3, 4, (len(WORDS) + 1, 8)) * 1.0
    static = StaticEmbedding(tokenizer, embedding_weights=weights.astype(np.float32))
    return SentenceTransformer(modules=[static], device="cpu").eval()

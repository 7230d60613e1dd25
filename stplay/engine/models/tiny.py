"""``builtin:tiny``: a small, untrained XLM-RoBERTa made from a seed, in seconds and offline."""

from __future__ import annotations

from collections.abc import Iterable
from tempfile import TemporaryDirectory

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from transformers import XLMRobertaConfig, XLMRobertaModel

from stplay.engine.models.tokenizertraining import train_tokenizer

DIMENSIONS = 384
MAX_TOKENS = 512


def build_tiny(sentences: Iterable[str], seed: int = 0) -> SentenceTransformer:
    """Make the model: fresh weights from ``seed``, a tokenizer trained on ``sentences``.

    The same sentences and seed give the same weights; the global random state of torch is left
    as it was. Embeddings have shape (384,), the mean over at most 512 tokens. Dropout is 0.1.

    Args:
        sentences: texts to train the tokenizer on, usually all sentences of the training split.
        seed: seed of the weights.
    """
    tokenizer = train_tokenizer(sentences, max_length=MAX_TOKENS)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=DIMENSIONS,
        num_hidden_layers=2,
        num_attention_heads=12,
        intermediate_size=768,
        # XLM-RoBERTa counts positions from the padding id, 1, upwards: two are never used.
        max_position_embeddings=MAX_TOKENS + 2,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    with torch.random.fork_rng(devices=[]), TemporaryDirectory() as folder:
        torch.default_generator.manual_seed(seed)
        # The library builds its module from a folder, so the model passes through one. With it
        # goes XLM-RoBERTa's own pooler, unused: the library expects it and warns where it lacks.
        XLMRobertaModel(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        transformer = Transformer(folder)
    return SentenceTransformer(modules=[transformer, Pooling(DIMENSIONS)], device="cpu")

"""Small random models in every layout that the library saves, made and saved by the library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import nn
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

WIDTH = 16
LONGEST = 32
TEXT = """
the a cat dog baby man woman runs sleeps eats red blue big small house tree in under near happy
quick old young street
"""
WORDS = TEXT.split()
NAMES = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}


def tokenizer(
    template: str | None = "[CLS] $A [SEP]", *, lowercase: bool = True, **settings: Any
) -> PreTrainedTokenizerFast:
    """A tokenizer of words; a setting of ``None`` leaves it out."""
    vocabulary = {token: number for number, token in enumerate([*NAMES.values(), *WORDS])}
    for letter in "abcdefghijklmnopqrstuvwxyz.,!:":
        vocabulary.setdefault(letter, len(vocabulary))
        vocabulary.setdefault(f"##{letter}", len(vocabulary))
    made: Any = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    if template is not None:
        made.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    wanted = {"model_max_length": LONGEST, **NAMES, **settings}
    given = {name: value for name, value in wanted.items() if value is not None}
    return PreTrainedTokenizerFast(tokenizer_object=made, **given)


def bert(folder: Path, words: PreTrainedTokenizerFast | None = None, **settings: Any) -> Path:
    """A transformers' folder of a small network, always the same one, and its tokenizer."""
    words = words or tokenizer()
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=LONGEST,
        initializer_range=0.5,  # far apart, so that rounding decides nothing
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        **settings,
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def transformer(folder: Path, words: PreTrainedTokenizerFast | None = None) -> Transformer:
    """The library's module of such a network."""
    return Transformer(str(bert(folder.with_name(f"{folder.name}-network"), words)))


def save(folder: Path, *modules: nn.Module, pickle: bool = False, **settings: Any) -> None:
    """Have the library save a model of ``modules``."""
    SentenceTransformer(modules=[*modules], device="cpu", **settings).save_pretrained(
        str(folder), create_model_card=False, safe_serialization=not pickle
    )


def encoder(folder: Path, *after: nn.Module, pooling: Any = "mean", **settings: Any) -> None:
    """Save an encoder with pooling and what comes ``after`` it."""
    with_prompt = settings.pop("include_prompt", True)
    save(folder, transformer(folder), Pooling(WIDTH, pooling, with_prompt), *after, **settings)


def with_tokenizer(folder: Path, words: PreTrainedTokenizerFast) -> None:
    """Save an encoder with another tokenizer."""
    save(folder, transformer(folder, words), Pooling(WIDTH))


def static(folder: Path, *after: nn.Module, pickle: bool = False) -> None:
    """Save a static embedding, which has no config.json."""
    torch.manual_seed(0)
    save(folder, StaticEmbedding(tokenizer(), embedding_dim=WIDTH), *after, pickle=pickle)


def edit(path: Path, **settings: Any) -> None:
    """Change a file of settings."""
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))

"""Tiny random encoders of every architecture that reads packed sentences, 512 tokens each."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    BertTokenizer,
    DistilBertConfig,
    DistilBertModel,
    DistilBertTokenizer,
    MPNetConfig,
    MPNetModel,
    MPNetTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    RobertaConfig,
    RobertaModel,
    RobertaTokenizer,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizer,
)

Architecture = Literal["bert", "distilbert", "mpnet", "roberta", "xlm-roberta"]
ARCHITECTURES: tuple[Architecture, ...] = ("bert", "distilbert", "mpnet", "roberta", "xlm-roberta")

WIDTH, HEADS, LAYERS, INNER = 24, 3, 2, 40
LONGEST = 512
# Of one letter, so that each of them is one token for every tokenizer here.
WORDS = string.ascii_lowercase

BERT_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", "[UNK]")


def tokenizer_of(architecture: Architecture) -> PreTrainedTokenizerBase:
    """A tokenizer that finds a token for each word, or, in RoBERTa's, for each letter."""
    if architecture == "roberta":
        vocab = dict(_numbered(*ROBERTA_SPECIAL, *sorted(ByteLevel.alphabet())))
        return RobertaTokenizer(vocab=vocab, merges=[], model_max_length=LONGEST)
    if architecture == "xlm-roberta":
        pieces = [(token, 0.0) for token in (*ROBERTA_SPECIAL, "▁", *(f"▁{w}" for w in WORDS))]
        return XLMRobertaTokenizer(vocab=pieces, model_max_length=LONGEST)
    if architecture == "mpnet":
        vocab = dict(_numbered(*ROBERTA_SPECIAL, *WORDS))
        return MPNetTokenizer(vocab=vocab, model_max_length=LONGEST)
    made = BertTokenizer if architecture == "bert" else DistilBertTokenizer
    return made(vocab=dict(_numbered(*BERT_SPECIAL, *WORDS)), model_max_length=LONGEST)


def _numbered(*tokens: str) -> list[tuple[str, int]]:
    return [(token, number) for number, token in enumerate(tokens)]


def network_of(architecture: Architecture, vocabulary: int) -> PreTrainedModel:
    """A network whose every weight counts: none is near zero, as freshly made ones are."""
    positions = LONGEST if architecture in ("bert", "distilbert") else LONGEST + 2
    shared: dict[str, Any] = {"vocab_size": vocabulary, "max_position_embeddings": positions}
    shape: dict[str, Any] = {
        "hidden_size": WIDTH,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "intermediate_size": INNER,
    }
    network: PreTrainedModel
    if architecture == "bert":
        network = BertModel(BertConfig(**shared, **shape))
    elif architecture == "distilbert":
        config = DistilBertConfig(
            **shared, dim=WIDTH, n_heads=HEADS, n_layers=LAYERS, hidden_dim=INNER
        )
        network = DistilBertModel(config)
    elif architecture == "mpnet":
        network = MPNetModel(MPNetConfig(**shared, **shape))
    elif architecture == "roberta":
        network = RobertaModel(RobertaConfig(**shared, **shape))
    else:
        network = XLMRobertaModel(XLMRobertaConfig(**shared, **shape))
    for name, weights in network.named_parameters():
        scale = 1.0 if "embeddings" in name or "relative" in name else 0.25
        nn.init.normal_(weights, 1.0 if "norm.weight" in name.lower() else 0.0, scale)
    return network


def encoder(
    architecture: Architecture,
    folder: Path,
    *after: nn.Module,
    pooling: Any = "mean",
    include_prompt: bool = True,
    **settings: Any,
) -> SentenceTransformer:
    """A sentence encoder, always the same one, with the modules ``after`` its pooling."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(3)
        tokenizer = tokenizer_of(architecture)
        network_of(architecture, len(tokenizer)).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    modules = [Transformer(str(folder)), Pooling(WIDTH, pooling, include_prompt), *after]
    return SentenceTransformer(modules=modules, device="cpu", **settings).eval()


def text(source: random.Random, tokens: int, architecture: Architecture) -> str:
    """Random words that make ``tokens`` tokens, of which two are special."""
    letters = source.choices(WORDS, k=tokens - 2)
    return ("" if architecture == "roberta" else " ").join(letters)


def texts(lengths: Sequence[int], architecture: Architecture, seed: int = 0) -> list[str]:
    """Random sentences of so many tokens each."""
    source = random.Random(seed)
    return [text(source, length, architecture) for length in lengths]

"""A blank encoder of the reference card's shape, with a tokenizer of the real triplets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from stplay.sources.datasources import COLUMNS

LAYERS, WIDTH, INNER, HEADS = 12, 384, 1536, 12

Architecture = Literal["xlm-roberta", "bert", "mpnet"]


def make_card_model(
    folder: Path,
    vocabulary: int,
    sentences: list[str],
    layers: int = LAYERS,
    architecture: Architecture = "xlm-roberta",
) -> Path:
    """An encoder of 12 layers and 384 dimensions with ``vocabulary`` rows of embeddings."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoConfig, AutoModel

    from stplay.engine.models.tokenizertraining import train_tokenizer

    torch.manual_seed(0)
    tokenizer = train_tokenizer(sentences)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=514,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=tokenizer.pad_token_id,
    )
    bare = folder / "transformer"
    AutoModel.from_config(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    modules = [Transformer(str(bare)), Pooling(WIDTH)]
    model = SentenceTransformer(modules=modules, device="cpu")
    model.save_pretrained(str(folder / "model"), create_model_card=False)
    return folder / "model"


def real_sentences(snli: Path) -> list[str]:
    """All sentences of the real triplets, each once."""
    found: dict[str, None] = {}
    for name in ("dev.jsonl", "test.jsonl"):
        for line in (snli / name).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found.update(dict.fromkeys(row[column] for column in COLUMNS))
    return list(found)

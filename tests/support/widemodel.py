"""A small BERT of 768 dimensions with random weights, as a folder on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from stplay.sources import minilm

WIDTH, INNER = 768, 128


def make_wide_model(folder: Path) -> Path:
    """A sentence encoder of one layer in ``folder``, with the packaged MiniLM's tokenizer."""
    shutil.copytree(minilm.checked_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    settings = json.loads((folder / "config.json").read_text())
    settings |= {"hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": 1}
    (folder / "config.json").write_text(json.dumps(settings))
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(
        json.dumps(json.loads(pooling.read_text()) | {"word_embedding_dimension": WIDTH})
    )
    random = np.random.default_rng(0)

    def matrix(*shape: int) -> np.ndarray:
        return random.normal(0, 0.05, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": matrix(settings["vocab_size"], WIDTH),
        "embeddings.position_embeddings.weight": matrix(512, WIDTH),
        "embeddings.token_type_embeddings.weight": matrix(2, WIDTH),
    }
    layer = "encoder.layer.0"
    for name, rows, columns in (
        (f"{layer}.attention.self.query", WIDTH, WIDTH),
        (f"{layer}.attention.self.key", WIDTH, WIDTH),
        (f"{layer}.attention.self.value", WIDTH, WIDTH),
        (f"{layer}.attention.output.dense", WIDTH, WIDTH),
        (f"{layer}.intermediate.dense", INNER, WIDTH),
        (f"{layer}.output.dense", WIDTH, INNER),
        ("pooler.dense", WIDTH, WIDTH),
    ):
        weights[f"{name}.weight"] = matrix(rows, columns)
        weights[f"{name}.bias"] = np.zeros(rows, np.float32)
    for name in ("embeddings", f"{layer}.attention.output", f"{layer}.output"):
        weights[f"{name}.LayerNorm.weight"] = np.ones(WIDTH, np.float32)
        weights[f"{name}.LayerNorm.bias"] = np.zeros(WIDTH, np.float32)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder

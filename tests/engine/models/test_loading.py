"""Weights are those that were saved: what is missing, or left over, is told and not made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from savedmodels import loaded, opened, saved, stages
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Router
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    LSTM,
    LayerNorm,
    Pooling,
)
from smallmodels import DIMENSIONS, exact_model, transformer
from torch import Tensor
from transformers import XLMRobertaForMaskedLM, XLMRobertaModel

from stplay.engine.models.basemodel import load_model
from stplay.errors import UserError
from stplay.runs import recipe

Weights = dict[str, Tensor]
TEXT = ["a red cat", "the old man sits"]
QUERY = "encoder.layer.0.attention.self.query.weight"
WORDS = "embeddings.word_embeddings.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound model: one layer, mean pooling, and a dense module after it."""
    torch.manual_seed(0)
    modules = [transformer(1, tmp_path / "made"), Pooling(DIMENSIONS), Dense(DIMENSIONS, 8)]
    return saved(SentenceTransformer(modules=modules, device="cpu"), tmp_path / "model")


def change(path: Path, how: Callable[[Weights], Weights]) -> None:
    weights = {name: weight.contiguous() for name, weight in how(load_file(path)).items()}
    save_file(weights, path, {"format": "pt"})


def renamed(old: str, new: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name.replace(old, new, 1): each for name, each in weights.items()}


def without(*names: str) -> Callable[[Weights], Weights]:
    return lambda weights: {
        name: each for name, each in weights.items() if not name.startswith(names)
    }


def prefixed(weights: Weights) -> Weights:
    return {f"module.{name}": each for name, each in weights.items()}


def with_another_layer(weights: Weights) -> Weights:
    other = renamed("layer.0", "layer.1")(weights)
    return weights | {name: each.clone() for name, each in other.items()}


def with_an_adapter(weights: Weights) -> Weights:
    return weights | {QUERY.replace("weight", "lora_A.weight"): torch.ones(2, 24)}


FAULTS: dict[str, tuple[Callable[[Weights], Weights], str]] = {
    "prefix": (prefixed, "weights are missing, and made up at random (embeddings.LayerNorm.bias;"),
    "one missing": (without(QUERY), f"1 weight is missing, and made up at random ({QUERY})"),
    "layer renamed": (renamed("layer.0", "layers.0"), "encoder.layers.0.attention.output.Layer"),
    "shape": (
        lambda weights: weights | {WORDS: weights[WORDS][:-1]},
        f"1 weight is of another shape, and made up at random ({WORDS}, [",
    ),
    "layer left out": (with_another_layer, "16 weights are not known to it, and left out (encode"),
    "adapter": (with_an_adapter, "1 weight is not known to it, and left out (encoder.layer.0.atte"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_does_not_fit_is_refused_and_trained_only_where_allowed(
    fault: str, folder: Path
) -> None:
    how, told = FAULTS[fault]
    change(folder / "model.safetensors", how)
    with pytest.raises(UserError) as refused:
        opened(folder)
    assert refused.value.sentence.startswith(f"The model {folder} cannot be loaded: ")
    assert told in refused.value.sentence
    assert "allow_new_weights" not in refused.value.sentence
    with pytest.raises(UserError, match=r"train it all the same: --set model\.allow_new_weights=t"):
        loaded(folder)
    base = loaded(folder, allow_new_weights=True)
    [note] = base.notes
    assert note.startswith("Of the base model, ")
    assert told in note
    assert base.model.encode(TEXT).shape == (2, 8)


@pytest.mark.parametrize("form", ["shards", "pickle"])
def test_in_whatever_files_they_are(form: str, folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if form == "pickle":
        torch.save(without(QUERY)(weights), folder / "pytorch_model.bin")
    else:
        parts = {
            "model-1-of-2.safetensors": without("enc"),
            "model-2-of-2.safetensors": without("emb"),
        }
        index = {}
        for name, how in parts.items():
            part = without(QUERY)(how(weights))
            save_file(part, folder / name, {"format": "pt"})
            index |= dict.fromkeys(part, name)
        (folder / "model.safetensors.index.json").write_text(
            json.dumps({"metadata": {"total_size": 1}, "weight_map": index})
        )
    with pytest.raises(UserError) as refused:
        opened(folder, allow_pickle=True)
    assert f"1 weight is missing, and made up at random ({QUERY})" in refused.value.sentence


def test_a_route_is_checked_as_well(tmp_path: Path) -> None:
    router = Router.for_query_document(
        query_modules=[transformer(1, tmp_path / "q"), Pooling(DIMENSIONS)],
        document_modules=[transformer(2, tmp_path / "d"), Pooling(DIMENSIONS)],
    )
    folder = saved(SentenceTransformer(modules=[router], device="cpu"), tmp_path / "model")
    assert opened(folder).encode_document(TEXT).shape == (2, DIMENSIONS)
    [path] = folder.glob("document*/model.safetensors")
    change(path, without(QUERY))
    with pytest.raises(UserError, match="1 weight is missing"):
        opened(folder)


MODULES: dict[str, Callable[[], list[Any]]] = {
    "Dense": lambda: [Pooling(DIMENSIONS), Dense(DIMENSIONS, 8)],
    "LayerNorm": lambda: [Pooling(DIMENSIONS), LayerNorm(DIMENSIONS)],
    "LSTM": lambda: [LSTM(DIMENSIONS, 6), Pooling(12)],
    "CNN": lambda: [CNN(DIMENSIONS, 6, [1, 3]), Pooling(12)],
    "StaticEmbedding": lambda: [],
}


@pytest.mark.parametrize("how", ["missing", "unexpected", "renamed"])
@pytest.mark.parametrize("kind", MODULES)
def test_modules_of_the_library(kind: str, how: str, tmp_path: Path) -> None:
    if kind == "StaticEmbedding":
        if how == "unexpected":
            pytest.skip("the library reads what it needs of it by name")
        model = exact_model()
    else:
        model = SentenceTransformer(
            modules=[transformer(1, tmp_path / "made"), *MODULES[kind]()], device="cpu"
        )
    folder = saved(model, tmp_path / "model")
    paths = [
        path for path in folder.rglob("*.safetensors") if kind in str(path) or path.parent == folder
    ]
    path = sorted(paths)[0]
    first = min(load_file(path))

    def changed(weights: Weights) -> Weights:
        match how:
            case "missing":
                return without(first)(weights) | {"other": torch.ones(1)}
            case "renamed":
                return prefixed(weights)
        return weights | {"other": torch.ones(1)}

    change(path, changed)
    with pytest.raises(UserError) as refused:
        opened(folder)
    assert refused.value.sentence.startswith(f"The model {folder} cannot be loaded: ")
    assert any(word in refused.value.sentence.lower() for word in ("missing", "unexpected"))


def test_what_is_usual_is_not_told(folder: Path) -> None:
    expected = opened(folder).encode(TEXT)
    usual: list[Callable[[Weights], Weights]] = [
        without("pooler"),
        lambda weights: weights | {"embeddings.position_ids": torch.arange(66).unsqueeze(0)},
        lambda weights: (
            weights | {"lm_head.bias": torch.ones(3), "linear.weight": torch.ones(2, 2)}
        ),
        lambda weights: {f"roberta.{name}": each for name, each in weights.items()},
    ]
    for how in usual:
        change(folder / "model.safetensors", how)
        np.testing.assert_array_equal(opened(folder).encode(TEXT), expected)
        assert loaded(folder).notes == []


def test_a_language_model_is_trained_without_its_head(folder: Path, tmp_path: Path) -> None:
    network = XLMRobertaForMaskedLM(XLMRobertaModel.from_pretrained(folder).config)
    network.save_pretrained(tmp_path / "base")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "base" / name).write_bytes((folder / name).read_bytes())
    base = loaded(tmp_path / "base")
    assert base.notes == []
    words = base.model[0].auto_model.embeddings.word_embeddings.weight  # pyright: ignore
    assert torch.equal(words, network.roberta.embeddings.word_embeddings.weight)  # pyright: ignore


def test_a_pooler_that_embeddings_come_from_is_not_made_up(folder: Path) -> None:
    settings = folder / "sentence_bert_config.json"
    config = json.loads(settings.read_text())
    config["modality_config"]["text"]["method_output_name"] = "pooler_output"
    config["module_output_name"] = "sentence_embedding"
    settings.write_text(json.dumps(config))
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([modules[0], modules[2]]))
    assert opened(folder).encode(TEXT).shape == (2, 8)
    change(folder / "model.safetensors", without("pooler"))
    with pytest.raises(UserError, match=r"2 weights are missing.*pooler\.dense\.bias"):
        opened(folder)


def test_a_checkpoint_is_whole_or_refused(folder: Path) -> None:
    change(folder / "model.safetensors", without(QUERY))
    with pytest.raises(UserError, match=r"^The checkpoint .*1 weight is missing"):
        load_model(recipe.ModelSection(allow_new_weights=True), None, folder, stages())  # pyright: ignore

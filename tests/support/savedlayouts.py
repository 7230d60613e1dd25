"""Every layout that the library saves, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from layouts import (
    LONGEST,
    WIDTH,
    bert,
    edit,
    encoder,
    save,
    static,
    tokenizer,
    transformer,
    with_tokenizer,
)
from librarysown import Case
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize
from transformers import BertModel

from stplay.similarities import SIMILARITIES

OLD_NAMES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")

OTHER_KINDS = ("CrossEncoder", "MultiVectorEncoder", "SparseEncoder")

PROMPTS = {"query": "the old ", "document": "a young "}


def in_a_folder(folder: Path) -> None:
    """The transformer in a folder of its own, under the names of the first releases."""
    encoder(folder)
    (folder / "0_Transformer").mkdir()
    of_the_model = ("modules.json", "config_sentence_transformers.json")
    for path in [path for path in folder.iterdir() if path.is_file()]:
        if path.name not in of_the_model:
            path.replace(folder / "0_Transformer" / path.name)
    names = {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}
    modules = json.loads((folder / "modules.json").read_text())
    modules[0] |= names
    modules[1]["type"] = "sentence_transformers.models.Pooling"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "config_sentence_transformers.json").unlink()
    old = {"word_embedding_dimension": WIDTH, "pooling_mode_cls_token": False}
    old |= {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(old))


def settings(**given: Any) -> Any:
    """An encoder whose transformer was saved with such settings."""

    def make(folder: Path) -> None:
        encoder(folder)
        edit(folder / "sentence_bert_config.json", **given)

    return make


def old_settings(name: str) -> Any:
    def make(folder: Path) -> None:
        encoder(folder)
        (folder / "sentence_bert_config.json").unlink()
        text = json.dumps({"max_seq_length": 8, "do_lower_case": True})
        (folder / f"sentence_{name}_config.json").write_text(text)

    return make


def without(*names: str) -> Any:
    """An encoder that lacks files."""

    def make(folder: Path) -> None:
        encoder(folder)
        for name in names:
            (folder / name).unlink()

    return make


def lower_case(folder: Path) -> None:
    with_tokenizer(folder, tokenizer(lowercase=False))
    edit(folder / "sentence_bert_config.json", do_lower_case=True)


def of_another_kind(kind: str) -> Any:
    """As those are saved that the library turns into sentence encoders when it loads them."""

    def make(folder: Path) -> None:
        encoder(folder)
        edit(folder / "config_sentence_transformers.json", model_type=kind)

    return make


def sharded(folder: Path) -> None:
    encoder(folder)
    network = BertModel.from_pretrained(folder, add_pooling_layer=False)
    (folder / "model.safetensors").unlink()
    network.save_pretrained(folder, max_shard_size="4KB")
    assert len([*folder.glob("model-*.safetensors")]) > 1


def pickled(folder: Path) -> None:
    encoder(folder)
    network = BertModel.from_pretrained(folder, add_pooling_layer=False)
    torch.save(network.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def pickled_dense(folder: Path) -> None:
    encoder(folder, Dense(WIDTH, 6))
    save(folder.with_name("pickle"), transformer(folder), Dense(WIDTH, 6), pickle=True)
    dense = Dense(WIDTH, 6)
    dense.save(str(folder / "2_Dense"), safe_serialization=False)
    (folder / "2_Dense" / "model.safetensors").unlink()


def pickled_static(folder: Path) -> None:
    torch.manual_seed(0)
    static(folder, pickle=True)


def long_positions(model: Any) -> None:
    model.max_seq_length = LONGEST


LAYOUTS = {
    "root": Case(encoder),
    "in a folder": Case(in_a_folder),
    "plain transformers": Case(bert),
    "plain without settings": Case(without("modules.json", "sentence_bert_config.json")),
    "no settings of the transformer": Case(without("sentence_bert_config.json")),
    "no settings of the model": Case(without("config_sentence_transformers.json")),
    "sharded": Case(sharded),
    "pickled": Case(pickled, allow_pickle=True),
    "pickled dense": Case(pickled_dense, allow_pickle=True),
    "pickled static": Case(pickled_static, allow_pickle=True),
    **{f"settings of {name}": Case(old_settings(name)) for name in OLD_NAMES},
    "few tokens": Case(settings(max_seq_length=8)),
    "any number of tokens": Case(settings(max_seq_length=None)),
    "more tokens than positions": Case(
        settings(max_seq_length=2 * LONGEST), (None, "query", "document"), long_positions
    ),
    "lower case": Case(lower_case),
    "fewer tokens of a call": Case(settings(processing_kwargs={"text": {"max_length": 6}})),
    "padded to a length": Case(
        settings(processing_kwargs={"text": {"padding": "max_length", "max_length": 24}})
    ),
    "no template": Case(settings(processing_kwargs={"text": {"add_special_tokens": False}})),
    "short queries": Case(settings(query_length=6, document_length=12)),
    "short queries alone": Case(settings(query_length=6)),
    "equally short": Case(settings(query_length=6, document_length=6)),
    "expanded queries": Case(
        settings(query_expansion={"strategy": "fixed", "length": 12, "attend": True})
    ),
    "expanded short queries": Case(
        settings(query_expansion={"strategy": "min", "length": 12, "attend": True})
    ),
    "another output": Case(
        settings(
            modality_config={
                "text": {"method": "forward", "method_output_name": ["hidden_states", -2]}
            },
            module_output_name="token_embeddings",
        )
    ),
    "prompts": Case(lambda folder: encoder(folder, prompts=PROMPTS)),
    "prompts not pooled": Case(
        lambda folder: encoder(folder, prompts=PROMPTS, include_prompt=False)
    ),
    "the prompt of queries": Case(lambda folder: encoder(folder, prompts={"query": "red "})),
    "the prompt of passages": Case(lambda folder: encoder(folder, prompts={"passage": "red "})),
    "the default prompt": Case(
        lambda folder: encoder(folder, prompts={"other": "the "}, default_prompt_name="other")
    ),
    "default and query": Case(
        lambda folder: encoder(
            folder, prompts=PROMPTS | {"other": "in "}, default_prompt_name="query"
        )
    ),
    "a long prompt": Case(lambda folder: encoder(folder, prompts={"query": "the red " * 8})),
    **{kind: Case(of_another_kind(kind)) for kind in OTHER_KINDS},
    "truncated": Case(lambda folder: encoder(folder, Normalize(), truncate_dim=5)),
    **{
        f"similarity {name}": Case(
            lambda folder, name=name: encoder(folder, similarity_fn_name=name)
        )
        for name in SIMILARITIES
    },
}

"""Which files of a repository are needed: of a model, and of the splits that a card tells."""

from __future__ import annotations

from typing import Any

import pytest

from stplay.engine.data.repofiles import layout, model_files


def test_the_files_a_model_needs() -> None:
    safe = ["config.json", "tokenizer.json", "sentencepiece.bpe.model", "bpe.codes", "README.md"]
    safe += ["modules.json", "1_Pooling/config.json", "model.safetensors", "2_Dense/config.json"]
    safe += ["2_Dense/model.safetensors"]
    other = ["onnx/model.onnx", "openvino/openvino_model.xml", "tf_model.h5", "rust_model.ot"]
    other += ["flax_model.msgpack", "pytorch_model.bin", "2_Dense/pytorch_model.bin", "a.onnx_data"]
    other += ["training_args.bin", "optimizer.pt", "checkpoint-9/model.safetensors", "model.gguf"]
    other += ["old/pytorch_model.bin", "onnx/config.json", "openvino/config.json"]
    names, pickles = model_files(sorted(safe + other))
    assert (names, pickles) == (sorted(safe), [])
    parts = [f"pytorch_model-0000{part}-of-00002.bin" for part in (1, 2)]
    assert model_files(["config.json", "training_args.bin", *parts]) == (["config.json"], parts)
    # A module of its own that is a pickle makes the whole one.
    names, pickles = model_files(["model.safetensors", "2_Dense/pytorch_model.bin"])
    assert (names, pickles) == (["model.safetensors"], ["2_Dense/pytorch_model.bin"])
    # And so does a module of a route, of a router at the top or further down.
    routes = ["1_Router/document_0_Dense/pytorch_model.bin", "query_0_Asym/pytorch_model.bin"]
    assert model_files(["router_config.json", *routes]) == (["router_config.json"], routes)


@pytest.mark.parametrize(
    ("configs", "wanted", "splits"),
    [
        ([{"data_files": "*.csv"}], None, {"train": ["a.csv", "train.csv"]}),
        ([{"data_files": ["train.csv", "b/*.csv"]}], None, {"train": ["train.csv", "b/c.csv"]}),
        ([{"data_files": {"dev": "**/*.csv"}}], None, {"dev": ["a.csv", "b/c.csv", "train.csv"]}),
        (
            {"config_name": "one", "data_files": [{"split": "x", "path": ["b/**"]}]},
            None,
            {"x": ["b/c.csv"]},
        ),
        (
            [
                {"config_name": "triplet", "data_files": "a.csv"},
                {"config_name": 7, "data_files": "train.csv", "default": True},
            ],
            None,
            {"train": ["train.csv"]},
        ),
        (
            [
                {"config_name": "triplet", "data_files": "a.csv"},
                {"config_name": "pair", "data_files": "train.csv", "default": True},
            ],
            "triplet",
            {"train": ["a.csv"]},
        ),
        ([{"config_name": "one", "data_dir": "b"}], None, {"train": ["train.csv"]}),
        ("nonsense", None, {"train": ["train.csv"]}),
        ([{"data_files": [{"split": "train", "path": "[a].csv"}]}], None, {"train": ["a.csv"]}),
    ],
)
def test_a_card_tells_the_files_of_a_split(
    configs: Any, wanted: str | None, splits: dict[str, list[str]]
) -> None:
    names = ["train.csv", "b/c.csv", "a.csv"]
    assert layout({"configs": configs}, names, wanted).splits == splits


def test_a_card_tells_the_number_of_rows() -> None:
    one = {"splits": [{"name": "train", "num_examples": 7}]}
    other = {"config_name": "b", "splits": [{"name": "train", "num_examples": 8}, {"name": "x"}]}
    configs = [{"config_name": "b", "data_files": "a.csv"}]
    assert layout({"dataset_info": one}, [], None).rows == {"train": 7}
    assert layout({"dataset_info": [other, one], "configs": configs}, [], None).rows == {"train": 8}
    assert layout({"dataset_info": "nonsense"}, [], None).rows == {}

"""The base model: built in, from a folder and from the Hub, and all that can be wrong with it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from calls import Engine
from datasets import Dataset
from hubstandin import Hub
from sentence_transformers import SentenceTransformer
from transformers import XLMRobertaModel

from stplay.engine.data.triplets import COLUMNS, Split
from stplay.engine.models.basemodel import BaseModel, load_model
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.runs import recipe
from stplay.sources import minilm

TEXT = "A cat sleeps."
# What makes a transformers model a sentence encoder.
SENTENCE_PARTS = ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json")


def split(*sentences: str, synthetic: bool = True) -> Split:
    return Split("x", Dataset.from_dict(dict.fromkeys(COLUMNS, sentences)), 0, synthetic)


def load(
    base: str | Path, train: Split | None = None, checkpoint: Path | None = None, **settings: Any
) -> BaseModel:
    model = recipe.ModelSection(base=str(base), **settings)
    stages = Stages(EventWriter(Path(os.environ["STPLAY_HOME"], "events")), seconds=0)
    return load_model(model, train or split(TEXT), checkpoint, stages)


def refusal(base: str | Path, checkpoint: Path | None = None, **settings: Any) -> str:
    with pytest.raises(UserError) as raised:
        load(base, checkpoint=checkpoint, **settings)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Path]]:
    """Two homes; the first is that of this process."""
    folders = [tmp_path_factory.mktemp("home") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folders[0]))
        yield folders


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module", autouse=True)
def engine(hub: Hub, homes: list[Path]) -> Iterator[Engine]:
    """A second process, with the second home, that makes its own tiny model first."""
    with Engine(hub, homes[1], STPLAY_HOME=str(homes[1])) as engine:
        engine.send("model", "builtin:tiny")
        yield engine


@pytest.fixture(scope="module")
def tiny(homes: list[Path]) -> Path:
    """The folder of the built-in tiny model."""
    load("builtin:tiny")
    [folder] = (homes[0] / "cache" / "models").iterdir()
    return folder


@pytest.fixture(scope="module")
def plain(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A transformers model that is no sentence encoder yet, such as XLM-R itself."""
    folder = tmp_path_factory.mktemp("models") / "plain"
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns(*SENTENCE_PARTS, "1_Pooling"))
    return folder


@pytest.fixture(scope="module")
def pickled(plain: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with its weights in a pickle only."""
    folder = tmp_path_factory.mktemp("models") / "pickled"
    shutil.copytree(plain, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    weights = XLMRobertaModel.from_pretrained(plain).state_dict()
    torch.save(weights, folder / "pytorch_model.bin")
    return folder


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    return shutil.copytree(tiny, tmp_path / "copy")


def vector(model: SentenceTransformer) -> list[float]:
    return model.encode(TEXT).tolist()


def pooling(model: SentenceTransformer) -> str:
    return model[1].pooling_mode  # pyright: ignore[reportAttributeAccessIssue, reportReturnType]


def test_tiny_is_made_once_and_equal_everywhere(
    engine: Engine, tiny: Path, homes: list[Path]
) -> None:
    base = load("builtin:tiny")
    assert base.name == "builtin:tiny"
    assert (pooling(base.model), base.model.max_seq_length) == ("mean", 512)
    events = EventReader(homes[0] / "events").read()
    stages = [event.stage for event in events]  # pyright: ignore[reportAttributeAccessIssue]
    assert stages.count("training the tokenizer and making the model") == 1
    assert [path.name for path in tiny.parent.iterdir()] == [tiny.name]  # and nothing half made

    answer = engine.answer(0)
    assert answer["vector"] == vector(base.model)
    other = homes[1] / tiny.relative_to(homes[0])
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tiny / name).read_bytes() == (other / name).read_bytes()


def test_tiny_learns_its_words_from_other_training_data(tiny: Path, homes: list[Path]) -> None:
    words = load("builtin:tiny").model.tokenizer.get_vocab()
    own = load("builtin:tiny", split("quux zorp", "quux frob", synthetic=False))
    assert "▁quux" not in words
    assert "▁quux" in own.model.tokenizer.get_vocab()
    assert own.model.encode("quux").shape == (384,)
    # It is made for this run and not kept.
    assert [path.name for path in tiny.parent.iterdir()] == [tiny.name]


@pytest.mark.skipif(not minilm.is_installed(), reason="builtin:minilm is not installed")
def test_minilm_gives_its_vectors() -> None:
    model = load("builtin:minilm").model
    vectors = model.encode(["A cat sleeps.", "A cat is asleep.", "Stocks fell."])
    assert vectors.shape == (3, 384)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > 0.8
    assert far < 0.2
    assert "is more than the 512 tokens" in refusal("builtin:minilm", max_seq_length=513)
    assert load("builtin:minilm", max_seq_length=512).model.max_seq_length == 512


def test_settings_replace_the_models_own(tiny: Path) -> None:
    model = load(tiny, dropout=0.25, max_seq_length=7).model
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.25}
    config = model.transformers_model.config  # pyright: ignore[reportOptionalMemberAccess]
    assert config.hidden_dropout_prob == config.attention_probs_dropout_prob == 0.25
    assert model.max_seq_length == 7
    assert model.tokenize([TEXT * 9])["input_ids"].shape == (1, 7)
    # The override takes effect: in training, two forward passes differ, and without it they do not.
    for dropout, same in ((0.25, False), (0.0, True)):
        model = load(tiny, dropout=dropout).model.train()
        first, second = (model(model.tokenize([TEXT]))["sentence_embedding"] for _ in range(2))
        assert torch.equal(first, second) == same
    assert refusal(tiny, max_seq_length=513) == (
        f"model.max_seq_length = 513 is more than the 512 tokens that the model {tiny} can read."
    )


def test_a_plain_model_gets_mean_pooling_and_its_true_length(plain: Path, tmp_path: Path) -> None:
    base = load(plain)
    assert base.name == str(plain)
    assert (pooling(base.model), base.model.max_seq_length) == ("mean", 512)
    tokens = base.model[0](base.model.tokenize([TEXT]))["token_embeddings"]
    assert torch.allclose(torch.tensor(vector(base.model)), tokens.mean(1)[0], atol=1e-6)
    # Where the tokenizer names no limit, the library counts two positions that are no text's.
    folder = shutil.copytree(plain, tmp_path / "unlimited")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    del config["model_max_length"]
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    model = load(folder).model
    assert model.max_seq_length == 512
    assert model.encode("cat " * 600).shape == (384,)


def test_a_pickle_is_loaded_only_where_that_is_allowed(
    pickled: Path, plain: Path, tmp_path: Path
) -> None:
    told = refusal(pickled)
    assert f"{pickled} has only a pickle checkpoint (pytorch_model.bin)" in told
    assert "--set model.allow_pickle=true" in told
    assert vector(load(pickled, allow_pickle=True).model) == vector(load(plain).model)

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "sprung",)

    trap = shutil.copytree(pickled, tmp_path / "trap")
    torch.save({"weights": Trap()}, trap / "pytorch_model.bin")
    assert "cannot be loaded: Weights only load failed" in refusal(trap, allow_pickle=True)
    assert not (tmp_path / "sprung").exists()
    # Some other safetensors file does not make a pickle safe.
    (trap / "adapter_model.safetensors").write_bytes(b"")
    assert "no file named model.safetensors" in refusal(trap)
    # Where there are safetensors, the pickle beside them is not even looked at.
    shutil.copy(plain / "model.safetensors", trap)
    assert vector(load(trap, allow_pickle=True).model) == vector(load(plain).model)


def test_a_damaged_folder_ends_in_one_sentence(copy: Path) -> None:
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"not safetensors", b""):
        weights.write_bytes(damaged)
        assert f"The model {copy} cannot be loaded: Error while deseri" in refusal(copy)
    # A checkpoint is called by its own name, not by its base's.
    told = refusal("builtin:tiny", checkpoint=copy)
    assert f"The checkpoint {copy} cannot be loaded: " in told
    weights.unlink()
    assert refusal(copy) == f"The model folder {copy} has no weights (no model.safetensors)."
    weights.write_bytes(whole)

    config = (copy / "config.json").read_text()
    for damaged in (
        "{",
        '{"model_type": "nonesuch"}',
        config.replace(": 384", ': "wide"'),
        config.replace(": 384", ": 396"),
    ):
        assert damaged != config
        (copy / "config.json").write_text(damaged)
        assert f"The model {copy} cannot be loaded: " in refusal(copy)
        assert f"The model {copy} cannot be loaded: " in refusal(copy, dropout=0.1)
    (copy / "config.json").write_text(config)

    (copy / "tokenizer.json").unlink()
    (copy / "tokenizer_config.json").unlink()
    assert f"The model {copy} has no tokenizer" in refusal(copy)


def test_code_in_a_folder_is_not_run(copy: Path, tmp_path: Path) -> None:
    (copy / "trap.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')\nclass Trap: ...\n")
    modules = json.loads((copy / "modules.json").read_text())
    modules[0]["type"] = "trap.Trap"
    (copy / "modules.json").write_text(json.dumps(modules))
    assert "cannot be loaded" in refusal(copy)
    assert not (tmp_path / "sprung").exists()


def test_a_sentence_encoder_of_the_hub(engine: Engine, hub: Hub, tiny: Path) -> None:
    files = {str(p.relative_to(tiny)): p.read_bytes() for p in tiny.rglob("*") if p.is_file()}
    unneeded = (
        "onnx/model.onnx",
        "openvino/openvino_model.xml",
        "pytorch_model.bin",
        "tf_model.h5",
    )
    sha = hub.add_model("org/encoder", files | dict.fromkeys(unneeded, b"x"))
    hub.add_model("org/encoder", files | {"model.safetensors": b"newer"})
    answer = engine.call("model", f"org/encoder@{sha}")
    assert answer["name"] == f"org/encoder@{sha}"
    assert answer["vector"] == vector(load(tiny).model)
    asked = {request.path.rpartition(f"/{sha}/")[2] for request in hub.requests}
    assert not asked & set(unneeded)
    assert {"model.safetensors", "1_Pooling/config.json"} <= asked
    # The library asks for nothing more, neither to load nor to save with a card.
    hub.requests.clear()
    hub.close()
    again = engine.call("model", f"org/encoder@{sha}")
    hub.start()
    assert again["vector"] == answer["vector"]
    assert hub.requests == []
    assert "base_model: org/encoder\n" in again["card"]
    assert sha in again["card"]
    told = engine.call("model", "org/encoder").told
    assert "The model org/encoder cannot be loaded: Error while deserializing header" in told


def test_a_plain_model_of_the_hub_in_several_files(
    engine: Engine, hub: Hub, plain: Path, tmp_path: Path
) -> None:
    sharded = shutil.copytree(plain, tmp_path / "sharded")
    (sharded / "model.safetensors").unlink()
    XLMRobertaModel.from_pretrained(plain).save_pretrained(sharded, max_shard_size="4MB")
    assert len(list(sharded.glob("model-*-of-*.safetensors"))) > 1
    sha = hub.add_model("org/plain", sharded)
    answer = engine.call("model", "org/plain")
    assert answer["name"] == f"org/plain@{sha}"
    assert answer["modules"] == ["Transformer", "Pooling"]
    assert answer["vector"] == vector(load(plain).model)


def test_a_pickle_of_the_hub(engine: Engine, hub: Hub, pickled: Path, plain: Path) -> None:
    hub.add_model("org/pickled", pickled)
    hub.requests.clear()
    told = engine.call("model", "org/pickled").told
    assert "The Hub model org/pickled has only a pickle checkpoint (pytorch_model.bin)" in told
    assert not [request for request in hub.requests if "/resolve/" in request.path]
    answer = engine.call("model", "org/pickled", allow_pickle=True)
    assert answer["vector"] == vector(load(plain).model)
    # What is saved is no pickle any more.
    assert "model.safetensors" in answer["files"]
    assert "pytorch_model.bin" not in answer["files"]

"""Steps of one shape can be replayed: nothing that fills the shape up counts, and all else does.

CUDA graphs need a GPU: what stands for one here computes anew, in the places that a graph has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import ARCHITECTURES, WIDTH, Architecture, encoder, texts
from conftest import write_triplets
from fasttraining import FastTraining
from rerun import Rerun
from sentence_transformers.util import cos_sim
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Bucket, Packing
from stplay.engine.training.capture import RECORDED_WHEN_SEEN, Capture, Embed, Recording, Sums
from stplay.engine.training.embedder import Embedder
from stplay.engine.training.loss import PackedRankingLoss

LENGTHS = {
    "all equal": [9] * 6,
    "unequal": [3, 90, 7, 2, 45, 8],
    "as long as can be": [512, 3, 511],
}


def fail(embed: Embed, sums: Sums, packing: Packing) -> Recording:
    raise RuntimeError("CUDA error: out of luck\nand more of it")


def gradients_of(model: nn.Module) -> dict[str, Tensor | None]:
    return {
        name: None if parameter.grad is None else parameter.grad.clone()
        for name, parameter in model.named_parameters()
    }


def loss_of(model: Any, precision: torch.dtype = torch.float32) -> Any:
    return PackedRankingLoss(Embedder(PackedModel(model), precision), 20.0, cos_sim, 32)


def packings_of(model: Any, sentences: Sequence[str]) -> tuple[Packing, Packing]:
    """As they are, and padded to their bucket."""
    tokens = PackedModel(model).tokenize(sentences).sentences
    bucket = Bucket.of([len(each) for each in tokens])
    return Packing(tokens), Packing(tokens, bucket=bucket)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
def test_a_bucket_changes_nothing(
    architecture: Architecture, lengths: list[int], pooling: str, tmp_path: Path
) -> None:
    model = encoder(architecture, tmp_path, pooling=pooling)
    packed = PackedModel(model)
    found = []
    for packing in packings_of(model, texts(lengths, architecture)):
        model.zero_grad()
        embeddings = packed.embed(packing)
        weights = torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(0))
        (embeddings * weights).sum().backward()
        found.append((embeddings.detach(), gradients_of(model)))
    (plain, expected), (bucketed, gradients) = found
    assert bucketed.shape == (len(lengths), WIDTH)
    torch.testing.assert_close(bucketed, plain, rtol=0, atol=1e-5)
    assert gradients.keys() == expected.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-5, atol=1e-4, msg=name)


class CpuOperations(TorchDispatchMode):
    """The names of all operations that take or give what is on the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        found = func(*args, **(kwargs or {}))
        leaves = tree_leaves((args, kwargs, found))
        if any(isinstance(leaf, Tensor) and leaf.device.type == "cpu" for leaf in leaves):
            self.names.append(str(func))
        return found


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "lasttoken"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_step_asks_for_nothing_that_is_on_the_device(
    architecture: Architecture, pooling: str, tmp_path: Path
) -> None:
    model = encoder(architecture, tmp_path, pooling=pooling).train()
    packings = packings_of(model, texts([9, 30, 7, 2, 45, 8], architecture))
    # Where there are no numbers at all, asking for one fails.
    meta = torch.device("meta")
    loss = loss_of(model.to(meta))
    for packing in packings:
        moved = packing.to(meta)
        with CpuOperations() as operations:
            loss.calculate_loss([[loss.embed.packed.embed(moved)]]).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        assert operations.names == []


@pytest.mark.parametrize("bucketed", [False, True])
def test_in_half_precision(bucketed: bool, tmp_path: Path) -> None:
    model = encoder("xlm-roberta", tmp_path)
    for name, weights in model.named_parameters():
        if "LayerNorm.weight" in name:  # near one, as in models that were trained
            nn.init.normal_(weights, 1.0, 0.1)
    packing = packings_of(model, texts([9, 30, 7, 2, 45, 8], "xlm-roberta"))[bucketed]
    found = []
    for precision in (torch.float32, torch.bfloat16):
        model.zero_grad()
        loss = loss_of(model, precision)
        embeddings = loss.embed(packing)
        assert embeddings.dtype == torch.float32
        loss.calculate_loss([[embeddings]]).backward()
        found.append((torch.nn.functional.normalize(embeddings.detach()), gradients_of(model)))
        assert not torch.is_autocast_enabled("cpu")
    (exact, expected), (half, gradients) = found
    assert (half - exact).abs().max() < 1e-2
    assert not torch.equal(half, exact)
    for name, gradient in gradients.items():
        right = expected[name]
        assert (gradient is None) == (right is None) == ("pooler" in name)
        if gradient is not None and right is not None and "key.bias" not in name:
            assert gradient.dtype == torch.float32
            assert torch.nn.functional.cosine_similarity(gradient.ravel(), right.ravel(), 0) > 0.99


def test_parameters_stay_single_where_a_step_in_half_precision_changes_them(
    tmp_path: Path,
) -> None:
    model = encoder("xlm-roberta", tmp_path)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, weight_decay=0.0, fused=True)
    _, packing = packings_of(model, texts([9, 30, 7, 2, 45, 8], "xlm-roberta"))
    loss = loss_of(model, torch.bfloat16)
    values = []
    for _ in range(20):
        value = loss([packing])
        value.backward()
        optimizer.step()
        optimizer.zero_grad()
        values.append(value.item())
    assert values[-1] < values[0] / 2
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


@pytest.fixture
def capturing(tmp_path: Path) -> tuple[Any, Capture, Rerun, list[str]]:
    """A model's loss, what captures it, and what was told."""
    model, record, told = encoder("xlm-roberta", tmp_path), Rerun(), []
    loss = loss_of(model)
    loss.capture = Capture(loss.embed, model.parameters(), record, told.append)
    return loss, loss.capture, record, told


def test_gradients_add_up_as_ever(capturing: tuple[Any, Capture, Rerun, list[str]]) -> None:
    loss, capture, record, told = capturing
    model = loss.model
    # Of two buckets and of none, recorded and not, one after the other.
    sentences = [texts(lengths, "xlm-roberta") for lengths in ([5, 9, 7], [80, 3, 9], [6, 8, 8])]
    plain, steps = zip(*(packings_of(model, each) for each in sentences), strict=True)
    assert steps[0].bucket == steps[2].bucket != steps[1].bucket
    for _ in range(RECORDED_WHEN_SEEN):
        for step in steps:
            loss([step]).backward()
    assert (record.recorded, told) == (2, [])
    order = (plain[1], steps[0], steps[1], plain[0], steps[2], steps[0], steps[1])
    for chosen in (order, order[1:], order[2:4]):
        for _ in range(2):
            found = []
            for capture_ in (capture, None):
                loss.capture = capture_
                model.zero_grad()
                for step in chosen:
                    loss([step]).backward()
                found.append(gradients_of(model))
            for name, gradient in found[0].items():
                torch.testing.assert_close(gradient, found[1][name], rtol=1e-5, atol=1e-5)
    assert record.forwards == record.backwards > 10


def test_what_has_no_gradient_gets_none(capturing: tuple[Any, Capture, Rerun, list[str]]) -> None:
    loss, _, record, _ = capturing
    _, step = packings_of(loss.model, texts([5, 9, 7], "xlm-roberta"))
    for _ in range(RECORDED_WHEN_SEEN):
        loss([step]).backward()
    assert record.backwards == 1
    without = [name for name, grad in gradients_of(loss.model).items() if grad is None]
    assert len(without) == 2
    assert all("pooler" in name for name in without)


def test_a_recording_draws_no_random_numbers(
    capturing: tuple[Any, Capture, Rerun, list[str]],
) -> None:
    loss, capture, record, _ = capturing
    loss.model.train()
    _, step = packings_of(loss.model, texts([5, 9, 7], "xlm-roberta"))
    found = []
    for capture_ in (capture, None):
        loss.capture = capture_
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            found.append([loss([step]).item() for _ in range(5)])
    assert record.forwards == 3
    assert found[0] == found[1]
    assert len(set(found[0])) == 5


def test_without_gradients_nothing_is_recorded(
    capturing: tuple[Any, Capture, Rerun, list[str]],
) -> None:
    loss, capture, record, _ = capturing
    _, step = packings_of(loss.model, texts([5, 9, 7], "xlm-roberta"))
    with torch.no_grad():
        for _ in range(5):
            capture(step)
    assert record.recorded == 0


def test_only_so_many_are_recorded(capturing: tuple[Any, Capture, Rerun, list[str]]) -> None:
    loss, capture, record, _ = capturing
    capture.most = 1
    steps = [
        packings_of(loss.model, texts([count, 5, 3], "xlm-roberta"))[1] for count in (9, 40, 80)
    ]
    for _ in range(5):
        for step in steps:
            loss([step]).backward()
    assert [*capture.recordings] == [steps[0].bucket]
    assert record.forwards == 3


def test_a_failure_is_told_once_and_ends_nothing(tmp_path: Path) -> None:
    model, told = encoder("bert", tmp_path), []
    loss = loss_of(model)
    loss.capture = Capture(loss.embed, model.parameters(), fail, told.append)
    _, step = packings_of(model, texts([5, 9, 7], "bert"))
    values = []
    for _ in range(3 * RECORDED_WHEN_SEEN):
        model.zero_grad()
        value = loss([step])
        value.backward()
        values.append(value.item())
    assert len(set(values)) == 1
    assert len(told) == 1
    assert told[0].endswith(": CUDA error: out of luck")


def test_after_a_failure_nothing_is_replayed(
    capturing: tuple[Any, Capture, Rerun, list[str]],
) -> None:
    loss, capture, record, told = capturing
    _, step = packings_of(loss.model, texts([5, 9, 7], "xlm-roberta"))
    _, other = packings_of(loss.model, texts([5, 90, 7], "xlm-roberta"))
    for _ in range(5):
        loss([step]).backward()
    assert record.forwards == 3
    capture.record = fail
    found = []
    for _ in range(3):
        loss.model.zero_grad()
        for one in (step, other, step):
            loss([one]).backward()
        found.append(gradients_of(loss.model))
    assert record.forwards == 3 + 2 * 2 + 1
    assert len(told) == 1
    for name, gradient in found[-1].items():
        torch.testing.assert_close(gradient, found[0][name], rtol=1e-5, atol=1e-5)


Trained = Callable[..., tuple[list[float], dict[str, Tensor], Rerun]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trains in this process: the losses, the weights, and what was replayed."""
    folder = tmp_path_factory.mktemp("trained")
    write_triplets(folder / "train.jsonl", 160)

    def train(on_gpu: bool, **training: Any) -> tuple[list[float], dict[str, Tensor], Rerun]:
        made, record = FastTraining(folder, **training), Rerun()
        if on_gpu:
            parameters = made.model.parameters()
            made.loss.capture = Capture(made.loss.embed, parameters, record, pytest.fail)
            made.trainer.collator.on_gpu = True
        made.trainer.train()
        return made.losses, made.weights, record

    return train


@pytest.mark.parametrize(
    "training", [{}, {"gradient_accumulation_steps": 3}, {"weight_decay": 0.01}, {"max_steps": 45}]
)
def test_a_training_of_replayed_steps_is_the_same(
    trained: Trained, training: dict[str, Any]
) -> None:
    losses, weights, record = trained(True, **training)
    expected, right, _ = trained(False, **training)
    assert record.forwards == record.backwards > len(losses) / 2
    assert losses == pytest.approx(expected, rel=1e-5)
    for name, weight in weights.items():
        if "key.bias" not in name:  # its gradient is nothing but rounding
            torch.testing.assert_close(weight, right[name], rtol=0, atol=1e-4, msg=name)


def test_a_loss_that_is_not_finite_is_not_hidden(trained: Trained) -> None:
    losses, _, _ = trained(False, learning_rate=1e38, warmup_ratio=0.0)
    assert losses[0] == losses[0]
    assert any(loss != loss for loss in losses)

"""Every token has its place in the packed sequence, in one block and in one batch."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.utils.operations import send_to_device
from checkout import ROOT
from torch import Tensor

from stplay.engine.packed.packing import (
    LONGEST_ROUNDED_TO,
    MOST_WASTED_CELLS,
    TOKENS_ROUNDED_TO,
    Block,
    Bucket,
    Packing,
    _blocks,
    cells_to_waste,
    on_device,
    shared_out,
    split,
)

LENGTHS = [
    [1],
    [512],
    [7] * 9,
    [1, 1, 1, 2],
    [3, 512, 7, 100],
    [512, 511, 1],
    [*range(1, 130)],
    [random.Random(0).choice((2, 3, 9, 40, 300)) for _ in range(200)],
]
lengths_of_all_kinds = pytest.mark.parametrize("lengths", LENGTHS, ids=lambda found: len(found))


def sentences_of(lengths: Sequence[int]) -> list[list[int]]:
    """Sentences in which every token is another one."""
    numbers = iter(range(100, 1_000_000))
    return [[next(numbers) for _ in range(length)] for length in lengths]


def padded(block: Block) -> list[list[int | None]]:
    """The token in each cell of the padded matrix, ``None`` where the mask hides it."""
    shape = (block.sentences, block.longest)
    if block.cells is None:
        return (torch.arange(block.last - block.first) + block.first).view(shape).tolist()
    assert block.mask is not None
    assert block.mask.shape == (block.sentences, 1, 1, block.longest)
    hidden = block.mask[:, 0, 0] == -torch.inf
    assert (block.mask[:, 0, 0][~hidden] == 0).all()
    cells = (block.cells.view(shape) + block.first).tolist()
    return [
        [None if hide else cell for cell, hide in zip(*row, strict=True)]
        for row in zip(cells, hidden.tolist(), strict=True)
    ]


@lengths_of_all_kinds
def test_every_sentence_is_there_once_and_the_longest_first(lengths: list[int]) -> None:
    sentences = sentences_of(lengths)
    packing = Packing(sentences)
    assert packing.ids.shape == packing.sentences.shape == (1, sum(lengths))
    assert packing.tokens == sum(lengths)
    assert len(packing) == len(lengths)
    assert packing.lengths == sorted(lengths, reverse=True)
    assert packing.longest == max(lengths)
    starts, places = packing.starts.tolist(), packing.places.tolist()
    assert sorted(places) == [*range(len(lengths))]
    for sentence, place in zip(sentences, places, strict=True):
        tokens = slice(starts[place], starts[place + 1])
        assert packing.ids[0, tokens].tolist() == sentence
        assert packing.sentences[0, tokens].tolist() == [place] * len(sentence)


@lengths_of_all_kinds
def test_blocks_cover_every_token_once_and_in_order(lengths: list[int]) -> None:
    packing = Packing(sentences_of(lengths))
    assert sum(block.sentences for block in packing.blocks) == len(packing)
    rows = [row for block in packing.blocks for row in padded(block)]
    kept = [[cell for cell in row if cell is not None] for row in rows]
    assert [len(row) for row in kept] == packing.lengths
    assert [token for row in kept for token in row] == [*range(packing.tokens)]
    # A mask hides the end of a row, never its beginning.
    assert all(row[: len(kept_)] == kept_ for row, kept_ in zip(rows, kept, strict=True))


@lengths_of_all_kinds
def test_blocks_give_back_the_tokens_they_took(lengths: list[int]) -> None:
    packing = Packing(sentences_of(lengths))
    found = []
    for block in packing.blocks:
        part = packing.ids[0, block.first : block.last]
        if block.cells is not None and block.tokens is not None:
            part = part[block.cells][block.tokens]
        found.append(part)
    torch.testing.assert_close(torch.cat(found), packing.ids[0])


@lengths_of_all_kinds
def test_blocks_waste_little(lengths: list[int]) -> None:
    for block in _blocks(sorted(lengths, reverse=True)):
        found = [sum(cell is not None for cell in row) for row in padded(block)]
        assert sum(block.longest**2 - length**2 for length in found) <= MOST_WASTED_CELLS


def test_sentences_of_equal_length_need_no_mask() -> None:
    (block,) = Packing(sentences_of([5, 5, 5])).blocks
    assert block == Block(0, 15, 3, 5)


def test_a_block_ends_only_where_it_wastes_too_much() -> None:
    lengths = [80, *[79] * 38, 77]
    wasted = sum(80**2 - length**2 for length in lengths)
    assert wasted > MOST_WASTED_CELLS > wasted - (80**2 - 77**2)
    assert [block.sentences for block in _blocks(lengths)] == [39, 1]
    assert [block.sentences for block in _blocks(lengths[:-1])] == [39]


def test_positions_count_from_nought_in_each_sentence() -> None:
    packing = Packing([[9, 8], [7, 6, 5], [4]])
    assert packing.positions(None).tolist() == [[0, 1, 2, 0, 1, 0]]


def test_positions_leave_out_what_looks_like_padding() -> None:
    packing = Packing([[0, 1, 5, 2], [0, 2], [1, 0, 1, 1, 6, 2]])
    assert packing.positions(1).tolist() == [[1, 2, 1, 1, 3, 4, 2, 1, 3, 4, 2, 3]]


def test_moved_is_the_same_packing() -> None:
    packing = Packing(sentences_of([3, 90, 7, 2]))
    moved = packing.to(torch.device("meta"))
    assert len(moved) == 4
    assert (moved.tokens, moved.lengths, moved.longest) == (102, packing.lengths, 90)
    for name in ("ids", "sentences", "firsts", "starts", "places"):
        found, before = getattr(moved, name), getattr(packing, name)
        assert (found.device.type, found.shape, found.dtype) == ("meta", before.shape, before.dtype)
    for found, before in zip(moved.blocks, packing.blocks, strict=True):
        assert found[:4] == before[:4]
        for there, here in zip(found[4:], before[4:], strict=True):
            assert (there is None) == (here is None)
            assert there is None or there.device.type == "meta"
    assert moved.positions(1).shape == moved.positions(None).shape == (1, 102)


class Copied(Tensor):
    """A tensor that notes how it was copied to a device that is not there."""

    pinned = False
    copies: list[tuple[str, bool]]

    def is_pinned(self, device: Any = None) -> bool:
        return self.pinned

    def to(self, device: torch.device, non_blocking: bool = False) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.copies.append((device.type, non_blocking))
        return self


def noting(tensor: Tensor, pinned: bool, copies: list[tuple[str, bool]]) -> Tensor:
    noting = tensor.as_subclass(Copied)
    noting.pinned, noting.copies = pinned, copies
    return noting


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu", "cpu"])
def test_only_a_copy_from_pinned_memory_to_cuda_is_not_waited_for(kind: str, pinned: bool) -> None:
    copies: list[tuple[str, bool]] = []
    on_device(noting(torch.zeros(3), pinned, copies), torch.device(kind))
    assert copies == [(kind, kind == "cuda" and pinned)]


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("kind", ["cuda", "mps", "xpu", "cpu"])
def test_a_packing_is_copied_so_whatever_accelerate_asks_for(kind: str, pinned: bool) -> None:
    copies: list[tuple[str, bool]] = []
    packing = Packing(sentences_of([3, 90, 7, 2]))._moved(
        lambda tensor: noting(tensor, pinned, copies)
    )
    send_to_device({"packings": [packing]}, torch.device(kind), non_blocking=True)
    assert copies == [(kind, kind == "cuda" and pinned)] * len(packing.tensors)


def test_nobody_else_says_what_is_waited_for() -> None:
    saying = {
        path.name
        for path in (ROOT / "stplay").rglob("*.py")
        if "non_blocking" in path.read_text(encoding="utf-8")
    }
    assert saying == {"packing.py", "exchange.py"}  # which waits before it looks


def test_only_cuda_wastes_more_than_a_cpu() -> None:
    wasted = {kind: cells_to_waste(torch.device(kind)) for kind in ("cpu", "mps", "xpu", "cuda")}
    assert {kind for kind, cells in wasted.items() if cells != MOST_WASTED_CELLS} == {"cuda"}


def bucketed(lengths: Sequence[int]) -> Packing:
    return Packing(sentences_of(lengths), bucket=Bucket.of(lengths))


@lengths_of_all_kinds
def test_a_bucket_holds_its_sentences_and_a_little_more(lengths: list[int]) -> None:
    bucket = Bucket.of(lengths)
    assert bucket.sentences == len(lengths)
    assert 0 < bucket.tokens - sum(lengths) <= TOKENS_ROUNDED_TO
    assert 0 <= bucket.longest - max(lengths) < LONGEST_ROUNDED_TO
    assert bucket.tokens >= bucket.longest
    assert bucket.cells == len(lengths) * bucket.longest**2


@lengths_of_all_kinds
def test_what_fills_a_bucket_is_a_sentence_that_no_place_tells(lengths: list[int]) -> None:
    plain, found = Packing(sentences_of(lengths)), bucketed(lengths)
    tokens = plain.tokens
    assert (len(found), found.lengths) == (len(plain), plain.lengths)
    assert found.places.tolist() == plain.places.tolist()
    for name in ("ids", "sentences", "firsts"):
        assert getattr(found, name)[:, :tokens].equal(getattr(plain, name))
    assert found.starts[:-1].equal(plain.starts)
    assert found.starts[-1] == found.tokens
    assert set(found.sentences[0, tokens:].tolist()) == {len(lengths)}
    assert set(found.ids[0, tokens:].tolist()) == {int(found.ids[0, 0])}
    for padding_id in (None, 1):
        positions = found.positions(padding_id)
        assert positions[:, :tokens].equal(plain.positions(padding_id))
        first = 0 if padding_id is None else padding_id + 1
        assert set(positions[0, tokens:].tolist()) == {first}


@lengths_of_all_kinds
def test_a_bucket_attends_in_one_block_that_lacks_what_fills_it(lengths: list[int]) -> None:
    packing = bucketed(lengths)
    (block,) = packing.blocks
    bucket = Bucket.of(lengths)
    assert block[:4] == (0, bucket.tokens, bucket.sentences, bucket.longest)
    kept = [[cell for cell in row if cell is not None] for row in padded(block)]
    assert [token for row in kept for token in row] == [*range(sum(lengths))]
    assert block.cells is not None
    assert block.tokens is not None
    assert block.tokens.shape == (bucket.tokens,)
    read = block.cells[block.tokens]
    assert read[: sum(lengths)].tolist() == [*range(sum(lengths))]
    assert not read[sum(lengths) :].any()


def test_of_a_bucket_only_contents_differ() -> None:
    one, other = bucketed([3, 20, 7]), bucketed([18, 1, 31])
    assert one.bucket == other.bucket
    assert (one.tokens, one.longest) == (other.tokens, other.longest)
    taken = one.copied()
    places = [tensor.data_ptr() for tensor in taken.tensors]
    taken.take(other)
    assert taken.lengths == other.lengths
    assert [tensor.data_ptr() for tensor in taken.tensors] == places
    for found, expected in zip(taken.tensors, other.tensors, strict=True):
        assert found.equal(expected)
    assert one.ids.equal(bucketed([3, 20, 7]).ids)


@pytest.mark.parametrize(("batch", "most"), [(16, 12), (32, 16), (64, 20)])
def test_a_training_has_few_buckets(batch: int, most: int) -> None:
    # Lengths as those of SNLI: 21 tokens on average in a premise, 11 in a hypothesis.
    source = np.random.default_rng(0)
    seen = Counter[Bucket]()
    for _ in range(1000):
        means = np.repeat([[20.0], [10.5], [11.5]], batch, axis=1)
        lengths = np.clip(source.lognormal(np.log(means), 0.4).round(), 3, 80).astype(int)
        seen[Bucket.of(lengths.ravel().tolist())] += 1
    assert len(seen) <= most
    assert sum(count for _, count in seen.most_common(8)) > 950


@pytest.mark.parametrize("most_tokens", [1, 7, 10, 100, 10_000])
@lengths_of_all_kinds
def test_split_takes_as_many_as_fit(lengths: list[int], most_tokens: int) -> None:
    ranges = [*split(lengths, most_tokens)]
    assert [place for found in ranges for place in found] == [*range(len(lengths))]
    totals = [sum(lengths[place] for place in found) for found in ranges]
    for found, total in zip(ranges, totals, strict=True):
        assert total <= most_tokens or len(found) == 1
    for total, after in zip(totals, ranges[1:], strict=False):
        assert total + lengths[after.start] > most_tokens


def test_split_leaves_alone_what_is_too_long() -> None:
    assert [*split([2, 9, 3, 2, 1, 9, 9], 5)] == [
        range(0, 1),
        range(1, 2),
        range(2, 4),
        range(4, 5),
        range(5, 6),
        range(6, 7),
    ]
    assert [*split([], 5)] == []


@pytest.mark.parametrize(
    ("lengths", "size", "expected"),
    [
        ([5, 5, 5, 5], 2, [2, 2]),
        ([9, 1, 1, 1, 9], 2, [2, 3]),
        ([3] * 9, 3, [3, 3, 3]),
        ([100, 1, 1], 3, [0, 1, 2]),
        ([4], 3, [0, 1, 0]),
        ([2, 2], 4, [0, 1, 0, 1]),
    ],
)
def test_sentences_are_shared_out_by_their_tokens(
    lengths: list[int], size: int, expected: list[int]
) -> None:
    shares = shared_out(lengths, size)
    assert [place for share in shares for place in share] == [*range(len(lengths))]
    assert len(shares) == size
    assert [*map(len, shares)] == expected

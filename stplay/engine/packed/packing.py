"""Sentences laid end to end as one sequence of tokens: nothing of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TokenIds = NDArray[np.int32]
Move = Callable[[Tensor], Tensor]

# Cells of an attention matrix, for one head, that a block may waste on padding before it costs
# less to begin another one. On CUDA that costs the launch of a dozen kernels a layer.
MOST_WASTED_CELLS = 6144
GPU_MOST_WASTED_CELLS = 1 << 20
# And the most cells of a batch whose steps are recorded: it has one block, whatever that wastes. On
# an H100 a batch of 512 triplets, which has so many, takes 62 ms recorded and 78 ms not.
MOST_RECORDED_CELLS = 6 << 20

TOKENS_ROUNDED_TO = 128
LONGEST_ROUNDED_TO = 32


class Bucket(NamedTuple):
    """A shape that packings are padded to, so that a training has only a few shapes.

    The ``tokens`` are more than those of its ``sentences``, of which none is longer than
    ``longest``: what is left over is a sentence of its own, which no embedding comes from.
    """

    sentences: int
    tokens: int
    longest: int

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Bucket:
        """The bucket of sentences of ``lengths``."""
        tokens = _rounded_up(sum(lengths) + 1, TOKENS_ROUNDED_TO)
        return cls(len(lengths), tokens, _rounded_up(max(lengths), LONGEST_ROUNDED_TO))

    @property
    def cells(self) -> int:
        """The cells of its attention matrix, for one head."""
        return self.sentences * self.longest**2


def cells_to_waste(device: torch.device) -> int:
    """What the blocks of packings may waste on ``device``."""
    return GPU_MOST_WASTED_CELLS if device.type == "cuda" else MOST_WASTED_CELLS


def on_device(tensor: Tensor, device: torch.device) -> Tensor:
    """``tensor`` on ``device``; only a copy from pinned memory to CUDA is not waited for.

    CUDA keeps pinned memory until it has been read. Elsewhere, as on Apple's MPS, a copy that goes
    on by itself reads what by then may have been freed.
    """
    return tensor.to(device, non_blocking=device.type == "cuda" and tensor.is_pinned())


def _rounded_up(number: int, to: int) -> int:
    return -(-number // to) * to


class Block(NamedTuple):
    """Neighbouring sentences that attend in one matrix product, each to itself.

    ``cells`` tells the token, from ``first``, in each of the ``sentences x longest`` cells of the
    padded matrix; ``tokens`` the cell of each token; ``mask`` (sentences, 1, 1, longest) is minus
    infinity where a cell holds none. All three are ``None`` where all have the same length.
    """

    first: int
    last: int
    sentences: int
    longest: int
    cells: Tensor | None = None
    tokens: Tensor | None = None
    mask: Tensor | None = None

    def moved(self, move: Move) -> Block:
        """This block with its tensors moved."""
        if self.cells is None or self.tokens is None or self.mask is None:
            return self
        return self._replace(cells=move(self.cells), tokens=move(self.tokens), mask=move(self.mask))


class Packing:
    """Sentences as one sequence of tokens, the longest first.

    ``ids`` (1, tokens) are the tokens, ``sentences`` (1, tokens) the sentence of each of them and
    ``firsts`` (1, tokens) that sentence's first token, ``starts`` (sentences + 1) where each
    sentence begins, and ``places`` where the sentences as they were given stand. What the lengths
    alone decide is known without asking the device, and the same for all packings of a ``bucket``,
    but for the ``lengths``.
    """

    def __init__(
        self,
        sentences: Sequence[TokenIds | Sequence[int]],
        most_wasted: int = MOST_WASTED_CELLS,
        bucket: Bucket | None = None,
    ) -> None:
        """Lay out ``sentences``, each the ids of its tokens, of which it has at least one.

        Either their attention is in blocks that waste ``most_wasted`` cells each, or all of it is
        padded to the shape of their ``bucket``.
        """
        order = sorted(range(len(sentences)), key=lambda place: -len(sentences[place]))
        self.lengths = [len(sentences[place]) for place in order]
        self.bucket = bucket
        laid_out, tokens = list(self.lengths), sum(self.lengths)
        flat = np.concatenate([sentences[place] for place in order]).astype(np.int64)
        self.tokens, self.longest = tokens, self.lengths[0]
        if bucket is not None:
            # Any token that the model knows does: nothing reads what becomes of it.
            flat = np.pad(flat, (0, bucket.tokens - tokens), constant_values=flat[0])
            laid_out.append(bucket.tokens - tokens)
            self.tokens = bucket.tokens
            self.longest = max(bucket.longest, TOKENS_ROUNDED_TO)
        self.ids = torch.from_numpy(flat).unsqueeze(0)
        self.starts = torch.tensor([0, *accumulate(laid_out)], dtype=torch.int32)
        self.sentences = torch.repeat_interleave(torch.tensor(laid_out)).unsqueeze(0)
        self.firsts = self.starts.long()[self.sentences]
        # Each at the first position: there may be more of them than the model has positions.
        self.firsts[:, tokens:] = torch.arange(tokens, self.tokens)
        self.places = torch.empty(len(order), dtype=torch.int64)
        self.places[torch.tensor(order)] = torch.arange(len(order))
        if bucket is None:
            self.blocks = [*_blocks(self.lengths, most_wasted)]
        else:
            self.blocks = [_block(self.lengths, 0, bucket)]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def tensors(self) -> list[Tensor]:
        """All that is on the device."""
        of_blocks = [part for block in self.blocks for part in block if isinstance(part, Tensor)]
        return [self.ids, self.sentences, self.firsts, self.starts, self.places, *of_blocks]

    def take(self, other: Packing) -> None:
        """Become ``other``, of the same bucket, in the memory that this one has."""
        for mine, theirs in zip(self.tensors, other.tensors, strict=True):
            mine.copy_(theirs)
        self.lengths = other.lengths

    def unpacked(self) -> list[TokenIds]:
        """The ids of each sentence, in the order given; waits for the device that has them."""
        ids = self.ids[0, : sum(self.lengths)].cpu().numpy().astype(np.int32)
        laid_out = np.split(ids, [*accumulate(self.lengths)][:-1])
        return [laid_out[place] for place in self.places.tolist()]

    def copied(self) -> Packing:
        """The same, in memory of its own."""
        return self._moved(torch.clone)

    def to(self, device: torch.device, **_: object) -> Packing:
        """This packing on ``device``; whether a copy is waited for is not the caller's to say."""
        return self._moved(lambda tensor: on_device(tensor, device))

    def pin_memory(self) -> Packing:
        """This packing where a GPU can fetch it while other work goes on."""
        return self._moved(lambda tensor: tensor.pin_memory())

    def _moved(self, move: Move) -> Packing:
        moved = copy(self)
        for name in ("ids", "sentences", "firsts", "starts", "places"):
            setattr(moved, name, move(getattr(self, name)))
        moved.blocks = [block.moved(move) for block in self.blocks]
        return moved

    def positions(self, padding_id: int | None) -> Tensor:
        """The position of each token in its sentence, (1, tokens).

        They count from 0, or, with ``padding_id``, as the RoBERTa family counts them: from the one
        after it, and leaving out what looks like padding.
        """
        if padding_id is None:
            return torch.arange(self.tokens, device=self.ids.device).unsqueeze(0) - self.firsts
        counts = self.ids != padding_id
        before = torch.nn.functional.pad(counts.cumsum(1), (1, 0))
        return (before[:, 1:] - before[0, self.firsts]) * counts + padding_id


def _blocks(lengths: Sequence[int], most_wasted: int = MOST_WASTED_CELLS) -> Iterator[Block]:
    begin = first = wasted = 0
    for place, length in enumerate(lengths):
        wasted += lengths[begin] ** 2 - length**2
        if wasted > most_wasted:
            yield _block(lengths[begin:place], first)
            first += sum(lengths[begin:place])
            begin, wasted = place, 0
    yield _block(lengths[begin:], first)


def _block(lengths: Sequence[int], first: int, bucket: Bucket | None = None) -> Block:
    count, longest, tokens = len(lengths), lengths[0], sum(lengths)
    last = first + tokens
    if bucket is not None:
        longest, last = bucket.longest, first + bucket.tokens
    elif longest == lengths[-1]:
        return Block(first, last, count, longest)
    held = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
    places = held.flatten().nonzero().squeeze(1)
    cells = torch.zeros(count * longest, dtype=torch.int64)
    cells[places] = torch.arange(tokens)
    # What fills a bucket up is in no cell, and reads the first.
    places = torch.nn.functional.pad(places, (0, last - first - tokens))
    mask = torch.zeros(count, 1, 1, longest).masked_fill_(~held[:, None, None], -torch.inf)
    return Block(first, last, count, longest, cells, places, mask)


def split(sentences: Sequence[int], most_tokens: int) -> Iterator[range]:
    """Ranges of neighbours of ``sentences``, their lengths, of at most ``most_tokens`` together.

    A longer sentence has a range of its own.
    """
    begin = tokens = 0
    for place, length in enumerate(sentences):
        if tokens and tokens + length > most_tokens:
            yield range(begin, place)
            begin, tokens = place, 0
        tokens += length
    if tokens:
        yield range(begin, len(sentences))


def shared_out(lengths: Sequence[int], size: int) -> list[range]:
    """``size`` ranges of neighbours of sentences of ``lengths``, with about as many tokens each.

    Where there are fewer sentences than ranges, some are empty.
    """
    ends = np.cumsum(lengths)
    middles = ends - np.array(lengths) / 2
    cuts = np.searchsorted(middles, ends[-1] * np.arange(1, size) / size).tolist()
    return [*map(range, [0, *cuts], [*cuts, len(lengths)])]

"""Sentences laid end to end as one sequence of tokens: nothing of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TokenIds = NDArray[np.int32]
Move = Callable[[Tensor], Tensor]

# Cells of an attention matrix, for one head, that a block may waste on padding before it costs
# less to begin another one.
MOST_WASTED_CELLS = 6144


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

    ``ids`` (1, tokens) are the tokens, ``sentences`` (1, tokens) the sentence of each of them,
    ``starts`` (sentences + 1) where each sentence begins, and ``places`` where the sentences as
    they were given stand. What the lengths alone decide is known without asking the device.
    """

    def __init__(self, sentences: Sequence[TokenIds | Sequence[int]]) -> None:
        """Lay out ``sentences``, each the ids of its tokens, of which it has at least one."""
        order = sorted(range(len(sentences)), key=lambda place: -len(sentences[place]))
        self.lengths = [len(sentences[place]) for place in order]
        self.tokens = sum(self.lengths)
        lengths = torch.tensor(self.lengths)
        flat = np.concatenate([sentences[place] for place in order])
        self.ids = torch.from_numpy(flat.astype(np.int64)).unsqueeze(0)
        self.sentences = torch.repeat_interleave(lengths).unsqueeze(0)
        self.starts = torch.tensor([0, *accumulate(self.lengths)], dtype=torch.int32)
        self.places = torch.empty(len(order), dtype=torch.int64)
        self.places[torch.tensor(order)] = torch.arange(len(order))
        self.blocks = [*_blocks(self.lengths)]

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def longest(self) -> int:
        """The most tokens of a sentence."""
        return self.lengths[0]

    def to(self, device: torch.device, non_blocking: bool = False) -> Packing:
        """This packing on ``device``."""
        return self._moved(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Packing:
        """This packing where a GPU can fetch it while other work goes on."""
        return self._moved(lambda tensor: tensor.pin_memory())

    def _moved(self, move: Move) -> Packing:
        moved = object.__new__(Packing)
        moved.lengths, moved.tokens = self.lengths, self.tokens
        for name in ("ids", "sentences", "starts", "places"):
            setattr(moved, name, move(getattr(self, name)))
        moved.blocks = [block.moved(move) for block in self.blocks]
        return moved

    def positions(self, padding_id: int | None) -> Tensor:
        """The position of each token in its sentence, (1, tokens).

        They count from 0, or, with ``padding_id``, as the RoBERTa family counts them: from the one
        after it, and leaving out what looks like padding.
        """
        starts = self.starts.long()[self.sentences]
        if padding_id is None:
            return torch.arange(self.tokens, device=self.ids.device).unsqueeze(0) - starts
        counts = self.ids != padding_id
        before = torch.nn.functional.pad(counts.cumsum(1), (1, 0))
        return (before[:, 1:] - before[0, starts]) * counts + padding_id


def _blocks(lengths: Sequence[int]) -> Iterator[Block]:
    begin = first = wasted = 0
    for place, length in enumerate(lengths):
        wasted += lengths[begin] ** 2 - length**2
        if wasted > MOST_WASTED_CELLS:
            yield _block(lengths[begin:place], first)
            first += sum(lengths[begin:place])
            begin, wasted = place, 0
    yield _block(lengths[begin:], first)


def _block(lengths: Sequence[int], first: int) -> Block:
    count, longest, tokens = len(lengths), lengths[0], sum(lengths)
    if longest == lengths[-1]:
        return Block(first, first + tokens, count, longest)
    held = torch.arange(longest) < torch.tensor(lengths).unsqueeze(1)
    places = held.flatten().nonzero().squeeze(1)
    cells = torch.zeros(count * longest, dtype=torch.int64)
    cells[places] = torch.arange(tokens)
    mask = torch.zeros(count, 1, 1, longest).masked_fill_(~held[:, None, None], -torch.inf)
    return Block(first, first + tokens, count, longest, cells, places, mask)


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

"""Work that goes on side by side, a core to each part of it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def on_each_core(
    work: Callable[[Item], Result], items: Sequence[Item]
) -> Generator[Result, None, None]:
    """What ``work`` makes of each of ``items``, in their order.

    Cores that share each single operation of a small model wait for one another most of the time.
    Close the iterator where it is not read to its end: what has not begun is given up then.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    pool = ThreadPoolExecutor(cores)
    try:
        yield from pool.map(work, items)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(cores)

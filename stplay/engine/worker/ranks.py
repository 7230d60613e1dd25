"""What the processes of a training tell one another; where there is one, nothing, at no cost."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from stplay.engine.worker.lastword import is_out_of_memory
from stplay.engine.worker.place import NO_OTHERS, Place
from stplay.jobs.events import Control

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from stplay.engine.worker.exchange import Agreement

# So long the others may wait for the first, which alone tokenizes and saves, and so long for what
# a step exchanges: NCCL notices only then that a machine is gone.
MOST_WAITED = timedelta(hours=6)
MOST_WAITED_IN_A_STEP = timedelta(minutes=30)
# What is agreed on with each step; the end of an epoch comes seldom, and may be waited for.
AGREED_IN_A_STEP: tuple[Control, ...] = ("stop", "checkpoint", "evaluation")


class PeerLostError(Exception):
    """Another process of the training has ended, without which this one cannot go on."""


class Ranks:
    """The processes that train together, as the one at ``place`` sees them.

    All of them call the same methods in the same order. The names are torch.distributed's.
    """

    def __init__(self, place: Place = NO_OTHERS) -> None:
        """They are one another's only once they ``join``, for which torch must be imported."""
        self.place = place
        self.rank, self.size = self.place.rank, self.place.size
        self.parted = False
        self.exchanged = 0  # so often embeddings were
        self._control: Any = None  # the group that carries numbers and words, on CPUs by gloo
        self._used: list[Any] | None = None
        self._agreement: Agreement | None = None
        self._agreed: set[Control] = set()

    @property
    def is_first(self) -> bool:
        """Whether this is the process that owns the log, the checkpoints and the model."""
        return self.rank == 0

    def join(self) -> None:
        """Wait until all are there: NCCL carries what is on GPUs, gloo what is on CPUs.

        Raises:
            PeerLostError: they do not come.
        """
        if self.size == 1:
            return
        import torch
        from torch import distributed
        from torch.distributed import (
            PrefixStore,  # pyright: ignore[reportPrivateImportUsage]
            rendezvous,  # pyright: ignore[reportPrivateImportUsage]
        )

        backend = "nccl" if torch.cuda.is_available() else "gloo"
        os.environ.update(self.place.told)  # torch's own way to be told where the others are
        try:
            with self._hearing():
                store, rank, size = next(rendezvous("env://", timeout=MOST_WAITED))
                # Those that were started before have left in it where they were.
                store = PrefixStore(f"restart {self.place.restarts}", store)
                distributed.init_process_group(
                    backend,
                    timeout=MOST_WAITED_IN_A_STEP,
                    world_size=size,
                    rank=rank,
                    store=store,
                )
                self._control = distributed.new_group(backend="gloo", timeout=MOST_WAITED)
            logging.getLogger("transformers.training_args").addFilter(_is_no_advice)
        finally:
            for name in self.place.told:
                del os.environ[name]

    def part(self) -> None:
        """Wait until all have come to their end, after which none needs another."""
        self.wait()
        self.parted = True
        if self.size > 1:
            from torch import distributed

            distributed.destroy_process_group()

    def wait(self) -> None:
        """Wait until all are here.

        Raises:
            PeerLostError: one has ended.
        """
        self.least(0)

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Let the others do what is within once the first has: it finds or makes files for all.

        Raises:
            PeerLostError: the first has ended.
        """
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()

    def least(self, number: int) -> int:
        """The least of the numbers of all.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return number
        import torch
        from torch import distributed

        numbers = torch.tensor(number)
        with self._hearing():
            distributed.all_reduce(numbers, distributed.ReduceOp.MIN, self._control)
        return int(numbers)

    def any(self, flag: bool) -> bool:
        """Whether ``flag`` is true for one of them at least.

        Raises:
            PeerLostError: one has ended.
        """
        return not self.least(not flag)

    def collected(self, told: Any) -> list[Any]:
        """What each of them tells, in the order of their ranks.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return [told]
        from torch import distributed

        found: list[Any] = [None] * self.size
        with self._hearing():
            distributed.all_gather_object(found, told, self._control)
        return found

    def summed(self, numbers: NDArray[np.floating]) -> NDArray[np.floating]:
        """The sums of ``numbers``, of any shape, over all of them.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return numbers
        import torch
        from torch import distributed

        sums = torch.from_numpy(numbers)
        with self._hearing():
            distributed.all_reduce(sums, group=self._control)
        return sums.numpy()

    def gathered(self, embeddings: Tensor, counts: Sequence[int]) -> Tensor:
        """The embeddings of all, (sentences, dimensions), one rank's after the other's.

        This one has ``embeddings``, (counts[rank], dimensions), and gets the gradient of its own.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return embeddings
        from stplay.engine.worker.exchange import gathered

        with self._hearing():
            return gathered(embeddings, counts, self)

    def spread(self, tensors: Iterable[Tensor]) -> None:
        """Have in each of ``tensors`` what the first has in it.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return
        from torch import distributed

        with self._hearing():
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), 0)

    def sum_gradients(
        self, parameters: Iterable[nn.Parameter], *, asked: Collection[Control]
    ) -> None:
        """Sum the gradients of all, in one exchange, which also tells what this one is ``asked``.

        A parameter that no process has a gradient for is left without one, as an optimizer then
        leaves it alone.

        Raises:
            PeerLostError: one has ended.
        """
        if self.size == 1:
            return
        import numpy as np
        import torch
        from torch import distributed

        from stplay.engine.worker.exchange import Agreement

        trained = [each for each in parameters if each.requires_grad]
        if self._used is None:
            own = np.array([each.grad is not None for each in trained], np.float32)
            self._used = [*(self.summed(own) > 0)]
        trained = [each for each, used in zip(trained, self._used, strict=True) if used]
        for parameter in trained:
            if parameter.grad is None:  # it had no sentence of this step
                parameter.grad = torch.zeros_like(parameter)
        gradients = [each.grad for each in trained if each.grad is not None]
        own = gradients[0].new_tensor([control in asked for control in AGREED_IN_A_STEP])
        flat = torch.cat([*(each.flatten() for each in gradients), own])
        with self._hearing():
            distributed.all_reduce(flat)
        *parts, sums = flat.split([*(each.numel() for each in gradients), len(own)])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        if self._agreement is not None:
            for control, count in zip(AGREED_IN_A_STEP, self._agreement.counts, strict=True):
                if count:
                    self._agreed.add(control)
        self._agreement = Agreement(sums)

    def heeded(self, asked: Collection[Control]) -> set[Control]:
        """What all do after this step, where this process is ``asked`` for something.

        Of several, all know of it at once: a step after the first of them was asked. A stop is
        told until it comes, all else once.
        """
        if self.size == 1:
            return {*asked}
        agreed = self._agreed
        self._agreed = agreed & {"stop"}
        return agreed

    def seed(self, seed: int, step: int) -> None:
        """Let the others' random numbers of ``step`` be their own; the first's go on as they are.

        They follow from ``seed`` and ``step``, so that a resume needs no state of theirs.
        """
        if self.is_first:
            return
        import torch

        digest = hashlib.sha256(f"{seed} {step} {self.rank}".encode()).digest()
        torch.manual_seed(int.from_bytes(digest[:7], "big"))

    @contextmanager
    def _hearing(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # what all of torch's transports raise
            if is_out_of_memory(error):
                raise
            raise PeerLostError(
                f"Another process of the {self.size} that train together has ended."
            ) from error


def _is_no_advice(record: logging.LogRecord) -> bool:
    """Not transformers' advice to launch the training in another way, as it is to be alone here."""
    return "parallel_mode" not in record.getMessage()


ALONE = Ranks()

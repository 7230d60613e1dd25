"""Forward and backward recorded once a shape and replayed, so that a GPU waits for no launches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from stplay.engine.packed.packing import Bucket, Packing
from stplay.engine.worker.outofmemory import release

Embed = Callable[[Packing], Tensor]

MOST_RECORDINGS = 16
RECORDED_WHEN_SEEN = 3
WARM_UPS = 2


class Recording(NamedTuple):
    """What replays one bucket; all that it reads and writes keeps its place in memory.

    ``forward`` makes ``embeddings`` (sentences, dimensions) of ``packing``, and ``backward`` adds
    what comes of their ``gradient``, of the same shape, to the sums of the gradients.
    """

    packing: Packing
    embeddings: Tensor
    gradient: Tensor
    forward: Callable[[], None]
    backward: Callable[[], None]


class Sums:
    """Gradients of ``parameters`` in memory that stays, whatever an optimizer forgets."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = parameters
        self.totals = [torch.zeros_like(parameter) for parameter in parameters]

    def add(self, gradients: tuple[Tensor, ...]) -> None:
        """Add ``gradients``, one for each parameter and of its shape, in few kernels."""
        torch._foreach_add_(self.totals, gradients)  # pyright: ignore[reportPrivateImportUsage]

    def stand_in(self) -> None:
        """Be the parameters' gradients, which so far were none, these, or those of other steps."""
        none: list[Tensor] = []
        for parameter, total in zip(self.parameters, self.totals, strict=True):
            if parameter.grad is None:
                none.append(total)
            elif parameter.grad is not total:
                total.copy_(parameter.grad)
            parameter.grad = total
        if none:
            torch._foreach_zero_(none)  # pyright: ignore[reportPrivateImportUsage]


Record = Callable[[Embed, Sums, Packing], Recording]


class Capture:
    """Embeds as ``embed`` does; packings of a bucket that comes often by what ``record`` makes.

    Where nothing can be recorded, ``tell`` is told so once, and ``embed`` goes on alone.
    """

    def __init__(
        self,
        embed: Embed,
        parameters: Iterable[nn.Parameter],
        record: Record,
        tell: Callable[[str], None],
    ) -> None:
        self.embed = embed
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.record = record
        self.tell = tell
        self.most = MOST_RECORDINGS
        self.seen: Counter[Bucket] = Counter()
        self.recordings: dict[Bucket, Recording] = {}
        self.sums: Sums | None = None

    def __call__(self, packing: Packing) -> Tensor:
        """The embeddings of ``packing``, (sentences, dimensions), with their gradients."""
        recording = self._recording(packing) if torch.is_grad_enabled() else None
        if recording is None:
            return self.embed(packing)
        recording.packing.take(packing)
        # Whatever needs a gradient does: without one, nothing would go backward.
        return _Replay.apply(recording, self.sums, self.parameters[0])

    def _recording(self, packing: Packing) -> Recording | None:
        bucket = packing.bucket
        if bucket is None or bucket in self.recordings:
            return None if bucket is None else self.recordings[bucket]
        self.seen[bucket] += 1
        if self.seen[bucket] < RECORDED_WHEN_SEEN or len(self.recordings) >= self.most:
            return None
        try:
            if self.sums is None:
                self.sums = Sums(_used(self.embed, packing, self.parameters))
            self.recordings[bucket] = self.record(self.embed, self.sums, packing)
            return self.recordings[bucket]
        except Exception as error:  # whatever it is, a training goes on without
            why = _why(error)
        # Only now: the error and its frames hold what the recording took.
        self.forget()
        release(packing.ids.device)
        _free_broken_off(packing.ids.device)
        self.tell(f"Steps are not recorded on this GPU, which makes them slower: {why}")
        return None

    def forget(self) -> None:
        """Let go of all recordings, and make none: their memory is wanted elsewhere."""
        self.most = 0
        self.recordings.clear()
        self.sums = None


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, recording: Recording, sums: Sums, anchor: Tensor) -> Tensor:
        ctx.recording, ctx.sums = recording, sums
        recording.forward()
        return recording.embeddings.detach()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, None]:
        ctx.recording.gradient.copy_(gradients[0])
        ctx.sums.stand_in()
        ctx.recording.backward()
        return None, None, None


def _why(error: BaseException) -> str:
    """The first line of what began it: a capture that is broken off fails once more."""
    while error.__context__ is not None:
        error = error.__context__
    return (str(error) or type(error).__name__).splitlines()[0]


def _used(embed: Embed, packing: Packing, parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    """Those that have a gradient: not those of a pooler, which an optimizer has to leave alone."""
    device = packing.ids.device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        found = torch.autograd.grad(embed(packing).sum(), parameters, allow_unused=True)
    return [one for one, gradient in zip(parameters, found, strict=True) if gradient is not None]


class GraphRecorder:
    """Records CUDA graphs; as only one is replayed at a time, all use the same memory."""

    def __init__(self) -> None:
        self.pool = torch.cuda.graph_pool_handle()
        self.stream = torch.cuda.Stream()

    def __call__(self, embed: Embed, sums: Sums, packing: Packing) -> Recording:
        """Record the bucket of ``packing``; the random state is afterwards as it was before."""
        packing = packing.copied()
        graphs = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        forward, backward = graphs
        generator = torch.cuda.default_generators[packing.ids.device.index]
        spare = generator.clone_state()
        torch.cuda.synchronize()
        try:
            # The outer stream is left even where a capture that failed does not leave its own.
            with (
                torch.random.fork_rng([packing.ids.device]),
                torch.cuda.stream(self.stream),
                _nodes_of_other_streams(),
            ):
                with _no_waiting():
                    for _ in range(WARM_UPS):
                        embeddings = embed(packing)
                        torch.autograd.grad(embeddings.sum(), sums.parameters)
                        del embeddings
                with torch.cuda.graph(forward, self.pool, self.stream):
                    embeddings = embed(packing)
                gradient = torch.zeros_like(embeddings)
                with torch.cuda.graph(backward, self.pool, self.stream):
                    sums.add(torch.autograd.grad(embeddings, sums.parameters, gradient))
                torch.cuda.synchronize()
        except BaseException:
            for graph in graphs:
                graph.reset()
            # The state in use may wait for the end of a capture and give no numbers until then.
            generator.graphsafe_set_state(spare)
            raise
        return Recording(packing, embeddings.detach(), gradient, forward.replay, backward.replay)


def _free_broken_off(device: torch.device) -> None:
    """Free the memory of a capture that broke off, which torch keeps for good (pytorch#190348)."""
    if device.type != "cuda":
        return
    segments = [each for each in torch.cuda.memory_snapshot() if each["device"] == device.index]
    # A recording that is still in use keeps its embeddings in its pool.
    used = {each["segment_pool_id"] for each in segments if each["allocated_size"]}
    for pool in {each["segment_pool_id"] for each in segments} - used - {(0, 0)}:
        with suppress(RuntimeError):  # torch from 2.12 on has ended it
            torch._C._cuda_endAllocateToPool(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
    torch._C._cuda_clearCublasWorkspaces()  # one was of the stream that recorded
    torch.cuda.empty_cache()


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Fail where the host waits for the GPU: here without harm, in a capture it would break it."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


@contextmanager
def _nodes_of_other_streams() -> Iterator[None]:
    """Let a capture use nodes of parameters that were made on another stream (torch from 2.13)."""
    override = getattr(torch.autograd.graph, "set_override_stale_capture_stream", None)
    if override is None:
        yield
        return
    override(True)
    try:
        yield
    finally:
        override(False)

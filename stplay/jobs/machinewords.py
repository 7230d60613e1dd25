"""A machine as people read it: its figures as numbers, small bars, and curves of the last minutes.

A line is made of parts, each a text and the part that it plays; whoever shows it knows the colours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from stplay.jobs.events import Event, GpuFound, GpuLoad, MachineFound, Replaced, SystemSampled
from stplay.jobs.gpuload import POWER_LIMIT
from stplay.text import count, decimals, printable, shortened, size

SECONDS_A_CELL = 10.0
MOST_CELLS, MOST_BAR = 36, 20
MOST_SAMPLES = 400
LABEL, VALUE, MARGIN = 12, 18, 2
ROOMY = 60  # cells, where a bar and a curve have room beside each other
MOST_IN_FULL = 2  # GPUs that are nobody's, before they take a line each
LEVELS = "▁▂▃▄▅▆▇█"
UNITS = ("B", "KiB", "MiB", "GiB", "TiB")

Role = Literal["title", "plain", "quiet", "bar", "curve", "warning"]


class Part(NamedTuple):
    """A piece of a line, and what it is there for."""

    text: str
    role: Role = "plain"


PartLine = list[Part]


class Gauge(NamedTuple):
    """A figure by its name; ``share`` is how much of what there can be, from 0 to 1.

    ``history`` has the shares of the last cells, nothing where nobody told.
    """

    label: str
    value: str
    share: float | None = None
    history: Sequence[float | None] = ()


class MachineHistory:
    """What was told of a machine in the last minutes, folded from events."""

    def __init__(self) -> None:
        self.found: MachineFound | None = None
        self.samples: deque[SystemSampled] = deque(maxlen=MOST_SAMPLES)

    @property
    def last(self) -> SystemSampled | None:
        """The newest sample."""
        return self.samples[-1] if self.samples else None

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        match event:
            case MachineFound():  # of another process, maybe on another machine
                self.found = event
                self.samples.clear()
            case SystemSampled():
                self.samples.append(event)
            case Replaced():
                self.__init__()

    def lines(self, host: str, width: int) -> Iterator[PartLine]:
        """The GPUs, one by one, and the machine called ``host``, in so many cells."""
        for number, gpu in enumerate(gpus := self.found.gpus if self.found else []):
            taken = any(each.taken for each in gpus)
            if gpu.taken or (not taken and len(gpus) <= MOST_IN_FULL):
                if number:
                    yield []
                yield from self._gpu(gpu, width)
            else:
                yield _in_one_line(gpu, self._gpu_load(gpu), width)
        if gpus:
            yield []
        yield [Part(printable(host), "title"), *self._of_what()]
        yield from gauge_lines(self._of_machine(), width)

    def _of_what(self) -> Iterator[Part]:
        if self.found is not None:
            word = "processor" if self.found.processors == 1 else "processors"
            yield Part(f"  {count(self.found.processors)} {word}", "quiet")

    def _gpu_load(self, gpu: GpuFound) -> GpuLoad:
        return _of(self.last, gpu) or GpuLoad(gpu=gpu.gpu)

    def _gpu(self, gpu: GpuFound, width: int) -> Iterator[PartLine]:
        name = f"GPU {printable(gpu.gpu)}"
        mark = "  ● this run" if gpu.taken else ""
        (kind,) = shortened([gpu.name], max(8, width - len(name) - len(mark) - 2))
        yield [Part(name, "title"), Part(f"  {kind}", "quiet"), Part(mark, "bar")]
        load = self._gpu_load(gpu)
        yield from gauge_lines(self._of_gpu(gpu, load), width)
        if load.slowed:
            harmless = load.slowed == [POWER_LIMIT]
            words = printable(", ".join(load.slowed))
            label = f"{'':{MARGIN}}{'slowed by':<{LABEL}}"
            yield [Part(label, "quiet"), Part(words, "plain" if harmless else "warning")]

    def _of_gpu(self, gpu: GpuFound, load: GpuLoad) -> Iterator[Gauge]:
        def history(name: str, most: float | None) -> list[float | None]:
            told = ((each, _of(each, gpu)) for each in self.samples)
            return self._cells(
                [(each.time, load and getattr(load, name)) for each, load in told], most
            )

        if load.use is not None:
            yield Gauge("use", f"{load.use:.0f} %", load.use / 100, history("use", 100))
        if load.memory is not None:
            value, share = part_of(load.memory, gpu.memory)
            yield Gauge("memory", value, share, history("memory", gpu.memory))
        if load.power is not None:
            limit = f" of {count(gpu.power_limit)}" if gpu.power_limit else ""
            share = load.power / gpu.power_limit if gpu.power_limit else None
            history_ = history("power", gpu.power_limit)
            yield Gauge("power", f"{count(load.power)}{limit} W", share, history_)
        if load.temperature is not None:
            history_ = history("temperature", 100)
            yield Gauge("temperature", f"{load.temperature:.0f} °C", None, history_)

    def _of_machine(self) -> Iterator[Gauge]:
        last, found = self.last, self.found
        load = last.machine if last is not None else None
        if load is None:
            return

        def history(name: str, most: float | None = None) -> list[float | None]:
            told = [(each.time, each.machine) for each in self.samples]
            return self._cells([(at, load and getattr(load, name)) for at, load in told], most)

        if load.processors is not None:
            share = load.processors / 100
            value = f"{load.processors:.0f} %"
            yield Gauge("processors", value, share, history("processors", 100))
        if load.memory_used is not None:
            memory = found.memory if found else None
            value, share = part_of(load.memory_used, memory)
            yield Gauge("memory", value, share, history("memory_used", memory))
        if load.disk_left is not None:
            share = load.disk_left / found.disk if found and found.disk else None
            yield Gauge("disk left", size(load.disk_left), share)
        for name in ("disk_read", "disk_written", "network_received", "network_sent"):
            if (rate := getattr(load, name)) is not None:
                label = name.replace("network_", "net ").replace("_", " ")
                label = label.replace("received", "in").replace("sent", "out")
                yield Gauge(label, f"{size(rate)}/s", None, history(name))

    def _cells(
        self, told: Iterable[tuple[float, float | None]], most: float | None
    ) -> list[float | None]:
        """The means of the last cells of time, as shares of ``most``, or of the largest of them."""
        sums: dict[int, list[float]] = {}
        newest = 0
        for at, value in told:
            newest = max(newest, int(at // SECONDS_A_CELL))
            if value is not None:
                sums.setdefault(int(at // SECONDS_A_CELL), []).append(value)
        means = [
            sum(values) / len(values) if (values := sums.get(newest - back)) else None
            for back in reversed(range(MOST_CELLS))
        ]
        largest = most or max((mean for mean in means if mean is not None), default=0) or 1
        return [None if mean is None else mean / largest for mean in means]


def _of(sample: SystemSampled | None, gpu: GpuFound) -> GpuLoad | None:
    loads = sample.machine.gpus if sample is not None and sample.machine else []
    return next((load for load in loads if load.gpu == gpu.gpu), None)


def _in_one_line(gpu: GpuFound, load: GpuLoad, width: int) -> PartLine:
    """A GPU that is not the run's, as far as there is room."""
    roomy = width >= ROOMY
    cells = [f"{printable(gpu.gpu):<{4 if roomy else 2}}"]
    cells.append(f"{load.use:3.0f} %" if load.use is not None else "  -  ")
    memory = "-" if load.memory is None else part_of(load.memory, gpu.memory)[0]
    cells.append(f"{memory:>16}")
    cells.append(f"{decimals(load.power, 0):>3} W" if load.power is not None else "  -  ")
    if load.temperature is not None and roomy:
        cells.append(f"{load.temperature:.0f} °C")
    parts = [Part("GPU ", "quiet"), Part(("  " if roomy else " ").join(cells))]
    if load.slowed and load.slowed != [POWER_LIMIT] and roomy:
        parts.append(Part(f"  slowed by {printable(', '.join(load.slowed))}", "warning"))
    return parts


def part_of(bytes_: float, total: float | None) -> tuple[str, float | None]:
    """So many bytes of a ``total``, in the unit of that, and as a share of it."""
    if not total:
        return size(bytes_), None
    of = size(total)
    unit = 1024.0 ** UNITS.index(of.rpartition(" ")[2])
    return f"{decimals(bytes_ / unit, 1)} of {of}", bytes_ / total


def gauge_lines(gauges: Iterable[Gauge], width: int) -> Iterator[PartLine]:
    """A line for each of ``gauges``, in so many cells: what there is room for beside its number."""
    for gauge in gauges:
        label = f"{'':{MARGIN}}{gauge.label:<{LABEL}}"
        line = [Part(label, "quiet"), Part(f"{gauge.value:>{VALUE}}")]
        room = width - MARGIN - LABEL - VALUE - 2
        if width >= ROOMY:
            bar = min(MOST_BAR, room // 2)
            line += [Part("  "), *_bar(gauge.share, bar)]
            room -= bar + 2
        if sum(share is not None for share in gauge.history) > 1 and room > 0:
            line += [Part("  "), Part(_curve(gauge.history, min(room, MOST_CELLS)), "curve")]
        while not line[-1].text.strip():  # where there is no bar and no curve
            line.pop()
        yield line


def _bar(share: float | None, cells: int) -> Iterator[Part]:
    if share is None:
        yield Part(" " * cells)
        return
    full = min(cells, max(0, round(share * cells)))
    yield Part("━" * full, "bar")
    yield Part("─" * (cells - full), "quiet")


def _curve(history: Sequence[float | None], cells: int) -> str:
    most = len(LEVELS) - 1
    return "".join(
        " " if share is None else LEVELS[min(most, max(0, round(share * most)))]
        for share in history[-cells:]
    )

"""The GPUs of this machine as their drivers tell them, without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from stplay.errors import UserError
from stplay.text import printable

AMD_NODES = Path("/sys/class/kfd/kfd/topology/nodes")


class Gpu(NamedTuple):
    """A GPU of NVIDIA's, or a part of one (MIG), as NVML tells it.

    ``number`` is that of nvidia-smi and ``board`` the UUID of the card; a part has the card's
    number and a ``uuid`` of its own. ``capability`` is CUDA's, such as (9, 0).
    """

    number: int
    board: str
    uuid: str
    name: str
    free_bytes: int
    capability: tuple[int, int]

    @property
    def label(self) -> str:
        """What tells it from others: its number, and as much of its UUID as names it."""
        return f"GPU {self.number}, {'-'.join(self.uuid.split('-')[:2])}"


class NvidiaDriver(NamedTuple):
    """NVIDIA's driver: its ``version``, the newest ``cuda`` that it knows, and its ``gpus``.

    ``trouble`` is why it does not answer, in its own words; the rest is empty then.
    """

    version: str = ""
    cuda: tuple[int, int] = (0, 0)
    gpus: Sequence[Gpu] = ()
    trouble: str | None = None


def nvidia_driver() -> NvidiaDriver | None:
    """NVIDIA's driver, or ``None`` where there is none."""
    try:
        nvml: Any = import_module("pynvml")
    except ImportError:  # there is none for a Mac
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        absent = (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return None if error.value in absent else NvidiaDriver(trouble=str(error))
    try:
        cuda = nvml.nvmlSystemGetCudaDriverVersion()
        return NvidiaDriver(
            nvml.nvmlSystemGetDriverVersion(),
            (cuda // 1000, cuda % 1000 // 10),
            [gpu for gpu, _ in gpus_and_handles(nvml)],
        )
    except nvml.NVMLError as error:
        return NvidiaDriver(trouble=str(error))
    finally:
        nvml.nvmlShutdown()


def gpus_and_handles(nvml: Any) -> Iterator[tuple[Gpu, Any]]:
    """All GPUs, each with what NVML, which is at work, knows it by."""
    for number in range(nvml.nvmlDeviceGetCount()):
        yield from _gpus_of_card(nvml, number)


def _gpus_of_card(nvml: Any, number: int) -> Iterator[tuple[Gpu, Any]]:
    """The card itself, or the parts that it is in."""
    try:
        card = nvml.nvmlDeviceGetHandleByIndex(number)
        board = nvml.nvmlDeviceGetUUID(card)
        capability = tuple(nvml.nvmlDeviceGetCudaComputeCapability(card))
    except nvml.NVMLError:  # it has failed, or is not ours
        return
    for handle in [*_parts(nvml, card)] or [card]:
        with suppress(nvml.NVMLError):
            uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
            yield Gpu(number, board, uuid, name, _free_bytes(nvml, handle), capability), handle


def _parts(nvml: Any, card: Any) -> Iterator[Any]:
    try:
        if not nvml.nvmlDeviceGetMigMode(card)[0]:
            return
        most = nvml.nvmlDeviceGetMaxMigDeviceCount(card)
    except nvml.NVMLError:  # it cannot be parted
        return
    for place in range(most):
        with suppress(nvml.NVMLError):  # no part there
            yield nvml.nvmlDeviceGetMigDeviceHandleByIndex(card, place)


def _free_bytes(nvml: Any, handle: Any) -> int:
    try:
        return nvml.nvmlDeviceGetMemoryInfo(handle).free
    except nvml.NVMLError:  # its memory is the machine's
        return 0


def visible_gpus(
    gpus: Sequence[Gpu], variable: str | None, *, by_bus: bool = False
) -> list[Gpu] | None:
    """Those of ``gpus`` that CUDA shows where CUDA_VISIBLE_DEVICES is ``variable``.

    As to CUDA, the first entry that names none ends the list, and one that is there twice hides
    all. A number is CUDA's own, the fastest card first, unless CUDA counts ``by_bus``
    (CUDA_DEVICE_ORDER); ``None`` where cards differ, and it is not known which one a number means.
    """
    if variable is None:
        return [*gpus]
    cards = [*dict.fromkeys(gpu.board for gpu in gpus)]
    found: list[Gpu] = []
    for entry in map(str.strip, variable.split(",")):
        if entry.startswith(("GPU-", "MIG-")):
            matches = _of_uuid(gpus, entry)
        else:
            number = _leading_number(entry)
            if number is None or number >= len(cards):
                break
            if not by_bus and len({gpu.name.partition(" MIG ")[0] for gpu in gpus}) > 1:
                return None
            matches = [gpu for gpu in gpus if gpu.board == cards[number]]
        if not matches:
            break
        if matches[0] in found:
            return []
        found.append(matches[0])  # of a card in parts, the first one
    return found


def _of_uuid(gpus: Sequence[Gpu], prefix: str) -> list[Gpu]:
    """The GPU, or the parts of the card, whose UUID begins so; none where several do."""
    for kind in ("uuid", "board"):
        named = {getattr(gpu, kind) for gpu in gpus if getattr(gpu, kind).startswith(prefix)}
        if named:
            return [gpu for gpu in gpus if getattr(gpu, kind) in named] if len(named) == 1 else []
    return []


def _leading_number(entry: str) -> int | None:
    """The number that ``entry`` begins with: CUDA does not look at the rest."""
    digits = len(entry) - len(entry.lstrip("0123456789"))
    return int(entry[:digits]) if digits else None


def named_gpu(gpus: Sequence[Gpu], name: str | int) -> Gpu:
    """The one of ``gpus`` that a recipe names by its UUID, its beginning, or nvidia-smi's number.

    Raises:
        UserError: none is called so, or several.
    """
    text = str(name).strip()
    if text.isdecimal():
        found = [gpu for gpu in gpus if gpu.number == int(text)]
    else:
        found = _of_uuid(gpus, text) if text else []
    if found:
        return max(found, key=lambda gpu: gpu.free_bytes)
    known = "; ".join(gpu.label for gpu in gpus) or "none"
    raise UserError(
        f"training.gpus names {printable(text)}, which is no GPU that can be seen here ({known}); "
        "name one of them, or leave training.gpus out."
    )


def amd_architecture() -> str | None:
    """The architecture of the largest AMD GPU, such as ``gfx942``, or ``None`` without one.

    What shares a processor's own node is a laptop's graphics, and no GPU to compute with.
    """
    largest, architecture = 0, None
    for path in sorted(AMD_NODES.glob("*/properties")):
        with suppress(OSError, ValueError):
            pairs = (line.split() for line in path.read_text(encoding="ascii").split("\n") if line)
            facts = {name: int(value) for name, value in pairs}
            version, units = facts.get("gfx_target_version", 0), facts.get("simd_count", 0)
            if units > largest and version and not facts.get("cpu_cores_count"):
                largest = units
                major, minor, step = version // 10000, version // 100 % 100, version % 100
                architecture = f"gfx{major}{minor}{step:x}"
    return architecture

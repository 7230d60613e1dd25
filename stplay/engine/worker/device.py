"""What computes: the GPU that the libraries are shown, and its name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from stplay.engine.worker.gpuverdict import GpuFacts, why_unusable
from stplay.engine.worker.place import NO_OTHERS, Place
from stplay.errors import UserError
from stplay.gpus import Gpu, amd_architecture, named_gpu, nvidia_driver, visible_gpus
from stplay.text import printable

if TYPE_CHECKING:
    import torch

    from stplay.runs.recipesections import TrainingSection

VISIBLE = "CUDA_VISIBLE_DEVICES"
AMD_VISIBLE = "HIP_VISIBLE_DEVICES"
BY_NVML = "PYTORCH_NVML_BASED_CUDA_CHECK"


class DeviceWish(NamedTuple):
    """What the work is to be done on: the CPU, or a GPU.

    ``gpus`` names the one that is to be taken, by its UUID, the beginning of that, or nvidia-smi's
    number; of several processes on a machine, one for each, by its ``place``. What ``wants_gpu`` is
    not done by a CPU while a GPU is there, unless it is to ``use_cpu``.
    """

    use_cpu: bool = False
    gpus: Sequence[str | int] = ()
    wants_gpu: bool = False
    place: Place = NO_OTHERS

    @classmethod
    def of_recipe(cls, training: TrainingSection, place: Place = NO_OTHERS) -> DeviceWish:
        """What a recipe wishes for: who asks for bf16 or fp16, or names one, wants one.

        Raises:
            UserError: it names more GPUs than there are processes on this machine, or fewer.
        """
        gpus, half = training.gpus or (), training.bf16 or training.fp16
        if gpus and len(gpus) != place.local_size:
            raise UserError(
                f"training.gpus names {len(gpus)}, where {place.local_size} can be used: each "
                "process trains on one (--nproc-per-node); name as many as there are processes."
            )
        return cls(training.use_cpu, gpus, half or bool(gpus), place)


def choose_gpu(wish: DeviceWish) -> list[str]:
    """Show the libraries one GPU, or none; to be called before torch is imported.

    Returns the UUIDs of those that all processes of this machine take, as far as they are known.

    It is the one that is wished for, or else, of those that CUDA_VISIBLE_DEVICES shows, the one
    with the most free memory; of several processes, each takes the next. With several GPUs, the
    library's trainer would split each batch among them: its steps would no longer be the recipe's,
    and the cached loss would replay its dropout on the first one only.

    Raises:
        UserError: the GPU that is wished for is not there, or is hidden, or there are fewer than
            processes.
    """
    if wish.use_cpu:
        _hide_gpus()
        return []
    driver = nvidia_driver()
    gpus = driver.gpus if driver else ()
    visible = _visible(gpus)
    taken: list[Gpu] = []
    if wish.gpus:
        taken = [named_gpu(gpus if visible is None else visible, name) for name in wish.gpus]
    elif visible:
        taken = _taken(visible, wish.place)
    if taken:  # by UUID: NVML counts in another order than CUDA
        os.environ[VISIBLE] = taken[wish.place.local_rank].uuid
    elif visible is None or not gpus:  # nothing is known of them but their order
        os.environ[VISIBLE] = _called(os.environ.get(VISIBLE), wish.place)
        if AMD_VISIBLE in os.environ:
            os.environ[AMD_VISIBLE] = _called(os.environ[AMD_VISIBLE], wish.place)
    return [gpu.uuid for gpu in taken]


def _taken(visible: Sequence[Gpu], place: Place) -> list[Gpu]:
    """Those of the ``visible`` GPUs that the processes beside the one at ``place`` take, and it.

    Alone it looks which is idle; several, which look at the same time, would find the same one.

    Raises:
        UserError: there are fewer than processes.
    """
    if place.local_size == 1:
        return [max(visible, key=lambda gpu: gpu.free_bytes)]
    if place.local_size > len(visible):
        raise UserError(
            f"{place.local_size} processes want a GPU each, and {len(visible)} can be seen here; "
            f"take --nproc-per-node {len(visible)}, or gpu, which is as many as there are."
        )
    return [*visible[: place.local_size]]


def _called(variable: str | None, place: Place) -> str:
    if variable is None:
        return str(place.local_rank)
    names = variable.split(",")
    return names[place.local_rank] if place.local_rank < len(names) else ""


def _visible(gpus: Sequence[Gpu]) -> list[Gpu] | None:
    by_bus = os.environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID"
    return visible_gpus(gpus, os.environ.get(VISIBLE), by_bus=by_bus)


def _hide_gpus() -> None:
    os.environ[VISIBLE] = ""
    if AMD_VISIBLE in os.environ:  # it comes first where there is one
        os.environ[AMD_VISIBLE] = ""


def settle_device(wish: DeviceWish) -> str | None:
    """What people should know where a GPU is there that torch cannot use, or ``None``.

    The work is done by the CPU then. To be called once torch is imported, and nothing has used it.

    Raises:
        UserError: the work wants a GPU, and was not told to do with the CPU.
    """
    if wish.use_cpu:
        return None
    why = _why_unusable()
    if why is None:
        return None
    if wish.wants_gpu:
        raise UserError(f"{why}; or train on the CPU with --set training.use_cpu=true.")
    return f"{why}; until then the CPU does the work."


def _why_unusable() -> str | None:
    """Why torch cannot use the GPU that is there; it is hidden where torch would try."""
    driver = nvidia_driver()
    architecture = None if driver and driver.gpus else amd_architecture()
    if architecture is None and (driver is None or not (driver.gpus or driver.trouble)):
        return None
    import torch

    facts = GpuFacts(
        card=f"The AMD GPU {architecture}",
        wheel=torch.__version__,
        is_available=True,
        trouble=None if driver is None else driver.trouble,
        architecture=architecture,
        cuda=torch.version.cuda,
        rocm=torch.version.hip,
        architectures=_architectures(),
    )
    if driver is not None and driver.gpus:
        visible = _visible(driver.gpus)
        # Of one that only CUDA can tell, nothing is known.
        gpu = visible[0] if visible else driver.gpus[0]
        facts = facts._replace(
            card=printable(gpu.name),
            driver=printable(driver.version),
            driver_cuda=driver.cuda,
            hidden_by=os.environ.get(VISIBLE) if visible == [] else None,
            capability=None if visible is None else gpu.capability,
        )
    if facts.trouble is None and (why := why_unusable(facts)):
        _hide_gpus()  # CUDA has not looked yet; what it would find can only fail
        return why
    return why_unusable(facts._replace(is_available=torch.cuda.is_available()))


def _architectures() -> list[str]:
    """What torch has code for; older ones would bring CUDA up to tell."""
    import torch

    with _by_nvml():
        return torch.cuda.get_arch_list()


@contextmanager
def _by_nvml() -> Iterator[None]:
    before = os.environ.get(BY_NVML)
    os.environ[BY_NVML] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[BY_NVML]
        else:
            os.environ[BY_NVML] = before


def device_name(device: torch.device) -> str:
    """The device's name as people know it, such as ``NVIDIA H100 PCIe`` or ``CPU, 2 threads``.

    Where several GPUs are there, it tells which: ``NVIDIA H100 PCIe (GPU 3, GPU-8932f937)``.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device) + gpu_label()
    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return device.type.upper()


def kind_of_device(device: torch.device) -> str:
    """What computes alike: the kind of ``device`` and, of CUDA's, its capability."""
    import torch

    if device.type != "cuda":
        return device.type
    return f"{device.type} {torch.cuda.get_device_capability(device)}"


def gpu_label() -> str:
    """Which of several GPUs is the one that the libraries were shown, in brackets, or nothing."""
    driver = nvidia_driver()
    if driver is None or len(driver.gpus) < 2:
        return ""
    visible = _visible(driver.gpus)
    return f" ({visible[0].label})" if visible else ""

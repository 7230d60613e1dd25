"""Why torch cannot use the GPU that is there, decided from facts alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

ELSEWHERE = "https://pytorch.org/get-started/locally"
OLDER = "https://pytorch.org/get-started/previous-versions"
_CODE = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)")


class GpuFacts(NamedTuple):
    """What is known of the GPU that would be used, and of the torch that is to use it.

    ``driver`` is NVIDIA's, ``driver_cuda`` the newest CUDA that it knows, and ``trouble`` why it
    does not answer. ``hidden_by`` is the CUDA_VISIBLE_DEVICES that shows no GPU. Of an AMD card
    there is only its ``architecture`` (``gfx942``), of NVIDIA's its ``capability``. ``wheel`` is
    torch's version, built for ``cuda``, for ``rocm`` or for neither, with code for
    ``architectures``.
    """

    card: str
    wheel: str
    is_available: bool
    driver: str = ""
    driver_cuda: tuple[int, int] = (0, 0)
    trouble: str | None = None
    hidden_by: str | None = None
    capability: tuple[int, int] | None = None
    architecture: str | None = None
    cuda: str | None = None
    rocm: str | None = None
    architectures: Sequence[str] = ()


def why_unusable(facts: GpuFacts) -> str | None:
    """Why torch cannot use the GPU and what to do, without a full stop; ``None`` where it can."""
    if facts.trouble is not None:
        if facts.is_available:
            return None
        return f"NVIDIA's driver does not answer ({facts.trouble.rstrip('.')}): restart the machine"
    why = _why_of_amd(facts) if facts.architecture else _why_of_nvidia(facts)
    if why is None:
        return None
    driver = f" (driver {facts.driver}, CUDA {_dotted(facts.driver_cuda)})" if facts.driver else ""
    return f"{facts.card}{driver} cannot be used: {why}"


def _why_of_nvidia(facts: GpuFacts) -> str | None:
    known = _dotted(facts.driver_cuda)
    if facts.cuda is None:
        kind = f"AMD's ROCm {facts.rocm}" if facts.rocm else "CPUs alone"
        return (
            f"torch {facts.wheel} is built for {kind}; install one that is built for CUDA {known} "
            f"or older ({ELSEWHERE})"
        )
    if not facts.is_available:
        if facts.driver_cuda[0] < int(facts.cuda.split(".")[0]):  # within a major one, any does
            return (
                f"torch {facts.wheel} is built for CUDA {facts.cuda}, which this driver is too old "
                f"for; install a newer driver, or a torch for CUDA {known} or older ({OLDER})"
            )
        if facts.hidden_by is not None:
            return (
                f"CUDA_VISIBLE_DEVICES={facts.hidden_by!r} names no GPU of this machine; unset it, "
                "or name one as nvidia-smi -L lists them"
            )
        return (
            f"torch {facts.wheel} for CUDA {facts.cuda} does not find it; look at what nvidia-smi "
            "says, and restart the machine or the container"
        )
    if facts.capability is None or not facts.architectures:
        return None
    if any(_runs(code, facts.capability) for code in facts.architectures):
        return None
    return (
        f"torch {facts.wheel} for CUDA {facts.cuda} has no code for its compute capability "
        f"{_dotted(facts.capability)}, only {', '.join(facts.architectures)}; install a torch that "
        f"has ({OLDER})"
    )


def _why_of_amd(facts: GpuFacts) -> str | None:
    if facts.rocm is None:
        kind = f"CUDA {facts.cuda}" if facts.cuda else "CPUs alone"
        return f"torch {facts.wheel} is built for {kind}; install one for ROCm ({ELSEWHERE})"
    if not facts.is_available:
        return (
            f"torch {facts.wheel} for ROCm {facts.rocm} does not find it; look whether rocminfo "
            "lists it, and whether you are in the groups render and video"
        )
    built = [each.partition(":")[0] for each in facts.architectures]
    if not built or facts.architecture in built:
        return None
    return (
        f"torch {facts.wheel} for ROCm {facts.rocm} has no code for {facts.architecture}, only "
        f"{', '.join(built)}; install a torch that has ({ELSEWHERE})"
    )


def _runs(code: str, capability: tuple[int, int]) -> bool:
    """Whether a GPU of ``capability`` runs ``code``, such as ``sm_90`` or ``compute_90``."""
    match = _CODE.fullmatch(code)
    if match is None:
        return True  # a kind that is not known yet
    kind, special = match[1], match[4]
    built = int(match[2]), int(match[3])
    if special == "a":
        return capability == built
    if kind == "compute" and not special:  # translated by the driver, for any newer one
        return capability >= built
    return capability[0] == built[0] and capability[1] >= built[1]


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"

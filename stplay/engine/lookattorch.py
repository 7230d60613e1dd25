"""What torch can use here, for the doctor: ``python -m stplay.engine.lookattorch``.

Replies with ``TorchFound``.
"""

from __future__ import annotations

import sys

from stplay.doctor.torchcheck import TorchFound
from stplay.engine.worker.device import DeviceWish, choose_gpu, device_name, settle_device
from stplay.engine.worker.libraries import quiet_libraries
from stplay.engine.worker.replies import Replies, reply
from stplay.errors import UserError


def look(replies: Replies) -> TorchFound:
    """What torch computes on, chosen as for any work that wishes for nothing.

    Raises:
        UserError: it cannot be imported.
    """
    wish = DeviceWish()
    choose_gpu(wish)
    try:
        import torch
    except (ImportError, OSError) as error:  # such as a library of CUDA's that is missing
        raise UserError(f"torch cannot be imported: {error}") from None
    why = settle_device(wish)
    is_cuda = torch.cuda.is_available()
    kind = "cuda" if is_cuda else "mps" if torch.backends.mps.is_available() else "cpu"
    return TorchFound(
        version=str(torch.__version__),
        device=device_name(torch.device(kind)),
        bf16=torch.cuda.is_bf16_supported(including_emulation=False) if is_cuda else None,
        why=None if why is None else why.removesuffix("; until then the CPU does the work."),
    )


if __name__ == "__main__":
    quiet_libraries()
    sys.exit(reply(look))

"""The launcher of a process of ours, which ends with it: nobody else would tell of its end."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

import psutil

LOOKED_AT_SECONDS = 1.0


def end_with_launcher(pid: int) -> None:
    """End this process, whatever it is at, soon after the one of the id ``pid`` has ended."""
    threading.Thread(target=_watch, args=(pid,), name="launcher", daemon=True).start()


def _watch(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        launcher = psutil.Process(pid)
        while launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
            time.sleep(LOOKED_AT_SECONDS)
    os._exit(1)

"""Whoever reads the answers of a process: it ends with them, as nobody else wants to know."""

from __future__ import annotations

import os
import select
import threading


def end_with_reader(output: int = 1) -> None:
    """End this process, whatever it is at, once nobody can read its ``output`` any more.

    Does nothing where ``output`` is a file, or where the system cannot tell.
    """
    if hasattr(select, "poll"):
        threading.Thread(target=_wait, args=(output,), name="reader", daemon=True).start()


def _wait(output: int) -> None:
    poll = select.poll()
    poll.register(output, 0)  # errors are always told
    for _, found in poll.poll():
        if found & (select.POLLERR | select.POLLHUP):
            os._exit(1)

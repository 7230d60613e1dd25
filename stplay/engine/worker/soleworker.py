"""Nobody works on a job while another process does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from filelock import FileLock, Timeout

from stplay.errors import UserError
from stplay.jobs.job import LOCK, Job

LOCK_SECONDS = 3.0


def as_sole_worker(job: Job[Any], work: Callable[[], int]) -> int:
    """The exit code of ``work``, which nobody else does meanwhile."""
    lock = FileLock(job.folder / LOCK)
    try:
        lock.acquire(timeout=LOCK_SECONDS)  # a process that was stopped may be on its way out
    except Timeout:
        print(f"Another process is at work on {job.id}.", file=sys.stderr)
        return UserError.exit_code
    exit_code = work()
    lock.release()
    return exit_code

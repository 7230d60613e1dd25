"""Nobody works on a job while another process does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from stplay.errors import UserError
from stplay.jobs.job import LOCK, Job
from stplay.jobs.worklock import HeldError, hold

LOCK_SECONDS = 3.0


def as_sole_worker(job: Job[Any], work: Callable[[], int]) -> int:
    """The exit code of ``work``, which nobody else does meanwhile."""
    try:
        # A process that was stopped may be on its way out.
        with hold(job.folder / LOCK, LOCK_SECONDS):
            return work()
    except HeldError:
        print(f"Another process is at work on {job.id}.", file=sys.stderr)
        return UserError.exit_code

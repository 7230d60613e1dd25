"""The lock of whoever works on something, held until it is done or its process has ended."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

WITHOUT_LOCKS = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP)


class HeldError(Exception):
    """Somebody else holds the lock."""


@contextmanager
def hold(path: Path, seconds: float = 0.0) -> Iterator[None]:
    """Hold the lock ``path``, for which whoever holds it may be waited for so many ``seconds``.

    Where the file system has no locks, as NFS without its lock server, a file stands for one that
    tells which process made it.

    Raises:
        HeldError: somebody else holds it.
        OSError: its folder is gone, or cannot be written to.
    """
    from filelock import FileLock, SoftFileLock, Timeout

    if not path.parent.is_dir():  # of which the library would make one
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", str(path.parent))
    lock = FileLock(path)
    try:
        try:
            lock.acquire(seconds)
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            lock = SoftFileLock(path.with_name(f"{path.name}.held"))
            lock.acquire(seconds)
    except Timeout:
        raise HeldError from None
    try:
        yield
    finally:
        with suppress(OSError):  # its folder cannot be written to any more: the work is done
            lock.release()

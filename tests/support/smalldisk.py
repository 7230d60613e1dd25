"""A disk of a few megabytes, in a name space of its own: it can be filled, and folders shut."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import pytest
from conftest import require_program
from livingprocesses import living

MOUNT = 'mount -t tmpfs -o size="$1" stplay-test "$2" && echo mounted && exec cat'


class SmallDisk:
    """A disk of ``size``, as mount takes it, at ``path`` for what ``start`` starts.

    ``seen`` is where the test itself finds it. In the end all that is at work there is killed.
    """

    def __init__(self, path: Path, size: str) -> None:
        self.path = path
        path.mkdir()
        unshare = require_program("unshare")
        self._enter = [require_program("nsenter"), "--user", "--mount", "--preserve-credentials"]
        if subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
            pytest.skip("this user may not make a name space to mount a small disk in")
        self._holder = subprocess.Popen(
            [unshare, "-rm", "sh", "-c", MOUNT, "sh", size, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"mounted\n"
        self._enter.append(f"--target={self._holder.pid}")
        self.seen = Path(f"/proc/{self._holder.pid}/root{path}")

    def __enter__(self) -> SmallDisk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in living(str(self.path)):
            process.kill()
        self._holder.communicate()

    def start(self, *arguments: str, env: Mapping[str, str]) -> subprocess.Popen[str]:
        """The real command, with its home on this disk."""
        return subprocess.Popen(
            [*self._enter, sys.executable, "-m", "stplay", *arguments],
            env={**os.environ, "STPLAY_HOME": str(self.path), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fill(self) -> None:
        """Take all room that is left."""
        with (self.seen / "filler").open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 20))

    def free(self) -> None:
        """Give it back."""
        (self.seen / "filler").unlink()

    def shut(self, folder: Path) -> None:
        """Let nothing be written in ``folder``, below ``path``, until it is opened again."""
        for command in (
            ["--bind", str(folder), str(folder)],
            ["-o", "remount,bind,ro", str(folder)],
        ):
            subprocess.run([*self._enter, "mount", *command], check=True)

    def reopen(self, folder: Path) -> None:
        """Let ``folder`` be written in again."""
        subprocess.run([*self._enter, "umount", str(folder)], check=True)

"""The lock of whoever works on something, on file systems with locks and without."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from faulttable import Fault, TellFault

from stplay.jobs.worklock import HeldError, hold

HOLDER = """
import sys, time
from pathlib import Path
from stplay.jobs.worklock import hold
if sys.argv[2] != "0":
    import fcntl
    def refuse(*_):
        raise OSError(int(sys.argv[2]), "No locks available")
    fcntl.flock = refuse
with hold(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture(params=[0, errno.ENOLCK, errno.EOPNOTSUPP], ids=["locks", "ENOLCK", "EOPNOTSUPP"])
def refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """What the file system says to a lock."""
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(request.param, "No locks available")

    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuse)
    return request.param


def test_one_holds_it_until_its_process_has_ended(
    refused: int, tmp_path: Path, tell_fault: TellFault
) -> None:
    path = tmp_path / "worker.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path), str(refused)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(HeldError), hold(path):
            pass
        holder.kill()
    with hold(path), pytest.raises(HeldError), hold(path):
        pass
    with hold(path):
        pass
    where = f"a file system without locks ({errno.errorcode[refused]}), " if refused else ""
    tell_fault(Fault(f"{where}kill -9 of who holds a run's lock", 1, 1, 0, 0))


def test_a_folder_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), hold(tmp_path / "removed" / "worker.lock"):
        pass
    assert not (tmp_path / "removed").exists()

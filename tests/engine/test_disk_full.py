"""A disk that fills up while a checkpoint is saved: a small real file system, really full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import require_program
from engine.runner import small_recipe

from stplay.runs import Run

# In a name space of its own, so that nothing is left mounted whatever happens.
SCRIPT = """
set -e
mount -t tmpfs -o size="$1" stplay-test "$2"
shift
export STPLAY_HOME="$1"
keep="$2"
shift 2
"$@" || code=$?
rm -rf "$STPLAY_HOME/cache"
cp -r "$STPLAY_HOME/data" "$keep"
exit "${code:-0}"
"""


def test_disk_full_fails_in_a_sentence_and_keeps_log_and_last_checkpoint(tmp_path: Path) -> None:
    unshare = require_program("unshare")
    disk, keep = tmp_path / "disk", tmp_path / "keep"
    disk.mkdir()
    allowed = subprocess.run([unshare, "-rm", "true"], capture_output=True)
    if allowed.returncode:
        pytest.skip("this user may not make a name space to mount a small disk in")
    recipe = small_recipe(tmp_path / "data", training__max_steps="400", data__dev="")
    command = [sys.executable, "-m", "stplay", *recipe, "--name=full"]
    # Two whole checkpoints fit, a third does not.
    done = subprocess.run(
        [unshare, "-rm", "sh", "-c", SCRIPT, "sh", "80m", str(disk), str(keep), *command],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"The disk of {disk}" in done.stderr
    assert "is full" in done.stderr
    assert "stplay resume full" in done.stderr

    run = Run(keep / "runs" / "full")
    log = run.read_log()
    assert log.status == "failed"
    assert log.damaged == 0
    assert log.checkpoint is not None
    last = run.folder / log.checkpoint.path
    assert (last / "optimizer.pt").is_file()
    assert (last / "trainer_state.json").is_file()
    there = {path.name for path in last.parent.glob("checkpoint-*")}
    assert there <= {f"checkpoint-{step}" for step in range(log.checkpoint.step + 1)}
    assert "Traceback" in run.worker_log_path.read_text(encoding="utf-8")

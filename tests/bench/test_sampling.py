"""What a sign of life takes of a core, where a training tells one every two seconds."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest
from machines import GPUS, busy, machine

from stplay.engine.worker.heartbeat import BEATS_A_LOOK, HEARTBEAT_SECONDS, Heartbeat
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.sampler import Sampler

ROUNDS = 20


@pytest.mark.parametrize("gpus", [0, 8])
def test_a_sign_of_life(
    tmp_path: Path, gpus: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(GPUS, machine(*(busy(letter) for letter in "abcdefgh"[:gpus])))
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    heartbeat, process, sampler = Heartbeat(writer, tmp_path), psutil.Process(), Sampler(tmp_path)
    begin = time.thread_time()
    for _ in range(ROUNDS * BEATS_A_LOOK):
        writer.write(heartbeat._sample(process, sampler))
    seconds = (time.thread_time() - begin) / (ROUNDS * BEATS_A_LOOK)
    line = path.stat().st_size / (ROUNDS * BEATS_A_LOOK)
    with capsys.disabled():
        print(
            f"\n{gpus} GPUs (a stand-in for their driver), {len(psutil.pids())} processes: "
            f"{1e3 * seconds:.2f} ms a sample, {seconds / HEARTBEAT_SECONDS:.3%} of a core "
            f"(aim: under 1 %), {line:.0f} bytes a line"
        )

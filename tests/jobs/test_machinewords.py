"""A machine in words: numbers, bars and curves, in the room there is."""

from __future__ import annotations

import pytest
import sampledmachine
from hypothesis import given
from hypothesis import strategies as st
from sampledmachine import GIB
from wildlogs import logs

from stplay.jobs.eventlog import decode_events
from stplay.jobs.events import Replaced, SystemSampled
from stplay.jobs.machinewords import Gauge, MachineHistory, gauge_lines, part_of
from stplay.text import printable


def history(gpus: int, *slowed: str, taken: bool = True) -> MachineHistory:
    told = MachineHistory()
    told.apply(sampledmachine.found(gpus, taken=taken))
    for event in sampledmachine.events(gpus, 100, *slowed)[1:]:
        told.apply(event)
    return told


def text(told: MachineHistory, width: int = 76) -> list[str]:
    return ["".join(part.text for part in line).rstrip() for line in told.lines("gpu-box", width)]


def test_a_gpu_of_the_run_is_told_in_full_and_others_in_a_line() -> None:
    lines = text(history(3))
    assert lines[0] == "GPU 0  NVIDIA H100 80GB HBM3  ● this run"
    assert [line.split()[0] for line in lines[1:5]] == ["use", "memory", "power", "temperature"]
    assert " 11.0 of 80.0 GiB  ━━━───" in lines[2]
    assert " 612 of 700 W  ━━━" in lines[3]
    assert lines[5] == "GPU 1       0 %   0.5 of 80.0 GiB   71 W  31 °C"
    assert lines[6].startswith("GPU 2 ")
    assert lines[8] == "gpu-box  32 processors"


def test_of_few_gpus_that_no_run_takes_each_is_told_in_full() -> None:
    assert sum("temperature" in line for line in text(history(2, taken=False))) == 2
    assert sum("temperature" in line for line in text(history(3, taken=False))) == 0


def test_a_machine_without_gpus_is_told_whole() -> None:
    lines = text(history(0))
    assert lines[0] == "gpu-box  32 processors"
    labels = [line[2:14].strip() for line in lines[1:]]
    traffic = ["disk read", "disk written", "net in", "net out"]
    assert labels == ["processors", "memory", "disk left", *traffic]
    assert not any("GPU" in line or " - " in line for line in lines)


def test_what_holds_the_clocks_down_is_told_and_heat_as_a_warning() -> None:
    def role(*slowed: str) -> str:
        lines = [line for line in history(1, *slowed).lines("x", 60) if line]
        (line,) = (line for line in lines if "slowed" in line[0].text)
        assert line[1].text == ", ".join(slowed)
        return line[1].role

    assert role("its power limit") == "plain"
    assert role("its power limit", "heat") == "warning"


@pytest.mark.parametrize("width", [38, 76, 120])
def test_no_line_is_wider_than_there_is_room(width: int) -> None:
    for gpus in (0, 1, 8):
        assert max(map(len, text(history(gpus), width))) <= width


def test_curves_have_a_cell_for_each_ten_seconds_and_gaps_where_nothing_was_told() -> None:
    told = MachineHistory()
    for number in (*range(5), *range(10, 15)):
        told.apply(sampledmachine.sampled(number, 0))
    line = next(line for line in text(told) if "processors" in line and "%" in line)
    assert line.endswith("▂ ▅")


def test_another_process_begins_anew() -> None:
    told = history(1)
    told.apply(sampledmachine.found(0))
    assert (told.last, told.found) == (None, sampledmachine.found(0))
    told = history(1)
    told.apply(Replaced())
    assert told.found is told.last is None


def test_a_part_is_told_in_the_unit_of_the_whole() -> None:
    assert part_of(11.25 * GIB, 80 * GIB) == ("11.2 of 80.0 GiB", 11.25 / 80)
    assert part_of(GIB / 2, 80 * GIB)[0] == "0.5 of 80.0 GiB"
    assert part_of(GIB / 2, None) == ("512.0 MiB", None)


def test_a_bar_is_never_longer_than_its_place() -> None:
    for share in (-1.0, 0.0, 0.5, 1.0, 7.0):
        ((*_, line),) = [[*gauge_lines([Gauge("x", "1", share, [share])], 60)]]
        assert sum(len(part.text) for part in line) <= 60


@given(logs, st.integers(0, 130))
def test_whatever_was_told_is_shown_and_steers_no_terminal(log: bytes, width: int) -> None:
    told = MachineHistory()
    for event in decode_events(log)[0]:
        told.apply(event)
    for line in told.lines("host", width):
        assert all(part.text == printable(part.text) for part in line)


def test_old_logs_have_no_machine_and_new_ones_read_in_old_readers() -> None:
    old = b'{"type":"SystemSampled","time":1.0,"cpu_percent":1.0,"memory_bytes":1}\n'
    assert decode_events(old)[0] == [SystemSampled(time=1.0, cpu_percent=1.0, memory_bytes=1)]

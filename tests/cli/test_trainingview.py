"""The views without the app: plain lines, a table on a terminal, the events as they stand."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from runsondisk import create

from stplay.cli.console import SafeConsole
from stplay.cli.trainingview import JsonView, PlainView, TerminalView, view_for
from stplay.jobs.eventlog import decode_events
from stplay.jobs.events import (
    CheckpointSaved,
    Damaged,
    Epoch,
    Evaluated,
    Event,
    Noted,
    PackingShrunk,
    RunFinished,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    Unknown,
    WorkerStarted,
)
from stplay.runs.traininglog import TrainingLog

EVIL = "[bold red]x[/] \x1b[31m\x1b]0;title\x07\x9b31m\u202e"
SHOWN = "[bold red]x[/] �[31m�]0;title��31m�"


def started(
    device: str = "CPU, 2 threads",
    precision: str = "float32",
    synthetic: bool = False,
    total_steps: int = 6250,
    epoch: Epoch | None = None,
) -> RunStarted:
    return RunStarted(
        recipe={},
        base=EVIL,
        device=device,
        precision=precision,
        versions={},
        rows={"train": 100_000},
        synthetic=synthetic,
        total_steps=total_steps,
        parameters=1,
        epoch=epoch,
    )


def evaluated(step: int, data: str = "all-nli-dev", loss: float | None = 3.1817) -> Evaluated:
    return Evaluated(
        step=step,
        epoch=step / 6250,
        split="dev",
        data=data,
        rows=1000,
        loss=loss,
        cosine_accuracy=0.558,
        dot_accuracy=0.1,
        manhattan_accuracy=0.2,
        euclidean_accuracy=0.559,
        max_accuracy=0.559,
    )


def trained(step: int, loss: float | None = 3.5308) -> TrainLogged:
    return TrainLogged(
        step=step, epoch=step / 6250, loss=loss, learning_rate=1e-5, samples_per_second=1234.5
    )


WORKER = WorkerStarted(host="gpu-box", pid=4711, process_started=1.0)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (WORKER, "process 4711 on gpu-box"),
        (
            StageProgressed(stage="importing torch", total=4, unit="libraries"),
            "importing torch: 0 of 4 libraries",
        ),
        (started(), "started: CPU, 2 threads, float32, 100,000 triplets, 6,250 steps"),
        (
            started(synthetic=True),
            "started: CPU, 2 threads, float32, synthetic data, 100,000 triplets, 6,250 steps",
        ),
        (
            started(epoch=Epoch(rows=25_000, batches=6250, batch_size=16)),
            "started: CPU, 2 threads, float32, 100,000 triplets, 6,250 steps, an epoch sees 25,000 "
            "of 100,000 triplets, 4.0 a batch instead of 16",
        ),
        (trained(1100), "step 1,100  epoch 0.176  training loss 3.5308  1,234 samples/s"),
        (
            TrainLogged(step=100, epoch=0.016, loss=None, learning_rate=0.0),
            "step 100  epoch 0.016  training loss -  - samples/s",
        ),
        (evaluated(100), "step 100  all-nli-dev  loss 3.1817  cosine 0.558  max accuracy 0.559"),
        (evaluated(0, loss=None), "step 0  all-nli-dev  loss -  cosine 0.558  max accuracy 0.559"),
        (
            CheckpointSaved(step=1500, path="a", kept=2, disk_bytes=3 << 20),
            "step 1,500  checkpoint saved; 2 kept, 3.0 MiB on disk",
        ),
        (Noted(level="warning", text="Look\nhere."), "warning: Look here."),
        (
            PackingShrunk(step=1499, most_tokens=2048),
            "warning: The memory ran out in step 1,500; it was taken again, and from there on "
            "2,048 tokens go through the model together at most.",
        ),
        (
            PackingShrunk(step=1499, most_tokens=2048, mini_batch_size=16),
            "warning: The memory ran out in step 1,500; it was taken again, and from there on "
            "2,048 tokens go through the model together at most. A run with "
            "loss.mini_batch_size = 16 takes no more at once from its first step.",
        ),
        (RunResumed(step=1500), "resumed after step 1,500"),
        (RunFinished(outcome="completed", exit_code=0), "completed"),
        (RunFinished(outcome="failed", exit_code=1, error="No."), "failed: No."),
        (SystemSampled(cpu_percent=1.0, memory_bytes=1), None),
        (StageProgressed(stage="training", done=5, total=10), None),
        (Unknown(name="ProbesEncoded", fields={}), None),
        (WorkerStarted(host=EVIL, pid=1, process_started=1.0), f"process 1 on {SHOWN}"),
        (
            started(device=EVIL, precision=EVIL),
            f"started: {SHOWN}, {SHOWN}, 100,000 triplets, 6,250 steps",
        ),
        (
            evaluated(1, data=EVIL),
            f"step 1  {SHOWN}  loss 3.1817  cosine 0.558  max accuracy 0.559",
        ),
        (StageProgressed(stage=EVIL), SHOWN),
        (Noted(level="error", text=EVIL), f"error: {SHOWN}"),
        (RunFinished(outcome="failed", exit_code=1, error=EVIL), f"failed: {SHOWN}"),
    ],
)
def test_a_plain_line(capsys: pytest.CaptureFixture[str], event: Event, line: str | None):
    PlainView().show(TrainingLog(), [event], b"")
    assert capsys.readouterr().out == ("" if line is None else f"{line}\n")


def test_a_long_stage_is_a_few_plain_lines(capsys: pytest.CaptureFixture[str]):
    view = PlainView()
    for done in range(101):
        stage = StageProgressed(stage="reading", done=done, total=100, unit="rows")
        view.show(TrainingLog(), [stage], b"")
    view.show(TrainingLog(), [StageProgressed(stage="saving the model")], b"")
    out = capsys.readouterr().out.splitlines()
    assert out == [
        "reading: 0 of 100 rows",
        "reading: 25 of 100 rows",
        "reading: 50 of 100 rows",
        "reading: 75 of 100 rows",
        "reading: 100 of 100 rows",
        "saving the model",
    ]


def test_what_is_said_is_no_output(capsys: pytest.CaptureFixture[str]):
    for view in (PlainView(), JsonView()):
        view.say("Finishing.")
        view.close()
        told = capsys.readouterr()
        assert (told.out, told.err) == ("", "Finishing.\n")


def test_json_is_the_log_byte_for_byte(capfdbinary: pytest.CaptureFixture[bytes]):
    lines = (
        b'{"type":"RunResumed",  "step":1,"time":1}\nno \xff\x00\n{"type":"New","a":"\xc3\xa9"}\n'
    )
    events, length = decode_events(lines)
    assert length == len(lines)
    assert isinstance(events[1], Damaged)
    view = JsonView()
    view.show(TrainingLog(), events, lines)
    view.show(TrainingLog(), [], b"")
    assert capfdbinary.readouterr().out == lines


def test_the_view_fits_where_the_output_goes(home: Path, capsys: pytest.CaptureFixture[str]):
    run = create("mine")
    assert isinstance(view_for(run, as_json=True), JsonView)
    assert capsys.readouterr().out == ""
    assert isinstance(view_for(run, as_json=False), PlainView)
    assert capsys.readouterr().out == f"run mine in {run.folder}\n"


# On a terminal


class Terminal:
    """A recorded terminal with a view of one run."""

    def __init__(self, height: int = 40) -> None:
        self.file = io.StringIO()
        self.console = SafeConsole(
            file=self.file,
            force_terminal=True,
            width=100,
            height=height,
            record=True,
            color_system=None,
            legacy_windows=False,
            _environ={},
        )
        self.view = TerminalView("mine", self.console)
        self.log = TrainingLog()

    def show(self, *events: Event) -> str:
        """What the view paints anew for ``events``."""
        begin = self.file.tell()
        for event in events:
            self.log.apply(event)
        self.view.show(self.log, list(events), b"")
        return self.painted(begin)

    def close(self) -> str:
        """The last picture, which stays."""
        self.console.export_text()
        self.view.close()
        return self.console.export_text()

    def painted(self, begin: int = 0) -> str:
        """What was written, without the sequences with which Rich moves the cursor."""
        self.file.seek(begin)
        return re.sub(r"\x1b\[\??[0-9;]*[A-Za-z]|\r", "", self.file.read())


def test_the_table_grows_on_a_terminal():
    terminal = Terminal()
    assert terminal.show(WORKER).split() == ["mine", "◌", "starting"]
    terminal.show(started(synthetic=True), evaluated(0, loss=None))
    painted = terminal.show(
        trained(100), evaluated(100), SystemSampled(cpu_percent=1.0, memory_bytes=3 << 30)
    )
    rows = [line.split() for line in painted.splitlines()]
    assert ["0.000", "0", "-", "-", "0.559", "-"] in rows
    assert ["0.016", "100", "3.5308", "3.1817", "0.559", "-"] in rows
    assert "● running" in painted
    assert "step 100 of 6,250" in painted
    for fact in ("CPU, 2 threads", "float32", "1,234 samples/s", "3.0 GiB", "synthetic data"):
        assert fact in painted
    assert terminal.show() == "", "painted anew where nothing came"
    painted = terminal.show(StageProgressed(stage="saving the model"))
    assert "saving the model" in painted
    terminal.show(RunFinished(outcome="completed", exit_code=0))
    last = terminal.close()
    assert "✓ finished" in last
    assert "saving the model" not in last
    assert last.count("Training Loss") == 1


def test_the_time_left_is_told():
    terminal = Terminal()
    terminal.show(WORKER, started(total_steps=100))
    terminal.show(StageProgressed(stage="training", done=0, total=100, time=1000.0))
    painted = terminal.show(StageProgressed(stage="training", done=10, total=100, time=1020.0))
    assert "3 min 00 s left" in painted
    assert "left" not in terminal.show(RunFinished(outcome="stopped", exit_code=130))


def test_a_low_terminal_shows_the_newest_rows_and_the_end_shows_all():
    terminal = Terminal(height=20)
    painted = terminal.show(WORKER, started(), *(trained(step) for step in range(100, 5100, 100)))
    assert len(painted.splitlines()) <= 20
    assert "5,000" in painted
    assert "…" in painted
    assert "0.016" not in painted
    last = terminal.close()
    assert len(re.findall(r"3\.5308", last)) == 50
    assert "…" not in last


def test_what_is_said_stands_below_the_table():
    terminal = Terminal()
    terminal.show(WORKER, started(), trained(100))
    terminal.view.say("Finishing the step.")
    assert terminal.painted().rstrip().endswith("Finishing the step.")
    terminal.show(RunFinished(outcome="stopped", exit_code=130))
    assert "Finishing the step." not in terminal.close()


def test_nothing_of_the_data_steers_the_terminal():
    terminal = Terminal()
    terminal.show(
        WorkerStarted(host=EVIL, pid=1, process_started=1.0),
        started(device=EVIL, precision=EVIL),
        evaluated(100, data=EVIL),
        StageProgressed(stage=EVIL),
        Noted(level="warning", text=EVIL),
    )
    terminal.show(RunFinished(outcome="failed", exit_code=1, error=EVIL, details=EVIL))
    last = terminal.close()
    painted = terminal.painted()
    assert last.count(SHOWN) == 3, "the device, the precision and the note"
    assert painted.count(SHOWN) == 4 + 3 + 3, "and the stage, while it lasted"
    steering = r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
    assert re.findall(steering, painted) == []


def test_a_note_stays_until_two_newer_ones_came():
    terminal = Terminal()
    painted = terminal.show(WORKER, *(Noted(level="info", text=f"note {n}") for n in range(3)))
    assert "info: note 1" in painted
    assert "info: note 2" in painted
    assert "note 0" not in painted


def test_plain_lines_end_with_the_table_and_stay_few_once_rows_come(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view, log = PlainView(), TrainingLog()
    events: list[Event] = [
        TrainLogged(time=100.0, step=100, epoch=0.016, loss=3.5308, learning_rate=5e-5),
        StageProgressed(time=101.0, stage="evaluating dev", done=1, total=9, unit="sentences"),
        StageProgressed(time=111.0, stage="evaluating dev", done=2, total=9, unit="sentences"),
    ]
    for event in events:
        log.apply(event)
    view.show(log, events, b"")
    view.close()
    first, silence, header, row = capsys.readouterr().out.splitlines()
    assert first.startswith("step 100")
    assert silence == "evaluating dev: 2 of 9 sentences"
    assert header.split() == [
        "Epoch",
        "Step",
        "Training",
        "Loss",
        "loss",
        "dev",
        "max",
        "test",
        "max",
    ]
    assert row.split() == ["0.016", "100", "3.5308", "-", "-", "-"]

"""THE loop that follows a job: in pieces, through silence, until it has ended or is left."""

from __future__ import annotations

import ast
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from checkout import ROOT
from memorysource import MemorySource
from runsondisk import COMPLETED, STARTED, create, start_worker, worker_of, write

from stplay.cli.trainingview import PlainView
from stplay.errors import UserError
from stplay.jobs import interrupts as signals
from stplay.jobs.events import Event, Noted, Replaced, RunFinished, TrainLogged, WorkerStarted
from stplay.jobs.follower import Follower
from stplay.jobs.interrupts import Interrupts
from stplay.jobs.job import PIECE_BYTES
from stplay.runs.traininglog import TrainingLog

STOPPED = RunFinished(outcome="stopped", exit_code=130)
NOBODY = (1 << 31) - 1  # no process has this number


def logged(step: int) -> TrainLogged:
    return TrainLogged(step=step, epoch=0.5, loss=1.0, learning_rate=1e-5)


class Told:
    """A view that remembers; ``moments`` happen one by one, each where nothing came."""

    def __init__(self, *moments: Callable[[], object]) -> None:
        self.moments = list(moments)
        self.events: list[Event] = []
        self.lines = b""
        self.said: list[str] = []
        self.closed = False

    def show(self, log: TrainingLog, events: list[Event], lines: bytes) -> None:
        self.events += events
        self.lines += lines
        if self.moments and not events:
            self.moments.pop(0)()

    def say(self, sentence: str) -> None:
        assert not self.closed
        self.said.append(sentence)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    """Who counts the interrupts; afterwards all signals are taken as before."""
    numbers = signals.numbers((*signals.STOPPING, signals.HANG_UP))
    before = {number: signal.getsignal(number) for number in numbers}
    yield Interrupts()
    for number, handler in before.items():
        signal.signal(number, handler)


def ctrl_c() -> None:
    signal.raise_signal(signal.SIGINT)


# events


def test_a_long_log_is_caught_up_with_in_pieces(home: Path) -> None:
    here = worker_of(psutil.Process())
    gone = WorkerStarted(host=here.host, pid=NOBODY, process_started=1.0)
    run = write(create(), gone, STARTED, *map(logged, range(1, 5001)))
    follower, pieces = Follower(run), []
    while not follower.caught_up:
        pieces.append(follower.advance())
        # Half a log tells nothing of the process; that of the whole one is gone.
        assert follower.log.active == bool(pieces[-1].events)
        assert follower.over == (not pieces[-1].events)
    assert len(pieces) > 2
    assert max(len(piece.lines) for piece in pieces) <= PIECE_BYTES
    assert b"".join(piece.lines for piece in pieces) == run.events_path.read_bytes()
    assert list(follower.log.rows) == list(range(1, 5001))


def test_it_begins_where_it_is_told(home: Path) -> None:
    run = write(create(), Noted(level="info", text="a", time=1.0))
    offset, later = run.events_path.stat().st_size, Noted(level="info", text="b", time=2.0)
    write(run, later)
    known = TrainingLog()
    follower = Follower(run, known, offset)
    assert follower.advance().events == [later]
    assert follower.log is known
    assert follower.advance() == ([], b"")


def test_a_torn_line_is_awaited(home: Path) -> None:
    run = create()
    line = msgspec.json.encode(logged(1)) + b"\n"
    follower = Follower(run)
    run.events_path.write_bytes(line[:20])
    assert follower.advance() == ([], b"")
    assert follower.caught_up
    with run.events_path.open("ab") as file:
        file.write(line[20:])
    assert follower.advance().lines == line
    assert follower.log.damaged == 0
    assert list(follower.log.rows) == [1]


def test_a_log_that_was_replaced_is_followed_from_its_start(home: Path) -> None:
    run = write(create(), *map(logged, range(1, 9)))
    follower = Follower(run)
    follower.advance()
    run.events_path.write_bytes(msgspec.json.encode(logged(3)) + b"\n")
    (replaced,) = follower.advance().events
    assert isinstance(replaced, Replaced)
    assert not follower.caught_up
    follower.advance()
    assert list(follower.log.rows) == [3]


def test_a_job_whose_folder_is_gone_is_over(home: Path) -> None:
    run = write(create("mine"), worker_of(psutil.Process()), STARTED)
    follower = Follower(run)
    pieces = follower.pieces(pause=0.0)
    assert len(next(pieces).events) == 2
    assert next(pieces).events == []
    shutil.rmtree(run.folder)
    assert [piece.events for piece in pieces] == [[]]
    assert follower.log.status == "failed"
    assert follower.log.error == f"The run mine is gone: there is no folder {run.folder}"


def test_silence_is_followed_and_refuted_by_the_next_event() -> None:
    source = MemorySource(STARTED, logged(1))
    follower = Follower(source)
    pieces = follower.pieces(pause=0.0)
    next(pieces)
    source.silent = True
    assert next(pieces).events == next(pieces).events == []
    assert follower.log.status == "lost"
    source.tell(logged(2))
    assert next(pieces).events[0] == msgspec.json.decode(
        source.log.split(b"\n")[2], type=TrainLogged
    )
    assert follower.log.status == "running"
    source.gone = True
    assert [piece.events for piece in pieces] == [[]]
    assert follower.log.error == "It is gone."


def test_what_is_no_folder_is_followed_by_the_same_loop(
    capsys: pytest.CaptureFixture[str], interrupts: Interrupts
) -> None:
    source = MemorySource(STARTED, *map(logged, range(1, 40)))
    view = Told(lambda: source.tell(logged(40), COMPLETED))
    follower = Follower(source)
    assert follower.show_until_end(view, interrupts)
    assert view.lines == source.log
    assert len(view.events) == 42
    assert view.closed
    assert (follower.log.status, follower.log.step) == ("completed", 40)
    assert source.checks == 2, "it is looked for at the ends of the log, and nowhere else"
    assert Follower(source).await_end().step == 40
    assert Follower(source).show_until_end(PlainView(), interrupts)
    assert "step 40 " in capsys.readouterr().out


# stops


def test_ctrl_c_once_asks_the_process_to_stop(home: Path, interrupts: Interrupts) -> None:
    run = create("mine")
    with start_worker(run) as process:
        view = Told(ctrl_c)
        follower = Follower(run)
        assert follower.show_until_end(view, interrupts)
        assert process.wait(timeout=60) == 130
    assert follower.log.status == "stopped"
    assert view.said == ["Stopping; there is no step to save yet."]
    assert view.closed


def test_ctrl_c_twice_leaves_it_to_end_by_itself(home: Path, interrupts: Interrupts) -> None:
    run = create("mine")
    with start_worker(run, "deaf") as process:
        try:
            view = Told(ctrl_c, ctrl_c)
            follower = Follower(run)
            assert not follower.show_until_end(view, interrupts)
            assert process.poll() is None
        finally:
            process.kill()
    assert follower.log.active
    assert view.said == [
        "Stopping; there is no step to save yet.",
        "mine was asked to stop and does so by itself; see: stplay runs",
    ]
    assert view.closed


def test_the_signals_of_a_scheduler_ask_once_and_do_not_leave(interrupts: Interrupts) -> None:
    source = MemorySource(STARTED, logged(7))
    scheduler = [
        lambda number=number: signal.raise_signal(number)
        for number in signals.numbers(("SIGUSR1", "SIGTERM", "SIGTERM"))
    ]
    view = Told(*scheduler, ctrl_c, lambda: source.tell(STOPPED))
    assert Follower(source).show_until_end(view, interrupts)
    assert (source.stops, view.said) == (1, ["it stops at step 7"])


def test_a_stop_is_asked_for_until_somebody_hears_it(interrupts: Interrupts) -> None:
    source = MemorySource()
    source.deaf_stops = 2
    source.told_at_stop = [STOPPED]
    view = Told(ctrl_c, ctrl_c)
    # Who presses twice before anybody has heard of it leaves once the job was asked.
    assert not Follower(source).show_until_end(view, interrupts)
    assert source.stops == 3
    assert view.said == ["it stops at step 0", "it ends by itself"]


def test_a_stop_that_cannot_be_asked_for_is_told(home: Path, interrupts: Interrupts) -> None:
    run = write(create("mine"), worker_of(psutil.Process(), host="gpu-box"), STARTED)
    view = Told(ctrl_c)
    with pytest.raises(UserError, match="The run mine is at work on gpu-box; stop it there"):
        Follower(run).show_until_end(view, interrupts)
    assert view.closed


# one loop

# Who calls what the loop is made of: itself, its source on this disk, its face for the screens.
ALLOWED = {
    # The latter two read a log to its end, once or for a list of all.
    "EventReader": {"jobs/job.py", "jobs/folders.py", "runs/runindex.py"},
    "check_worker": {"jobs/job.py", "jobs/follower.py", "runs/runsummary.py"},
    "advance": {"jobs/follower.py", "screens/shared/jobwatch.py"},
}


def calls_in(tree: ast.AST) -> set[str]:
    """The names of the functions and methods that are called."""
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return {each.attr for each in called if isinstance(each, ast.Attribute)} | {
        each.id for each in called if isinstance(each, ast.Name)
    }


def test_nobody_else_follows() -> None:
    users: dict[str, set[str]] = {name: set() for name in ALLOWED}
    for folder in (ROOT / "stplay", ROOT / "screens"):
        for path in folder.rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            if name.startswith(("stplay/screens/", "stplay/assets/")):  # links
                continue
            for called in calls_in(ast.parse(path.read_text(encoding="utf-8"))) & set(ALLOWED):
                users[called].add(name.removeprefix("stplay/"))
    assert users == ALLOWED, "follow with stplay.jobs.follower.Follower, or JobWatch on a screen"


def test_a_loop_of_ones_own_is_found() -> None:
    code = "reader = eventlog.EventReader(path)\nwhile True:\n    job.check_worker(log)"
    assert calls_in(ast.parse(code)) == {"EventReader", "check_worker"}

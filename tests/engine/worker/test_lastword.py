"""The last word of a process of ours: it is said whatever fails, and whatever asks it to stop."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from runner import events_of

from stplay.engine.worker.lastword import Advice, user_sentence
from stplay.engine.worker.outofmemory import is_out_of_memory
from stplay.errors import UserError
from stplay.jobs.events import Noted, RunFinished
from stplay.jobs.job import LOCK, _children
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.runsummary import run_at_work

PERFORM = """
import os, signal, sys, time
from pathlib import Path
from stplay.engine.worker import heartbeat, lastword
from stplay.engine.worker import work as process
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted

process.import_libraries = lambda stages, stop: None  # seconds that nothing here needs
folder = Path(sys.argv[1])
me = os.getpid()

def work(events, stop, read):
    {work}

def clean_up():
    {clean_up}

events = EventWriter(folder / "events.jsonl")
advice = lastword.Advice(disk_full="free some.", out_of_memory="take less.")
{before}
sys.exit(process.perform(events, folder, lambda stages: None, work, clean_up, advice))
"""


@pytest.fixture
def run(home: Path) -> Run:
    return Run.create(Recipe(), "mine", "sample")


def perform(
    run: Run, work: str, clean_up: str = "pass", before: str = "", output: str | None = None
) -> RunFinished:
    """The last word of a process that does this work."""
    code = PERFORM.format(work=work, clean_up=clean_up, before=before)
    with (Path(output) if output else run.worker_log_path).open("ab") as log:
        done = subprocess.run(
            [sys.executable, "-c", code, str(run.folder)], stdout=log, stderr=log, timeout=60
        )
    word = events_of(run)[-1]
    assert isinstance(word, RunFinished), run.worker_log_path.read_text()
    assert done.returncode == word.exit_code
    assert run.read_log().status == word.outcome
    return word


def test_an_error_while_tidying_up_does_not_swallow_the_last_word(run: Run) -> None:
    word = perform(run, "raise UserError('No data.')", "raise KeyError('a\\x1b[31m folder')")
    assert (word.outcome, word.exit_code, word.error) == ("failed", 2, "No data.")
    assert "KeyError: 'a" in run.worker_log_path.read_text()
    (note,) = [event for event in events_of(run) if isinstance(event, Noted)]
    assert note.text.startswith("What the work has left could not be tidied up: KeyError:")


@pytest.mark.parametrize("fault", ["raise SystemExit(3)", "raise KeyboardInterrupt", "raise Stop"])
def test_nor_does_any_other_end_of_the_tidying_up(run: Run, fault: str) -> None:
    before = "class Stop(BaseException): pass"
    word = perform(run, "os.kill(me, signal.SIGTERM); time.sleep(60)", fault, before)
    assert (word.outcome, word.exit_code) == ("stopped", 130)


UNTOLD = "class Untold(Exception):\n    def __str__(self): raise ValueError('no words')"


@pytest.mark.parametrize(
    ("work", "before", "error"),
    [
        ("raise SystemExit(0)", "", "SystemExit: 0"),
        ("sys.exit('a library gives up')", "", "SystemExit: a library gives up"),
        ("raise KeyboardInterrupt", "", "KeyboardInterrupt"),
        ("raise GeneratorExit", "", "GeneratorExit"),
        ("raise Untold", UNTOLD, "Untold"),
        ("raise RuntimeError('unexpected pos 1 vs 2')", "lastword.shutil = None", "RuntimeError"),
        ("raise ValueError('\\udcff')", "", "ValueError: ?"),
        ("raise ValueError('x')", "lastword.ending = None", "ValueError"),
        ("raise ValueError('x')", "heartbeat.psutil.Process.memory_info = None", "ValueError: x"),
        ("sys.stderr = None; raise ValueError('x')", "", "ValueError: x"),
        ("sys.stderr.close(); raise ValueError('x')", "", "ValueError: x"),
    ],
)
def test_whatever_ends_the_work_is_told(run: Run, work: str, before: str, error: str) -> None:
    word = perform(run, work, before=before)
    assert (word.outcome, word.exit_code) == ("failed", 1)
    assert (word.error or "").startswith(error)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_the_output_does_not_swallow_it(run: Run) -> None:
    word = perform(run, "raise ValueError('x')", "raise KeyError", output="/dev/full")
    assert word.error == "ValueError: x"


def test_a_heartbeat_that_cannot_measure_beats_on(run: Run) -> None:
    before = (
        "heartbeat.HEARTBEAT_SECONDS = 0.01\n"
        "sample, count = heartbeat.Heartbeat._sample, iter(range(10**9))\n"
        "def fail_at_first(self, *known):\n"
        "    if next(count) == 0: raise ZeroDivisionError\n"
        "    return sample(self, *known)\n"
        "heartbeat.Heartbeat._sample = fail_at_first"
    )
    done = "while b'SystemSampled' not in (folder / 'events.jsonl').read_bytes(): time.sleep(0.01)"
    assert perform(run, done, before=before).outcome == "completed"


def test_a_stop_at_the_very_end_is_no_crash(run: Run) -> None:
    word = perform(run, "os.kill(me, signal.SIGTERM)")
    assert (word.outcome, word.exit_code) == ("stopped", 130)


def test_a_stop_while_the_last_word_is_said_changes_nothing(run: Run) -> None:
    word = perform(run, "raise UserError('No data.')", "os.kill(me, signal.SIGTERM)")
    assert (word.outcome, word.error) == ("failed", "No data.")


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2", "SIGXCPU"])
def test_whatever_asks_to_stop_is_heeded(run: Run, name: str) -> None:
    assert perform(run, f"os.kill(me, signal.{name}); time.sleep(60)").outcome == "stopped"
    told = [event.text for event in events_of(run) if isinstance(event, Noted)]
    assert told == ([] if name in ("SIGTERM", "SIGINT") else [f"Stopped by {name}."])


@pytest.mark.parametrize("name", ["SIGHUP", "SIGPIPE"])
def test_what_does_not_concern_it_is_not(run: Run, name: str) -> None:
    assert perform(run, f"os.kill(me, signal.{name}); time.sleep(0.1)").outcome == "completed"


# What is said for a process that said nothing


@pytest.mark.parametrize("known", [True, False], ids=["by its parent", "by nobody"])
def test_a_crash_leaves_its_name(run: Run, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    code = PERFORM.format(work="os.kill(me, signal.SIGBUS)", clean_up="pass", before="")
    module(run, monkeypatch, code)
    run.launch()
    child = next(each for (folder, _), each in _children.items() if folder == run.folder)
    if not known:
        _children.clear()
    child.wait()
    how = "was ended by SIGBUS" if known else "ended without a last word"
    assert run.read_log().error == (
        f"The training process {how}, and the last error in its output is Fatal Python error: Bus "
        "error; go on with: stplay resume mine"
    )
    assert isinstance(events_of(run)[-1], RunFinished) == known


def module(run: Run, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let ``code`` be what a launch starts."""
    folder = run.folder.parents[2] / "modules"
    folder.mkdir()
    (folder / "failing.py").write_text(code, encoding="utf-8")
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{path}")
    monkeypatch.setattr(Run, "module", "failing")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os; os._exit(7)", "ended with exit code 7; its output is in"),
        ("raise MemoryError('all gone')", "the last error in its output is MemoryError: all gone"),
        ("import os; os.kill(os.getpid(), 9)", "was killed (by a person, or by the system when"),
    ],
)
def test_a_launch_that_fails_is_told_at_once_and_for_good(
    run: Run, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    module(run, monkeypatch, code)
    with pytest.raises(UserError, match="training process of mine could not start: it") as told:
        run.launch()
    assert words in str(told.value)
    log = run.read_log()
    assert (log.status, log.error) == ("failed", str(told.value))
    assert run_at_work() is None
    again = Run.create(recipe.load("sample"), "mine", "sample")
    assert {path.name for path in again.folder.iterdir()} == {"recipe.toml", "events.jsonl"}
    assert again.read_log().status == "starting"


def test_a_launch_that_gives_way_to_another_process_says_nothing_for_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    module(run, monkeypatch, "raise SystemExit(2)")
    with FileLock(run.folder / LOCK), pytest.raises(UserError, match="could not start"):
        run.launch()
    assert events_of(run) == []


def test_a_log_that_cannot_be_written_is_told(run: Run) -> None:
    (run.folder / "worker.log").mkdir()
    with pytest.raises(UserError, match=r"cannot be started: .*worker.log: Is a directory"):
        run.launch()


# Memory that ran out, in everybody's words


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)),
        RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("HIP out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.90 GB, max allowed: 9.07 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("CUDA error: HIPBLAS_STATUS_ALLOC_FAILED when calling `hipblasCreate`"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4 bytes."),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4 bytes."),
        OSError("The paging file is too small for this operation to complete. (os error 1455)"),
        OSError("[WinError 1455] Die Auslagerungsdatei ist zu klein, um diesen Vorgang"),
        OSError("[WinError 8] Not enough memory resources are available to process this command"),
    ],
    ids=str,
)
def test_memory_that_ran_out_is_known_in_all_its_words(error: Exception) -> None:
    led_to = RuntimeError("a step failed")
    led_to.__cause__ = error
    for each in (error, led_to):
        assert is_out_of_memory(each)
        sentence = user_sentence(each, Path.cwd(), Advice("free some.", "take less."))
        assert sentence == "The memory ran out; take less."


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm`"),
        OSError(errno.ENOENT, os.strerror(errno.ENOENT)),
        ValueError("remember"),
    ],
    ids=str,
)
def test_what_only_sounds_like_it_is_not(error: Exception) -> None:
    assert not is_out_of_memory(error)

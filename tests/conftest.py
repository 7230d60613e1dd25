"""What the tests share: a home of their own, the real command, and programs that must be there."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faulttable
import forkserver
import notorch
import pytest
from checkout import SHARED, SUPPORT, TESTS
from livingprocesses import living

if TYPE_CHECKING:
    from sshserver import SshServer

# One thread a process: the training processes of the tests share few cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# Whoever writes into a home takes the fixture: nothing can be written below this one.
os.environ["STPLAY_HOME"] = f"{os.devnull}/take the fixture home"
# Every Python that a test starts reads sitecustomize.py there, and forks where it can; to none has
# the machine a GPU, unless a test says so.
FOR_ALL = [str(SUPPORT / "forking"), str(SUPPORT / "drivers")]
SERVER = "STPLAY_TESTS_FORKSERVER"
if SERVER not in os.environ:  # the processes of pytest-xdist share what the first one has made
    os.environ[SERVER] = str(Path(tempfile.mkdtemp(prefix="stplay-tests-")) / "socket")
    paths = [*FOR_ALL, *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
ENVIRONMENT = dict(os.environ)
# The files of which most tests start a process of the engine's, besides all in ``engine``.
TORCH_FILES = [
    "cli/test_cli",
    "cli/test_eval_command",
    "cli/test_sim",
    "cli/test_trainingview",
    "encoding/test_client",
    "faults/test_faults_of_training",
    "jobs/test_lost",
    "jobs/test_outliving",
    "jobs/test_processes",
    "runs/test_cardrecipe",
    "runs/test_plans",
    "screens/evaluate/test_evaluate_moments",
    "screens/evaluate/test_evaluate_screen",
    "screens/explore/test_early_encoder",
    "screens/explore/test_explore_keys",
    "screens/explore/test_explore_models",
    "screens/explore/test_explore_screen",
    "screens/explore/test_explore_snapshots",
    "screens/explore/test_explore_states",
    "screens/explore/test_explore_terminal",
    "screens/explore/test_kept_text",
    "screens/shared/test_broken_views",
    "screens/shared/test_hostile_terminal",
    "screens/test_terminal",
    "screens/train/test_lost_runs",
    "screens/train/test_train_screen",
    "test_forkserver",
    "test_hub_standin",
    "test_wheel",
]
ENGINE = TESTS / "engine"
TORCH_FIXTURES = {"encoders_folder", "warm_home"}

HOMES: list[Path] = []  # of all tests so far

Command = Callable[..., subprocess.CompletedProcess[str]]


def make_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new home; the built-in model, which takes long to make, is made once for all of them."""
    folder = tmp_path_factory.mktemp("home")  # a short path: sockets have their place in it
    HOMES.append(folder)
    base = tmp_path_factory.getbasetemp()
    models = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "models"
    models.mkdir(exist_ok=True)
    (folder / "cache").mkdir()
    (folder / "cache" / "models").symlink_to(models)
    return folder


def pytest_collectstart() -> None:
    """Look for no garbage until all is imported: that takes a third of the time, and finds none."""
    gc.disable()


def pytest_collection_finish(session: pytest.Session) -> None:
    """Spend less on what all apps of the tests do alike: half of the time of each."""
    measured = any(TESTS / "bench" in item.path.parents for item in session.items)
    if "stplay.screens.app" in sys.modules and not measured:
        from lightapps import make_apps_light

        make_apps_light()
    gc.freeze()  # what is imported by now is looked through no more
    gc.enable()
    gc.set_threshold(20_000, 20, 20)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table of the faults that were injected."""
    reports = [each for found in terminalreporter.stats.values() for each in found]
    if faults := faulttable.told(reports):
        terminalreporter.section("faults")
        for line in faulttable.table(faults):
            terminalreporter.line(line)


def pytest_unconfigure() -> None:
    """Remove what the first process has made."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(Path(os.environ[SERVER]).parent, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of which it is known that they need torch; what is marked runs first.

    Of these the engine's, most of which start no process: until the server that forks them is
    there, each would import torch by itself.
    """

    def order(item: pytest.Item) -> tuple[bool, bool]:
        return item.get_closest_marker("torch") is None, ENGINE not in item.path.parents

    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        place = item.path.relative_to(TESTS).with_suffix("").as_posix()
        if place in TORCH_FILES or ENGINE in item.path.parents or fixtures & TORCH_FIXTURES:
            item.add_marker("torch")
    items.sort(key=order)


@pytest.fixture(autouse=True)
def torch_where_it_is_told(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Only what is marked may start torch where ``make test-fast`` runs the rest."""
    if request.node.get_closest_marker("torch"):
        start_forkserver()
    if request.config.getoption("markexpr") != "not torch":
        yield
        return
    wanted = Path(os.environ[SERVER]).with_name(f"wanted-{os.getpid()}")
    monkeypatch.setenv(notorch.WITHOUT_TORCH, str(wanted))
    yield
    if wanted.exists():
        name = wanted.read_text(encoding="utf-8")
        wanted.unlink()
        pytest.fail(f"{name} was needed: mark the test with pytest.mark.torch", pytrace=False)


@cache
def start_forkserver() -> None:
    """Start it for the first test that may need it; the tests' processes share one."""
    first = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    forkserver.start(os.environ[SERVER], ENVIRONMENT, first)


@pytest.fixture
def unforked(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is started imports its libraries by itself, for whoever looks at how it does."""
    monkeypatch.setenv("STPLAY_TESTS_UNFORKED", "1")  # another environment than the server's


@pytest.fixture(autouse=True)
def heard_signals() -> None:
    """Whatever nohup, a shell or a test before has left: what a test starts hears what is sent."""
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def seed() -> None:
    """The same random weights whichever tests ran before: what fails can be made to fail again."""
    if "torch" in sys.modules:  # most of the tests are of an app that never imports it
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(autouse=True)
def _nothing_broke(request: pytest.FixtureRequest) -> Iterator[None]:
    """The app goes on when a view of it breaks; the test in which it does fails all the same."""
    yield
    stories = []
    for folder in HOMES:
        with suppress(FileNotFoundError, NotADirectoryError):
            (folder / "data" / "explore.txt").unlink()  # homes are shared
        log = folder / "data" / "app.log"
        if log.exists():
            stories.append(log.read_text(encoding="utf-8"))
            log.unlink()
    if stories and request.node.get_closest_marker("breaks_a_view") is None:
        pytest.fail("A view broke:\n" + "\n".join(stories), pytrace=False)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home for runs that is the test's own."""
    folder = make_home(tmp_path_factory)
    monkeypatch.setenv("STPLAY_HOME", str(folder))
    return folder


@pytest.fixture
def without_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Train screen opens at a run as if that were at work, for whoever never looks at the form.

    To make the form and to read its data takes half of the time of such a test.
    """
    from stplay.runs import runsummary
    from stplay.runs.run import Run

    def any_run() -> Run | None:
        return next(iter(Run.every()), None)

    monkeypatch.setattr(runsummary, "run_at_work", any_run)


def run_stplay(
    *arguments: str, env: dict[str, str] | None = None, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run the real command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "stplay", *arguments],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=240,
        **options,  # pyright: ignore[reportArgumentType, reportCallIssue]
    )


@pytest.fixture
def stplay(home: Path) -> Iterator[Command]:
    """The real command, in the test's own home; what it leaves at work is ended."""
    yield run_stplay
    for process in living(str(home)):
        process.kill()


@pytest.fixture(scope="session")
def encoders_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose encoding processes all tests share; they are ended with the tests."""
    folder = make_home(tmp_path_factory)
    yield folder
    from stplay.encoding import encoders

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folder))
        asyncio.run(encoders.stop_all())


@pytest.fixture(scope="module")
def warm_home(encoders_folder: Path) -> Iterator[Path]:
    """The shared home of the encoding processes, as this module's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(encoders_folder))
        yield encoders_folder


@pytest.fixture
def tell_fault(record_property: Callable[[str, object], None]) -> faulttable.TellFault:
    """Tells a row of the table; a fault that was not survived, or that cost an event, fails."""

    def tell(fault: faulttable.Fault) -> None:
        record_property(faulttable.PROPERTY, [*fault])
        assert fault == fault._replace(survived=fault.injected, lost=0, doubled=0)

    return tell


@pytest.fixture
def ssh_server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """This machine as another one, which ssh reaches as ``gpu-box``."""
    import sshserver

    folder = Path(tempfile.mkdtemp(prefix="ssh-"))  # a short path: sockets have their place in it
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with sshserver.SshServer(folder) as there:
        monkeypatch.setenv("PATH", there.path)
        yield there
    shutil.rmtree(folder)


def require_program(name: str) -> str:
    """The path of a program; a test that lacks it is skipped, and fails in CI."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if path is None:
        if os.environ.get("STPLAY_REQUIRE_PROGRAMS"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture(scope="session")
def snli() -> Path:
    """The folder of real NLI triplets that is kept beside the repository."""
    folder = SHARED / "data" / "snli"
    if not folder.is_dir():
        pytest.skip(f"the real triplets are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def card() -> Path:
    """The folder of the reference card's figures that is kept beside the repository."""
    folder = SHARED / "seed"
    if not folder.is_dir():
        pytest.skip(f"the reference card is not at {folder}")
    return folder


def write_triplets(path: Path, rows: int, start: int = 0) -> Path:
    """A ``.jsonl`` file of ``rows`` small distinct triplets."""
    import json

    animals = ("cat", "dog", "horse", "bird", "cow", "fox", "hen", "pig")
    places = ("garden", "street", "barn", "forest", "river", "kitchen", "field")
    lines = []
    for number in range(start, start + rows):
        animal, place = animals[number % 8], places[number % 7]
        lines.append(
            json.dumps(
                {
                    "anchor": f"The {animal} number {number} sleeps in the {place}.",
                    "positive": f"Animal {number} rests, a {animal}.",
                    "negative": f"The {animal} number {number} runs out of the {place}.",
                }
            )
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path

"""The Evaluate screen at every moment: while it reads, when an answer comes late, at every key."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from itertools import chain
from pathlib import Path

import psutil
import pytest
from piloting import eventually, open_result, open_screen, settle, settle_dialog, text_of
from sampleevaluation import finished_evaluation
from textual.binding import Binding
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import OptionList, SelectionList

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunFinished, WorkerStarted
from stplay.runs import modelsathand
from stplay.screens.app import StplayApp
from stplay.screens.evaluate import figures
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.evaluate.evaluationform import EvaluationForm
from stplay.screens.evaluate.evaluationview import EvaluationView
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.evaluate.figures import Figures, Look

SIZE = (120, 40)


class Gate:
    """Holds back what is read, look by look, until it is let through."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shut = False
        self.waiting: list[tuple[Look, threading.Event]] = []
        self._read = figures.read
        monkeypatch.setattr(figures, "read", self._held)

    def _held(self, look: Look) -> Figures | UserError:
        if self.shut:
            through = threading.Event()
            self.waiting.append((look, through))
            through.wait(60)
        return self._read(look)

    async def open(self, pilot: Pilot[None]) -> None:
        """Let all through, and wait until it is shown."""
        self.shut = False
        for _, through in self.waiting:
            through.set()
        await settle(pilot)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    gate = Gate(monkeypatch)
    yield gate
    for _, through in gate.waiting:
        through.set()


def wrong_of(name: str, model: str, split: str) -> int:
    return int((~Evaluation.find(name).scores(model, split).right("cosine")).sum())


def listed(screen: EvaluateScreen) -> str:
    shown = screen.view.triplets
    return "".join(shown.render_line(line).text for line in range(3)).strip()


async def test_while_a_split_is_read_nothing_of_another_stands_under_its_name(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: Gate
) -> None:
    names = ("run:all-nli-7", "builtin:minilm")
    finished_evaluation("sample-1", models=names)
    monkeypatch.chdir(tmp_path)
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        dev = text_of(pilot, "#wrong-title")
        assert dev == f"A wrong: {wrong_of('sample-1', names[0], 'dev')} of 1,000 on sample-dev" + (
            ", by cosine"
        )
        shown, compared = listed(screen), text_of(pilot, "#comparisons")
        gate.shut = True
        await pilot.press("s")
        await eventually(pilot, lambda: bool(gate.waiting))
        assert text_of(pilot, "#wrong-title") == "A wrong: … of 1,000 on sample-test, by cosine"
        assert text_of(pilot, "#wrong-detail") == "Reading the triplets and scores of sample-test…"
        assert text_of(pilot, "#comparisons") == "Comparing the models…"
        assert listed(screen) == ""
        assert screen.view.triplets.triplet is None
        await pilot.press("end", "down", "pageup", "enter", "e")
        assert pilot.app.current_mode == "evaluate", "there is nothing to explore"
        await pilot.press("x")
        assert screen is pilot.app.screen, "there is nothing to export"
        await pilot.press("m", "b")
        assert text_of(pilot, "#wrong-title").startswith("B wrong, A right: … of 1,000 on sample-t")
        await pilot.press("b", "m", "i")
        assert text_of(pilot, "#breakdown") == "Reading the scores of sample-test…"
        await pilot.press("i")
        await gate.open(pilot)
        assert text_of(pilot, "#wrong-title") == dev.replace("dev", "test").replace(
            dev.split()[2], str(wrong_of("sample-1", names[0], "test"))
        )
        assert "anchor" in text_of(pilot, "#wrong-detail")
        assert listed(screen) not in ("", shown)
        assert text_of(pilot, "#comparisons") not in ("", compared)
        await pilot.press("x")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await settle(pilot)
    lines = (tmp_path / "sample-1-test-wrong.jsonl").read_text().splitlines()
    assert len(lines) == wrong_of("sample-1", names[0], "test")


@pytest.mark.parametrize("keys", [("d", "d", "d", "d"), ("s", "s"), ("s", "d"), ("d", "s")])
async def test_what_comes_late_is_not_shown_under_another_title(
    home: Path, gate: Gate, keys: tuple[str, ...]
) -> None:
    finished_evaluation("sample-1")
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        gate.shut = True
        for number, key in enumerate(keys, 1):
            await pilot.press(key)
            await eventually(pilot, lambda number=number: len(gate.waiting) == number)
        asked = screen.view.wanted
        assert asked is not None
        for look, through in gate.waiting[:-1]:  # what was asked for before comes now
            through.set()
            await asyncio.sleep(0.05)
            await pilot.pause()
            assert (screen.view.wrong is not None) is (look == asked.look)
        await gate.open(pilot)
        assert screen.view.wrong is not None
        assert screen.view.wrong.similarity == asked.look.similarity
        expected = Evaluation.find("sample-1").scores("run:all-nli-7", asked.look.split)
        right = expected.right(asked.look.similarity)
        assert len(screen.view.wrong) == int((~right).sum())


async def test_an_earlier_one_is_added_and_asked_for_before_it_is_there(
    home: Path, gate: Gate
) -> None:
    finished_evaluation("sample-1", models=["builtin:tiny"])
    finished_evaluation("sample-2", models=["builtin:minilm", "run:x"])
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        gate.shut = True
        await pilot.press("a")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ModalScreen))
        pilot.app.screen.query_one(OptionList).highlighted = 0  # the newest
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(gate.waiting))
        await pilot.press("m", "m", "b", "slash", *"cat", "escape", "i", "i")
        assert text_of(pilot, "#wrong-title").startswith("C wrong, A right: … of 1,000")
        await gate.open(pilot)
        wrong = ~Evaluation.find("sample-2").scores("run:x", "dev").right("cosine")
        wrong &= Evaluation.find("sample-1").scores("builtin:tiny", "dev").right("cosine")
        assert f"C wrong, A right: {wrong.sum()} of" in text_of(pilot, "#wrong-title")
        assert screen.view.wrong is not None


async def test_files_that_cannot_be_read_are_told_where_they_would_stand(home: Path) -> None:
    evaluation = finished_evaluation("sample-1")
    evaluation.scores_path(0, 1).write_bytes(b"PAR1")
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        await pilot.press("s")
        await settle(pilot)
        assert "scores-1-2.parquet is damaged" in text_of(pilot, "#wrong-detail")
        assert "No triplet" not in text_of(pilot, "#wrong-detail")
        await pilot.press("x", "e", "m", "b", "i")
        await settle(pilot)
        assert screen is pilot.app.screen
        assert "scores-1-2.parquet is damaged" in text_of(pilot, "#breakdown")
        await pilot.press("s", "i")
        await settle(pilot)
        assert "anchor" in text_of(pilot, "#wrong-detail"), "the other split is whole"


async def test_the_form_says_that_it_reads(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    finished_evaluation("sample-1")
    through, offered = threading.Event(), modelsathand.offered
    monkeypatch.setattr(modelsathand, "offered", lambda: (through.wait(60), offered())[1])

    def earlier(pilot: Pilot[None]) -> str:
        shown = pilot.app.screen.query_one("#earlier-list", OptionList)
        return " ".join(str(option.prompt) for option in shown.options)

    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        try:
            await pilot.press("2")
            await eventually(pilot, lambda: isinstance(pilot.app.screen, EvaluateScreen))
            await eventually(pilot, lambda: bool(pilot.app.screen.query(EvaluationForm)))
            await eventually(pilot, lambda: text_of(pilot, "#models-reading") != "")
            assert text_of(pilot, "#models-reading") == "reading what is at hand…"
            assert earlier(pilot) == "reading…"
        finally:
            through.set()
        await settle(pilot)
        assert text_of(pilot, "#models-reading") == ""
        assert pilot.app.screen.query_one("#models", SelectionList).selected
        assert "sample-1" in earlier(pilot)
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "evaluate"


async def test_the_keys_of_the_work_are_there_without_a_focus_of_ones_own(home: Path) -> None:
    evaluation = Evaluation.create(Request(["builtin:tiny"], "builtin:sample", ["dev"]))
    process = psutil.Process()
    writer = EventWriter(evaluation.events_path)
    writer.write(
        WorkerStarted(
            host=os.uname().nodename, pid=process.pid, process_started=process.create_time()
        )
    )

    def keys() -> list[str]:
        active = screen.active_bindings.values()
        return [each.binding.key for each in active if each.node is not pilot.app]

    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        screen.show_work(evaluation)
        await eventually(pilot, lambda: "c" in keys() and "r" not in keys())
        await pilot.press("escape", "c")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ModalScreen))
        await pilot.press("escape")
        writer.write(RunFinished(outcome="failed", exit_code=2, error="No data."))
        writer.close()
        await eventually(pilot, lambda: {"r", "n", "o"} <= {*keys()} and "c" not in keys())


# every key at every moment

Moment = Callable[[Pilot[None], Gate], Awaitable[object]]


async def in_the_form(pilot: Pilot[None], gate: Gate) -> None:
    screen = pilot.app.screen
    assert isinstance(screen, EvaluateScreen)
    screen.action_new()
    await settle(pilot)  # it puts the focus on its button, where enter would start something
    screen.set_focus(None)


async def after_a_failure(pilot: Pilot[None], gate: Gate) -> None:
    folder = Evaluation.find("sample-1").folder.parent / "gone-1"
    folder.mkdir(exist_ok=True)
    screen = pilot.app.screen
    assert isinstance(screen, EvaluateScreen)
    screen.show_work(Evaluation(folder))


def showing(*names: str, keys: tuple[str, ...] = (), reading: bool = False) -> Moment:
    async def show(pilot: Pilot[None], gate: Gate) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, EvaluateScreen)
        gate.shut = reading
        screen.show_results([Evaluation.find(name) for name in names])
        await eventually(pilot, lambda: screen.view.display)
        await pilot.press(*keys)

    return show


MOMENTS: dict[str, Moment] = {
    "the form": in_the_form,
    "a failure": after_a_failure,
    "two models": showing("sample-1", "sample-2"),
    "the other right, being read": showing("sample-1", "sample-2", keys=("m", "b"), reading=True),
    "an empty list": showing("sample-1", keys=("slash", *"no", "enter")),
    "the breakdown, being read": showing("sample-1", "sample-2", keys=("i",), reading=True),
    "damaged files": showing("sample-3"),
}
ACTING = (EvaluateScreen, EvaluationForm, EvaluationWatch, EvaluationView)
KEYS = [
    key
    for binding in chain.from_iterable(each.BINDINGS for each in ACTING)
    if isinstance(binding, Binding)
    for key in binding.key.split(",")
]
KEYS = [*dict.fromkeys(KEYS), "up", "end", "pagedown", "enter"]  # the last ones of the list


@pytest.mark.parametrize("moment", MOMENTS)
async def test_every_key_at_every_moment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gate: Gate, moment: str
) -> None:
    finished_evaluation("sample-1", models=["run:all-nli-7"], rows=50)
    finished_evaluation("sample-2", models=["builtin:minilm"], rows=50)
    finished_evaluation("sample-3", rows=50).triplets_path(0).unlink()
    monkeypatch.chdir(tmp_path)
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        for key in KEYS:
            await MOMENTS[moment](pilot, gate)
            await pilot.press(key)
            while isinstance(pilot.app.screen, ModalScreen):
                await pilot.press("escape")
            assert pilot.app.is_running, key
            if pilot.app.current_mode != "evaluate":
                await pilot.app.switch_mode("evaluate")
            assert pilot.app.screen is screen, key
            if gate.shut:
                await gate.open(pilot)
        await settle(pilot)

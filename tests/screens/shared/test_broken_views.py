"""Every view of the app is broken on purpose: the rest goes on, and nothing typed is lost."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest
from piloting import until
from sampleevaluation import finished_evaluation
from samplerun import finished_run
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

import stplay.screens
from stplay import home
from stplay.doctor.terminalcheck import TerminalFacts
from stplay.evaluations.evaluation import Evaluation
from stplay.foreign import places
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.breakdownview import BreakdownView
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.evaluate.evaluationform import EvaluationForm
from stplay.screens.evaluate.evaluationview import EvaluationView
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.evaluate.tripletlist import TripletList
from stplay.screens.explore.answers import Answers
from stplay.screens.explore.corpuschoice import CorpusChoice
from stplay.screens.explore.corpusview import CorpusView
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.mapview import MapView
from stplay.screens.explore.matrices import Matrices
from stplay.screens.explore.matrixpane import MatrixPane
from stplay.screens.explore.modelchoice import ModelChoice
from stplay.screens.explore.modelline import ModelLine
from stplay.screens.explore.models import Models
from stplay.screens.explore.notice import Notice
from stplay.screens.explore.playground import Playground
from stplay.screens.explore.selection import Selection
from stplay.screens.explore.sentenceeditor import Sentence, SentenceEditor
from stplay.screens.explore.timeslider import TimeSlider
from stplay.screens.explore.vectornumbers import VectorNumbers
from stplay.screens.explore.vectorview import SentenceVector, VectorStrip, VectorView
from stplay.screens.shared.brokenscreen import BreakageDialog, BrokenScreen
from stplay.screens.shared.dialog import Choice, Dialog, Question
from stplay.screens.shared.doctordialog import DoctorDialog
from stplay.screens.shared.matrix import Matrix
from stplay.screens.shared.palette import Palette
from stplay.screens.shared.prompt import Prompt
from stplay.screens.shared.topbar import TopBar
from stplay.screens.train.allfields import AllFields
from stplay.screens.train.comparisonview import ComparisonView
from stplay.screens.train.datapreview import DataPreview
from stplay.screens.train.foreigncharts import ForeignChart
from stplay.screens.train.foreigntable import ForeignTable
from stplay.screens.train.newrun import NewRun
from stplay.screens.train.overlaidchart import OverlaidChart
from stplay.screens.train.recipeform import RecipeForm
from stplay.screens.train.runlist import RunList
from stplay.screens.train.runview import RunView
from stplay.screens.train.stopquestion import StopQuestion
from stplay.screens.train.trainingtable import TrainingTable
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.breaks_a_view

TYPED = "what nobody wants to type twice"
VECTOR = SentenceVector(Sentence(1, "a cat"), "a model", np.ones(4, np.float32), ["cat"], 0)
MODALS: dict[type[Widget], Callable[[], ModalScreen[Any]]] = {
    Question: lambda: Question("Stop it?", "Yes", "No"),
    Choice: lambda: Choice("Which?", {}),
    Prompt: lambda: Prompt("Save", "a file"),
    ModelChoice: lambda: ModelChoice("Which model?", []),
    CorpusChoice: CorpusChoice,
    VectorNumbers: lambda: VectorNumbers(VECTOR),
    Dialog: lambda: Question("Stop it?", "Yes", "No"),
    Palette: Palette,
    DoctorDialog: lambda: DoctorDialog(TerminalFacts(80, 24, "256", "utf-8", calm=False)),
    StopQuestion: lambda: StopQuestion("done"),
}


async def new_run(pilot: Pilot[None]) -> None:
    await until(lambda: bool(pilot.app.screen.query(RecipeForm)))


async def all_fields(pilot: Pilot[None]) -> None:
    await new_run(pilot)
    await pilot.app.screen.query_one(NewRun).show_all_fields()


async def open_run(pilot: Pilot[None]) -> None:
    await new_run(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(Run.find("done"))


async def foreign_run(pilot: Pilot[None]) -> None:
    await new_run(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    printed = home.app_log().with_name("printed.log")
    printed.write_text("{'loss': 1.5, 'epoch': 0.5}\n{'loss': 1.0, 'epoch': 1.0}\n")
    await screen.show_run(places.place(str(printed)).source)
    await until(lambda: bool(screen.query(ForeignChart)))


async def list_of_runs(pilot: Pilot[None]) -> None:
    await new_run(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.action_list_runs()


async def comparison(pilot: Pilot[None]) -> None:
    await list_of_runs(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.on_run_list_compared(RunList.Compared({"done": 0}))


async def evaluation_form(pilot: Pilot[None]) -> None:
    await pilot.press("2")
    await until(lambda: bool(pilot.app.screen.query(EvaluationForm)))


async def evaluation(pilot: Pilot[None]) -> None:
    await evaluation_form(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, EvaluateScreen)
    screen.show_results([Evaluation.find("sample-1")])


async def explore(pilot: Pilot[None]) -> None:
    await pilot.press("3")
    await until(lambda: bool(pilot.app.screen.query(Playground)))
    pilot.app.screen.query_one(SentenceEditor).text = TYPED


Place = Callable[[Pilot[None]], Awaitable[None]]
PLACES: dict[type[Widget], Place] = {
    **dict.fromkeys([TrainScreen, TopBar, NewRun, RecipeForm, DataPreview], new_run),
    AllFields: all_fields,
    **dict.fromkeys([RunView, TrainingTable], open_run),
    **dict.fromkeys([ForeignTable, ForeignChart], foreign_run),
    RunList: list_of_runs,
    **dict.fromkeys([ComparisonView, OverlaidChart], comparison),
    **dict.fromkeys([EvaluateScreen, EvaluationForm, EvaluationWatch], evaluation_form),
    **dict.fromkeys([EvaluationView, TripletList, BreakdownView], evaluation),
    **dict.fromkeys([ExploreScreen, Playground, SentenceEditor, MatrixPane, Matrix], explore),
    **dict.fromkeys([MapView, CorpusView, Selection, VectorView, VectorStrip], explore),
    **dict.fromkeys([Models, Answers, TimeSlider, Notice, Matrices, ModelLine], explore),
}
EVERYWHERE = (open_run, evaluation, explore)  # a view that is new is looked for there
# The app opens there at once: what nobody looks at is not made first.
OPENED_AT: dict[Place, str] = {
    evaluation_form: "evaluate",
    evaluation: "evaluate",
    explore: "explore",
}
OF_THE_GUARD = {BrokenScreen, BreakageDialog}
WAYS = ("handler", "worker", "thread", "timer", "painting", "action")


def every_view() -> list[type[Widget]]:
    """All widgets and screens that are defined in ``stplay.screens``."""
    found = []
    for module in pkgutil.walk_packages(stplay.screens.__path__, "stplay.screens."):
        for each in vars(importlib.import_module(module.name)).values():
            ours = inspect.isclass(each) and each.__module__ == module.name
            if ours and issubclass(each, Widget):
                found.append(each)
    return found


def fail(*_: object, **__: object) -> Any:
    raise ArithmeticError("it [b]broke\x1b[0m on purpose")


def break_it(view: Widget, way: str) -> None:
    """Let an error nobody foresaw arise in ``view``."""
    match way:
        case "handler":
            view.call_later(fail)
        case "worker":

            async def work() -> None:
                fail()

            view.run_worker(work())
        case "thread":
            view.run_worker(fail, thread=True)
        case "timer":
            view.set_interval(0.01, fail)
        case "painting":
            view.render_lines = fail
            view.refresh()
        case "action":
            kind = type(view)
            view.__class__ = type(kind.__name__, (kind,), {"action_fail": lambda self: fail()})
            view.app.call_later(view.app.run_action, "fail", view)


def text_of(widget: Widget) -> str:
    return " ".join(str(line.render()) for line in widget.query(Static))


async def dialog(pilot: Pilot[None]) -> str:
    """What the dialog says, once it is there."""
    app = pilot.app
    await until(lambda: isinstance(app.screen, BreakageDialog))
    await until(lambda: str(home.app_log()) in text_of(app.screen))
    return text_of(pilot.app.screen)


def log() -> str:
    return home.app_log().read_text(encoding="utf-8")


@pytest.fixture
def place(request: pytest.FixtureRequest) -> None:
    """A home of the test's own, but for Explore, whose encoding process takes long to start."""
    view = request.getfixturevalue("view")
    if PLACES.get(view) is explore:
        request.getfixturevalue("warm_home")
        return
    request.getfixturevalue("home")
    finished_run()
    finished_evaluation("sample-1", rows=20)


@asynccontextmanager
async def opened(view: type[Widget]) -> AsyncIterator[tuple[Pilot[None], Widget]]:
    """The app with a ``view`` in it."""
    app = StplayApp(OPENED_AT.get(PLACES.get(view, new_run), "train"))
    async with app.run_test(size=(80, 24)) as pilot:
        if view in MODALS:
            await new_run(pilot)
            await app.push_screen(MODALS[view]())
        else:
            for place in [PLACES[view]] if view in PLACES else EVERYWHERE:
                await place(pilot)
                if isinstance(app.screen, view) or app.screen.query(view):
                    break
        screen = app.screen
        yield pilot, screen if isinstance(screen, view) else screen.query(view).first()


async def assert_the_rest_goes_on_and_it_opens_again(
    pilot: Pilot[None], view: type[Widget]
) -> None:
    """After the dialog was closed."""
    app = pilot.app
    if view in MODALS:
        await until(lambda: isinstance(app.screen, TrainScreen))
        again = MODALS[view]()
        await app.push_screen(again)
        await until(lambda: app.screen is again)
        return
    await until(lambda: isinstance(app.screen, BrokenScreen))
    assert "This screen broke. The others go on." in text_of(app.screen)
    broken = app.current_mode
    key, other = ("2", EvaluateScreen) if broken != "evaluate" else ("1", TrainScreen)
    await pilot.press(key)
    await until(lambda: isinstance(app.screen, other))
    await pilot.press({"train": "1", "evaluate": "2", "explore": "3"}[broken])
    await until(lambda: isinstance(app.screen, BrokenScreen))
    await pilot.press("r")
    inner = {"train": NewRun, "evaluate": EvaluationForm, "explore": Playground}[broken]
    await until(lambda: bool(app.screen.query(inner)))
    if broken == "explore":
        assert app.screen.query_one(SentenceEditor).text == TYPED


@pytest.mark.parametrize(
    "view",
    [view for view in every_view() if view not in OF_THE_GUARD],
    ids=lambda view: view.__name__,
)
@pytest.mark.usefixtures("place")
async def test_every_view_may_break(view: type[Widget]) -> None:
    async with opened(view) as (pilot, broken):
        break_it(broken, "handler")
        told = await dialog(pilot)
        assert "broke: ArithmeticError: it [b]broke� on purpose." in told.replace("�[0m", "�")
        assert "in fail" in log()
        assert "\x1b" not in log()
        await pilot.press("escape")
        await assert_the_rest_goes_on_and_it_opens_again(pilot, view)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("view", [RunView, Playground, Question], ids=lambda v: v.__name__)
@pytest.mark.usefixtures("place")
async def test_views_break_in_every_way(view: type[Widget], way: str) -> None:
    async with opened(view) as (pilot, broken):
        break_it(broken, way)
        await dialog(pilot)
        await pilot.press("escape")
        await assert_the_rest_goes_on_and_it_opens_again(pilot, view)
    assert log().count("broke: ArithmeticError") == 1  # though it goes on failing


@pytest.mark.parametrize(
    ("view", "method"),
    [
        (TrainScreen, "compose"),
        (NewRun, "on_mount"),
        (EvaluateScreen, "on_mount"),
        (Playground, "compose"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
@pytest.mark.usefixtures("place")
async def test_views_that_break_as_they_open(
    view: type[Widget], method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mode = {EvaluateScreen: "evaluate", Playground: "explore"}.get(view, "train")
    app = StplayApp("train" if mode != "train" else "evaluate")
    async with app.run_test(size=(80, 24)) as pilot:
        with monkeypatch.context() as patch:
            patch.setattr(view, method, fail, raising=False)
            app.call_later(app.reopen, mode)
            await dialog(pilot)
            app.simulate_key("r")  # it breaks once more, while the pilot would wait for it
            await until(lambda: log().count("broke: ArithmeticError") == 2)
            await dialog(pilot)
        await pilot.press("escape", "n")
        await until(lambda: isinstance(app.screen, view) or bool(app.screen.query(view)))

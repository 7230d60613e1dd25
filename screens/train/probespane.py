"""How alike the model of a run finds its probe sentences, step by step, as it learns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rich.cells import cell_len
from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.reactive import reactive
from textual.timer import Timer
from textual.widgets import Static

from stplay.encoding.probelog import ProbeLog, ProbeMatrix
from stplay.jobs.events import Event
from stplay.remote.remoterun import RemoteRun
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.shared import ramp
from stplay.screens.shared.grid import Grid, ramp_ends, written
from stplay.screens.shared.matrix import TALLEST, Matrix, fitted
from stplay.screens.shared.ramp import FAINT, MUTED
from stplay.screens.shared.sparkline import BARS, sparkline
from stplay.screens.train.pane import Pane
from stplay.sources.names import RunName
from stplay.text import count, printable

if TYPE_CHECKING:
    from stplay.screens.app import StplayApp

PLAYED_SECONDS = 10.0  # all steps together, within what an eye can follow
LEAST_SECONDS, MOST_SECONDS = 0.1, 0.5  # a step
HEAD_LINES = 2
MOST_SPARK = 60
MOST_READ = 400  # characters of a sentence, of which one line is shown
TEACHING = (
    "How alike the model finds a few sentences of yours stands here as a heat map that changes as "
    "it learns.\n\n"
)
HOW = (
    '\n\nIn a recipe they are called so: [evaluation] probes = ["a cat", "a dog"]. At each '
    "evaluation on dev they are encoded."
)


class ProbesPane(Pane, can_focus=True):
    """The cosines of the probe sentences at one step, each pair over all steps, and the sentences.

    It follows the newest step until another one is chosen.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "go(-1)", "Step", key_display="← →"),
        Binding("right", "go(1)", "Step after", show=False),
        Binding("home", "first", "First step", show=False),
        Binding("end", "newest", "Newest step", show=False),
        Binding("space", "play", "Play"),
        Binding("up", "choose(-1)", "Pair", key_display="↑ ↓"),
        Binding("down", "choose(1)", "Next pair", show=False),
        Binding("pageup", "choose_of(-1)", "Pairs of the sentence before", show=False),
        Binding("pagedown", "choose_of(1)", "Pairs of the next sentence", show=False),
        Binding("enter", "explore", "Explore"),
    ]

    app: StplayApp
    head = getters.query_one("#probes-head", Static)
    track = getters.query_one("#probes-track", Static)
    matrix = getters.query_one(Matrix)
    below = getters.query_one("#probes-below", Static)

    step: reactive[int | None] = reactive[int | None](None, init=False)
    pair: reactive[tuple[int, int]] = reactive((0, 1), init=False)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: Run | RemoteRun | None = None
        self.probes = ProbeLog()
        self.training = TrainingLog()
        self._player: Timer | None = None

    def compose(self) -> ComposeResult:
        """Which step it is, its matrix, and what is told of it in words."""
        yield Static(id="probes-head")
        yield Static(id="probes-track")
        yield Matrix()
        yield Static(id="probes-below")

    def on_mount(self) -> None:
        """Keys are the pane's, not the matrix's."""
        self.matrix.can_focus = False

    def open(self, run: Run | RemoteRun) -> None:
        """Be empty, for a run of which nothing was told yet."""
        self._stop()
        self.run, self.probes, self.training = run, ProbeLog(), TrainingLog()
        self.step, self.pair = None, (0, 1)
        self.draw()

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Show what has come with ``events`` too."""
        self.training = log
        before = [*self.probes.matrices], self.probes.sentences
        self.probes.fold(events)
        if self.step not in self.probes.matrices:  # a resume has dropped it
            self.step = None
        if before != ([*self.probes.matrices], self.probes.sentences):
            self.draw()
            self.refresh_bindings()

    def take_focus(self) -> None:
        """Take the keys."""
        self.focus()

    @property
    def shown(self) -> ProbeMatrix | None:
        """What is looked at."""
        if self.step is not None:
            return self.probes.matrices[self.step]
        return next(reversed(self.probes.matrices.values()), None)

    @property
    def place(self) -> int:
        """Where the step that is looked at stands among all."""
        steps = [*self.probes.matrices]
        return len(steps) - 1 if self.step is None else steps.index(self.step)

    def draw(self) -> None:
        """Draw the step that is looked at."""
        if not self.size:  # another pane is shown
            return
        shown = self.shown
        for widget in (self.track, self.matrix):
            widget.display = shown is not None
        if shown is None:
            self.matrix.show(None)
            self.head.styles.height = "auto"
            self.head.update(Content.styled(TEACHING + self.probes.absence + HOW, MUTED))
            self.below.display = False
            return
        self.head.styles.height = 1
        self.head.update(self._head(shown), layout=False)
        self.track.update(self._track(), layout=False)
        numbers = [*range(1, len(shown.sentences) + 1)]
        order = np.arange(len(numbers))
        grid = Grid(
            numbers, [""] * len(numbers), shown.cosines, order, *ramp_ends(shown.cosines, "cosine")
        )
        self.matrix.styles.max_height = 1 + TALLEST * len(numbers)
        self.matrix.show(grid)
        self.matrix.place_cursor(*self.pair)
        lines = self._below(shown)
        self.below.display = True
        self.below.styles.height = len(lines)
        self.below.update(Content("\n").join(lines), layout=False)

    def on_resize(self) -> None:
        """Tell as much as there is room for."""
        self.draw()

    def _head(self, shown: ProbeMatrix) -> Content:
        steps = len(self.probes.matrices)
        head = Content.assemble(
            (f"step {count(shown.step)}", "bold"), f", {count(self.place + 1)} of {count(steps)}"
        )
        state = "playing" if self._player is not None else "newest" if self.step is None else ""
        facts = [Content.styled(state, "$primary")]
        if not np.isfinite(shown.cosines).all():
            facts.append(Content.styled("! not finite", "$warning"))
        if unreadable := self.probes.unreadable:
            facts.append(Content.styled(f"! {count(unreadable)} unreadable", "$warning"))
        facts.append(ramp.legend("0", "1", 6))
        for fact in facts:
            if fact and head.cell_length + 3 + fact.cell_length <= self.size.width:
                head += Content("   ") + fact
        return head

    def _track(self) -> Content:
        width, steps = self.size.width, len(self.probes.matrices)
        at = round(self.place / (steps - 1) * (width - 1)) if steps > 1 else width - 1
        return Content.assemble(
            ("━" * at, "$primary"), ("●", "bold $primary"), ("─" * (width - 1 - at), FAINT)
        )

    def _below(self, shown: ProbeMatrix) -> list[Content]:
        """The pairs and the sentences, or of many of them those that are chosen."""
        sentences, pairs, chosen = len(shown.sentences), shown.pairs, self.pair
        if not pairs:
            return self._sentences(shown, range(sentences))
        room = self.size.height - HEAD_LINES - min(1 + sentences, self.size.height // 2) - 1
        listed = range(sentences)
        if len(pairs) + 1 + sentences > room:
            pairs = [chosen] if chosen in pairs else []
        if len(pairs) + 1 + sentences > room:
            listed = sorted({*chosen})
        told = self._pairs(shown, pairs)
        between = [Content("")] if len(told) + 1 + len(listed) <= room else []
        return [*told, *between, *self._sentences(shown, listed)]

    def _pairs(self, shown: ProbeMatrix, pairs: list[tuple[int, int]]) -> list[Content]:
        """Each of ``pairs`` with its cosine and how that went, where the sentences were these."""
        if not pairs:  # the chosen one is a sentence with itself
            return []
        rows, columns = np.array(pairs).T
        unknown = np.full(len(pairs), np.nan)
        went = np.array(
            [
                each.cosines[rows, columns] if each.sentences == shown.sentences else unknown
                for each in self.probes.matrices.values()
            ]
        )
        finite = went[np.isfinite(went)]
        low, high = float(finite.min(initial=1.0)), float(finite.max(initial=-1.0))
        name = 2 * len(str(len(shown.sentences))) + 3
        head = f"{'pair':<{name + 2}}  cosine  "
        if finite.size:
            head += f"{BARS[0]} {written(low, 3)}  {BARS[-1]} {written(high, 3)}"
        width = min(MOST_SPARK, self.size.width - cell_len(f"{'':{name + 2}}  cosine  "))
        lines = [Content.styled(head, MUTED)]
        for number, pair in enumerate(pairs):
            chosen = pair == self.pair
            words = f"{'›' if chosen else ' '} {pair[0] + 1} × {pair[1] + 1}"
            value = written(float(shown.cosines[pair]), 3)
            line = f"{words:<{name + 2}}  {value:>6}  "
            spark = sparkline(went[:, number], width, low, high, self.place)
            lines.append(Content.assemble((line, "bold" if chosen else ""), spark))
        return lines

    def _sentences(self, shown: ProbeMatrix, listed: Iterable[int]) -> list[Content]:
        width = len(str(len(shown.sentences)))
        room = max(1, self.size.width - width - 3)
        lines = []
        for place in listed:
            text = printable(shown.sentences[place][:MOST_READ])
            text = fitted(text, min(room, cell_len(text)))
            number = f"  {place + 1:>{width}} "
            style = "bold" if place in self.pair else MUTED
            lines.append(Content.assemble((number, MUTED), (text, style)))
        return lines

    # Steps

    def action_go(self, steps: int) -> None:
        """Look at another step, so many after the one that is looked at."""
        self._stop()
        self._look(self.place + steps)

    def action_first(self) -> None:
        """Look at the first step."""
        self._stop()
        self._look(0)

    def action_newest(self) -> None:
        """Look at the newest step, and follow it."""
        self._stop()
        self._look(len(self.probes.matrices) - 1)

    def action_play(self) -> None:
        """Go from step to step by itself, from the newest to the first, or stop doing so."""
        if self._player is not None:
            self._stop()
            return
        steps = len(self.probes.matrices)
        if self.step is None:
            self._look(0)
        seconds = min(MOST_SECONDS, max(LEAST_SECONDS, PLAYED_SECONDS / steps))
        self._player = self.set_interval(seconds, self._play_on)
        self.draw()

    def _play_on(self) -> None:
        if not self.size:  # another pane is shown
            self._stop()
            return
        self._look(self.place + 1)
        if self.step is None:
            self._stop()

    def _stop(self) -> None:
        if self._player is not None:
            self._player.stop()
            self._player = None
            self.draw()

    def _look(self, place: int) -> None:
        steps = [*self.probes.matrices]
        last = len(steps) - 1
        self.step = None if place >= last else steps[max(0, place)]

    # Pairs

    def action_choose(self, pairs: int) -> None:
        """Choose another pair, so many after the one that is chosen."""
        if self.shown is None or not (all_of_them := self.shown.pairs):
            return
        first, second = sorted(self.pair)
        at = all_of_them.index((first, second)) if first < second else -1
        self.pair = all_of_them[(at + pairs) % len(all_of_them)]

    def action_choose_of(self, sentences: int) -> None:
        """Choose the first pair of another sentence, so many after that of the chosen one."""
        if self.shown is not None:
            last = len(self.shown.sentences) - 2
            first = max(0, min(min(self.pair) + sentences, last))
            self.pair = first, first + 1

    @on(Matrix.CursorMoved)
    def _choose_clicked(self, event: Matrix.CursorMoved) -> None:
        event.stop()
        first, second = event.matrix.cursor
        self.pair = min(first, second), max(first, second)

    watch_step = watch_pair = draw

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer what can be done with the steps that there are."""
        match action:
            case "go" | "first" | "newest" | "play":
                return len(self.probes.matrices) > 1
            case "choose" | "choose_of":
                return self.shown is not None and len(self.shown.pairs) > 1
            case "explore":
                is_here = isinstance(self.run, Run)
                return is_here and self.shown is not None and self.training.checkpoint is not None
        return True

    async def action_explore(self) -> None:
        """Open the sentences in Explore, with the run's model or its newest checkpoint."""
        shown, checkpoint = self.shown, self.training.checkpoint
        if self.run is not None and shown is not None and checkpoint is not None:
            step = None if self.training.status == "completed" else str(checkpoint.step)
            await self.app.explore(shown.sentences, str(RunName(self.run.id, step)))

"""A finished evaluation: the card's table, who is better, and the triplets judged wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget
from textual.widgets import Input, Static

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, with_checkpoints
from stplay.evaluations.results import EvaluatedSplit
from stplay.evaluations.sidebyside import Contender, contenders
from stplay.evaluations.wrongtriplets import WrongTriplets
from stplay.screens.evaluate import figures
from stplay.screens.evaluate.accuracytable import AccuracyTable
from stplay.screens.evaluate.breakdownview import BreakdownView
from stplay.screens.evaluate.cardwriting import write_cards
from stplay.screens.evaluate.earlierevaluations import choose_earlier
from stplay.screens.evaluate.figures import Figures, Found, Look, Wanted
from stplay.screens.evaluate.requested import Requested
from stplay.screens.evaluate.resultwords import comparisons, detail, evaluated, wrong_title
from stplay.screens.evaluate.tripletexport import export
from stplay.screens.evaluate.tripletlist import TripletList, header
from stplay.screens.shared.newest import Newest
from stplay.sources.names import RunName

if TYPE_CHECKING:
    from stplay.screens.app import StplayApp


class EvaluationView(Vertical):
    """Shows evaluations of the same rows: one, or several side by side."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e", "explore", "Explore"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("m", "model", "Model"),
        Binding("b", "other", "Other right"),
        Binding("s", "split", "Split"),
        Binding("d", "similarity", "Similarity"),
        Binding("i", "breakdown", "Breakdown"),
        Binding("k", "checkpoints", "Checkpoints"),
        # The screen's own, here as well: they stand before what is wanted less often.
        Binding("n", "screen.new", "New"),
        Binding("o", "screen.open", "Open"),
        Binding("a", "add", "Add earlier"),
        Binding("x", "export", "Export"),
        Binding("w", "write_card", "Write card"),
        Binding("escape", "end_search", "End the search", show=False),
    ]

    app: StplayApp
    evaluated = getters.query_one("#evaluated", Static)
    table = getters.query_one("#accuracies", Static)
    comparisons = getters.query_one("#comparisons", Static)
    title = getters.query_one("#wrong-title", Static)
    words = getters.query_one("#wrong-search", Input)
    header = getters.query_one("#wrong-header", Static)
    triplets = getters.query_one(TripletList)
    detail = getters.query_one("#wrong-detail", Static)
    breakdown = getters.query_one(BreakdownView)

    parts: reactive[tuple[Look, Found] | None] = reactive(None, always_update=True)

    class Changed(Message):
        """Other keys may work now."""

        def can_replace(self, message: Message) -> bool:
            """Once is enough."""
            return isinstance(message, EvaluationView.Changed)

    def __init__(self) -> None:
        super().__init__()
        self.evaluations: list[Evaluation] = []
        self.wanted: Wanted | None = None  # what is to be listed, whether it is there yet or not
        self.wrong: WrongTriplets | None = None  # that; nothing, as long as it is being read
        self._figures: Newest[Look, Figures | UserError] = Newest(self, self._read, self._take)

    def compose(self) -> ComposeResult:
        """The table on top, the list below, and what takes the list's place on demand."""
        yield Static(id="evaluated")
        with VerticalScroll(id="accuracies-place", can_focus=False):
            yield Static(id="accuracies")
        yield Static(id="comparisons")
        yield Static(id="wrong-title")
        yield Input(placeholder="words to look for", compact=True, id="wrong-search")
        yield Static(id="wrong-header")
        yield TripletList()
        yield Static(id="wrong-detail")
        yield BreakdownView().data_bind(EvaluationView.parts)

    def on_mount(self) -> None:
        """Begin with the list."""
        self.words.display = False
        self.breakdown.display = False

    def open(self, evaluations: Sequence[Evaluation]) -> None:
        """Show ``evaluations`` side by side.

        Raises:
            UserError: they did not judge the same rows, or one is damaged.
        """
        look = Look(tuple(contenders(evaluations)), "")
        before = self.wanted.look if self.wanted is not None else look
        names = [split.split for split in look.splits]
        split = before.split if before.split in names else names[0]
        self.evaluations = list(evaluations)
        self._want(Wanted(look._replace(split=split, similarity=before.similarity)))
        self.words.value = ""
        self.words.display = False

    @property
    def contenders(self) -> Sequence[Contender]:
        """The models side by side."""
        return self.wanted.look.contenders if self.wanted is not None else ()

    @property
    def splits(self) -> Sequence[EvaluatedSplit]:
        """The splits there are to look at."""
        return self.wanted.look.splits if self.wanted is not None else ()

    def _want(self, wanted: Wanted) -> None:
        self.wanted = wanted
        if self._figures.ask(wanted.look):
            self.parts = wanted.look, None
        self._list()

    async def _read(self, look: Look) -> Figures | UserError:
        return await asyncio.to_thread(figures.read, look)

    def _take(self, look: Look, found: Figures | UserError) -> None:
        self.parts = look, found
        self._list()

    def _list(self) -> None:
        wanted, found = self.wanted, self._figures.found
        self.wrong = None
        if wanted is not None and isinstance(found, Figures):
            self.wrong = found.wrong(wanted)
        self.triplets.show(self.wrong)
        self._paint()

    def _paint(self) -> None:
        if (wanted := self.wanted) is None:
            return
        look, width = wanted.look, self.size.width
        table = AccuracyTable(
            look.contenders,
            look.splits,
            look.split,
            f"{look.similarity}_accuracy",
            brief=self.screen.has_class("-short"),
        )
        self.evaluated.update(evaluated(look.contenders, self.evaluations))
        self.table.update(table.content(width))
        self.comparisons.update(comparisons(look, self._figures.found))
        self.title.update(wrong_title(wanted, self.wrong))
        self.header.update(header(width - 1))
        self._paint_detail()
        self.post_message(self.Changed())

    @on(TripletList.Highlighted)
    def _paint_detail(self) -> None:
        if self.wanted is not None:
            self.detail.update(detail(self.wanted, self._figures.found, self.triplets.triplet))

    def on_resize(self) -> None:
        """Draw for the new width."""
        self._paint()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        match action:
            case "export":
                return self.wrong is not None
            case "split":
                return len(self.splits) > 1
            case "model" | "other":
                return len(self.contenders) > 1
            case "checkpoints":
                return any(each.run for each in self.contenders)
            case "explore":
                return self.triplets.display and self.triplets.triplet is not None
        return True

    def _change(self, change: Callable[[Wanted], Wanted]) -> None:
        if self.wanted is not None:
            self._want(change(self.wanted))

    def action_similarity(self) -> None:
        """Judge by the next similarity."""
        self._change(Wanted.by_next_similarity)

    def action_split(self) -> None:
        """Show the next split."""
        self._change(Wanted.on_next_split)

    def action_model(self) -> None:
        """List what the next model judges wrong."""
        self._change(Wanted.of_next_model)

    def action_other(self) -> None:
        """List only what another model judges right, one after the other, then all again."""
        self._change(Wanted.with_next_other_right)

    def action_search(self) -> None:
        """Search the wrong triplets: ask for words."""
        self.show_list()
        self.words.display = True
        self.words.focus()

    def action_end_search(self) -> None:
        """Search no more."""
        self.words.value = ""
        self.words.display = False
        self.triplets.focus()

    @on(Input.Changed, "#wrong-search")
    def _search(self, event: Input.Changed) -> None:
        text = event.input.value.strip()
        self._change(lambda wanted: wanted._replace(text=text))

    @on(Input.Submitted, "#wrong-search")
    def _search_done(self) -> None:
        self.triplets.focus()

    def action_breakdown(self) -> None:
        """Show where the models are right, or the list again."""
        if self.breakdown.display:
            self.show_list()
        else:
            self._show_parts(parts=True)
            self.breakdown.focus()

    def show_list(self) -> None:
        """Show the list of wrong triplets."""
        self._show_parts(parts=False)
        self.triplets.focus()

    def _show_parts(self, *, parts: bool) -> None:
        self.breakdown.display = parts
        of_the_list: tuple[Widget, ...] = (self.title, self.header, self.triplets, self.detail)
        for widget in of_the_list:
            widget.display = not parts
        if parts:
            self.words.display = False
        self.post_message(self.Changed())

    def action_checkpoints(self) -> None:
        """Evaluate every kept checkpoint of the run on the same data."""
        if (wanted := self.wanted) is None:
            return
        runs = [each.run for each in (wanted.contender, *self.contenders) if each.run]
        try:
            request = self.evaluations[0].request()
            models = with_checkpoints([str(RunName(run)) for run in runs[:1]])
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        request = msgspec.structs.replace(request, models=models, write_card=False)
        self.post_message(Requested(request))

    @on(TripletList.Chosen)
    async def action_explore(self) -> None:
        """Open the triplet under the cursor in Explore."""
        triplet, wanted = self.triplets.triplet, self.wanted
        if triplet is not None and wanted is not None:
            sentences = [triplet.anchor, triplet.positive, triplet.negative]
            await self.app.explore(sentences, wanted.contender.model.name)

    @work
    async def action_add(self) -> None:
        """Put an earlier evaluation of the same rows beside this one."""
        chosen = await choose_earlier(self.app, "Put an earlier evaluation beside this one")
        if chosen is None or chosen.id in [each.id for each in self.evaluations]:
            return
        try:
            self.open([*self.evaluations, chosen])
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
        else:
            self.show_list()

    @work
    async def action_export(self) -> None:
        """Write the listed triplets into a file of the working folder."""
        if self.wanted is not None and self.wrong is not None:
            stem = f"{self.evaluations[0].id}-{self.wanted.look.split}-wrong"
            await export(self.app, self.wrong, stem)

    @work
    async def action_write_card(self) -> None:
        """Write the figures into the models' own cards."""
        names = [each.model.name for each in self.contenders]
        await write_cards(self.app, list(self.evaluations), names)

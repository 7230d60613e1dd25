"""The playground: sentences on one side, what the models make of them on the other."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.reactive import var
from textual.widgets import TextArea

from stplay.encoding.client import Encoded, Encoder
from stplay.screens.explore.answers import Answers, Shown
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.exportedmatrix import SUFFIX_WORDS, ExportedMatrix
from stplay.screens.explore.mapview import MapView
from stplay.screens.explore.models import Models
from stplay.screens.explore.notice import Notice
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.selection import Selection
from stplay.screens.explore.sentenceeditor import Sentence, SentenceEditor
from stplay.screens.explore.vectornumbers import VectorNumbers
from stplay.screens.shared.grid import Grid, ramp_ends
from stplay.screens.shared.matrix import Matrix
from stplay.screens.shared.newest import Newest
from stplay.screens.shared.prompt import Prompt
from stplay.text import printable

UNTRAINED = "is untrained: train a model (1) or choose another (m)."


@dataclass(frozen=True, eq=False)
class ToArrange:
    """What models made of sentences, and from where that is to be looked at."""

    sentences: list[Sentence]
    answers: list[Encoded]
    perspective: Perspective


class Playground(Vertical):
    """Follows what is typed: the newest sentences are encoded as soon as the models are free.

    What is in view is one ``arrangement``; another takes its place once it is whole.
    """

    # alt and the key also works while sentences are being typed.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,alt+e", "edit", "Edit"),
        Binding("m,alt+m", "choose_model", "Model"),
        Binding("d,alt+d", "next_metric", "Metric"),
        Binding("o,alt+o", "next_order", "Order"),
        Binding("v,alt+v", "show_answer('map')", "Map"),
        Binding("n,alt+n", "show_answer('corpus')", "Neighbours"),
        Binding("a,alt+a", "second_model", "Compare"),
        Binding("i,alt+i", "show_vector", "Vector"),
        Binding("left_square_bracket", "move_threshold(-1)", "Dim less", show=False),
        Binding("right_square_bracket", "move_threshold(1)", "Dim more", show=False),
        Binding("comma,alt+comma", "open_step(-1)", "Earlier step"),
        Binding("full_stop,alt+full_stop", "open_step(1)", "Later step"),
        Binding("p,alt+p", "switch_projection", "Projection"),
        Binding("c,alt+c", "choose_corpus", "Another corpus", show=False),
        Binding("y,alt+y", "copy('markdown')", "Copy"),
        Binding("Y,alt+shift+y", "copy('csv')", "Copy as CSV", show=False),
        Binding("ctrl+s", "save", "Save"),
        Binding("escape", "leave", "Leave the editor", show=False),
    ]

    encoder: var[Encoder | None] = var(None, init=False)
    arrangement: var[Arrangement | None] = var(None, init=False)
    pair: var[tuple[int, int]] = var((0, 1), init=False)
    awaited: var[str] = var("", init=False)
    perspective: var[Perspective] = var(Perspective(), init=False)
    complaint: var[str] = var("", init=False)

    models = getters.query_one(Models)
    editor = getters.query_one(SentenceEditor)
    answers = getters.query_one(Answers)
    selection = getters.query_one(Selection)
    notice = getters.query_one(Notice)

    def __init__(self, sentences: list[str]) -> None:
        super().__init__()
        self._first_text = "\n".join(sentences)
        self._arranged: Newest[ToArrange, Arrangement] = Newest(
            self, self._arrange, self._take_arrangement, patient=True
        )

    def compose(self) -> ComposeResult:
        """The models, the editor beside the answers, and the selection below."""
        seen = Playground.arrangement, Playground.pair, Playground.awaited
        yield Models().data_bind(Playground.arrangement)
        with Container(id="desk"):
            yield SentenceEditor(self._first_text)
            yield Answers().data_bind(Playground.encoder, *seen)
        yield Notice()
        yield Selection().data_bind(*seen)

    def on_mount(self) -> None:
        """Nothing is known yet."""
        if self.children:  # else the app is being left
            self._follow()

    @property
    def sentences(self) -> list[Sentence]:
        """The sentences in view."""
        return self.arrangement.sentences if self.arrangement else []

    @property
    def grids(self) -> list[Grid]:
        """The matrices in view."""
        return self.arrangement.grids if self.arrangement else []

    # From what is typed to what is in view

    @on(TextArea.Changed)
    def _follow(self) -> None:
        """Let the models answer to the newest sentences."""
        self.models.ask(self.editor.sentences)
        self.awaited = self.models.awaited(self.editor.sentences)

    @on(Models.Moved)
    def _take_models(self) -> None:
        self.encoder = self.models.slots[0].encoder
        self._follow()
        self._tell()

    @on(Models.Answered)
    def _take_answers(self, event: Models.Answered) -> None:
        self.complaint = ""  # whatever it was, there are answers again
        if event.sentences:
            self._arranged.ask(ToArrange(event.sentences, event.answers, self._perspective))
        else:
            self._arranged.forget()
            self.arrangement = None

    @property
    def _perspective(self) -> Perspective:
        return self.perspective._replace(chosen=self.pair[0])

    def _rearrange(self) -> None:
        """Look at the newest answers from where they are looked at now."""
        if (asked := self._arranged.question) is not None:
            self._arranged.ask(replace(asked, perspective=self._perspective))

    async def _arrange(self, asked: ToArrange) -> Arrangement:
        return await asyncio.to_thread(
            Arrangement.of, asked.sentences, asked.answers, asked.perspective
        )

    def _take_arrangement(self, _: ToArrange, arrangement: Arrangement) -> None:
        last = len(arrangement.sentences) - 1
        self.pair = (min(self.pair[0], last), min(self.pair[1], last))
        self.arrangement = arrangement

    def watch_arrangement(self) -> None:
        """Show nothing beside it that is not of it."""
        self.screen.set_class(
            self.arrangement is not None and len(self.arrangement.answers) > 1, "-two"
        )
        self._tell()

    def watch_perspective(self) -> None:
        """Look from there at what is known."""
        self._rearrange()

    # What is awaited and what went wrong

    def _tell(self) -> None:
        """Tell what there is to know of what is in view."""
        known = self.arrangement.facts if self.arrangement else self.models.open_facts
        untrained = [facts.name for facts in known if facts.untrained]
        warnings = [f"{name} {UNTRAINED}" for name in untrained[:1]]
        warnings += self.arrangement.cut_words if self.arrangement else []
        why = self.models.slots[0].why
        self.notice.tell(self.complaint, warnings, f"best at hand: {why}" if why else "")
        self.refresh_bindings()

    @on(Notice.Complaint)
    def _take_complaint(self, event: Notice.Complaint) -> None:
        self.complaint = event.sentence

    def watch_complaint(self) -> None:
        """Tell it."""
        self._tell()

    # The selection

    @on(Matrix.CursorMoved)
    def _choose_cell(self, event: Matrix.CursorMoved) -> None:
        self.pair = event.matrix.cursor

    @on(MapView.PointClicked)
    def _choose_point(self, event: MapView.PointClicked) -> None:
        if event.sentence < len(self.sentences):  # fewer, it may be, than were clicked at
            self.pair = (event.sentence, self.pair[0])

    @on(TextArea.SelectionChanged)
    def _choose_line(self) -> None:
        number = self.editor.cursor_location[0] + 1
        for place, sentence in enumerate(self.sentences):
            if sentence.number == number and place != self.pair[0]:
                other = self.pair[1] if self.pair[1] != place else self.pair[0]
                self.pair = (place, other)
                return

    def watch_pair(self) -> None:
        """Let what depends on the chosen sentence follow."""
        if self.perspective.order == "by similarity":
            self._rearrange()

    # What the keys do

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        if not self.children:  # it broke
            return False
        match action:
            case "edit":
                return not self.editor.has_focus
            case "leave":
                return self.editor.has_focus or self.answers.shown != "matrices"
            case "open_step":
                return bool(self.models.slots[0].steps)
            case "switch_projection":
                return self.answers.shown == "map" and self.answers.map.offers_umap
            case "choose_corpus":
                return self.answers.shown == "corpus"
            case "second_model" | "show_answer":
                return bool(self.models.open_ones)
            case "copy" | "save" | "show_vector":
                return self.arrangement is not None
        return True

    def on_descendant_focus(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    def action_edit(self) -> None:
        """Go on typing."""
        self.editor.focus()

    def action_leave(self) -> None:
        """Come back to the matrix."""
        if not self.editor.has_focus:
            self.answers.show("matrices")
        self.answers.matrices.take_focus()

    def action_choose_model(self) -> None:
        """Let another model answer."""
        self.models.choose("Which model should answer?", 0)

    def action_second_model(self) -> None:
        """Set another model beside the first, or take it away."""
        if len(self.models.open_ones) > 1:
            self.models.close_second()
        else:
            self.models.choose("Which model should stand beside it?", 1)

    def action_open_step(self, by: int) -> None:
        """Look at another kept step of the run."""
        self.models.open_step(by)

    def action_next_metric(self) -> None:
        """Measure by the next metric."""
        self.perspective = self.perspective.by_next_metric()

    def action_next_order(self) -> None:
        """Put the sentences in the next order."""
        self.perspective = self.perspective.in_next_order()

    def action_move_threshold(self, by: int) -> None:
        """Dim everything below a higher or a lower value."""
        shown = self.arrangement
        if shown is not None and shown.perspective.metric == self.perspective.metric:
            low, high = ramp_ends(shown.grids[0].values, shown.perspective.metric)
            self.perspective = self.perspective.dimmed(by, low, high)

    def action_show_answer(self, shown: Shown) -> None:
        """Bring the map or the corpus into view, or the matrices back."""
        self.answers.toggle(shown)

    def action_switch_projection(self) -> None:
        """Draw the map by UMAP, or by principal components again."""
        self.answers.map.switch()

    def action_choose_corpus(self) -> None:
        """Look for neighbours in another corpus."""
        self.answers.choose_corpus()

    @work
    async def action_show_vector(self) -> None:
        """Show all numbers and tokens of the selected sentence."""
        if self.arrangement is not None:
            vector = self.arrangement.vector(self.pair[0])
            await self.app.push_screen_wait(VectorNumbers(vector))

    def action_copy(self, form: Literal["csv", "markdown"]) -> None:
        """Copy the matrix through the terminal, which works over SSH as well."""
        if self.arrangement is not None:
            exported = self.arrangement.exported
            self.app.copy_to_clipboard(exported.csv() if form == "csv" else exported.markdown())
            name = "CSV" if form == "csv" else "Markdown"
            self._tell_taken(f"Copied the matrix as {name}.", exported)

    @work
    async def action_save(self) -> None:
        """Save the matrix, from a browser as a download; the suffix says as what."""
        if self.arrangement is not None:
            exported = self.arrangement.exported
            title, done, save = "Save the matrix", "Saved", exported.save
            if self.app.is_web:
                title, done = "Download the matrix", "Handed to the browser:"
                save = partial(exported.download, self.app)
            prompt = Prompt(title, SUFFIX_WORDS, "matrix.csv", check=save)
            if path := await self.app.push_screen_wait(prompt):
                self._tell_taken(f"{done} {printable(path)}.", exported)

    def _tell_taken(self, words: str, exported: ExportedMatrix) -> None:
        """Tell that the matrix left the app, and what was not read of its sentences."""
        self.notify(f"{words} {printable(exported.cut_words)}".rstrip(), markup=False)

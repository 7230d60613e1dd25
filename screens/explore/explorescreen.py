"""The Explore screen: type sentences, and see their vectors and similarities at once.

What answers is imported and started after the first paint.
"""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widgets import Footer

from stplay import lines
from stplay.screens.explore.kepttext import KeptText
from stplay.screens.shared.filling import call_once_imported, fill
from stplay.screens.shared.topbar import TopBar
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.screens.explore.playground import Playground, Shown
    from stplay.screens.explore.sentenceeditor import SentenceEditor
    from stplay.screens.explore.table import Table

KEEP_SECONDS = 0.5  # what is typed is on disk by then
CARD_SENTENCES = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]


class ExploreScreen(Screen[None]):
    """The playground, and the questions that are asked over it."""

    CSS_PATH: ClassVar = "explore.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
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
        Binding("ctrl+o", "open_file", "Open file", show=False),
        Binding("escape", "leave", "Leave the editor", show=False),
    ]

    room = getters.query_one("#room", Container)
    topbar = getters.query_one(TopBar)

    def __init__(self, *, afresh: bool = False) -> None:
        super().__init__()
        self._afresh = afresh
        self._sentences: list[str] | None = None
        self._model: str | None = None
        self._playground: Playground | None = None
        self._editor: SentenceEditor | None = None  # has its text even when it broke
        self._kept = KeptText()
        self._keeps = True

    def compose(self) -> ComposeResult:
        """The frame; what fills it comes after it is painted."""
        yield TopBar("explore")
        yield Container(id="room")
        yield Footer()

    def on_mount(self) -> None:
        """Fill the frame once it is painted."""
        self.topbar.place = platform.node()
        call_once_imported(self, "stplay.screens.explore.playground", self._fill)

    async def _fill(self) -> None:
        from stplay.runs import modelsathand
        from stplay.screens.explore.playground import Playground

        if self._afresh:
            self._tell(self._kept.set_aside())
        kept = self._kept.read()
        playground = Playground(kept.split("\n") if kept.strip() else CARD_SENTENCES)
        if not await fill(self.room, playground):
            return
        self._playground, self._editor = playground, playground.editor
        if self._sentences is not None:  # others were handed over meanwhile
            playground.editor.text = "\n".join(self._sentences)
        else:
            playground.editor.move_cursor(playground.editor.document.end)
        self._kept.show(playground.editor.text)
        self.set_interval(KEEP_SECONDS, self._keep_typed)
        playground.editor.focus()
        if self._model is None:
            best = await asyncio.to_thread(modelsathand.best)
            if self._model is None:  # nobody has asked for one meanwhile
                self._model = best.name
                playground.open_model(best.name, why=best.why)
                return
        playground.open_model(self._model)

    def show_sentences(self, sentences: list[str], model: str | None = None) -> None:
        """Put ``sentences`` into the editor, if any, and let ``model`` answer, if it is named."""
        one_each = [" ".join(lines.split(sentence)) for sentence in sentences]
        self._sentences = one_each or self._sentences
        self._model = model or self._model
        if self._playground is None:
            return
        if one_each:
            self._tell(self._kept.keep(self._playground.editor.text))
            self._playground.editor.text = "\n".join(one_each)
            self._kept.show(self._playground.editor.text)
        if model is not None and model != self._playground.slots[0].name:
            self._playground.open_model(model)

    async def _keep_typed(self) -> None:
        if self._editor is not None:
            self._tell(await asyncio.to_thread(self._kept.keep, self._editor.text))

    def _tell(self, sentence: str | None) -> None:
        if sentence is not None:
            self.notify(sentence, timeout=10, markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        playground = self._playground
        if playground is None:  # what fills the frame is on its way
            return hasattr(Screen, f"action_{action}")
        match action:
            case "edit":
                return not playground.editor.has_focus
            case "leave":
                return playground.editor.has_focus or playground.shown != "matrices"
            case "open_step":
                return bool(playground.slider.steps)
            case "switch_projection":
                return playground.shown == "map" and playground.map.offers_umap
            case "choose_corpus":
                return playground.shown == "corpus"
            case "second_model" | "show_answer":
                return bool(playground.models)
            case "copy" | "save" | "show_vector":
                return bool(playground.grids)
        return True

    @property
    def playground(self) -> Playground:
        """What fills the frame."""
        assert self._playground is not None
        return self._playground

    def on_playground_changed(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    def action_edit(self) -> None:
        """Go on typing."""
        self.playground.editor.focus()

    def action_leave(self) -> None:
        """Come back to the matrix."""
        if not self.playground.editor.has_focus:
            self.playground.show_answer("matrices")
        self.playground.focus_matrix()

    def action_next_metric(self) -> None:
        """Measure by the next metric."""
        self.playground.next_metric()

    def action_next_order(self) -> None:
        """Put the sentences in the next order."""
        self.playground.next_order()

    def action_move_threshold(self, by: int) -> None:
        """Dim more or less."""
        self.playground.move_threshold(by)

    def action_open_step(self, by: int) -> None:
        """Look at another kept step of the run."""
        self.playground.open_step(by)

    def action_show_answer(self, shown: Shown) -> None:
        """Bring the map or the corpus into view, or the matrix back."""
        playground = self.playground
        if playground.shown == shown:
            playground.show_answer("matrices")
        elif shown == "corpus" and not playground.corpus.source:
            self.action_choose_corpus()
        else:
            playground.show_answer(shown)

    def action_switch_projection(self) -> None:
        """Draw the map by UMAP, or by principal components again."""
        self.playground.map.switch()

    @work
    async def action_choose_model(self) -> None:
        """Let another model answer."""
        if chosen := await self._ask_for_model("Which model should answer?"):
            self.playground.open_model(chosen)

    @work
    async def action_second_model(self) -> None:
        """Set another model beside the first, or take it away."""
        if len(self.playground.models) > 1:
            self.playground.close_second_model()
        elif chosen := await self._ask_for_model("Which model should stand beside it?"):
            self.playground.open_model(chosen, place=1)

    async def _ask_for_model(self, question: str) -> str | None:
        from stplay.runs import modelsathand
        from stplay.screens.explore.modelchoice import ModelChoice

        offered = await asyncio.to_thread(modelsathand.offered)
        return await self.app.push_screen_wait(ModelChoice(question, offered))

    @work
    async def action_show_vector(self) -> None:
        """Show all numbers and tokens of the selected sentence."""
        from stplay.screens.explore.vectornumbers import VectorNumbers

        await self.app.push_screen_wait(VectorNumbers(self.playground.selected_vector))

    @work
    async def action_choose_corpus(self) -> None:
        """Choose a file or data set to look for neighbours in."""
        from stplay.screens.explore.corpuschoice import CorpusChoice

        if chosen := await self.app.push_screen_wait(CorpusChoice()):
            self.playground.load_corpus(*chosen)

    @work
    async def action_open_file(self) -> None:
        """Put the lines of a file into the editor."""
        from stplay.screens.explore.sentenceeditor import read_sentences
        from stplay.screens.shared.prompt import Prompt

        prompt = Prompt("Open a file", "one sentence a line", check=read_sentences)
        if path := await self.app.push_screen_wait(prompt):
            self.show_sentences(read_sentences(path))

    def action_copy(self, form: str) -> None:
        """Copy the matrix through the terminal, which works over SSH as well."""
        table = self.playground.table
        self.app.copy_to_clipboard(table.csv() if form == "csv" else table.markdown())
        self._tell_taken(f"Copied the matrix as {'CSV' if form == 'csv' else 'Markdown'}.", table)

    def _tell_taken(self, words: str, table: Table) -> None:
        """Tell that ``table`` left the app, and what was not read of its sentences."""
        self.notify(f"{words} {printable(table.cut_words)}".rstrip(), markup=False)

    @work
    async def action_save(self) -> None:
        """Save the matrix; the suffix says as what."""
        from stplay.screens.explore.table import SUFFIX_WORDS
        from stplay.screens.shared.prompt import Prompt

        table = self.playground.table
        prompt = Prompt("Save the matrix", SUFFIX_WORDS, "matrix.csv", check=table.save)
        if path := await self.app.push_screen_wait(prompt):
            self._tell_taken(f"Saved {printable(path)}.", table)

    async def on_unmount(self) -> None:
        """Keep what was typed, and let the encoding processes go."""
        if self._editor is not None:
            self._kept.keep(self._editor.text)
        if self._playground is not None:
            await self._playground.close()

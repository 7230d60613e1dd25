"""The playground: sentences on one side, what the models make of them on the other."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import ContentSwitcher, Static, TextArea

from stplay import similarity
from stplay.encoder import Encoded, Superseded
from stplay.errors import UserError
from stplay.screens.corpusview import NEIGHBOURS, CorpusView
from stplay.screens.grids import ORDERS, View, ends, grids, next_threshold
from stplay.screens.mapview import MapView
from stplay.screens.matrix import Grid, Matrix
from stplay.screens.matrixpane import MatrixPane
from stplay.screens.modelslot import ModelSlot, kept_steps
from stplay.screens.selection import Selection, value_words
from stplay.screens.sentenceeditor import Sentence, SentenceEditor
from stplay.screens.table import Table
from stplay.screens.timeslider import TimeSlider
from stplay.screens.vectorview import SentenceVector
from stplay.text import count, printable

UNTRAINED = "is untrained: train a model (1) or choose another (m)."
Shown = Literal["matrices", "map", "corpus"]


class Playground(Vertical):
    """Follows what is typed: the newest sentences are encoded as soon as the models are free."""

    editor = getters.query_one(SentenceEditor)
    slider = getters.query_one(TimeSlider)
    switcher = getters.query_one(ContentSwitcher)
    map = getters.query_one(MapView)
    corpus = getters.query_one(CorpusView)
    selection = getters.query_one(Selection)

    class Changed(Message):
        """Other keys may work now."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__()
        self.view = View()
        self.slots = [ModelSlot(), ModelSlot()]
        self.sentences: list[Sentence] = []
        self.grids: list[Grid] = []
        self.answers: list[Encoded] = []
        self.pair = (0, 1)
        self._first_text = "\n".join(sentences)
        self._encoded: list[Sentence] = []
        self._complaint = ""
        self._stale = False
        self._answering = False
        self._arrangements = 0
        self._searches = 0

    def compose(self) -> ComposeResult:
        """The model, the editor beside the answers, and the selection below."""
        with Horizontal(id="model-line"):
            yield Static(id="model")
            yield Static(id="speed")
        yield TimeSlider()
        with Container(id="desk"):
            yield SentenceEditor(self._first_text)
            with ContentSwitcher(initial="matrices", id="answers"):
                with Horizontal(id="matrices"):
                    for _ in range(3):
                        yield MatrixPane()
                yield MapView()
                yield CorpusView()
        yield Static(id="notice")
        yield Selection()

    def on_mount(self) -> None:
        """Nothing is known yet."""
        if not self.children:  # the app is being left
            return
        self.slider.show([], None)
        self._show_grids()

    # Models

    @property
    def models(self) -> list[ModelSlot]:
        """The models that answer."""
        return [slot for slot in self.slots if slot.facts is not None]

    def open_model(self, name: str, place: int = 0) -> None:
        """Let the model called ``name`` answer; where it fails, the one before it stays."""
        self.run_worker(self._open_model(name, place), group=f"model {place}", exclusive=True)

    async def _open_model(self, name: str, place: int) -> None:
        def tell(stage: str, done: int, total: int | None) -> None:
            of = f", {count(done)} of {count(total)}" if total else ""
            self._tell_model(f"{printable(name)}: {stage}{of}")

        self._tell_model(f"starting {printable(name)}")
        try:
            await self.slots[place].open(name, tell)
        except UserError as error:
            self.complain(error.sentence)
        else:
            self.complain("")
            if place == 0:
                steps = kept_steps(name)
                current = next((step for step, model in steps.items() if model == name), None)
                self.slider.show(list(steps), current)
            self.follow()
        self._tell_model()
        self.post_message(self.Changed())

    @work(group="model 1", exclusive=True)
    async def close_second_model(self) -> None:
        """Look at one model again."""
        await self.slots[1].close()
        self._tell_model()
        self.complain("")
        self.rearrange()
        self.post_message(self.Changed())

    def open_step(self, by: int) -> None:
        """Look at another kept step of the run's training."""
        names = [*kept_steps(self.slots[0].name).values()]
        if not names:
            return
        names.append(self.slots[0].name.partition("@")[0])
        here = names.index(self.slots[0].name) if self.slots[0].name in names else len(names) - 1
        there = max(0, min(here + by, len(names) - 1))
        if there != here:
            self.open_model(names[there])

    def _tell_model(self, under_way: str = "") -> None:
        parts = [slot.words(brief=len(self.models) > 1) for slot in self.models]
        if under_way:
            parts.append(Content.styled(under_way, "$warning"))
        self.query_one("#model", Static).update(Content("   ").join(parts))

    def complain(self, sentence: str) -> None:
        """Tell what went wrong; nothing where ``sentence`` is empty."""
        self._complaint = sentence
        words = Content.styled(f"✗ {printable(sentence)}", "$error")
        untrained = [slot.name for slot in self.models if slot.facts and slot.facts.untrained]
        if not sentence and untrained:
            words = Content.styled(f"! {printable(untrained[0])} {UNTRAINED}", "$warning")
        notice = self.query_one("#notice", Static)
        notice.display = bool(sentence or untrained)
        notice.update(words)

    # Answers

    @on(TextArea.Changed)
    def follow(self) -> None:
        """Encode the newest sentences: now, or as soon as the models are free."""
        self._stale = True
        if not self._answering and self.models:
            self._answering = True
            self.run_worker(self._answer(), group="answers")

    async def _answer(self) -> None:
        try:
            while self._stale and self.models:
                self._stale = False
                await self._encode(self.editor.sentences)
        finally:
            self._answering = False

    async def _encode(self, sentences: list[Sentence]) -> None:
        texts = [sentence.text for sentence in sentences]
        begin = time.perf_counter()
        try:
            await asyncio.gather(*(slot.encode(texts) for slot in self.models))
        except Superseded:
            return
        except UserError as error:
            self.complain(error.sentence)
            return
        seconds = time.perf_counter() - begin
        if self._complaint:  # whatever it was, there are answers again
            self.complain("")
        self._encoded = sentences
        await self._arrange()
        word = "sentence" if len(texts) == 1 else "sentences"
        self.query_one("#speed", Static).update(
            f"{count(len(texts))} {word} in {seconds * 1000:.0f} ms", layout=False
        )

    def rearrange(self) -> None:
        """Show what is known in the way that is asked for now."""
        self.run_worker(self._arrange(), group="arrangement", exclusive=True)

    async def _arrange(self) -> None:
        self._arrangements += 1
        mine = self._arrangements
        answers = [slot.encoded for slot in self.models if slot.encoded is not None]
        sentences = self._encoded
        texts = [sentence.text for sentence in sentences]
        answers = [encoded for encoded in answers if encoded.sentences == texts]
        shown: list[Grid] = []
        if texts and answers:
            view = self.view._replace(chosen=min(self.pair[0], len(texts) - 1))
            embeddings = [encoded.embeddings for encoded in answers]
            shown = await asyncio.to_thread(grids, sentences, embeddings, view)
            if mine != self._arrangements:  # something newer is on its way
                return
        self.sentences, self.grids, self.answers = sentences, shown, answers
        self._show_grids()

    def _show_grids(self) -> None:
        if self.sentences:
            last = len(self.sentences) - 1
            self.pair = (min(self.pair[0], last), min(self.pair[1], last))
        titles = [self.view.metric]
        if len(self.grids) > 1:
            titles = [printable(slot.name) for slot in self.models] + [f"{self.view.metric}, 2 - 1"]
        for place, pane in enumerate(self.query(MatrixPane)):
            grid = self.grids[place] if place < len(self.grids) else None
            pane.display = place == 0 or grid is not None
            if pane.display:
                order = self._order_words() if place == 0 else ""
                pane.show(grid, titles[place], order)
                pane.matrix.place_cursor(*self.pair)
        self.screen.set_class(len(self.grids) > 1, "-two")
        self._show_map()
        self._show_selection()

    def _order_words(self) -> str:
        if self.view.order == "by similarity" and self.sentences:
            return f"by similarity to {self.sentences[self.pair[0]].number}"
        return self.view.order

    # The selection

    def _show_selection(self) -> None:
        if not self.grids:
            self.selection.show_nothing()
            return
        labels = [self.view.metric]
        if len(self.grids) > 1:
            labels = [*(printable(slot.name) for slot in self.models), "difference"]
        values = value_words(self.grids, labels, self.pair)
        first, second = (self._vector(place) for place in self.pair)
        self.selection.show(first, second, values)
        self.map.choose(self.pair)
        self.find_neighbours()

    @property
    def selected_vector(self) -> SentenceVector:
        """The sentence under the cursor as the first model sees it."""
        return self._vector(self.pair[0])

    def _vector(self, place: int) -> SentenceVector:
        answer = self.answers[0]
        return SentenceVector(
            self.sentences[place],
            answer.embeddings[place],
            answer.tokens[place],
            answer.dropped[place],
        )

    @property
    def table(self) -> Table:
        """The first model's matrix as it is shown."""
        answer = self.answers[0]
        name, metric = self.models[0].name, self.view.metric
        return Table.of(self.grids[0], name, metric, answer.sentences, answer.embeddings)

    @on(Matrix.CursorMoved)
    def _choose_pair(self, event: Matrix.CursorMoved) -> None:
        self._select(event.row, event.column, apart_from=event.matrix)

    @on(MapView.Chosen)
    def _choose_point(self, event: MapView.Chosen) -> None:
        self._select(event.sentence, self.pair[0])

    @on(TextArea.SelectionChanged)
    def _choose_line(self) -> None:
        number = self.editor.cursor_location[0] + 1
        for place, sentence in enumerate(self.sentences):
            if sentence.number == number and place != self.pair[0]:
                other = self.pair[1] if self.pair[1] != place else self.pair[0]
                self._select(place, other)

    def _select(self, row: int, column: int, apart_from: Matrix | None = None) -> None:
        self.pair = (row, column)
        for pane in self.query(MatrixPane):
            if pane.display and pane.matrix is not apart_from:
                pane.matrix.place_cursor(row, column)
        if self.view.order == "by similarity":
            self.rearrange()
        self._show_selection()

    @on(Matrix.Scrolled)
    def _scroll_together(self, event: Matrix.Scrolled) -> None:
        for pane in self.query(MatrixPane):
            if pane.display and pane.matrix is not event.matrix:
                pane.matrix.scroll_to(*event.matrix.scroll_offset, animate=False)

    # Ways to look

    def next_metric(self) -> None:
        """Measure by the next metric."""
        metrics = similarity.METRICS
        following = metrics[(metrics.index(self.view.metric) + 1) % len(metrics)]
        self.view = self.view._replace(metric=following, threshold=None)
        self.rearrange()

    def next_order(self) -> None:
        """Put the sentences in the next order."""
        following = ORDERS[(ORDERS.index(self.view.order) + 1) % len(ORDERS)]
        self.view = self.view._replace(order=following)
        self.rearrange()

    def move_threshold(self, by: int) -> None:
        """Dim everything below a higher or a lower value."""
        if self.grids:
            low, high = ends(self.grids[0].values, self.view.metric)
            threshold = next_threshold(self.view.threshold, by, low, high)
            self.view = self.view._replace(threshold=threshold)
            self.rearrange()

    @property
    def shown(self) -> Shown:
        """Which of the answers is in view."""
        return self.switcher.current  # type: ignore[return-value]

    def show_answer(self, shown: Shown) -> None:
        """Bring the matrices, the map or the corpus into view."""
        self.switcher.current = shown
        self._show_map()
        self.find_neighbours()
        self.post_message(self.Changed())

    def _show_map(self) -> None:
        if self.shown == "map" and self.grids:
            names = [f"{one.number} {printable(one.text)}" for one in self.sentences]
            self.map.show(self.answers[0].embeddings, names, self.pair)

    # Corpora

    @work(group="corpus", exclusive=True)
    async def load_corpus(self, source: str, column: str | None) -> None:
        """Encode the corpus ``source`` and list neighbours out of it from then on."""
        self.corpus.begin(source)
        self.show_answer("corpus")
        try:
            facts = await self.slots[0].encoder.load_corpus(source, column, self.corpus.progress)
        except UserError as error:
            self.corpus.fail()
            self.complain(error.sentence)
            return
        self.complain("")
        self.corpus.finish(facts)
        self.find_neighbours()

    @work(group="neighbours")
    async def find_neighbours(self) -> None:
        """List the neighbours of the selected sentence; a newer search replaces an older one."""
        facts = self.corpus.facts
        if self.shown != "corpus" or facts is None or not self.sentences or not self.models:
            return
        self._searches += 1
        mine = self._searches
        sentence = self.sentences[self.pair[0]].text
        begin = time.perf_counter()
        try:
            found = await self.slots[0].encoder.neighbours(
                facts.key, sentence, NEIGHBOURS, self.view.metric
            )
        except Superseded:
            return
        except UserError as error:
            self.complain(error.sentence)
            return
        if mine == self._searches:
            seconds = time.perf_counter() - begin
            self.corpus.show(sentence, found, self.view.metric, seconds)

    def focus_matrix(self) -> None:
        """Put the focus on what is in view."""
        self.query(MatrixPane).first().matrix.focus()

    async def close(self) -> None:
        """Let the encoding processes go."""
        for slot in self.slots:
            await slot.close()

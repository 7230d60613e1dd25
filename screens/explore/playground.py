"""The playground: sentences on one side, what the models make of them on the other."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Container, Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher, TextArea

from stplay.encoding.client import Encoded, ModelFacts, Superseded
from stplay.errors import UserError
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.corpusview import CorpusView
from stplay.screens.explore.grids import ORDERS, View, ends, next_threshold
from stplay.screens.explore.mapview import MapView
from stplay.screens.explore.matrices import Matrices
from stplay.screens.explore.matrix import Grid, Matrix
from stplay.screens.explore.modelline import ModelLine
from stplay.screens.explore.modelslot import ModelSlot
from stplay.screens.explore.notice import Notice
from stplay.screens.explore.selection import Selection
from stplay.screens.explore.sentenceeditor import Sentence, SentenceEditor
from stplay.screens.explore.table import Table
from stplay.screens.explore.timeslider import TimeSlider
from stplay.screens.explore.vectorview import SentenceVector
from stplay.similarities import SIMILARITIES
from stplay.text import count, printable

UNTRAINED = "is untrained: train a model (1) or choose another (m)."
SLOW_SECONDS = 0.3  # from when on people wonder what is awaited
Shown = Literal["matrices", "map", "corpus"]


class Playground(Vertical):
    """Follows what is typed: the newest sentences are encoded as soon as the models are free.

    What is in view is one ``arrangement``; another takes its place once it is whole.
    """

    editor = getters.query_one(SentenceEditor)
    line = getters.query_one(ModelLine)
    slider = getters.query_one(TimeSlider)
    switcher = getters.query_one(ContentSwitcher)
    matrices = getters.query_one(Matrices)
    map = getters.query_one(MapView)
    corpus = getters.query_one(CorpusView)
    selection = getters.query_one(Selection)

    class Changed(Message):
        """Other keys may work now."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__()
        self.view = View()
        self.slots = [ModelSlot(), ModelSlot()]
        self.arrangement: Arrangement | None = None
        self.pair = (0, 1)
        self._first_text = "\n".join(sentences)
        self._encoded: list[Sentence] = []
        self._under_way: dict[int | str, str] = {0: "looking for the best model at hand"}
        self._complaint = ""
        self._stale = False
        self._answering = False
        self._arrangements = 0

    def compose(self) -> ComposeResult:
        """The model, the editor beside the answers, and the selection below."""
        yield ModelLine()
        yield TimeSlider()
        with Container(id="desk"):
            yield SentenceEditor(self._first_text)
            with ContentSwitcher(initial="matrices", id="answers"):
                yield Matrices()
                yield MapView()
                yield CorpusView()
        yield Notice()
        yield Selection()

    def on_mount(self) -> None:
        """Nothing is known yet."""
        if not self.children:  # the app is being left
            return
        self.slider.show([], None)
        self._show()

    @property
    def sentences(self) -> list[Sentence]:
        """The sentences in view."""
        return self.arrangement.sentences if self.arrangement else []

    @property
    def answers(self) -> list[Encoded]:
        """What the models made of the sentences in view."""
        return self.arrangement.answers if self.arrangement else []

    @property
    def grids(self) -> list[Grid]:
        """The matrices in view."""
        return self.arrangement.grids if self.arrangement else []

    # Models

    @property
    def models(self) -> list[ModelSlot]:
        """The models that answer."""
        return [slot for slot in self.slots if slot.facts is not None]

    def open_model(self, name: str, place: int = 0, why: str = "") -> None:
        """Let the model called ``name`` answer; where it fails, the one before it stays.

        ``why`` tells why it is this one where nobody asked for it.
        """
        self.run_worker(self._open_model(name, place, why), group=f"model {place}", exclusive=True)

    async def _open_model(self, name: str, place: int, why: str) -> None:
        def tell(stage: str, done: int, total: int | None) -> None:
            of = f", {count(done)} of {count(total)}" if total else ""
            self._under_way[place] = f"{printable(name)}: {printable(stage)}{of}"
            self._tell()

        self._under_way[place] = f"starting {printable(name)}"
        self._tell()
        try:
            await self.slots[place].open(name, why, tell)
        except UserError as error:
            self._complaint = error.sentence
        else:
            self._complaint = ""
            self.follow()
        self._under_way.pop(place, None)
        self._tell()
        self._find_neighbours()
        self.post_message(self.Changed())

    @work(group="model 1", exclusive=True)
    async def close_second_model(self) -> None:
        """Look at one model again."""
        await self.slots[1].close()
        self._under_way.pop(1, None)
        self._complaint = ""
        self._tell()
        self.rearrange()
        self.post_message(self.Changed())

    def open_step(self, by: int) -> None:
        """Look at another kept step of the run's training."""
        slot = self.slots[0]
        if not slot.steps:
            return
        names = [*slot.steps.values(), slot.final]
        here = names.index(slot.name) if slot.name in names else len(names) - 1
        there = max(0, min(here + by, len(names) - 1))
        if there != here:
            self.open_model(names[there])

    # What is awaited and what went wrong

    @property
    def _answering_models(self) -> list[ModelFacts]:
        """The models whose answers are in view; where there are none, those that will answer."""
        if self.arrangement is not None:
            return [answer.facts for answer in self.arrangement.answers]
        return [slot.facts for slot in self.models if slot.facts is not None]

    @property
    def _awaited(self) -> str:
        """Why typed sentences are not in view yet; nothing where there are none."""
        typed = len(self.editor.sentences)
        if not typed:
            return ""
        many = f"{count(typed)} {'sentence' if typed == 1 else 'sentences'}"
        if not self.models and self._under_way:
            return f"{many} to encode; {next(iter(self._under_way.values()))}"
        if not self.models:
            return f"{many} to encode; choose a model (m)."
        names = " and ".join(printable(slot.name) for slot in self.models)
        if self._answering:
            return f"encoding {many} with {names}"
        return f"{many} not encoded by {names}"

    def _tell(self) -> None:
        """Tell what is in view, what is under way, and what there is to know of it."""
        self.line.show(self._answering_models, list(self._under_way.values()))
        if self.arrangement is None:
            self._show_nothing()
        self._tell_step()
        untrained = [facts.name for facts in self._answering_models if facts.untrained]
        warnings = [f"{name} {UNTRAINED}" for name in untrained[:1]]
        warnings += self.arrangement.cut_words if self.arrangement else []
        why = self.slots[0].why
        remark = f"best at hand: {why}" if why else ""
        self.query_one(Notice).tell(self._complaint, warnings, remark)

    def _tell_step(self) -> None:
        slot = self.slots[0]
        awaited = bool(self.answers) and self.answers[0].model != slot.name
        self.slider.show(list(slot.steps), slot.step, awaited=awaited)

    def complain(self, sentence: str) -> None:
        """Tell what went wrong; nothing where ``sentence`` is empty."""
        self._complaint = sentence
        self._tell()

    # Answers

    @on(TextArea.Changed)
    def follow(self) -> None:
        """Encode the newest sentences: now, or as soon as the models are free."""
        self._stale = True
        if not self._answering and self.models:
            self._answering = True
            self.run_worker(self._answer(), group="answers")
        if self.arrangement is None:
            self._show_nothing()

    async def _answer(self) -> None:
        try:
            while self._stale and self.models:
                self._stale = False
                await self._encode(self.editor.sentences)
        finally:
            self._answering = False
        if self.arrangement is None:
            self._show_nothing()

    async def _encode(self, sentences: list[Sentence]) -> None:
        texts = [sentence.text for sentence in sentences]
        begin, complaint = time.perf_counter(), ""
        slow = self.set_timer(SLOW_SECONDS, self._tell_encoding)
        try:
            await asyncio.gather(*(slot.encode(texts) for slot in self.models))
        except Superseded:
            return
        except UserError as error:
            complaint = error.sentence
        finally:
            slow.stop()
            self._under_way.pop("encoding", None)
        if complaint:
            self.complain(complaint)
            return
        seconds = time.perf_counter() - begin
        self._complaint = ""  # whatever it was, there are answers again
        self._encoded = sentences
        await self._arrange()
        word = "sentence" if len(texts) == 1 else "sentences"
        self.line.tell_speed(f"{count(len(texts))} {word} in {seconds * 1000:.0f} ms")

    def _tell_encoding(self) -> None:
        self._under_way["encoding"] = self._awaited
        self._tell()

    def rearrange(self) -> None:
        """Show what is known in the way that is asked for now."""
        self.run_worker(self._arrange(), group="arrangement", exclusive=True)

    async def _arrange(self) -> None:
        self._arrangements += 1
        mine = self._arrangements
        sentences = self._encoded
        texts = [sentence.text for sentence in sentences]
        answers = [slot.encoded for slot in self.models if slot.encoded is not None]
        whole = len(answers) == len(self.models)
        if not whole or any(answer.sentences != texts for answer in answers):
            # One is still to come: what is in view stays, and may be looked at in another way.
            if self.arrangement is None:
                return
            sentences, answers, *_ = self.arrangement
        arrangement = None
        if sentences and answers:
            view = self.view._replace(chosen=self.pair[0])
            arrangement = await asyncio.to_thread(Arrangement.of, sentences, answers, view)
            if mine != self._arrangements:  # something newer is on its way
                return
        self.arrangement = arrangement
        self._show()
        self.post_message(self.Changed())

    def _show(self) -> None:
        """Show the arrangement, and nothing beside it that is not of it."""
        shown = self.arrangement
        self.screen.set_class(len(self.answers) > 1, "-two")
        self._tell()
        if shown is None:
            return
        last = len(shown.sentences) - 1
        self.pair = (min(self.pair[0], last), min(self.pair[1], last))
        self.matrices.show(shown, self.pair)
        self._show_map()
        self._show_selection()

    def _show_nothing(self) -> None:
        """Nothing is in view: tell everywhere what is awaited, or what would be there."""
        awaited = self._awaited
        self.matrices.show_nothing(awaited)
        self.map.show_nothing(awaited)
        self.selection.show_nothing(awaited)
        self._find_neighbours()

    # The selection

    def _show_selection(self) -> None:
        if self.arrangement is None:
            return
        self.selection.show(self.arrangement, self.pair)
        self.map.choose(self.pair)
        self._find_neighbours()

    @property
    def selected_vector(self) -> SentenceVector:
        """The sentence under the cursor as the first model sees it."""
        assert self.arrangement is not None
        return self.arrangement.vector(self.pair[0])

    @property
    def table(self) -> Table:
        """The first model's matrix as it is shown."""
        assert self.arrangement is not None
        return self.arrangement.table

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
        self.matrices.place_cursor(self.pair, apart_from)
        if self.view.order == "by similarity":
            self.rearrange()
        self._show_selection()

    # Ways to look

    def next_metric(self) -> None:
        """Measure by the next metric."""
        place = SIMILARITIES.index(self.view.metric) + 1
        following = SIMILARITIES[place % len(SIMILARITIES)]
        self.view = self.view._replace(metric=following, threshold=None)
        self.rearrange()

    def next_order(self) -> None:
        """Put the sentences in the next order."""
        following = ORDERS[(ORDERS.index(self.view.order) + 1) % len(ORDERS)]
        self.view = self.view._replace(order=following)
        self.rearrange()

    def move_threshold(self, by: int) -> None:
        """Dim everything below a higher or a lower value."""
        shown = self.arrangement
        if shown is not None and shown.view.metric == self.view.metric:
            low, high = ends(shown.grids[0].values, shown.view.metric)
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
        self._find_neighbours()
        self.post_message(self.Changed())

    def _show_map(self) -> None:
        shown = self.arrangement
        if self.shown == "map" and shown is not None:
            names = [
                f"{shown.grids[0].number(place)} {printable(one.text)}"
                for place, one in enumerate(shown.sentences)
            ]
            self.map.show(shown.answers[0].embeddings, names, self.pair)

    # Corpora

    def load_corpus(self, source: str, column: str | None) -> None:
        """List neighbours out of the corpus ``source`` from now on."""
        self.corpus.choose(source, column)
        self.show_answer("corpus")

    @on(CorpusView.Complained)
    def _take_complaint(self, event: CorpusView.Complained) -> None:
        self.complain(event.sentence)

    def _find_neighbours(self) -> None:
        """List the neighbours of the selected sentence, where they are in view."""
        if self.shown == "corpus":
            sentence = self.sentences[self.pair[0]].text if self.sentences else None
            self.corpus.look(self.slots[0].encoder, sentence, self.view.metric, self._awaited)

    def focus_matrix(self) -> None:
        """Put the focus on what is in view."""
        self.matrices.take_focus()

    async def close(self) -> None:
        """Let the encoding processes go."""
        for slot in self.slots:
            await slot.close()

"""The sentences of a corpus that are nearest to the one being typed."""

from __future__ import annotations

import time
from typing import NamedTuple

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import var
from textual.widgets import ProgressBar, Static

from stplay.encoding.client import CorpusFacts, Encoder, Neighbour
from stplay.errors import UserError
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.notice import Notice
from stplay.screens.shared import ramp
from stplay.screens.shared.grid import CUT
from stplay.screens.shared.newest import Newest
from stplay.screens.shared.ramp import FAINT, MUTED
from stplay.text import count, duration, printable, size

NEIGHBOURS = 50
NO_SENTENCE = "Type a sentence: those of the corpus that are nearest to it stand here."
ENCODED_FIRST = "the nearest sentences come once the corpus is encoded"
NO_MODEL = "There is no model yet to encode it."


class CorpusSource(NamedTuple):
    """A corpus as ``encoder`` reads it: another encoder has to read it anew."""

    name: str
    column: str | None
    encoder: Encoder


class Search(NamedTuple):
    """What is looked for: a sentence, by a metric, in an encoded corpus."""

    corpus: CorpusSource
    facts: CorpusFacts
    sentence: str
    metric: str


class Nearest(NamedTuple):
    """What was found in how many seconds, the nearest first."""

    neighbours: list[Neighbour]
    seconds: float


class CorpusView(Vertical):
    """Has a corpus encoded, then lists neighbours, the nearest first."""

    encoder: var[Encoder | None] = var(None)
    arrangement: var[Arrangement | None] = var(None)
    pair: var[tuple[int, int]] = var((0, 0))
    awaited: var[str] = var("")

    title = getters.query_one("#corpus-title", Static)
    cost = getters.query_one("#corpus-cost", Static)
    bar = getters.query_one(ProgressBar)
    listed = getters.query_one("#neighbours", Static)

    def __init__(self) -> None:
        super().__init__(id="corpus")
        self.source = ""
        self._column: str | None = None
        self._corpus: Newest[CorpusSource, CorpusFacts | UserError] = Newest(
            self, self._load, self._take_corpus
        )
        self._search: Newest[Search, Nearest | UserError] = Newest(
            self, self._find, self._take_neighbours
        )

    @property
    def facts(self) -> CorpusFacts | None:
        """What is known of the corpus, once it is encoded."""
        facts = self._corpus.found
        return facts if isinstance(facts, CorpusFacts) else None

    def compose(self) -> ComposeResult:
        """What it is, what it costs, and the neighbours."""
        yield Static(id="corpus-title")
        yield Static(id="corpus-cost")
        yield ProgressBar(show_eta=False)
        with VerticalScroll(can_focus=False):
            yield Static(id="neighbours")

    def on_mount(self) -> None:
        """Nothing is being encoded yet."""
        self.bar.display = False

    def choose(self, source: str, column: str | None) -> None:
        """Look for neighbours in the corpus ``source`` from now on."""
        self.source, self._column = source, column
        self._corpus.forget()
        self._follow()
        self.title.update(Content.assemble(("corpus  ", MUTED), printable(source)))

    def on_show(self) -> None:
        """Catch up with what changed while another answer was in view."""
        self._follow()

    def watch_encoder(self) -> None:
        """Have the corpus encoded by the model that answers now."""
        self._follow()

    def watch_arrangement(self) -> None:
        """Look for what is nearest to the sentence, by the metric that is chosen now."""
        self._follow()

    def watch_pair(self) -> None:
        """Look for what is nearest to the sentence that is chosen now."""
        self._follow()

    def watch_awaited(self) -> None:
        """Tell what is awaited, where there is no sentence."""
        self._follow()

    def _follow(self) -> None:
        """Let the encoder look in what it encoded itself, while that is in view."""
        if not self.source or not self.display:
            return
        if self.encoder is None:
            self.cost.update(Content(NO_MODEL))
        elif not self._corpus.ask(CorpusSource(self.source, self._column, self.encoder)):
            self._look()

    async def _load(self, source: CorpusSource) -> CorpusFacts | UserError:
        """Have the corpus encoded, and tell how far that is."""
        name = printable(source.encoder.model)
        self._search.forget()
        self.bar.display = False
        self.cost.update(Content(f"reading it with {name}"))
        self._list_none(ENCODED_FIRST if self.arrangement else self.awaited or NO_SENTENCE)

        def tell(stage: str, done: int, total: int | None) -> None:
            self.bar.display = True
            self.bar.update(total=total, progress=done)
            of = f" of {count(total)}" if total else ""
            self.cost.update(Content(f"{printable(stage)} {count(done)}{of} sentences with {name}"))

        try:
            return await source.encoder.load_corpus(source.name, source.column, tell)
        except UserError as error:
            return error

    def _take_corpus(self, source: CorpusSource, facts: CorpusFacts | UserError) -> None:
        self.bar.display = False
        if isinstance(facts, UserError):
            self.cost.update(Content("not encoded"))
            self._list_none("")
            self.post_message(Notice.Complaint(facts.sentence))
            return
        self.cost.update(Content("   ".join(_cost_words(facts))))
        self.post_message(Notice.Complaint(""))
        self._look()

    def _look(self) -> None:
        source, facts = self._corpus.question, self.facts
        if source is None or facts is None:
            return
        if self.arrangement is None:
            self._search.forget()
            self._list_none(self.awaited or NO_SENTENCE)
        else:
            sentence = self.arrangement.sentences[self.pair[0]].text
            self._search.ask(Search(source, facts, sentence, self.arrangement.perspective.metric))

    def _list_none(self, words: str) -> None:
        self.listed.update(Content.styled(words, MUTED))

    async def _find(self, search: Search) -> Nearest | UserError:
        begin = time.perf_counter()
        try:
            neighbours = await search.corpus.encoder.neighbours(
                search.facts.key, search.sentence, NEIGHBOURS, search.metric
            )
        except UserError as error:
            return error
        return Nearest(neighbours, time.perf_counter() - begin)

    def _take_neighbours(self, search: Search, nearest: Nearest | UserError) -> None:
        if isinstance(nearest, UserError):
            self._search.forget()  # it may be tried again
            self.post_message(Notice.Complaint(nearest.sentence))
            return
        facts = search.facts
        how = f"   {search.metric} by {printable(facts.model)} with {count(facts.rows)} rows in "
        head = Content.assemble(
            ("nearest to  ", MUTED),
            (printable(search.sentence), "bold"),
            (f"{how}{nearest.seconds * 1000:.0f} ms\n", MUTED),
        )
        scores = [neighbour.score for neighbour in nearest.neighbours]
        low, high = min(scores, default=0.0), max(scores, default=1.0)
        lines = [head]
        for neighbour in nearest.neighbours:
            share = (neighbour.score - low) / (high - low) if high > low else 1.0
            shade = ramp.HEXES[round((0.3 + 0.7 * share) * (ramp.SHADES - 1))]
            lines.append(
                Content.assemble(
                    f"{neighbour.score:8.3f}  ",
                    ("▍", shade),
                    (f"{count(neighbour.row + 1):>10}", FAINT),
                    (CUT, "$warning") if neighbour.cut else " ",
                    " ",
                    printable(neighbour.text),
                )
            )
        self.listed.update(Content("\n").join(lines))


def _cost_words(facts: CorpusFacts) -> list[str]:
    """What a corpus holds and what it cost."""
    parts = [f"{count(facts.rows)} rows"]
    if repeated := facts.rows - facts.distinct:
        parts.append(f"{count(repeated)} of them repeated")
    if facts.cut:
        parts.append(f"{CUT} {count(facts.cut)} longer than the model reads")
    return [*parts, f"{size(facts.disk)} on disk", f"encoded in {duration(facts.seconds)}"]

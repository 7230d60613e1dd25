"""The sentences of a corpus that are nearest to the one being typed."""

from __future__ import annotations

import time
from typing import NamedTuple

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import ProgressBar, Static

from stplay.encoding.client import CorpusFacts, Encoder, Neighbour, Superseded
from stplay.errors import UserError
from stplay.screens.explore.matrix import CUT
from stplay.screens.shared import ramp
from stplay.screens.shared.answer import Answer
from stplay.screens.shared.ramp import FAINT, MUTED
from stplay.text import count, duration, printable, size

NEIGHBOURS = 50
NO_SENTENCE = "Type a sentence: those of the corpus that are nearest to it stand here."
NO_MODEL = "There is no model yet to encode it."


class Source(NamedTuple):
    """A corpus as ``encoder`` reads it: another encoder has to read it anew."""

    name: str
    column: str | None
    encoder: Encoder


class Search(NamedTuple):
    """What is looked for: a sentence, by a metric, in an encoded corpus."""

    corpus: Source
    sentence: str
    metric: str


class CorpusView(Vertical):
    """Has a corpus encoded, then lists neighbours, the nearest first."""

    title = getters.query_one("#corpus-title", Static)
    cost = getters.query_one("#corpus-cost", Static)
    bar = getters.query_one(ProgressBar)
    found = getters.query_one("#neighbours", Static)

    class Complained(Message):
        """Something went wrong, or nothing does any more."""

        def __init__(self, sentence: str) -> None:
            super().__init__()
            self.sentence = sentence

    def __init__(self) -> None:
        super().__init__(id="corpus")
        self.source = ""
        self._column: str | None = None
        self._corpus: Answer[Source, CorpusFacts] = Answer()
        self._search: Answer[Search, list[Neighbour]] = Answer()
        self._wanted: tuple[str, str] | None = None
        self._awaited = NO_SENTENCE

    @property
    def facts(self) -> CorpusFacts | None:
        """What is known of the corpus, once it is encoded."""
        return self._corpus.found

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
        self._corpus = Answer()
        self.title.update(Content.assemble(("corpus  ", MUTED), printable(source)))

    def look(
        self, encoder: Encoder | None, sentence: str | None, metric: str, awaited: str
    ) -> None:
        """Let ``encoder`` look for what is nearest to ``sentence``, in what it encoded itself.

        Without a sentence, tell what is ``awaited``, or that one may be typed.
        """
        if not self.source:
            return
        self._wanted = None if sentence is None else (sentence, metric)
        self._awaited = awaited or NO_SENTENCE
        if encoder is None:
            self.cost.update(Content(NO_MODEL))
            return
        source = Source(self.source, self._column, encoder)
        if self._corpus.ask(source):
            self._load(source)
        elif self._corpus.found is not None:
            self._look(source)

    @work(group="corpus", exclusive=True)
    async def _load(self, source: Source) -> None:
        """Have the corpus encoded, and tell how far that is."""
        name = printable(source.encoder.model)
        self._search = Answer()
        self.bar.display = False
        self.cost.update(Content(f"reading it with {name}"))
        self._tell_awaited()

        def tell(stage: str, done: int, total: int | None) -> None:
            self.bar.display = True
            self.bar.update(total=total, progress=done)
            of = f" of {count(total)}" if total else ""
            self.cost.update(Content(f"{printable(stage)} {count(done)}{of} sentences with {name}"))

        try:
            facts = await source.encoder.load_corpus(source.name, source.column, tell)
        except UserError as error:
            self.bar.display = False
            self.cost.update(Content("not encoded"))
            self.found.update("")
            self.post_message(self.Complained(error.sentence))
            return
        if self._corpus.take(source, facts):
            self.bar.display = False
            self.cost.update(Content("   ".join(_cost_words(facts))))
            self.post_message(self.Complained(""))
            self._look(source)

    def _tell_awaited(self) -> None:
        waits = "the nearest sentences come once the corpus is encoded"
        words = self._awaited if self._wanted is None else waits
        self.found.update(Content.styled(words, MUTED))

    def _look(self, source: Source) -> None:
        if self._wanted is None:
            self._search = Answer()
            self.found.update(Content.styled(self._awaited, MUTED))
        elif self._search.ask(search := Search(source, *self._wanted)):
            self._find(search)

    @work(group="neighbours")
    async def _find(self, search: Search) -> None:
        """List the neighbours; a newer search replaces an older one, and what it found stays."""
        facts, begin = self._corpus.found, time.perf_counter()
        if facts is None:
            return
        encoder = search.corpus.encoder
        try:
            found = await encoder.neighbours(facts.key, search.sentence, NEIGHBOURS, search.metric)
        except Superseded:
            return
        except UserError as error:
            self._search = Answer()  # it may be tried again
            self.post_message(self.Complained(error.sentence))
            return
        if self._search.take(search, found):
            self._show(search, facts, found, time.perf_counter() - begin)

    def _show(
        self, search: Search, facts: CorpusFacts, neighbours: list[Neighbour], seconds: float
    ) -> None:
        """List ``neighbours``."""
        how = f"   {search.metric} by {printable(facts.model)} with {count(facts.rows)} rows in "
        head = Content.assemble(
            ("nearest to  ", MUTED),
            (printable(search.sentence), "bold"),
            (f"{how}{seconds * 1000:.0f} ms\n", MUTED),
        )
        scores = [neighbour.score for neighbour in neighbours]
        low, high = min(scores, default=0.0), max(scores, default=1.0)
        lines = [head]
        for neighbour in neighbours:
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
        self.found.update(Content("\n").join(lines))


def _cost_words(facts: CorpusFacts) -> list[str]:
    """What a corpus holds and what it cost."""
    parts = [f"{count(facts.rows)} rows"]
    if repeated := facts.rows - facts.distinct:
        parts.append(f"{count(repeated)} of them repeated")
    if facts.cut:
        parts.append(f"{CUT} {count(facts.cut)} longer than the model reads")
    return [*parts, f"{size(facts.disk)} on disk", f"encoded in {duration(facts.seconds)}"]

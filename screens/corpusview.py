"""The sentences of a corpus that are nearest to the one being typed."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import ProgressBar, Static

from stplay.encoder import CorpusFacts, Neighbour
from stplay.screens import ramp
from stplay.screens.ramp import FAINT, MUTED
from stplay.text import count, duration, printable, size

NEIGHBOURS = 50


class CorpusView(Vertical):
    """Tells how far a corpus is, then lists neighbours, the nearest first."""

    title = getters.query_one("#corpus-title", Static)
    cost = getters.query_one("#corpus-cost", Static)
    bar = getters.query_one(ProgressBar)
    found = getters.query_one("#neighbours", Static)

    def __init__(self) -> None:
        super().__init__(id="corpus")
        self.source = ""
        self.facts: CorpusFacts | None = None

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

    def begin(self, source: str) -> None:
        """Tell that the corpus ``source`` is being read and encoded."""
        self.source, self.facts = source, None
        self.title.update(Content.assemble(("corpus  ", MUTED), printable(source)))
        self.cost.update(Content("reading"))
        self.found.update("")

    def progress(self, stage: str, done: int, total: int | None) -> None:
        """Tell how far the encoding is."""
        self.bar.display = True
        self.bar.update(total=total, progress=done)
        of = f" of {count(total)}" if total else ""
        self.cost.update(Content(f"{stage} {count(done)}{of} sentences"))

    def finish(self, facts: CorpusFacts) -> None:
        """The corpus can be searched; tell what it cost."""
        self.facts = facts
        self.bar.display = False
        repeated = facts.rows - facts.distinct
        parts = [f"{count(facts.rows)} rows", f"{size(facts.disk)} on disk"]
        if repeated:
            parts.insert(1, f"{count(repeated)} of them repeated")
        parts.append(f"encoded in {duration(facts.seconds)}")
        self.cost.update(Content("   ".join(parts)))

    def fail(self) -> None:
        """The corpus could not be had."""
        self.facts = None
        self.bar.display = False
        self.cost.update(Content("not encoded"))

    def show(self, sentence: str, neighbours: list[Neighbour], metric: str, seconds: float) -> None:
        """List the ``neighbours`` of ``sentence``."""
        rows = self.facts.rows if self.facts else 0
        head = Content.assemble(
            ("nearest to  ", MUTED),
            (printable(sentence), "bold"),
            (f"   {metric} with {count(rows)} rows in {seconds * 1000:.0f} ms\n", MUTED),
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
                    (f"{count(neighbour.row + 1):>10}  ", FAINT),
                    printable(neighbour.text),
                )
            )
        self.found.update(Content("\n").join(lines))

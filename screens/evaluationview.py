"""A finished evaluation: the card's table, who is better, and the triplets judged wrong."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from textual import getters, on, work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from stplay import breakdown, card
from stplay.contest import Contender, contenders
from stplay.errors import UserError
from stplay.evaluations import Evaluation
from stplay.results import SIMILARITIES, EvaluatedSplit, Scores, Triplets
from stplay.screens.accuracytable import MOST_COLUMNS, AccuracyTable
from stplay.screens.breakdownview import BreakdownView
from stplay.screens.tripletlist import TripletList, header
from stplay.significance import compare
from stplay.text import count, duration, printable
from stplay.wrongtriplets import WrongTriplet, WrongTriplets


class Loaded(NamedTuple):
    """What was read and computed for one split and similarity."""

    triplets: Triplets
    scores: list[Scores]
    comparisons: list[str]
    histograms: list[list[breakdown.Bin]]
    lengths: list[breakdown.Group]
    sources: list[breakdown.Group]


class EvaluationView(Vertical):
    """Shows evaluations of the same rows: one, or several side by side."""

    table = getters.query_one("#accuracies", Static)
    triplets = getters.query_one(TripletList)

    class Changed(Message):
        """Other keys may work now."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluations: list[Evaluation] = []
        self.contenders: list[Contender] = []
        self.splits: Sequence[EvaluatedSplit] = ()
        self.split = ""
        self.similarity = SIMILARITIES[0]
        self.wrong: WrongTriplets | None = None
        self._shown = 0
        self._other: int | None = None
        self._text = ""
        self._loaded: Loaded | None = None

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
        yield BreakdownView()

    def on_mount(self) -> None:
        """Begin with the list."""
        self.query_one("#wrong-search").display = False
        self.query_one(BreakdownView).display = False

    def open(self, evaluations: Sequence[Evaluation]) -> None:
        """Show ``evaluations`` side by side.

        Raises:
            UserError: they did not judge the same rows, or one is damaged.
        """
        found = contenders(evaluations)
        self.evaluations, self.contenders = list(evaluations), found
        self.splits = found[0].summary.splits
        if self.split not in [split.split for split in self.splits]:
            self.split = self.splits[0].split
        self._shown, self._other, self._text = 0, None, ""
        self.query_one("#wrong-search", Input).value = ""
        self.query_one("#wrong-search").display = False
        self._load()
        self._paint()

    @property
    def shown(self) -> Contender | None:
        """The model whose wrong triplets are listed."""
        return self.contenders[self._shown] if self.contenders else None

    @property
    def several(self) -> bool:
        """Whether there is more than one model."""
        return len(self.contenders) > 1

    @work(thread=True, exclusive=True, group="load")
    def _load(self) -> None:
        chosen, split, similarity = list(self.contenders), self.split, self.similarity
        try:
            triplets = chosen[0].evaluation.triplets(split)
            scores = [contender.scores(split) for contender in chosen]
            rights = [each.right(similarity) for each in scores]
            pairs = combinations(range(len(chosen)), 2) if len(chosen) <= MOST_COLUMNS else []
            loaded = Loaded(
                triplets,
                scores,
                [
                    compare(rights[a], rights[b]).words(chosen[a].letter, chosen[b].letter)
                    for a, b in pairs
                ],
                [breakdown.histogram(each.margins(similarity)) for each in scores],
                breakdown.by_length(triplets.words, rights),
                breakdown.by_source(triplets.sources, rights),
            )
        except UserError as error:
            self.app.call_from_thread(self.notify, error.sentence, severity="error", markup=False)
            return
        self.app.call_from_thread(self._take, loaded, chosen, split, similarity)

    def _take(self, loaded: Loaded, chosen: list[Contender], split: str, similarity: str) -> None:
        if (chosen, split, similarity) != (self.contenders, self.split, self.similarity):
            return
        self._loaded = loaded
        self.query_one(BreakdownView).show(
            chosen, similarity, loaded.histograms, loaded.lengths, loaded.sources
        )
        self._list()
        self._paint()

    def _list(self) -> None:
        if self._loaded is None:
            return
        scores = self._loaded.scores
        self.wrong = WrongTriplets(
            self._loaded.triplets,
            scores[self._shown],
            self.similarity,
            None if self._other is None else scores[self._other],
            self._text,
        )
        self.triplets.show(self.wrong)

    def _paint(self) -> None:
        if not self.contenders:
            return
        self.query_one("#evaluated", Static).update(self._evaluated())
        width = self.size.width
        chosen = AccuracyTable(
            self.contenders,
            self.splits,
            self.split,
            f"{self.similarity}_accuracy",
            brief=self.screen.has_class("-short"),
        )
        self.table.update(chosen.content(width))
        self.query_one("#comparisons", Static).update(self._comparisons())
        self.query_one("#wrong-title", Static).update(self._wrong_title())
        self.query_one("#wrong-header", Static).update(header(width - 1))
        self.post_message(self.Changed())

    def on_resize(self) -> None:
        """Draw for the new width."""
        self._paint()

    def _evaluated(self) -> Content:
        summary = self.contenders[0].summary
        parts = []
        if len(self.contenders) <= MOST_COLUMNS:
            for contender in self.contenders:
                words = f"{contender.model.dimensions} dimensions"
                if contender.model.precision is not None:
                    words += f", {printable(contender.model.precision)}"
                words += ", untrained" if contender.model.untrained else ""
                parts += [
                    Content.assemble(
                        (contender.letter, "bold $primary"),
                        f" {printable(contender.model.name)} ",
                        (words, "dim"),
                    )
                ]
        else:
            parts.append(Content(f"{len(self.contenders)} models"))
        facts = [", ".join(each.id for each in self.evaluations), printable(summary.device)]
        if any(split.synthetic for split in self.splits):
            facts.append("synthetic data")
        if summary.truncate_dim:
            facts.append(f"first {count(summary.truncate_dim)} numbers")
        facts.append(f"✓ finished, {duration(summary.seconds)}")
        failed = [model for model in summary.models if model.error]
        lines = [Content("   ").join(parts), Content.styled("   ".join(facts), "dim")]
        lines += [Content.styled(f"✗ {printable(model.error or '')}", "$error") for model in failed]
        return Content("\n").join(lines)

    def _comparisons(self) -> Content:
        lines = []
        if self._loaded is not None:
            lines = [
                Content(f"{words}, by {self.similarity}") for words in self._loaded.comparisons
            ]
        split = next(split for split in self.splits if split.split == self.split)
        if card.published(split.data, split.split):
            lines.append(Content.styled(f"* {card.DOT_NOTE}", "dim"))
        return Content("\n").join(lines)

    def _wrong_title(self) -> Content:
        shown = self.contenders[self._shown]
        split = next(split for split in self.splits if split.split == self.split)
        if self.wrong is None:
            return Content("")
        what = f"{shown.letter} wrong"
        if self._other is not None:
            what += f", {self.contenders[self._other].letter} right"
        parts: list[Content] = [
            Content.styled(f"{what}: {count(len(self.wrong))}", "bold"),
            Content.styled(
                f" of {count(split.rows)} on {printable(split.label)}, by {self.similarity}",
                "dim",
            ),
        ]
        if self._text:
            parts.append(Content(f"   with “{printable(self._text)}”"))
        return Content("").join(parts)

    @on(TripletList.Highlighted)
    def _show_detail(self, event: TripletList.Highlighted) -> None:
        self.query_one("#wrong-detail", Static).update(self._detail(event.triplet))

    def _detail(self, triplet: WrongTriplet | None) -> Content:
        if triplet is None:
            nothing = "No triplet is judged wrong here." if not self._text else "Nothing found."
            return Content.styled(nothing, "dim")
        return Content("\n").join(
            [
                Content.assemble(
                    ("anchor   ", "bold"),
                    (f"{'row ' + count(triplet.row):>8} ", "dim"),
                    printable(triplet.anchor),
                ),
                Content.assemble(
                    ("positive ", "$success"),
                    f"{triplet.positive_similarity:>8.3f} ",
                    printable(triplet.positive),
                ),
                Content.assemble(
                    ("negative ", "$error"),
                    f"{triplet.negative_similarity:>8.3f} ",
                    printable(triplet.negative),
                ),
            ]
        )

    def next_similarity(self) -> None:
        """Judge by the next similarity."""
        place = SIMILARITIES.index(self.similarity)
        self.similarity = SIMILARITIES[(place + 1) % len(SIMILARITIES)]
        self._load()
        self._paint()

    def next_split(self) -> None:
        """Show the next split."""
        names = [split.split for split in self.splits]
        self.split = names[(names.index(self.split) + 1) % len(names)]
        self._load()
        self._paint()

    def next_model(self) -> None:
        """List what the next model judges wrong."""
        self._shown = (self._shown + 1) % len(self.contenders)
        self._other = None
        self._list()
        self._paint()

    def next_other(self) -> None:
        """List only what another model judges right, one after the other, then all again."""
        others = [place for place in range(len(self.contenders)) if place != self._shown]
        after = [place for place in others if self._other is None or place > self._other]
        self._other = after[0] if after else None
        self._list()
        self._paint()

    def search(self) -> None:
        """Ask for words."""
        self.show_list()
        entry = self.query_one("#wrong-search", Input)
        entry.display = True
        entry.focus()

    def end_search(self) -> None:
        """Search no more."""
        entry = self.query_one("#wrong-search", Input)
        entry.value = ""
        entry.display = False
        self.triplets.focus()

    @on(Input.Changed, "#wrong-search")
    def _search(self, event: Input.Changed) -> None:
        self._text = event.value.strip()
        self._list()
        self._paint()

    @on(Input.Submitted, "#wrong-search")
    def _search_done(self) -> None:
        self.triplets.focus()

    def toggle_breakdown(self) -> None:
        """Show where the models are right, or the list again."""
        parts = self.query_one(BreakdownView)
        if parts.display:
            self.show_list()
            return
        self._show_parts(parts=True)
        parts.focus()

    def show_list(self) -> None:
        """Show the list of wrong triplets."""
        self._show_parts(parts=False)
        self.triplets.focus()

    def _show_parts(self, *, parts: bool) -> None:
        self.query_one(BreakdownView).display = parts
        for name in ("#wrong-title", "#wrong-header", "#wrong-detail", "TripletList"):
            self.query_one(name).display = not parts
        if parts:
            self.query_one("#wrong-search").display = False

"""A finished evaluation: the card's table, who is better, and the triplets judged wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from stplay.errors import UserError
from stplay.evaluations import reference
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.results import EvaluatedSplit
from stplay.evaluations.sidebyside import Contender, contenders
from stplay.evaluations.wrongtriplets import WrongTriplet, WrongTriplets
from stplay.screens.evaluate import figures
from stplay.screens.evaluate.accuracytable import MOST_COLUMNS, AccuracyTable
from stplay.screens.evaluate.breakdownview import BreakdownView
from stplay.screens.evaluate.figures import Figures, Look, Wanted
from stplay.screens.evaluate.tripletlist import TripletList, header
from stplay.screens.shared.newest import Newest
from stplay.similarities import SIMILARITIES
from stplay.text import count, duration, printable

MOST_FAILED = 3

Found = Figures | UserError | None


class EvaluationView(Vertical):
    """Shows evaluations of the same rows: one, or several side by side."""

    table = getters.query_one("#accuracies", Static)
    triplets = getters.query_one(TripletList)

    class Changed(Message):
        """Other keys may work now."""

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
        look = Look(tuple(contenders(evaluations)), "")
        before = self.wanted.look if self.wanted is not None else look
        names = [split.split for split in look.splits]
        split = before.split if before.split in names else names[0]
        self.evaluations = list(evaluations)
        self._want(Wanted(look._replace(split=split, similarity=before.similarity)))
        self.query_one("#wrong-search", Input).value = ""
        self.query_one("#wrong-search").display = False

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
            self._paint_parts()
        self._list()

    async def _read(self, look: Look) -> Figures | UserError:
        return await asyncio.to_thread(figures.read, look)

    def _take(self, look: Look, found: Figures | UserError) -> None:
        self._paint_parts()
        self._list()

    def _list(self) -> None:
        wanted, found = self.wanted, self._figures.found
        self.wrong = None
        if wanted is not None and isinstance(found, Figures):
            self.wrong = found.wrong(wanted)
        self.triplets.show(self.wrong)
        self._paint()

    def _paint(self) -> None:
        wanted, found = self.wanted, self._figures.found
        if wanted is None:
            return
        look, width = wanted.look, self.size.width
        chosen = AccuracyTable(
            look.contenders,
            look.splits,
            look.split,
            f"{look.similarity}_accuracy",
            brief=self.screen.has_class("-short"),
        )
        for name, content in (
            ("#evaluated", evaluated(look.contenders, self.evaluations)),
            ("#accuracies", chosen.content(width)),
            ("#comparisons", comparisons(look, found)),
            ("#wrong-title", wrong_title(wanted, self.wrong)),
            ("#wrong-header", header(width - 1)),
        ):
            self.query_one(name, Static).update(content)
        self._paint_detail()
        self.post_message(self.Changed())

    def _paint_parts(self) -> None:
        if (look := self._figures.question) is not None:
            self.query_one(BreakdownView).show(look, self._figures.found)

    @on(TripletList.Highlighted)
    def _paint_detail(self) -> None:
        if self.wanted is not None:
            content = detail(self.wanted, self._figures.found, self.triplets.triplet)
            self.query_one("#wrong-detail", Static).update(content)

    def on_resize(self) -> None:
        """Draw for the new width."""
        self._paint()

    def next_similarity(self) -> None:
        """Judge by the next similarity."""
        if (wanted := self.wanted) is not None:
            place = SIMILARITIES.index(wanted.look.similarity) + 1
            look = wanted.look._replace(similarity=SIMILARITIES[place % len(SIMILARITIES)])
            self._want(wanted._replace(look=look))

    def next_split(self) -> None:
        """Show the next split."""
        if (wanted := self.wanted) is not None:
            names = [split.split for split in wanted.look.splits]
            place = names.index(wanted.look.split) + 1
            look = wanted.look._replace(split=names[place % len(names)])
            self._want(wanted._replace(look=look))

    def next_model(self) -> None:
        """List what the next model judges wrong."""
        if (wanted := self.wanted) is not None:
            shown = (wanted.shown + 1) % len(wanted.look.contenders)
            self._want(wanted._replace(shown=shown, other=None))

    def next_other(self) -> None:
        """List only what another model judges right, one after the other, then all again."""
        if (wanted := self.wanted) is not None:
            after = -1 if wanted.other is None else wanted.other
            others = range(after + 1, len(wanted.look.contenders))
            other = next((place for place in others if place != wanted.shown), None)
            self._want(wanted._replace(other=other))

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
        if self.wanted is not None:
            self._want(self.wanted._replace(text=event.input.value.strip()))

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


# What is painted is made of what it is given, and of nothing that may have changed meanwhile.


def evaluated(chosen: Sequence[Contender], evaluations: Sequence[Evaluation]) -> Content:
    """The models with their letters, where the figures are from, and which models failed."""
    summary = chosen[0].summary
    parts = []
    if len(chosen) <= MOST_COLUMNS:
        for contender in chosen:
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
        parts.append(Content(f"{len(chosen)} models"))
    facts = [", ".join(each.id for each in evaluations), printable(summary.device)]
    if any(split.synthetic for split in summary.splits):
        facts.append("synthetic data")
    if summary.truncate_dim:
        facts.append(f"first {count(summary.truncate_dim)} numbers")
    facts.append(f"✓ finished, {duration(summary.seconds)}")
    lines = [Content("   ").join(parts), Content.styled("   ".join(facts), "dim")]
    summaries = {contender.evaluation.id: contender.summary for contender in chosen}
    failed = [model for each in summaries.values() for model in each.models if model.error]
    lines += [
        Content.styled(f"✗ {printable(model.error or '')}", "$error")
        for model in failed[:MOST_FAILED]
    ]
    if more := len(failed[MOST_FAILED:]):
        lines.append(Content.styled(f"✗ and {count(more)} more models failed", "$error"))
    return Content("\n").join(lines)


def comparisons(look: Look, found: Found) -> Content:
    """Which of the models can be told apart."""
    lines = []
    if isinstance(found, Figures):
        lines = [Content(f"{words}, by {look.similarity}") for words in found.comparisons]
    elif found is None and 1 < len(look.contenders) <= MOST_COLUMNS:
        lines = [Content.styled("Comparing the models…", "dim")]
    if reference.published(look.rows.data, look.split):
        lines.append(Content.styled(f"* {reference.dot_note()}", "dim"))
    return Content("\n").join(lines)


def wrong_title(wanted: Wanted, wrong: WrongTriplets | None) -> Content:
    """What the list holds, and how many."""
    look, what = wanted.look, f"{wanted.contender.letter} wrong"
    if wanted.better is not None:
        what += f", {wanted.better.letter} right"
    number = count(len(wrong)) if wrong is not None else "…"
    parts: list[Content] = [
        Content.styled(f"{what}: {number}", "bold"),
        Content.styled(
            f" of {count(look.rows.rows)} on {printable(look.rows.label)}, by {look.similarity}",
            "dim",
        ),
    ]
    if wanted.text:
        parts.append(Content(f"   with “{printable(wanted.text)}”"))
    return Content("").join(parts)


def detail(wanted: Wanted, found: Found, triplet: WrongTriplet | None) -> Content:
    """The triplet under the cursor, or why there is none."""
    if isinstance(found, UserError):
        return Content.styled(f"✗ {found.sentence}", "$error")
    if found is None:
        label = printable(wanted.look.rows.label)
        return Content.styled(f"Reading the triplets and scores of {label}…", "dim")
    if triplet is None:
        return Content.styled(nothing_words(wanted), "dim")
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


def nothing_words(wanted: Wanted) -> str:
    """What an empty list means."""
    if wanted.text:
        return "Nothing found."
    if wanted.better is not None:
        return f"{wanted.better.letter} is right on none of those {wanted.contender.letter} is not."
    return "No triplet is judged wrong here."

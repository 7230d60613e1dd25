"""The evaluations made before, in a few lines each."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from textual import getters, on
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation
from stplay.screens.shared.dialog import Choice
from stplay.text import count, decimals, moment, printable

MOST_MODELS = 3
NONE_YET = (
    "None yet. Choose one model, or two to compare, and press Evaluate: the accuracies on dev and "
    "test come with their 95 % intervals, the triplets each model gets wrong, and whether the two "
    "can be told apart."
)


class EarlierEvaluations(Vertical):
    """Lists finished evaluations, to be seen again."""

    options = getters.query_one(OptionList)

    @dataclass
    class Reopened(Message):
        """The person wants to see a finished ``evaluation`` again."""

        evaluation: Evaluation

    def compose(self) -> ComposeResult:
        """The title and the list, which is being read."""
        yield Static("Earlier evaluations", classes="title")
        reading = Option(Content.styled("reading…", "dim"), disabled=True)
        yield OptionList(reading, id="earlier-list", compact=True)

    def show(self, words: dict[str, Content]) -> None:
        """List evaluations by their names, with their ``words``; or tell what will be here."""
        self.options.clear_options()
        options = [Option(lines, id=name) for name, lines in words.items()]
        none = Option(Content.styled(NONE_YET, "dim"), disabled=True)
        self.options.add_options(options or [none])

    @on(OptionList.OptionSelected)
    def _reopen(self, event: OptionList.OptionSelected) -> None:
        if event.option.id is None:
            return
        try:
            self.post_message(self.Reopened(Evaluation.find(event.option.id)))
        except UserError as error:  # removed meanwhile
            self.notify(error.sentence, severity="error", markup=False)


def earlier(most: int | None = None) -> dict[str, Content]:
    """The newest finished evaluations in a few lines each, by their names; a damaged one is not."""
    found = {}
    for evaluation in Evaluation.every()[:most]:
        with suppress(UserError):
            found[evaluation.id] = earlier_words(evaluation)
    return found


def earlier_words(evaluation: Evaluation) -> Content:
    """A finished evaluation in a few lines.

    Raises:
        UserError: its summary is damaged.
    """
    summary = evaluation.summary()
    lines = [Content.assemble((evaluation.id, "bold"), (f"  {moment(summary.created)}", "dim"))]
    for model in summary.rated()[:MOST_MODELS]:
        figures = []
        for split in summary.splits:
            if result := summary.result(model.name, split.split):
                value = decimals(result.accuracies["max_accuracy"].value, 3)
                figures.append(f"{printable(split.split)} {value}")
        lines.append(Content.assemble(f"  {printable(model.name)}  ", (", ".join(figures), "dim")))
    if more := len(summary.rated()[MOST_MODELS:]):
        lines.append(Content.styled(f"  and {count(more)} more", "dim"))
    return Content("\n").join(lines)


async def choose_earlier(app: App[None], title: str) -> Evaluation | None:
    """Let a person choose among all finished evaluations."""
    options = await asyncio.to_thread(earlier)
    if not options:
        app.notify("There are no finished evaluations yet.")
        return None
    chosen = await app.push_screen_wait(Choice(title, options))
    try:
        return Evaluation.find(chosen) if chosen is not None else None
    except UserError as error:  # removed meanwhile
        app.notify(error.sentence, severity="error", markup=False)
        return None

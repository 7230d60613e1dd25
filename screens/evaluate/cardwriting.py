"""Writing figures into the models' own cards, by a process, once a person has confirmed it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App

from stplay.errors import UserError
from stplay.evaluations import writtencards
from stplay.evaluations.evaluation import Evaluation
from stplay.screens.shared.dialog import Question
from stplay.text import printable


async def write_cards(
    app: App[None], evaluations: Sequence[Evaluation], models: Sequence[str]
) -> None:
    """Write the figures of ``evaluations`` into the cards of ``models``, once confirmed."""
    question = Question(
        "Write these figures into the model cards (README.md) of "
        f"{', '.join(map(printable, models))}?",
        yes="Write them",
        no="Leave them",
    )
    if not await app.push_screen_wait(question):
        return
    for evaluation in evaluations:
        try:
            sentences = await writtencards.write(evaluation.folder)
        except UserError as error:
            app.notify(error.sentence, severity="error", markup=False)
            continue
        for sentence in sentences:
            app.notify(printable(sentence), markup=False)

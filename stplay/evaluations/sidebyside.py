"""Models side by side on the same triplets, of one evaluation or of several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.results import Accuracy, EvaluatedModel, EvaluatedSplit, Scores, Summary
from stplay.sources.names import RunName
from stplay.text import count, printable, whole_number


class Contender(NamedTuple):
    """A model of an evaluation, and the letter it goes by."""

    letter: str
    evaluation: Evaluation
    summary: Summary
    model: EvaluatedModel

    def accuracy(self, split: str, metric: str) -> Accuracy | None:
        """Its accuracy on ``split`` under ``metric``."""
        result = self.summary.result(self.model.name, split)
        return result.accuracies[metric] if result else None

    def scores(self, split: str) -> Scores:
        """The scores it gave the triplets of ``split``.

        Raises:
            UserError: the file is damaged or gone.
        """
        return self.evaluation.scores(self.model.name, split)

    @property
    def run(self) -> str | None:
        """The run it comes from, where it does."""
        name = RunName.of(self.model.name)
        return name.run if name else None

    @property
    def step(self) -> int | None:
        """The step of its checkpoint, where it is one."""
        name = RunName.of(self.model.name)
        return whole_number(name.step) if name and name.step else None


def contenders(evaluations: Sequence[Evaluation]) -> list[Contender]:
    """The models of ``evaluations`` that have figures, lettered in order.

    Raises:
        UserError: they did not evaluate the same rows, or one is damaged.
    """
    summaries = [(evaluation, evaluation.summary()) for evaluation in evaluations]
    for evaluation, summary in summaries[1:]:
        _check_rows(*summaries[0], evaluation, summary)
    models = [
        (evaluation, summary, model)
        for evaluation, summary in summaries
        for model in summary.rated()
    ]
    return [Contender(letter(number), *model) for number, model in enumerate(models)]


def letter(number: int) -> str:
    """The letter of a number: A, B to Z, then AA, AB and so on."""
    first = letter(number // 26 - 1) if number >= 26 else ""
    return first + chr(ord("A") + number % 26)


def _check_rows(here: Evaluation, ours: Summary, there: Evaluation, theirs: Summary) -> None:
    known = {split.split: split for split in theirs.splits}
    for split in ours.splits:
        other = known.get(split.split)
        if other is None or other.fingerprint != split.fingerprint:
            raise UserError(
                f"{there.id} cannot stand beside {here.id}: it judged "
                f"{_rows(split, other)}; only equal triplets can be compared."
            )


def _rows(split: EvaluatedSplit, other: EvaluatedSplit | None) -> str:
    label = printable(split.label)
    if other is None:
        return f"no {label}"
    if other.rows != split.rows:
        return f"{count(other.rows)} triplets of {printable(other.label)}, not {count(split.rows)}"
    return f"other triplets of {printable(other.label)}"

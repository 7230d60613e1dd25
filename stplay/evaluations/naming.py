"""The evaluations that name a run's models, for whoever gives the run another name."""

from __future__ import annotations

from contextlib import suppress

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation
from stplay.sources.names import RunName
from stplay.text import printable

MOST_NAMED = 5


def naming_words(run_id: str) -> str:
    """What keeps calling a run ``run_id``, in one sentence; nothing where nothing does."""
    ids = [each.id for each in Evaluation.every() if _names(each, run_id)]
    if not ids:
        return ""
    named = ", ".join(map(printable, ids[:MOST_NAMED]))
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return f"What was evaluated before is still told of {RunName(run_id)}: {named}{more}."


def _names(evaluation: Evaluation, run_id: str) -> bool:
    with suppress(UserError):
        names = (RunName.of(model.name) for model in evaluation.summary().models)
        return any(name is not None and name.run == run_id for name in names)
    return False

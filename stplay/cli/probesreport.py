"""How alike a run found its probe sentences at one of its evaluations, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.errors import UserError

if TYPE_CHECKING:
    from stplay.runs.run import Run

MOST_LISTED = 12


def show(run: Run, step: int | None, form: output.Form) -> None:
    """Print the cosines of the probe sentences of ``run`` after ``step``, or after its newest.

    Raises:
        UserError: they were not encoded then, or never; tells when they were, or why.
    """
    from stplay.cli.matrixtable import matrix_table, shortened
    from stplay.encoding import exports
    from stplay.encoding.probelog import ProbeLog
    from stplay.sources.names import RunName
    from stplay.text import count

    log = ProbeLog()
    run.fold_into(log)
    if not log.matrices:
        raise UserError(f"{run.title} has no probe sentences to show. {log.absence}")
    chosen = max(log.matrices) if step is None else step
    if chosen not in log.matrices:
        steps = [*map(count, log.matrices)]
        listed = ", ".join(steps if len(steps) <= MOST_LISTED else [*steps[:3], "…", steps[-1]])
        raise UserError(f"The probe sentences of {run.id} were encoded after the steps {listed}.")
    matrix = log.matrices[chosen]
    if form == "json":
        facts = {"step": chosen, "epoch": matrix.epoch}
        name = str(RunName(run.id))
        line = exports.json(name, "cosine", matrix.sentences, matrix.cosines, facts)
        output.Data(form).write(f"{line}\n")
    elif form == "csv":
        output.Data(form).write(exports.csv(matrix.sentences, matrix.cosines))
    else:
        output.say(f"After step {count(chosen)}, the cosine of each two:")
        output.say(matrix_table([*map(shortened, matrix.sentences)], matrix.cosines).rstrip())

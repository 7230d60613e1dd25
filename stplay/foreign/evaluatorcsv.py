"""What an evaluator of sentence-transformers wrote into its CSV: a row an evaluation."""

from __future__ import annotations

import csv
import io

from stplay.errors import UserError
from stplay.foreign.cells import epoch_of, name_of, number, step_of, told
from stplay.foreign.segments import MeasuredRow


def is_evaluator_csv(head: str) -> bool:
    """Whether a text that begins so is an evaluator's."""
    first = head.lstrip("\ufeff").partition("\n")[0].strip().casefold()
    return first.startswith(("epoch,steps,", "epoch,step,"))


def csv_rows(text: str, shown: str, prefix: str = "") -> list[MeasuredRow]:
    """The rows of ``text``; ``prefix`` goes before the names of its columns.

    Raises:
        UserError: it is no evaluator's.
    """
    if not is_evaluator_csv(text):
        raise UserError(f"{shown} does not begin with epoch,steps, as evaluators' CSV files do.")
    rows = []
    reader = csv.reader(io.StringIO(text.replace("\0", ""), newline=""))
    try:
        head = [f"{prefix}{name_of(name)}" for name in next(reader)[2:]]
        for cells in reader:
            step = step_of(cells[1]) if len(cells) > 1 else None
            if step is None:
                continue  # a line that is being written, or the head of another run's
            values = {
                name: told(value)
                for name, cell in zip(head, cells[2:], strict=False)
                if (value := number(cell)) is not None
            }
            rows.append(MeasuredRow(step, epoch_of(cells[0]), values))
    except csv.Error as error:
        raise UserError(f"{shown} is no CSV that can be read: {error}.") from None
    return rows


def stem_of(name: str) -> str:
    """What an evaluator's file measures, without what all such names share."""
    return name_of(name.removesuffix(".csv").removesuffix("_results").removesuffix("_evaluation"))

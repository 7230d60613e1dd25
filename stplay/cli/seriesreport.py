"""A run's series printed: every value, for programs, or what there is of each, for people."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

from stplay.cli import output, overviewreport

if TYPE_CHECKING:
    from rich.table import Table

    from stplay.runs.run import Run
    from stplay.runs.series import SeriesLog

COLUMNS = ("series", "segment", "step", "epoch", "time", "value")
NOT_FINITE = "nan"
MOST_WHOLE = 1e15


def show(run: Run, form: output.Form) -> None:
    """Print the series of ``run``."""
    from stplay.runs.series import SeriesLog

    log = SeriesLog()
    run.fold_into(log)
    if form == "table":
        overviewreport.show(run)
        output.show(_table(log))
        return
    data = output.Data(form)
    table = csv.writer(data, lineterminator="\n")
    if form == "csv":
        table.writerow(COLUMNS)
    for name in log.names():
        for point in log[name]:
            value = point.value if math.isfinite(point.value) else None
            epoch = point.epoch if math.isfinite(point.epoch) else None
            cells = name, point.segment, point.step, epoch, point.time, value
            if form == "json":
                data.write(output.json_line(dict(zip(COLUMNS, cells, strict=True))))
            else:
                table.writerow((*cells[:-1], NOT_FINITE if value is None else value))


def _table(log: SeriesLog) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from stplay.text import count, printable

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Series")
    for name in ("values", "first step", "last step", "least", "most", "last"):
        table.add_column(name, justify="right")
    for name in log.names():
        points = [*log[name]]
        if not points:  # a resume has taken the place of all
            continue
        figures = [point.value for point in points if math.isfinite(point.value)]
        ends = (min(figures), max(figures), points[-1].value) if figures else (None, None, None)
        table.add_row(
            Text(printable(name)),
            *map(count, (len(points), points[0].step, points[-1].step)),
            *map(_figure, ends),
        )
    return table


def _figure(value: float | None) -> str:
    """``value`` in four digits, or all that stand before its point."""
    if value is None:
        return "-"
    if not math.isfinite(value):
        return "not finite"
    return f"{value:,.0f}" if 10_000 <= abs(value) < MOST_WHOLE else f"{value:.4g}"

"""The series of a run, printed by the real command."""

from __future__ import annotations

import csv
import io
import json

from conftest import Command
from mistakes import assert_mistake
from samplerun import finished_run

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import MetricsLogged, TrainLogged


def test_every_value_of_a_run(stplay: Command) -> None:
    writer = EventWriter(finished_run().events_path)
    writer.write(TrainLogged(time=20.0, step=400, epoch=1.25, loss=None, learning_rate=0.0))
    writer.write(MetricsLogged(time=21.0, step=7, values={"a,\x1b[31m": 0.5}, segment=1))
    writer.close()
    done = stplay("runs", "done", "--csv")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = csv.reader(io.StringIO(done.stdout))
    assert header == ["series", "segment", "step", "epoch", "time", "value"]
    losses = [row[1:] for row in rows if row[0] == "train/loss"]
    assert losses[0] == ["0", "100", "0.3333333333333333", "11.0", "3.0"]
    assert losses[-1] == ["0", "400", "1.25", "20.0", "nan"], "it was not finite"
    assert rows[-1] == ["a,\x1b[31m", "1", "7", "", "21.0", "0.5"]
    told = [json.loads(line) for line in stplay("runs", "done", "--json").stdout.splitlines()]
    assert [[*each] for each in told] == [header] * len(rows)
    assert [each["series"] for each in told] == [row[0] for row in rows]
    assert [each["value"] for each in told if each["series"] == "train/loss"][-1] is None
    assert told[-1]["epoch"] is None


def test_what_there_is_of_each_series(stplay: Command) -> None:
    finished_run()
    done = stplay("runs", "done")
    lines = {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines() if "/" in line}
    assert lines["train/loss"] == ["3", "100", "300", "1", "3", "1"]
    assert lines["system/memory_bytes"] == ["1", "300", "300", *["1,073,741,824"] * 3]


def test_the_csv_is_of_one_run(stplay: Command) -> None:
    assert_mistake(stplay("runs", "--csv"), "name it, as in: stplay runs RUN --csv")
    assert_mistake(stplay("runs", "none", "--csv"), "no run 'none'")

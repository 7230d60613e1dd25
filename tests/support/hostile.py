"""Every command with hostile text in all that it shows: ``python hostile.py``.

It makes a home of its own whose very path is hostile. What processes of the engine would have told
is put in their place, as hostile as the rest.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import tempfile
import threading
from pathlib import Path

import msgspec

OSC, C1, OVERRIDE, FLOOD = "\x1b]52;c;aGk=\x07", "\x9b31m", "\u202e", "e" + "\u0301" * 40
TEXT = f"evil {OSC}{C1}{OVERRIDE}\u2028\u200b\x7f\x08{FLOOD}"

MARK = "@@ command"

# A command may stand here several times; every command of the parser has to.
COMMANDS: list[tuple[str, ...]] = [
    (TEXT,),
    ("runs", TEXT),
    ("runs",),
    ("runs", "--json"),
    ("train", TEXT),
    ("train", "sample", "--set", TEXT),
    ("train", "sample", "--set", f"model.base={TEXT}"),
    ("train", "sample", "--name", TEXT),
    ("train", "sample", "--name", "shown"),
    ("train", "sample", "--name", "events", "--json"),
    ("train", "sample", "--name", "detached", "--detach", "--json"),
    ("resume", TEXT),
    ("resume", "detached"),
    ("resume", "detached", "--json"),
    ("stop", TEXT),
    ("watch", TEXT),
    ("watch", f"{TEXT}:shown"),
    ("watch", "shown", "--once"),
    ("events", TEXT),
    ("events", "shown", "--from", TEXT),
    ("stop", "detached"),
    ("runs", "--filter", f"{TEXT}>1"),
    ("runs", "--filter", f"dev>{TEXT}"),
    ("runs", "--sort", TEXT),
    ("compare", TEXT, TEXT),
    ("compare", "detached", "shown"),
    ("compare", "detached", "shown", "--json"),
    ("note", TEXT),
    ("note", "detached", TEXT),
    ("rename", TEXT, "another"),
    ("rename", "detached", TEXT),
    ("checkpoint", TEXT),
    ("checkpoint", "detached"),
    ("evaluate-now", TEXT),
    ("machine", "--once"),
    ("machine", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("delete", TEXT),
    ("delete", "--yes", "detached", "shown", TEXT),
    ("plan", TEXT),
    ("plan", "sample"),
    ("plan", "sample", "--json"),
    ("recipe", TEXT),
    ("recipe", "sample", "--set", f"model.base={TEXT}"),
    ("recipe", "sample", "--set", f"model.base={TEXT}", "--fields"),
    ("recipe", "sample", "--set", f"model.base={TEXT}", "--json"),
    ("recipe", "--fields", TEXT),
    ("recipe", "--save", f"/nowhere/{TEXT}"),
    ("eval", TEXT),
    ("eval", "builtin:tiny", "--data", TEXT),
    ("eval", "builtin:tiny", "--limit", TEXT),
    ("eval", "builtin:tiny", "--data", "builtin:sample"),
    ("eval", "builtin:tiny", "--data", "builtin:sample", "--json"),
    ("evaluations",),
    ("evaluations", "--json"),
    ("evaluations", TEXT),
    ("evaluations", f"found {TEXT}"),
    ("evaluations", f"found {TEXT}", "--json"),
    ("wrong", TEXT),
    ("wrong", f"found {TEXT}"),
    ("wrong", f"found {TEXT}", "--format", "csv"),
    ("wrong", f"found {TEXT}", "--model", TEXT, "--split", TEXT),
    ("explore", TEXT),
    ("explore", "--model", TEXT),
    ("sim", TEXT),
    ("sim", "a", "b", "--model", TEXT),
    ("sim", "--file", TEXT),
    ("sim", "a", "--against", "b", "--model", TEXT),
    ("serve", "--listen", TEXT),
    ("serve", "--certificate", TEXT),
    ("encoders",),
    ("encoders", "--stop"),
    ("corpora",),
    ("corpora", "--remove", TEXT),
    ("corpora", "--clear"),
]


def commands_there() -> set[str]:
    """The names of all commands of the command line."""
    from stplay.cli import main as cli

    (subparsers,) = (
        action for action in cli.parser()._actions if isinstance(action, argparse._SubParsersAction)
    )
    return set(subparsers.choices)


def main() -> None:
    """Run the commands, each after a mark on both outputs."""
    home = Path(tempfile.mkdtemp()) / f"home {TEXT}"
    home.mkdir()
    os.environ["STPLAY_HOME"] = str(home)
    from stplay.cli import main as cli
    from stplay.doctor import torchcheck
    from stplay.doctor.finding import finding
    from stplay.evaluations.evaluation import Evaluation
    from stplay.runs import plans
    from stplay.runs.run import Run

    write_evaluation()
    write_corpus()
    threading.Thread(target=greet, args=(listen(),), daemon=True).start()
    for place, name, stand_in in (
        (Run, "launch", told),
        (Evaluation, "launch", evaluated),
        (plans, "make", lambda recipe, tell: planned(tell)),
        (torchcheck, "findings", lambda: [finding("torch", TEXT, "problem", TEXT, TEXT)]),
    ):
        setattr(place, name, stand_in)
    for number, arguments in enumerate(COMMANDS):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            stream.write(f"{MARK} {number}\n")
            stream.flush()
        try:
            code = cli.main(arguments)
        except SystemExit as end:
            code = end.code
        sys.stderr.write(f"{MARK} ended with {code}\n")


def events():
    """What a training process could have told."""
    from stplay.jobs.events import (
        ControlAnswered,
        ControlAsked,
        Noted,
        RunFinished,
        RunStarted,
        StageProgressed,
        WorkerStarted,
    )

    yield WorkerStarted(host=TEXT, pid=1, process_started=1.0)
    yield StageProgressed(stage=TEXT, done=1, total=2, unit=TEXT)
    yield RunStarted(
        recipe={},
        base=TEXT,
        device=TEXT,
        precision=TEXT,
        versions={},
        rows={"train": 1},
        total_steps=1,
        parameters=1,
    )
    yield Noted(level="warning", text=TEXT)
    yield ControlAsked(control="checkpoint", by=TEXT)
    yield ControlAnswered(control="checkpoint", step=1, refusal=TEXT)
    yield RunFinished(outcome="failed", exit_code=1, error=TEXT, details=TEXT)


def told(run, stop_asked):
    from stplay.jobs.eventlog import EventWriter
    from stplay.jobs.follower import Follower

    writer = EventWriter(run.events_path)
    for event in events():
        writer.write(event)
    writer.close()
    with run.events_path.open("ab") as file:
        file.write(f'{{"type": "Newer", "text": "{TEXT[-30:]}"}}\n{OSC}\n'.encode())
    return Follower(run)


def planned(tell):
    from stplay.jobs.events import Engine, StageProgressed
    from stplay.runs.plans import Plan

    tell(StageProgressed(stage=TEXT))
    return Plan(
        base=TEXT,
        device=TEXT,
        precision=TEXT,
        triplets=1,
        batch_size=1,
        steps=1,
        free_bytes=1,
        engine=Engine(name="stock", why=TEXT),
    )


def evaluated(evaluation, stop_asked):
    from stplay.jobs.eventlog import EventWriter
    from stplay.jobs.events import Noted, RunFinished, StageProgressed
    from stplay.jobs.follower import Follower

    evaluation.summary_path.write_bytes(msgspec.json.encode(summary()))
    writer = EventWriter(evaluation.events_path)
    writer.write(StageProgressed(stage=TEXT, done=1, total=2, unit=TEXT))
    writer.write(Noted(level="warning", text=TEXT))
    writer.write(RunFinished(outcome="completed", exit_code=0))
    writer.close()
    return Follower(evaluation)


def summary():
    """What an evaluation could have found."""
    from stplay.evaluations.results import (
        METRICS,
        Accuracy,
        EvaluatedModel,
        EvaluatedSplit,
        Result,
        Summary,
    )

    return Summary(
        models=[EvaluatedModel(TEXT, dimensions=2), EvaluatedModel(f"2 {TEXT}", error=TEXT)],
        splits=[EvaluatedSplit(TEXT, TEXT, TEXT, 2, 0, 0, TEXT)],
        results=[Result(TEXT, TEXT, dict.fromkeys(METRICS, Accuracy(1, 0.5, 0.25, 0.75)))],
        device=TEXT,
        precision=TEXT,
        versions={},
        created=1e9,
        seconds=1.0,
    )


def write_evaluation() -> None:
    import pyarrow
    from pyarrow import parquet

    from stplay import home
    from stplay.evaluations.evaluation import Evaluation
    from stplay.evaluations.results import SCORE_COLUMNS

    folder = home.evaluations_folder() / f"found {TEXT}"
    folder.mkdir(parents=True)
    evaluation = Evaluation(folder)
    evaluation.summary_path.write_bytes(msgspec.json.encode(summary()))
    sentences = [TEXT, f"a\r\nb, {TEXT}"]
    columns = dict.fromkeys(("anchor", "positive", "negative"), sentences)
    parquet.write_table(
        pyarrow.table({**columns, "row": [1, 2], "source": sentences}), evaluation.triplets_path(0)
    )
    scores = {name: pyarrow.array([0.5, 0.5], "float32") for name in SCORE_COLUMNS}
    parquet.write_table(pyarrow.table(scores), evaluation.scores_path(0, 0))


def write_corpus() -> None:
    from stplay import home
    from stplay.encoding.protocol import CorpusFacts

    key = "0123456789abcdef" * 2
    folder = home.cache_folder() / "corpora" / key
    folder.mkdir(parents=True)
    facts = CorpusFacts(key, 1, 1, 1.0, 1, TEXT, TEXT)
    (folder / "facts.json").write_bytes(msgspec.json.encode(facts))


def listen() -> socket.socket:
    from stplay.encoding import encoders

    server = socket.socket(socket.AF_UNIX)
    server.bind(str(encoders.socket_folder() / "hostile.sock"))
    server.listen()
    return server


def greet(server: socket.socket) -> None:
    """Be an encoding process for as long as it takes to say so."""
    from stplay.encoding import protocol

    said: list[bytes] = []

    class Writer:
        write = staticmethod(said.append)

    protocol.write(Writer(), protocol.Greeting(protocol.PROTOCOL, TEXT, TEXT, TEXT, 1, 0, 1.0))  # type: ignore[arg-type]
    while True:
        with server.accept()[0] as client:
            client.sendall(said[0])
            client.recv(1 << 10)


if __name__ == "__main__":
    main()

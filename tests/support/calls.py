"""Calls of the engine in a process of their own, which knows only the stand-in for the Hub."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

from hubstandin import Hub, hub_environment

DRIVER = """
from stplay.engine.worker.libraries import quiet_libraries
quiet_libraries()  # before the libraries are imported, as the workers do
import json, sys, time
import msgspec
from pathlib import Path
from stplay.engine.data import hub
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventReader, EventWriter

def split(stages, name, split="train", rows=None):
    from stplay.engine.data.triplets import load_split
    found = load_split(name, split, rows, stages)
    return {"rows": found.triplets.to_list(), "skipped": found.skipped}

def first(stages, name, rows=None, shown=3):
    from stplay.engine.data.triplets import first_rows
    return msgspec.structs.asdict(first_rows(name, rows, shown, stages))

def folder(stages, name, allow_pickle=False):
    from stplay.sources.modelsources import model_source
    folder, commit = hub.model_folder(model_source(name), allow_pickle, stages)
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {"files": sorted(str(path.relative_to(folder)) for path in paths), "commit": commit}

def model(stages, name, **settings):
    from datasets import Dataset
    from stplay.runs import recipe
    from stplay.engine.data.triplets import COLUMNS, Split
    from stplay.engine.models.basemodel import load_model
    rows = Dataset.from_dict({column: ["A cat sleeps."] for column in COLUMNS})
    train = Split("some-train", rows, 0, True)
    found = load_model(recipe.ModelSection(base=name, **settings), train, None, stages)
    saved = log.with_name("saved")
    found.model.save_pretrained(str(saved))
    return {
        "name": found.name,
        "vector": found.model.encode("A cat sleeps.").tolist(),
        "modules": [type(module).__name__ for module in found.model],
        "card": (saved / "README.md").read_text(),
        "files": sorted(path.name for path in saved.iterdir()),
    }

CALLS = {"split": split, "first": first, "folder": folder, "model": model}
slept = 0.0
def sleep(seconds, really=time.sleep):
    global slept
    slept += seconds
    really(seconds)
time.sleep = sleep  # the libraries' pause before they try again
log = Path(sys.argv[1])
for line in sys.stdin:
    call, name, options = json.loads(line)
    hub._repository.cache_clear()  # as if each call had a process of its own
    log.unlink(missing_ok=True)
    answer = {"error": None}
    slept = 0.0
    try:
        answer |= CALLS[call](Stages(EventWriter(log), seconds=0), name, **options)
    except UserError as error:
        answer["error"] = error.sentence
    except OSError as error:
        answer |= {"error": repr(error), "errno": error.errno}
    answer["slept"] = slept
    events = EventReader(log).read()
    answer["stages"] = [[e.stage, e.done, e.total, e.unit] for e in events]
    print(json.dumps(answer), flush=True)
"""


class Stage(NamedTuple):
    stage: str
    done: int
    total: int | None
    unit: str


class Answer:
    """What a call gave."""

    def __init__(self, fields: dict[str, Any]) -> None:
        self.fields = fields
        self.error: str | None = fields["error"]
        self.slept: float = fields["slept"]  # seconds, however busy the machine is
        self.stages = [Stage(*stage) for stage in fields["stages"]]

    def __getitem__(self, name: str) -> Any:
        assert self.error is None, self.error
        return self.fields[name]

    @property
    def told(self) -> str:
        """The one sentence of a call that must not succeed."""
        assert self.error is not None
        return self.error


class Engine(AbstractContextManager["Engine"]):
    """A process of the engine whose caches of the Hub are in ``home``."""

    def __init__(
        self, hub: Hub, home: Path, prefix: Sequence[str] = (), **environment: str
    ) -> None:
        self.sent = 0
        self.answers: list[Answer] = []
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", DRIVER, str(home / "events.jsonl")],
            env=hub_environment(hub, home) | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __exit__(self, *error: object) -> None:
        self.process.communicate(timeout=60)

    def call(self, call: str, name: str, **options: object) -> Answer:
        """The answer of one call."""
        return self.answer(self.send(call, name, **options))

    def send(self, call: str, name: str, **options: object) -> int:
        """Begin a call; its number is what to ask for its ``answer`` with, at any time later."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([call, name, options]) + "\n")
        self.process.stdin.flush()
        self.sent += 1
        return self.sent - 1

    def answer(self, number: int) -> Answer:
        """The answer of the call with this number."""
        assert self.process.stdout is not None
        while len(self.answers) <= number:
            line = self.process.stdout.readline()
            assert line, f"the process ended with {self.process.wait()}"
            self.answers.append(Answer(json.loads(line)))
        return self.answers[number]

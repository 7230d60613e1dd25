"""The user interface loads no torch, and imports run one way only."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import ROOT

HEAVY = {"torch", "transformers", "sentence_transformers", "datasets"}


def imported(*arguments: str) -> set[str]:
    """The top-level modules that ``python -m stplay`` imports when it is run with ``arguments``."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stplay", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(re.findall(r"^import time:.*\| +(\w+)", done.stderr, re.MULTILINE))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("runs",),
        ("sim", "a", "b", "--model", "./there/is/none"),
        ("encoders",),
        ("corpora",),
        ("train", "sample", "--set", "model.base=./there/is/none"),
        ("train", "all-nli", "--name", "../unfit"),
    ],
)
def test_a_command_loads_neither_torch_nor_textual(home: Path, arguments: tuple[str, ...]):
    found = imported(*arguments)
    assert "stplay" in found, "nothing was measured"
    assert found & (HEAVY | {"textual"}) == set()


def test_the_app_and_the_core_load_no_torch():
    code = f"""
import json, pkgutil, sys
import stplay, stplay.screens.app
for module in pkgutil.walk_packages(stplay.__path__, "stplay."):
    if not module.name.startswith(("stplay.engine", "stplay.__main__")):
        __import__(module.name)
print(json.dumps([
    sorted(set(sys.modules) & {HEAVY!r}),
    sorted(name for name in sys.modules if name.startswith("stplay.")),
]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    heavy, ours = json.loads(done.stdout)
    assert heavy == []
    assert {"stplay.screens.app", "stplay.runs.recipe", "stplay.cli.trainingview"} <= set(ours)


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of pyproject.toml for the package in ``folder``."""
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the package and its contracts, to break."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "stplay", tmp_path / "stplay", ignore=shutil.ignore_patterns("*.pyc"))
    return tmp_path


def test_the_contracts_are_kept(copy: Path):
    done = lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


# What is added to a file, and the arrow that must be found there.
VIOLATIONS = [
    ("home.py", "import stplay.cli.main", "stplay.home -> stplay.cli.main"),
    ("text.py", "import stplay.screens.app", "stplay.text -> stplay.screens.app"),
    (
        "runs/recipe.py",
        "from stplay.engine.worker import stages",
        "stplay.runs.recipe -> stplay.engine.worker.stages",
    ),
    (
        "screens/app.py",
        "import stplay.engine.worker.stages",
        "stplay.screens.app -> stplay.engine.worker.stages",
    ),
    (
        "engine/worker/stages.py",
        "import stplay.screens",
        "stplay.engine.worker.stages -> stplay.screens",
    ),
    (
        "cli/main.py",
        "def later(): import stplay.engine.worker.stages",
        "stplay.cli.main -> stplay.engine.worker.stages",
    ),
    ("cli/main.py", "def later(): import torch.nn", "stplay.cli.main -> torch"),
    (
        "screens/train/runview.py",
        "import transformers",
        "stplay.screens.train.runview -> transformers",
    ),
    (
        "sources/names.py",
        "import sentence_transformers",
        "stplay.sources.names -> sentence_transformers",
    ),
    ("errors.py", "def later(): from datasets import Dataset", "stplay.errors -> datasets"),
    ("runs/plans.py", "import textual", "stplay.runs.plans -> textual"),
    ("jobs/job.py", "import stplay.runs.run", "stplay.jobs.job -> stplay.runs.run"),
    (
        "engine/packed/packing.py",
        "import stplay.engine.training.loss",
        "stplay.engine.packed.packing -> stplay.engine.training.loss",
    ),
    (
        "screens/explore/matrixpane.py",
        "import stplay.screens.train.runview",
        "stplay.screens.explore.matrixpane -> stplay.screens.train.runview",
    ),
    ("homeless.py", "import os", "- stplay.homeless"),
]


def test_the_contracts_catch_every_wrong_import(copy: Path):
    for importer, imports, _ in VIOLATIONS:
        with (copy / "stplay" / importer).open("a", encoding="utf-8") as file:
            file.write(f"\n{imports}\n")
    done = lint_imports(copy)
    assert done.returncode == 1, done.stdout
    assert " 0 kept" in done.stdout
    for _, _, arrow in VIOLATIONS:
        assert re.search(rf"- +{re.escape(arrow.removeprefix('- '))}\b", done.stdout), arrow

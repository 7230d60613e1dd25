"""stplay trains exactly what a plain script of the library trains."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import SUPPORT
from conftest import run_stplay

from stplay.runs.run import Run
from stplay.similarities import SIMILARITIES

RECIPE = {
    "model.dropout": "0",
    "training.max_steps": "12",
    "training.per_device_train_batch_size": "16",
    "training.learning_rate": "5e-4",
    "training.logging_steps": "1",
    "data.test_rows": "200",
    "data.dev": "",
    "data.train_rows": "1000",
}


def test_losses_and_accuracies_equal_a_plain_script(home: Path, tmp_path: Path) -> None:
    settings = [f"--set={name}={value}" for name, value in RECIPE.items()]
    ours = run_stplay("train", "sample", *settings, "--name=ours")
    assert ours.returncode == 0, ours.stderr
    (base,) = (home / "cache" / "models").iterdir()
    script = SUPPORT / "plain_script.py"
    plain = subprocess.run(
        [sys.executable, str(script), str(base), str(tmp_path / "plain")],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert plain.returncode == 0, plain.stderr
    expected = json.loads(plain.stdout.splitlines()[-1])

    log = Run.find("ours").read_log()
    losses = [row.training_loss for row in log.table()]
    assert len(losses) == 12
    assert losses == pytest.approx(expected["losses"], abs=1e-4)
    test = log.evaluations["test", 12]
    for name in SIMILARITIES:
        accuracy = expected["accuracies"][f"sample-test_{name}_accuracy"]
        assert getattr(test, f"{name}_accuracy") == accuracy
    assert test.max_accuracy == expected["accuracies"]["sample-test_max_accuracy"]

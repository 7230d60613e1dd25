"""A disk that fills up as a checkpoint or embeddings are saved: a small one, really full."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from conftest import write_triplets
from faulttable import Fault, TellFault, compared
from runner import events_of, small_recipe
from sentence_transformers.sentence_transformer.modules import Dense
from smalldisk import SmallDisk
from smallmodels import DIMENSIONS, small_model

from stplay.evaluations.evaluation import Evaluation
from stplay.jobs.events import TrainLogged
from stplay.runs.run import Run


def run_on_small_disk(
    tmp_path: Path, size: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run the real command with its home on a disk of ``size``; its data is copied to ``keep``."""
    with SmallDisk(tmp_path / "disk", size) as disk:
        command = disk.start(*arguments, env={})
        printed, beside = command.communicate(timeout=120)
        shutil.copytree(disk.seen / "data", tmp_path / "keep")
    return subprocess.CompletedProcess(arguments, command.returncode, printed, beside)


def test_disk_full_fails_in_a_sentence_and_keeps_log_and_last_checkpoint(
    tmp_path: Path, tell_fault: TellFault
) -> None:
    disk, keep = tmp_path / "disk", tmp_path / "keep"
    recipe = small_recipe(tmp_path / "data", training__max_steps="400", data__dev="")
    # Two whole checkpoints fit, a third does not.
    done = run_on_small_disk(tmp_path, "80m", *recipe, "--name=full")
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1
    assert f"The disk of {disk}" in done.stderr
    assert "is full" in done.stderr
    assert "stplay resume full" in done.stderr

    run = Run(keep / "runs" / "full")
    log = run.read_log()
    assert log.status == "failed"
    assert log.damaged == 0
    assert log.checkpoint is not None
    last = run.folder / log.checkpoint.path
    assert (last / "optimizer.pt").is_file()
    assert (last / "trainer_state.json").is_file()
    there = {path.name for path in last.parent.glob("checkpoint-*")}
    assert there <= {f"checkpoint-{step}" for step in range(log.checkpoint.step + 1)}
    assert "Traceback" in run.worker_log_path.read_text(encoding="utf-8")
    steps = [event.step for event in events_of(run) if isinstance(event, TrainLogged)]
    apart = compared(steps, range(4, steps[-1] + 1, 4))
    tell_fault(Fault("disk full in a checkpoint", 1, 1, *apart))


def test_a_model_whose_embeddings_fill_the_disk_is_told_and_the_others_are_kept(
    tmp_path: Path,
) -> None:
    models = [str(tmp_path / name) for name in ("small", "wide", "last")]
    for folder, wide in zip(models, (False, True, False), strict=True):
        made = small_model(1, tmp_path / "made")
        if wide:
            made.append(Dense(DIMENSIONS, 512))
        made.save_pretrained(folder, create_model_card=False)
    data = write_triplets(tmp_path / "rows.jsonl", 4000)
    done = run_on_small_disk(tmp_path, "5m", "eval", *models, "--data", str(data), "--json")
    assert done.returncode == 2, done.stderr
    *figures, failed = map(json.loads, done.stdout.splitlines())
    assert [line["model"] for line in figures] == [models[0], models[2]]
    folder = tmp_path / "disk" / "data" / "evaluations" / "rows-1"
    assert failed == {
        "model": models[1],
        "error": f"{models[1]}: The disk of {folder} is full; free some room there and evaluate "
        "again.",
    }
    assert f"stplay: {failed['error']}" in done.stderr.splitlines()
    kept = Evaluation(tmp_path / "keep" / "evaluations" / "rows-1")
    assert len(kept.scores(models[0], "rows").right("cosine")) == 4000
    assert "Traceback" in kept.worker_log_path.read_text(encoding="utf-8")


def test_a_disk_without_room_for_one_model_is_told_in_one_sentence(tmp_path: Path) -> None:
    model = tmp_path / "small"
    small_model(1, tmp_path / "made").save_pretrained(str(model), create_model_card=False)
    data = write_triplets(tmp_path / "rows.jsonl", 4000)
    done = run_on_small_disk(tmp_path, "1200k", "eval", str(model), "--data", str(data))
    assert (done.returncode, done.stdout) == (2, "")
    (told,) = [line for line in done.stderr.splitlines() if line.startswith("stplay: ")]
    assert "is full; free some room there and evaluate again." in told
    assert "killed" not in done.stderr

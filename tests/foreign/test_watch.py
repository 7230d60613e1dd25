"""``stplay watch``: what a place is, and what the command prints of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import run_stplay
from placesread import folded, let_settle, read_place
from samplerun import finished_run

from stplay.cli.console import SafeConsole
from stplay.cli.trainingview import picture
from stplay.errors import UserError
from stplay.foreign import places
from stplay.jobs.events import MetricsLogged, Replaced
from stplay.runs.run import Run

CARD = "| Epoch | Step | Training Loss |\n|---|---|---|\n| 1.0 | 5 | 0.25 |\n"
LINES = "  5%|▌         | 5/100 [00:01<00:20,  5.0it/s]\r{'loss': 0.5, 'epoch': 0.1}\n" * 2


def state(steps: int, total: int = 100) -> str:
    history = [
        {"step": step, "epoch": step / 100, "loss": 1 / step} for step in range(1, steps + 1)
    ]
    return json.dumps({"global_step": steps, "max_steps": total, "log_history": history})


def checkpoint(folder: Path, steps: int) -> None:
    place = folder / f"checkpoint-{steps}"
    place.mkdir(parents=True)
    (place / "trainer_state.json").write_text(state(steps))


def test_once_prints_the_table_and_ends(home: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    for place in (tmp_path, tmp_path / "README.md"):
        ended = run_stplay("watch", str(place), "--once")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "✓ finished" in ended.stdout
        assert "0.2500" in ended.stdout


def test_columns_that_do_not_fit_are_named_and_a_pipe_has_all(home: Path, tmp_path: Path) -> None:
    names = [f"metric-{number}" for number in range(12)]
    path = tmp_path / "card.md"
    path.write_text(
        f"| Epoch | Step | {' | '.join(names)} |\n|{'---|' * 14}\n| 1 | 5 |{' 0.5 |' * 12}\n"
    )
    log = folded(read_place(path))
    console = SafeConsole(width=60)
    with console.capture() as captured:
        console.print(picture("card", log, width=60))
    shown = captured.get().splitlines()
    assert "metric-2" in shown[2]
    assert "metric-3" not in shown[2]
    assert " ".join(shown[4:]).startswith("9 more columns: metric-3, metric-4")
    piped = run_stplay("watch", str(path), "--once").stdout.splitlines()
    assert piped[2].split() == ["Epoch", "Step", *names]


def test_json_prints_the_events(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "card.md"
    path.write_text(CARD)
    ended = run_stplay("watch", str(path), "--json")
    first, last = map(json.loads, ended.stdout.splitlines())
    assert (first["type"], first["values"]) == ("MetricsLogged", {"Training Loss": 0.25})
    assert (last["type"], last["outcome"]) == ("RunFinished", "completed")


def test_what_is_piped_in_is_read_to_its_end(home: Path) -> None:
    ended = run_stplay(
        "watch", "-", input=LINES + "Traceback (most recent call last):\nOSError: x\n"
    )
    assert ended.returncode == 0, ended.stderr
    assert "0.5000" in ended.stdout
    assert "failed: OSError: x" in ended.stdout


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("nowhere", None, "Nothing called 'nowhere' can be watched"),
        ("./nowhere", None, "There is no nowhere"),
        ("odd.bin", b"\x7fELF\0\0", "is no text"),
        ("empty.out", b"", "Nothing of a training can be read"),
        ("words.out", b"hello\n", "Nothing of a training can be read"),
        ("other.json", b"[]", "it has no log_history"),
        ("torn.json", b'{"log_history": [', "is damaged"),
        ("other.md", b"# A title\n", "neither a training log"),
        (
            "pointer.md",
            b"version https://git-lfs.github.com/spec/v1\noid x\n",
            "neither a training",
        ),
    ],
)
def test_where_nothing_can_be_read_it_is_one_sentence_and_exit_code_2(
    home: Path,
    tmp_path: Path,
    name: str,
    text: bytes | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(name).write_bytes(text)
        let_settle(Path(name))
    ended = run_stplay("watch", name, "--once")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_run_of_ours_is_watched_by_its_name_and_by_its_folder(home: Path) -> None:
    run = finished_run()
    by_name, by_folder = places.place(run.id), places.place(str(run.folder))
    assert isinstance(by_name.source, Run)
    assert isinstance(by_folder.source, Run)
    assert by_name.source.folder == by_folder.source.folder == run.folder
    assert not by_name.also


def test_a_name_that_could_be_two_things_says_so(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run()
    monkeypatch.chdir(tmp_path)
    Path(run.id).write_text(CARD)
    assert f"./{run.id} the path" in places.place(run.id).also
    checkpoint(tmp_path / "output", 3)
    (tmp_path / "output" / "README.md").write_text(CARD)
    place = places.place("output")
    assert place.also.endswith("a Trainer's output folder; it also has a model card (README.md).")


def test_checkpoints_are_followed_as_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stplay.foreign.wholefile.LOOK_SECONDS", 0.0)
    checkpoint(tmp_path, 2)
    stream = places.place(str(tmp_path)).source.events()
    events = stream.read()
    assert [event.step for event in events if isinstance(event, MetricsLogged)] == [1, 2]
    assert stream.read() == []
    checkpoint(tmp_path, 100)
    events += (news := stream.read())
    assert not [event for event in news if isinstance(event, Replaced)]
    assert [event.step for event in news if isinstance(event, MetricsLogged)] == [*range(3, 101)]
    assert folded(events).status == "completed"


def test_another_history_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stplay.foreign.wholefile.LOOK_SECONDS", 0.0)
    path = tmp_path / "trainer_state.json"
    path.write_text(state(5))
    stream = places.place(str(path)).source.events()
    events = stream.read()
    path.write_text(state(3).replace("0.5", "0.75"))
    events += stream.read()
    assert [row.values["loss"] for row in folded(events).measured()] == [1.0, 0.75, 1 / 3]


def test_what_was_not_heard_of_for_long_is_lost_and_not_dead(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    path.write_text(LINES)
    for _ in range(20):
        let_settle(path)
    source = places.place(str(path)).source
    log = folded(read_place(path))
    source.events()
    source.check_worker(log)
    assert log.status == "lost"
    path.unlink()
    source.events().read()
    source.check_worker(log)
    assert log.status == "failed"


def test_without_tensorboard_it_is_said_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "events.out.tfevents.1.host").write_bytes(b"")
    for name in ("tensorboard", "tensorboard.backend.event_processing.event_accumulator"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=r"pip install 'stplay\[tensorboard\]'"):
        places.place(str(tmp_path)).source.events()


def test_watching_imports_no_torch(home: Path, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD)
    code = (
        "import sys; from stplay.cli.main import main; main(['watch', sys.argv[1], '--once']); "
        "assert not {'torch', 'transformers', 'datasets', 'textual'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)

"""Runs that were stopped, and what can become of them before they go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from stplay.jobs import manifest
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog

SPLITS = ("train", "dev", "test")
# Asked to stop as the checkpoint of step 12 is saved, it takes a step more, and saves that.
BARE, OLDER, NEWEST = 6, 12, 13
NEVER_LISTED = {"README.md", "manifest.json"}


class Given:
    """A run that was stopped, with data and a base model of its own."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.data = {split: folder / f"{split}.jsonl" for split in SPLITS}
        self.base = folder / "base"

    def checkpoint(self, step: int) -> Path:
        return self.run.folder / "checkpoints" / f"checkpoint-{step}"

    @property
    def log(self) -> TrainingLog:
        return self.run.read_log()

    @property
    def notes(self) -> str:
        return "\n".join(note.text for note in self.log.notes)


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def cut_in_half(given: Given) -> None:
    lines = lines_of(given.data["train"])
    given.data["train"].write_bytes(b"".join(lines[: len(lines) // 2]))


def fewer_than_a_batch(given: Given) -> None:
    given.data["train"].write_bytes(b"".join(lines_of(given.data["train"])[:4]))


def swap_rows(split: str) -> Callable[[Given], None]:
    def swap(given: Given) -> None:
        first, second, *rest = lines_of(given.data[split])
        given.data[split].write_bytes(b"".join([second, first, *rest]))

    return swap


def move_a_word(given: Given) -> None:
    """Of one row, the anchor's last word goes to the positive: the text in a row stays the same."""
    row, *rest = (json.loads(line) for line in lines_of(given.data["train"]))
    row["anchor"], _, word = row["anchor"].rpartition(" ")
    row["positive"] = f"{word} {row['positive']}"
    text = "".join(json.dumps(each) + "\n" for each in [row, *rest])
    given.data["train"].write_text(text, encoding="utf-8")


def edit(old: str, new: str) -> Callable[[Given], None]:
    def rewrite(given: Given) -> None:
        text = given.run.recipe_path.read_text(encoding="utf-8")
        assert old in text
        given.run.recipe_path.write_text(text.replace(old, new), encoding="utf-8")

    return rewrite


def move_data(given: Given) -> None:
    moved = given.base.with_name("moved")
    moved.mkdir()
    for path in given.data.values():
        path.rename(moved / path.name)
    text = given.run.recipe_path.read_text(encoding="utf-8")
    for split in SPLITS:
        old, new = f'{split} = "{given.base.parent}"', f'{split} = "{moved}"'
        assert old in text
        text = text.replace(old, new)
    given.run.recipe_path.write_text(text, encoding="utf-8")


def change_base(given: Given) -> None:
    config = given.base / "config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")


def forget_checkpoints(given: Given) -> None:
    """As a run that was killed before its first checkpoint."""
    lines = lines_of(given.run.events_path)
    begun = next(number for number, line in enumerate(lines) if b'"RunStarted"' in line)
    given.run.events_path.write_bytes(b"".join(lines[: begun + 1]))
    shutil.rmtree(given.run.folder / "checkpoints")


def change_base_without_a_checkpoint(given: Given) -> None:
    forget_checkpoints(given)
    change_base(given)


def cut(*names: str, step: int = NEWEST) -> Callable[[Given], None]:
    def cut_them(given: Given) -> None:
        for name in names:
            path = given.checkpoint(step) / name
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    return cut_them


def without_manifests(change: Callable[[Given], None]) -> Callable[[Given], None]:
    """As an older stplay has left it."""

    def of_old(given: Given) -> None:
        for path in given.run.folder.rglob(manifest.MANIFEST):
            path.unlink()
        change(given)

    return of_old


def as_an_older_log(change: Callable[[Given], None]) -> Callable[[Given], None]:
    """Without what an older stplay did not tell."""

    def of_old(given: Given) -> None:
        lines = [json.loads(line) for line in lines_of(given.run.events_path)]
        for line in lines:
            for name in {"RunStarted": ("fingerprints", "epoch")}.get(line["type"], ("finite",)):
                line.pop(name, None)
        text = "".join(json.dumps(line) + "\n" for line in lines)
        given.run.events_path.write_text(text, encoding="utf-8")
        change(given)

    return of_old


def damage_both(given: Given) -> None:
    cut("optimizer.pt")(given)
    (given.checkpoint(OLDER) / "model.safetensors").unlink()


def exchange_checkpoints(given: Given) -> None:
    """Both are whole, and each is the other."""
    names = [given.checkpoint(OLDER), given.checkpoint(NEWEST)]
    spare = given.checkpoint(OLDER).with_name("spare")
    names[0].rename(spare)
    names[1].rename(names[0])
    spare.rename(names[1])


def damage_the_beginning(given: Given) -> None:
    text = given.run.events_path.read_bytes()
    given.run.events_path.write_bytes(text.replace(b'"RunStarted"', b'"RunStarted'))


def nothing(given: Given) -> None:
    """Nothing is changed."""

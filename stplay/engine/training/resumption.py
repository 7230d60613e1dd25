"""What a run that goes on starts from, and whether it is still the run that was begun."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stplay.engine.data.fingerprints import of_base
from stplay.engine.training.checkpointfiles import damage, is_last, is_to_be_whole
from stplay.engine.worker.libraries import versions
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.jobs.events import RunStarted
from stplay.runs.changes import MAY_CHANGE, extends
from stplay.runs.recipe import SECTIONS, Recipe
from stplay.runs.recipesections import ModelSection
from stplay.runs.run import Run
from stplay.text import count, printable

# Beside what may change: where that is now which is compared by content.
MAY_MOVE = ("data.train", "data.dev", "data.test", "model.base")


class Resumption:
    """What a run goes on from: ``checkpoint``, or ``None`` where there is no step to go on from.

    ``begun`` tells what the run began with, ``None`` where it has not begun. Where it
    ``is_extended``, it is to take more steps than then. ``notes`` are to be told once it goes on.
    """

    def __init__(self, run: Run, recipe: Recipe) -> None:
        """Look for what ``run`` goes on from by ``recipe``.

        Raises:
            UserError: it began with another recipe, or it saved checkpoints and none is whole.
        """
        self.begun = run.read_log().started
        self.notes: list[str] = []
        self.is_extended = False
        if self.begun is not None:
            self._check_recipe(self.begun, recipe, run.recipe_path)
            self._compare_versions(self.begun)
        self.checkpoint = self._last_checkpoint(run)
        if self.begun is None and self.checkpoint is not None:
            self.notes.append(
                "The event log no longer tells what this run began with; that its data and its "
                "recipe are the same could not be looked at."
            )

    @property
    def resumed(self) -> bool:
        """Whether the run has begun before."""
        return self.begun is not None or self.checkpoint is not None

    @property
    def continued(self) -> RunStarted | None:
        """What a run began with that goes on from its checkpoint; ``None`` where it begins anew."""
        return self.begun if self.checkpoint else None

    @property
    def is_over(self) -> bool:
        """Whether the training has no step left to take."""
        if self.checkpoint is None or self.is_extended:
            return False
        return is_last(self.checkpoint, self.begun.total_steps if self.begun else None)

    def base_name(self, loaded: str) -> str:
        """The full name of the run's base model, where ``loaded`` is that of what was loaded."""
        return self.continued.base if self.continued else loaded  # a checkpoint tells no commit

    def _check_recipe(self, begun: RunStarted, recipe: Recipe, path: Path) -> None:
        told, wrong = [], []
        for field, then, now in _changes(begun.recipe, recipe):
            told.append(f"{field}: {_value(then)} then, {_value(now)} now")
            moved = field in MAY_MOVE and begun.fingerprints and None not in (then, now)
            longer = extends(recipe, field, then, now)
            self.is_extended |= longer
            if not moved and not longer and field not in MAY_CHANGE:
                wrong.append(told[-1])
        if wrong:
            raise UserError(
                f"The recipe is no longer what this run began with ({'; '.join(wrong)}); put that "
                f"back in {printable(str(path))} and resume, or start a new run."
            )
        if told:
            self.notes.append(f"The recipe was changed: {'; '.join(told)}.")

    def _compare_versions(self, begun: RunStarted) -> None:
        now = versions()
        changed = [
            f"{name} {printable(then)} then, {now[name]} now"
            for name, then in begun.versions.items()
            if now.get(name, then) != then
        ]
        if changed:
            self.notes.append(
                f"The run began with other versions: {'; '.join(changed)}. Its figures may be "
                "others than without the resume."
            )

    def _last_checkpoint(self, run: Run) -> Path | None:
        damaged: dict[int, str] = {}
        newest_first = reversed(folders.saved_checkpoints(run.folder).items())
        for age, (step, path) in enumerate(newest_first):
            if not is_to_be_whole(path, age):
                continue
            words = damage(path)
            if words is None:
                self.notes += [
                    f"The checkpoint of step {count(later)} is damaged ({why}); the run goes on "
                    f"from step {count(step)}."
                    for later, why in damaged.items()
                ]
                return path
            damaged[step] = words
        if not damaged:
            return None
        them_all = "; ".join(f"step {count(step)}: {why}" for step, why in damaged.items())
        raise UserError(
            f"No checkpoint of the run {run.id} is whole ({them_all}); put the files back and "
            "resume, or start a new run."
        )

    def check_rows(self, rows: dict[str, int], fingerprints: dict[str, str]) -> None:
        """Make sure that each split has the rows that the run began with.

        ``rows`` are the numbers of its triplets, ``fingerprints`` tell what they are.

        Raises:
            UserError: one has others; tells which, and how many then and now.
        """
        if self.begun is None:
            return
        known = self.begun.fingerprints.rows if self.begun.fingerprints else {}
        changed: dict[str, str] = {}
        for split, now in rows.items():
            then = self.begun.rows.get(split, now)
            if then != now:
                changed[split] = f"{split}: {count(then)} triplets then, {count(now)} now"
            elif known.get(split, fingerprints[split]) != fingerprints[split]:
                changed[split] = f"{split}: {count(now)} triplets as then, but not the same"
        if changed:
            splits = " and ".join("training" if each == "train" else each for each in changed)
            raise UserError(
                f"The {splits} data is no longer what this run began with "
                f"({'; '.join(changed.values())}); put it back and resume, or start a new run."
            )

    def base_fingerprint(self, settings: ModelSection, base: str) -> str | None:
        """The fingerprint of the model that the run began with, whose full name is ``base``.

        Raises:
            UserError: it is to be loaded again, and is another one now.
        """
        known = self.begun.fingerprints.base if self.begun and self.begun.fingerprints else None
        if self.checkpoint is None:
            now = of_base(settings.base, base)
            if known not in (None, now):
                raise UserError(
                    f"The model {printable(settings.base)} is no longer what this run began with; "
                    "put it back and resume, or start a new run."
                )
            return now
        try:
            changed = known is not None and of_base(settings.base, base) != known
        except (UserError, OSError, ValueError, TypeError, KeyError):
            changed = True
        if changed:
            self.notes.append(
                f"The model {printable(settings.base)} is no longer what this run began with; the "
                "run goes on from its own checkpoint."
            )
        return known


def _changes(begun: dict[str, Any], recipe: Recipe) -> Iterator[tuple[str, Any, Any]]:
    for section, kind in SECTIONS.items():
        then, default = begun.get(section), kind()
        then = then if isinstance(then, dict) else {}
        for name in kind.__struct_fields__:
            # What the stplay of that time did not know yet was done as it is by default now.
            before = then.get(name, getattr(default, name))
            now = getattr(getattr(recipe, section), name)
            if before != now:
                yield f"{section}.{name}", before, now


def _value(value: object) -> str:
    return "nothing" if value is None else printable(str(value))

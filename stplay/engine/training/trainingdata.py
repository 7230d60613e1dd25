"""The splits that a training reads, and whether they make a batch."""

from __future__ import annotations

from functools import cached_property

from stplay.engine.data import fingerprints
from stplay.engine.data.triplets import ReadSplit, Split, read_split
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.runs.recipe import Recipe
from stplay.sources.datasources import rows_word
from stplay.text import printable


class TrainingData:
    """The splits that the recipe of a training asks for.

    ``remarks`` tell what people should know of them: which columns were taken, what was left out.
    """

    def __init__(self, recipe: Recipe, stages: Stages) -> None:
        """Read them, which needs none of the libraries.

        Raises:
            UserError: the data is missing, damaged, empty, or lacks a column or a split.
        """
        data = recipe.data
        wanted = {"train": (data.train, data.train_rows), "dev": (data.dev, data.dev_rows)}
        if recipe.evaluation.test_at_end:
            wanted["test"] = data.test, data.test_rows
        read = {
            split: read_split(name, split, rows, stages, data.columns)
            for split, (name, rows) in wanted.items()
            if name
        }
        self.read = read
        self.remarks = [*dict.fromkeys(each for split in read.values() for each in split.remarks)]
        for split, what in (
            ("dev", "its loss is told and no accuracy"),
            ("test", "it is left out"),
        ):
            if split in read and not read[split].shape.negatives:
                label = printable(read[split].name)
                self.remarks.append(f"Of {label}, no triplets can be made: {what}.")

    @cached_property
    def splits(self) -> dict[str, Split]:
        """The splits by their names, as the trainer takes them."""
        return {name: split.load() for name, split in self.read.items()}

    @property
    def train(self) -> Split:
        """The split that is trained on."""
        return self.splits["train"]

    @property
    def rows(self) -> dict[str, int]:
        """The number of triplets of each split."""
        return {name: len(split.triplets) for name, split in self.splits.items()}

    @property
    def negatives(self) -> dict[str, int]:
        """How many negatives each row of a split has, where that is not one."""
        shapes = {name: split.shape.negatives for name, split in self.read.items()}
        return {name: negatives for name, negatives in shapes.items() if negatives != 1}

    @property
    def skipped_rows(self) -> dict[str, int]:
        """The number of rows with an empty sentence, of each split that has any."""
        return {name: split.skipped for name, split in self.splits.items() if split.skipped}

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """What the triplets of each split are, by content."""
        return {name: fingerprints.of_rows(split) for name, split in self.splits.items()}


def check_batch(recipe: Recipe, split: ReadSplit) -> None:
    """Make sure that the training split fills at least one batch.

    Raises:
        UserError: it does not.
    """
    rows, batch = len(split.rows), recipe.training.per_device_train_batch_size
    word, why = rows_word(split.shape.negatives), ""
    if split.shape.short:
        why = f" {' '.join(split.remarks)}"
    if rows < 2:
        raise UserError(
            f"{split.name} has 1 row; training needs at least 2, as each one's negatives come from "
            f"the others too.{why}"
        )
    if batch > rows:
        raise UserError(
            f"A batch of {batch:,} is larger than the {rows:,} {word} of {split.name}; set "
            f"training.per_device_train_batch_size to {rows:,} or less.{why}"
        )

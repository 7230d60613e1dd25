"""The splits that a training reads, and whether they make a batch."""

from __future__ import annotations

from functools import cached_property

from stplay.engine.data import fingerprints
from stplay.engine.data.triplets import ReadSplit, Split, read_split
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.runs.recipe import Recipe


class TrainingData:
    """The splits that the recipe of a training asks for.

    ``remarks`` tell which columns were taken for which, where their names are not those that they
    should have.
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
        self.remarks = [*dict.fromkeys(split.remark for split in read.values() if split.remark)]

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
    if rows < 2:
        raise UserError(
            f"{split.name} has 1 triplet; training needs at least 2, as each one's negatives come "
            "from the others too."
        )
    if batch > rows:
        raise UserError(
            f"A batch of {batch:,} is larger than the {rows:,} triplets of {split.name}; set "
            f"training.per_device_train_batch_size to {rows:,} or less."
        )

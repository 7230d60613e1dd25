"""The splits that a training reads, and whether they make a batch."""

from __future__ import annotations

from functools import cached_property

from stplay.engine.data import fingerprints
from stplay.engine.data.triplets import Split, load_split
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.runs.recipe import Recipe


class TrainingData:
    """The splits of a training; ``splits`` has those that the recipe asks for by their names."""

    def __init__(self, recipe: Recipe, stages: Stages) -> None:
        """Load them.

        Raises:
            UserError: the data is missing, damaged, empty, or lacks a column or a split.
        """
        data = recipe.data
        self.train = load_split(data.train, "train", data.train_rows, stages)
        self.splits = {"train": self.train}
        if data.dev:
            self.splits["dev"] = load_split(data.dev, "dev", data.dev_rows, stages)
        if data.test and recipe.evaluation.test_at_end:
            self.splits["test"] = load_split(data.test, "test", data.test_rows, stages)

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


def check_batch(recipe: Recipe, split: Split) -> None:
    """Make sure that the training split fills at least one batch.

    Raises:
        UserError: it does not.
    """
    rows, batch = len(split.triplets), recipe.training.per_device_train_batch_size
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

"""What an epoch takes of the training split is what the library's own sampler makes of it."""

from __future__ import annotations

import pytest
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

from stplay.engine.data.triplets import Split
from stplay.engine.training import epoch
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Epoch, Event
from stplay.runs.recipesections import TrainingSection
from stplay.sources.datasources import columns_of


class Told:
    """Hears the stages and forgets them."""

    def write(self, event: Event) -> None:
        """Forget it."""


STAGES = Stages(Told())


def split(rows: int, anchors: int, positives: int | None = None, negatives: int = 1) -> Split:
    columns = [
        [f"anchor {number % anchors}" for number in range(rows)],
        [f"positive {number % (positives or rows)}" for number in range(rows)],
    ]
    for place in range(negatives):
        # Across columns too: what is a negative here is an anchor there, or another negative.
        columns.append([f"anchor {n % 7}" if n % 5 == 0 else f"n {n + place}" for n in range(rows)])
    named = dict(zip(columns_of(negatives), columns, strict=True))
    return Split("x", Dataset.from_dict(named), 0, False)


@pytest.mark.parametrize("seed", [42, 7])
@pytest.mark.parametrize("negatives", [0, 1, 5])
@pytest.mark.parametrize(
    ("rows", "anchors", "positives", "size"),
    [(256, 16, None, 64), (256, 256, None, 64), (250, 40, 60, 32), (97, 3, 5, 8), (64, 64, 1, 64)],
)
def test_the_rows_are_those_of_the_librarys_batches(
    rows: int, anchors: int, positives: int | None, size: int, negatives: int, seed: int
) -> None:
    given = split(rows, anchors, positives, negatives)
    sampler = NoDuplicatesBatchSampler(
        given.triplets, size, drop_last=False, generator=torch.Generator(), seed=seed
    )
    taken = [batch for batch, _ in zip(sampler, range(len(sampler)), strict=False)]
    training = TrainingSection(per_device_train_batch_size=size, seed=seed)
    found = epoch.first_epoch(given, training, STAGES)
    assert found == Epoch(rows=sum(map(len, taken)), batches=len(sampler), batch_size=size)


def test_sixteen_anchors_fill_a_quarter_of_an_epoch() -> None:
    triplets = {
        "anchor": [f"anchor {number % 16}" for number in range(256)],
        "positive": [f"positive {number}" for number in range(256)],
        "negative": [f"negative {number}" for number in range(256)],
    }
    given = Split("x", Dataset.from_dict(triplets), 0, False)
    training = TrainingSection(per_device_train_batch_size=64)
    assert epoch.first_epoch(given, training, STAGES) == Epoch(rows=64, batches=4, batch_size=64)
    training.batch_sampler = "batch_sampler"
    assert epoch.first_epoch(given, training, STAGES) == Epoch(rows=256, batches=4, batch_size=64)


def test_what_takes_too_long_is_told_as_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epoch, "MOST_SECONDS", 0.0)
    found = epoch.first_epoch(
        split(256, 256), TrainingSection(per_device_train_batch_size=64), STAGES
    )
    assert (found.batches, found.exact) == (4, False)
    assert 0 < found.rows <= 256

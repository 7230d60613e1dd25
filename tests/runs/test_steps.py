"""How many steps a recipe takes: told by the form and by the plan alike."""

from __future__ import annotations

import pytest

from stplay.runs.recipesections import TrainingSection


@pytest.mark.parametrize(
    ("batches", "settings", "steps"),
    [
        (10, {"num_train_epochs": 1.0}, 10),
        (10, {"num_train_epochs": 2.5}, 25),
        (10, {"num_train_epochs": 1.0, "gradient_accumulation_steps": 4}, 3),
        (10, {"num_train_epochs": 1.5, "gradient_accumulation_steps": 4}, 5),
        (10, {"num_train_epochs": 0.01}, 1),
        (10, {"num_train_epochs": 3.0, "max_steps": 7}, 7),
    ],
)
def test_a_training_takes_the_steps_of_its_epochs(
    batches: int, settings: dict[str, float], steps: int
) -> None:
    training = TrainingSection(**settings)  # pyright: ignore[reportArgumentType]
    assert training.steps(batches) == steps


def test_a_step_takes_what_is_accumulated() -> None:
    training = TrainingSection(per_device_train_batch_size=8, gradient_accumulation_steps=4)
    assert training.triplets_a_step == 32

"""The time slider: at which kept step of its training a model is looked at."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from stplay.screens.shared.ramp import MUTED
from stplay.text import count


class TimeSlider(Static):
    """The kept steps of a run in a line, the one that answers marked."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def show(self, steps: list[int], current: int | None, *, awaited: bool = False) -> None:
        """Mark ``current`` among ``steps``; without one, the model at the end is looked at.

        Where that is ``awaited``, what is in view is of another step.
        """
        self.steps = steps
        self.display = bool(steps)
        if not steps:
            return
        place = len(steps) if current is None else steps.index(current)
        track = Content("─").join(
            [
                Content.styled("●", "bold $primary") if stop == place else Content("○")
                for stop in range(len(steps) + 1)
            ]
        )
        where = "the end" if current is None else f"step {count(current)}"
        self.update(
            Content.assemble(
                ("in training   ", MUTED),
                track,
                "   ",
                (where, "bold"),
                (", on its way" if awaited else "", "$warning"),
                (f"   {len(steps)} kept {'step' if len(steps) == 1 else 'steps'}", MUTED),
            )
        )

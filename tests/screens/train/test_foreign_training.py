"""A training that stplay did not start, in the app: its table, its charts, and no key that lies."""

from __future__ import annotations

from pathlib import Path

from piloting import caught_up, eventually, settle
from textual.widgets import Input

from stplay.screens.app import StplayApp
from stplay.screens.shared.prompt import Prompt
from stplay.screens.train.chart import Chart
from stplay.screens.train.foreigntable import ForeignTable
from stplay.screens.train.runview import RunView, TrainingTable

CARD = """
### Training Logs
| Epoch | Step | Training Loss | Validation Loss | dev_cosine_accuracy |
|:-----:|:----:|:-------------:|:---------------:|:-------------------:|
"""


def write_card(folder: Path, rows: int = 40) -> Path:
    lines = [
        f"| {step / 100:.2f} | {step} | {1 / step:.4f} | {2 / step:.4f} | {1 - 1 / step:.4f} |"
        for step in range(10, 10 * rows + 10, 10)
    ]
    path = folder / "card.md"
    path.write_text(CARD + "\n".join(lines) + "\n")
    return path


async def test_a_card_is_shown_by_its_path(home: Path, tmp_path: Path) -> None:
    path = write_card(tmp_path)
    app = StplayApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        app.screen.set_focus(None)
        await pilot.press("f")
        await eventually(pilot, lambda: isinstance(app.screen, Prompt))
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(app.screen.query(RunView)))
        view = app.screen.query_one(RunView)
        await eventually(pilot, lambda: caught_up(view))
        table = view.query_one(ForeignTable)
        assert table.display
        assert not view.query_one(TrainingTable).display
        assert [str(column.label).strip() for column in table.ordered_columns] == [
            "Epoch",
            "Step",
            "Training Loss",
            "Validation Loss",
            "dev_cosine_accuracy",
        ]
        assert table.row_count == 40
        await eventually(pilot, lambda: any(chart.display for chart in view.query(Chart)))
        shown = [chart.title for chart in view.query(Chart) if chart.display]
        assert shown == ["loss", "dev_cosine_accuracy"]
        working = {each.binding.action for each in app.screen.active_bindings.values()}
        assert not working & {"stop", "resume", "delete", "evaluate", "toggle_log"}


async def test_a_place_without_a_training_is_told(home: Path, tmp_path: Path) -> None:
    app = StplayApp()
    async with app.run_test(size=(140, 40)) as pilot:
        await settle(pilot)
        app.screen.set_focus(None)
        await pilot.press("f")
        await eventually(pilot, lambda: isinstance(app.screen, Prompt))
        app.screen.query_one(Input).value = str(tmp_path)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(app._notifications))
        (told,) = app._notifications
        assert "nothing to watch" in told.message

"""A field of a form: what is typed, what is set, and what is wrong with it."""

from __future__ import annotations

from piloting import settle, text_of
from rich.cells import cell_len
from textual import on
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Select

from stplay.errors import UserError
from stplay.screens.shared.field import MOST_CELLS, Checked, Field
from stplay.text import whole_number


def check(text: str) -> None:
    if whole_number(text) is None:
        raise UserError(f"{text} is no number.")


class Form(App[None]):
    """Two fields, and what they told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str | None, str]] = []

    def compose(self) -> ComposeResult:
        rows = Input("1", validators=Checked(check), compact=True, id="rows")
        yield Field("Rows", rows, "how many")
        choices = [("one", "1"), ("two", "2")]
        yield Field("Kind", Select(choices, value="1", allow_blank=False, id="kind"))

    @on(Field.Changed)
    def take(self, event: Field.Changed) -> None:
        self.told.append((event.field.name, event.value))

    @on(Input.Changed)
    @on(Select.Changed)
    def take_twice(self) -> None:
        raise AssertionError("the field tells it")


def field_of(pilot: Pilot[None], entry: str) -> Field:
    return next(field for field in pilot.app.query(Field) if field.name == entry)


async def test_what_is_typed_is_checked_and_told() -> None:
    app = Form()
    async with app.run_test() as pilot:
        app.query_one(Input).focus()
        await pilot.press("end", "x")
        assert text_of(pilot, "#rows-complaint") == "✗ 1x is no number."
        await pilot.press("backspace", "2")
        assert text_of(pilot, "#rows-complaint") == ""
        assert not field_of(pilot, "rows").wrong
        app.query_one(Select).value = "2"
        await settle(pilot)
        assert app.told == [("rows", "1x"), ("rows", "1"), ("rows", "12"), ("kind", "2")]


async def test_what_is_set_is_checked_at_once_and_not_told() -> None:
    app = Form()
    async with app.run_test() as pilot:
        rows, kind = field_of(pilot, "rows"), field_of(pilot, "kind")
        rows.value, kind.value = "many", "2"
        assert rows.wrong
        assert (rows.value, kind.value) == ("many", "2")
        await settle(pilot)
        assert text_of(pilot, "#rows-complaint") == "✗ many is no number."
        rows.value = "3"
        await settle(pilot)
        assert not rows.wrong
        assert app.told == []


async def test_a_finding_stands_where_there_is_no_complaint_and_stays() -> None:
    app = Form()
    async with app.run_test() as pilot:
        rows = field_of(pilot, "rows")
        rows.finding = "The data has no such rows."
        await settle(pilot)
        assert "no such rows" in text_of(pilot, "#rows-complaint")
        rows.value = "many"
        await settle(pilot)
        assert "no number" in text_of(pilot, "#rows-complaint")
        rows.value = "4"
        await settle(pilot)
        assert "no such rows" in text_of(pilot, "#rows-complaint")
        rows.finding = ""
        await settle(pilot)
        assert text_of(pilot, "#rows-complaint") == ""


async def test_a_complaint_is_text_and_leaves_room_for_the_form() -> None:
    app = Form()
    async with app.run_test() as pilot:
        field_of(pilot, "rows").complaint = "\x1b[2J[red]x[/red] " + "y" * 5000
        await settle(pilot)
        shown = text_of(pilot, "#rows-complaint")
        assert "\x1b" not in shown
        assert "[red]x[/red]" in shown
        assert cell_len(shown) <= MOST_CELLS + 2

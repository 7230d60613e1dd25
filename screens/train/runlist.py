"""All runs, a line each: sorted, filtered, chosen to be compared, noted, renamed and deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from stplay.jobs.worklog import TONES
from stplay.runs import runcolumns, runnote
from stplay.runs.run import Run
from stplay.runs.runcolumns import COLUMNS, RunColumn, RunTable, aligned_cell, in_order
from stplay.runs.runfilter import chosen, run_filter
from stplay.runs.runindex import RunIndex
from stplay.runs.runsummary import RunSummary, summaries
from stplay.screens.shared.field import Checked, Field
from stplay.screens.shared.folderopening import show_folder
from stplay.screens.train.linestyles import LINE_STYLES
from stplay.text import count, printable

LOOK_SECONDS = 1.0
MARK = "mark"
MARK_WIDTH = 3
NONE_YET = (
    "No runs yet. Every training makes one: n goes to the form, where Enter starts the built-in "
    "recipe. Then it stands here, with its status, its best accuracy, and its room on the disk."
)


class RunList(Vertical):
    """Lists the runs, live; several can be chosen to be compared."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "choose", "Choose"),
        Binding("c", "compare", "Compare"),
        Binding("slash", "filter", "Filter"),
        Binding("s", "sort", "Sort"),
        Binding("escape", "leave", "Back"),
        Binding("R", "rename", "Rename"),
        Binding("number_sign", "note", "Note", key_display="#"),
        Binding("y", "copy_path", "Copy its path", show=False),
        Binding("O", "open_folder", "Open its folder", show=False),
        Binding("delete", "delete", "Delete run", show=False),
    ]

    field = getters.query_one(Field)
    table = getters.query_one("#runs-table", DataTable)
    total = getters.query_one("#runs-total", Static)
    empty = getters.query_one("#runs-empty", Static)
    hint = getters.query_one("#runs-hint", Static)

    @dataclass
    class Opened(Message):
        """The person wants to see a ``run``."""

        run: str

    @dataclass
    class Compared(Message):
        """The person wants to see several ``runs``, each with the place of its line style."""

        runs: dict[str, int]

    class Left(Message):
        """The person wants to go back to what was shown before."""

    @dataclass
    class Moved(Message):
        """A ``run`` has another name now, or is ``gone`` where it has none."""

        run: str
        now: Run | None

    def __init__(self) -> None:
        super().__init__()
        self._index = RunIndex()
        self._all: list[RunSummary] | None = None
        self._by: RunColumn | None = None
        self._backwards = False
        self._marks: dict[str, int] = {}
        self._shown: tuple[list[str], list[str]] | None = None  # titles and runs
        self._cells: list[list[str]] = []
        self._looking = False

    def compose(self) -> ComposeResult:
        """The filter on top, the list, and what has no room."""
        with Horizontal(id="runs-head"):
            entry = Input(
                placeholder="snli status:running dev>0.8 recipe.learning_rate>=1e-4 #tag",
                validators=[Checked(run_filter)],
                select_on_focus=False,
                compact=True,
                id="runs-filter",
            )
            yield Field("Filter", entry)
            yield Static(id="runs-total")
        yield DataTable[Text](cursor_type="row", id="runs-table")
        yield Static(NONE_YET, id="runs-empty")
        yield Static(id="runs-hint")

    def on_mount(self) -> None:
        """Look for news as long as the list is seen."""
        self.empty.display = False
        self.set_interval(LOOK_SECONDS, self.look)

    async def look(self) -> None:
        """See what has become of the runs, and show what has changed."""
        if not self.display or self._looking:
            return
        self._looking = True
        try:
            found = await asyncio.to_thread(summaries, self._index)
        finally:
            self._looking = False
        if self.is_attached and found != self._all:
            self._all = found
            there = {run.run for run in found}
            self._marks = {run: mark for run, mark in self._marks.items() if run in there}
        self.show()

    def on_resize(self) -> None:
        """There is room for more columns, or for fewer."""
        self.show()

    def show(self) -> None:
        """Show the runs that are asked for, the cursor on the run that it was on."""
        if self._all is None or not self.content_size.width:
            return
        runs = self._asked_for(self._all)
        # The mark, the bar that scrolls, and the sign of what is sorted by.
        room = self.content_size.width - MARK_WIDTH - runcolumns.GAP - 3
        found = runcolumns.table(runs, room)
        self._fill(runs, found)
        of = f"{count(len(runs))} of " if len(runs) != len(self._all) else ""
        word = "run" if len(self._all) == 1 else "runs"
        self.total.update(f"{of}{count(len(self._all))} {word}")
        self._teach(not self._all)
        facts = []
        if self._marks:
            facts.append(f"{len(self._marks)} chosen: Enter compares them, Space lets one go.")
        if found.missing and runs:
            facts.append(f"No room here for: {', '.join(found.missing)}")
        if not runs and self._all:
            facts.append("No run is so.")
        self.hint.update(Content("   ".join(facts)))

    def _teach(self, wanted: bool) -> None:
        """Tell what would be here in place of the table, and keep the focus for the keys."""
        if self.empty.display == wanted:
            return
        # A focus that was asked for a moment ago may still be to come.
        focused = self.table.has_focus or self.has_focus or self.screen.focused is None
        self.empty.display, self.table.display, self.can_focus = wanted, not wanted, wanted
        if focused:
            self.focus_table()

    def _asked_for(self, runs: Sequence[RunSummary]) -> list[RunSummary]:
        wanted = "" if self.field.complaint else self.field.value
        asked_for = chosen(runs, wanted)
        if self._by is None:
            return asked_for
        return in_order(asked_for, self._by, backwards=self._backwards)

    def _fill(self, runs: Sequence[RunSummary], found: RunTable) -> None:
        """Write the cells that have changed, or all of them anew where others stand there."""
        titles = [self._title(column) for column in found.columns]
        shown = ([*titles, *map(str, found.widths)], [run.run for run in runs])
        rows = [
            [self._mark(run), *self._row(run, cells, found)]
            for run, cells in zip(runs, found.cells, strict=True)
        ]
        plain = [[cell.plain for cell in row] for row in rows]
        if shown != self._shown:
            self._write_anew(shown[1], titles, rows, found)
        else:
            names = [MARK, *(column.name for column in found.columns)]
            for run, row, texts, before in zip(runs, rows, plain, self._cells, strict=True):
                for name, cell, text, old in zip(names, row, texts, before, strict=True):
                    if text != old:
                        self.table.update_cell(run.run, name, cell)
        self._shown, self._cells = shown, plain

    def _write_anew(
        self, runs: list[str], titles: list[str], rows: list[list[Text]], found: RunTable
    ) -> None:
        table, before = self.table, self.run_at_cursor
        place, top = table.cursor_row, table.scroll_y
        table.clear(columns=True)
        table.add_column("", key=MARK, width=MARK_WIDTH)
        for column, title, width in zip(found.columns, titles, found.widths, strict=True):
            width = max(width, len(title))
            table.add_column(aligned_cell(title, column, width), key=column.name, width=width)
        for run, row in zip(runs, rows, strict=True):
            table.add_row(*row, key=run)
        if runs and self._shown is not None:
            place = runs.index(before) if before in runs else min(place, len(runs) - 1)
            table.move_cursor(row=place, animate=False, scroll=False)
            table.scroll_to(y=top, animate=False, force=True)

    def _title(self, column: RunColumn) -> str:
        if column is not self._by:
            return column.title
        falling = (column.is_number and not column.rising) != self._backwards
        return f"{column.title} {'▼' if falling else '▲'}"

    def _row(self, run: RunSummary, cells: list[str], found: RunTable) -> list[Text]:
        return [
            Text(
                aligned_cell(cell, column, width),
                style=self._tone(run) if column.name == "status" else "",
                no_wrap=True,
            )
            for cell, column, width in zip(cells, found.columns, found.widths, strict=True)
        ]

    def _tone(self, run: RunSummary) -> str:
        return self.app.theme_variables["error" if run.diverged else TONES[run.status]]

    def _mark(self, run: RunSummary) -> Text:
        if run.run not in self._marks:
            return Text("")
        style = LINE_STYLES[self._marks[run.run]]
        return Text(style.sign, style=style.colour(self.app.current_theme))

    @property
    def shows_all(self) -> bool:
        """Whether the runs were read, and those that are asked for stand in the table."""
        return self._all is not None and (not self._all or self._shown is not None)

    @property
    def run_at_cursor(self) -> str | None:
        """The run that the cursor is on."""
        runs = self._shown[1] if self._shown else []
        return runs[self.table.cursor_row] if 0 <= self.table.cursor_row < len(runs) else None

    def focus_table(self) -> None:
        """Put the focus on the list."""
        (self if self.can_focus else self.table).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        if action in ("filter", "leave"):
            return True
        if action == "compare":
            return len(self._marks) > 1
        return self.run_at_cursor is not None

    @on(Field.Changed)
    def _narrow(self, event: Field.Changed) -> None:
        event.stop()
        self.show()

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        event.stop()
        self.focus_table()

    @on(DataTable.RowHighlighted)
    def _highlight(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self.refresh_bindings()

    @on(DataTable.RowSelected)
    def _open(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if len(self._marks) > 1:
            self.action_compare()
        elif event.row_key.value is not None:
            self.post_message(self.Opened(event.row_key.value))

    @on(DataTable.HeaderSelected)
    def _sort_by(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        if event.column_key.value in COLUMNS:
            self._sort(COLUMNS[event.column_key.value])

    def _sort(self, by: RunColumn | None) -> None:
        self._backwards = by is self._by and not self._backwards
        self._by = by
        self._shown = None  # written anew, from the top
        self.show()

    def action_sort(self) -> None:
        """Sort by the column after the one that is sorted by; after the last one, by none."""
        names = [name for name in COLUMNS if name in {key.value for key in self.table.columns}]
        after = names.index(self._by.name) + 1 if self._by and self._by.name in names else 0
        self._sort(COLUMNS[names[after]] if after < len(names) else None)

    def action_filter(self) -> None:
        """Go to the filter."""
        self.field.entry.focus()

    def action_leave(self) -> None:
        """Go from the filter to the list, and from there to what was shown before."""
        if self.field.entry.has_focus:
            self.focus_table()
        else:
            self.post_message(self.Left())

    def action_choose(self) -> None:
        """Choose the run at the cursor, or let it go."""
        run = self.run_at_cursor
        if run is None:
            return
        if self._marks.pop(run, None) is None:
            free = [place for place in range(len(LINE_STYLES)) if place not in self._marks.values()]
            if not free:
                self.notify(f"At most {len(LINE_STYLES)} runs are told apart; let one go first.")
                return
            self._marks[run] = free[0]
        self.show()
        self.table.action_cursor_down()
        self.refresh_bindings()

    def action_compare(self) -> None:
        """Show the chosen runs together."""
        self.post_message(self.Compared(dict(self._marks)))

    def action_copy_path(self) -> None:
        """Copy the path of the run's folder, over SSH as well."""
        path = str(self._run_to_change().folder)
        self.app.copy_to_clipboard(path)
        self.notify(f"Copied: {printable(path)}", markup=False)

    def action_open_folder(self) -> None:
        """Show the run's folder in the desktop's file manager."""
        show_folder(self.app, self._run_to_change().folder)

    def _run_to_change(self) -> Run:
        run = self.run_at_cursor
        assert run is not None
        return Run.find_folder(run)

    @work
    async def action_note(self) -> None:
        """Write a line about the run."""
        from stplay.screens.shared.prompt import Prompt

        run = self._run_to_change()
        prompt = Prompt(
            f"A note on {run.id}",
            "One line. Words that begin with # are tags; nothing removes the note.",
            await asyncio.to_thread(runnote.read, run.folder),
            lambda words: runnote.write(run.folder, words),
            may_be_empty=True,
        )
        if await self.app.push_screen_wait(prompt) is not None:
            await self.look()

    @work
    async def action_rename(self) -> None:
        """Give the run another name."""
        from stplay.evaluations.naming import naming_words
        from stplay.screens.shared.prompt import Prompt

        run = self._run_to_change()
        prompt = Prompt(
            f"Another name for {run.id}",
            "Letters, digits, '.', '_' and '-'.",
            run.id,
            run.rename,
        )
        name = await self.app.push_screen_wait(prompt)
        if name is None:
            return
        if run.id in self._marks:
            self._marks[name] = self._marks.pop(run.id)
        self.post_message(self.Moved(run.id, Run.find_folder(name)))
        if words := await asyncio.to_thread(naming_words, run.id):
            self.notify(words, markup=False)
        await self.look()

    @work
    async def action_delete(self) -> None:
        """Remove the run from the disk, once the person has confirmed it."""
        from stplay.screens.train.rundeletion import delete_confirmed

        run = self._run_to_change()
        if await delete_confirmed(self.app, run):
            self.post_message(self.Moved(run.id, None))
            await self.look()

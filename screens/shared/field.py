"""One value that a person is asked for: what it is, where it is given, what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from textual import getters, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.reactive import reactive
from textual.validation import ValidationResult, Validator
from textual.widgets import Input, Label, Select, Static

from stplay.errors import UserError
from stplay.text import printable, shortened

MOST_CELLS = 400  # a complaint may repeat what was pasted, and has to leave room for the form


class Checked(Validator):
    """A value is good where ``check`` raises no ``UserError``; its sentence is the complaint."""

    def __init__(self, check: Callable[[str], object]) -> None:
        super().__init__()
        self._check = check

    def validate(self, value: str) -> ValidationResult:
        """Check what is given, without the blanks around it."""
        try:
            self._check(value.strip())
        except UserError as error:
            return self.failure(error.sentence, value)
        return self.success()


class Field(Horizontal):
    """A label, an entry, and below that the complaint of what is given, and ``help``.

    The entry's validators complain while one types, which the entry does not hinder: a sign that
    is not taken would leave nothing to complain of. Whoever checks more may complain as well, until
    something else is given. A ``finding`` was made elsewhere, by reading what the value names, and
    stays until it is taken back; where there is a complaint, that is told. A ``note`` is what else
    there is to say of the value.
    """

    DEFAULT_CSS = """
    Field {
        height: auto;

        & > Label {
            color: $text-muted;

            &.changed {
                color: $primary;
                text-style: bold;
            }
        }

        &.untitled > Label {
            display: none;
        }

        & > Vertical {
            width: 1fr;
            height: auto;
        }

        & Static {
            height: auto;
        }

        & .complaint {
            color: $error;
        }

        & .note {
            color: $text-muted;
        }

        & .help {
            color: $text-muted;
            margin-top: 1;
        }

        & Input, & Select, & SelectCurrent {
            background: $panel;
        }

        & Input.-textual-compact.-invalid {
            background-tint: $foreground 0%;
        }

        & Input.-textual-compact:focus {
            background: $primary 18%;
            background-tint: $foreground 5%;
        }
    }
    """

    label = getters.query_one(Label)
    line = getters.query_one(".complaint", Static)
    note_line = getters.query_one(".note", Static)
    note: reactive[str] = reactive("")
    complaint: reactive[str] = reactive("")
    finding: reactive[str] = reactive("")

    @dataclass
    class Changed(Message):
        """The person gives ``field`` another ``value``."""

        field: Field
        value: str

        @property
        def control(self) -> Field:
            """The field, for ``on`` with a selector."""
            return self.field

    @dataclass
    class NotePressed(Message):
        """The person presses the note of ``field``."""

        field: Field

    def __init__(self, label: str, entry: Input | Select[str], help: str = "") -> None:
        super().__init__(name=entry.id, classes=None if label else "untitled")
        self.title, self.entry, self.help = label, entry, help
        self._value = ""

    def compose(self) -> ComposeResult:
        """The label on the left, the rest on the right."""
        prefix = f"{self.entry.id}-" if self.entry.id else ""
        yield Label(self.title, id=f"{prefix}label")
        with Vertical():
            yield self.entry
            yield Static(classes="complaint", id=f"{prefix}complaint")
            yield Static(classes="note", id=f"{prefix}note")
            if self.help:
                yield Static(Content(self.help), classes="help")

    def on_mount(self) -> None:
        """Tell what was wrong from the beginning; a choice is made only now."""
        self._value = self.value
        self._tell()

    @property
    def value(self) -> str:
        """What is given."""
        return str(self.entry.value)

    @value.setter
    def value(self, value: str) -> None:
        # Nobody typed it, so nobody is told; what is wrong with it is known at once.
        self._value = self.entry.value = value
        self._judge(self.entry.validate(value) if isinstance(self.entry, Input) else None)

    @property
    def wrong(self) -> bool:
        """Whether there is something to complain of."""
        return bool(self.complaint or self.finding)

    @on(Input.Changed)
    @on(Select.Changed)
    def _take(self, event: Input.Changed | Select.Changed) -> None:
        event.stop()
        if event.value != self.value or event.value == self._value:
            return  # a newer one is on its way, or it is what was given before
        self._value = self.value
        self._judge(event.validation_result if isinstance(event, Input.Changed) else None)
        self.post_message(self.Changed(self, self._value))

    def _judge(self, result: ValidationResult | None) -> None:
        self.complaint = next(iter(result.failure_descriptions), "") if result else ""

    def watch_complaint(self) -> None:
        """Tell it, or take no room."""
        self._tell()

    def watch_finding(self) -> None:
        """Tell it, where there is no complaint."""
        self._tell()

    def watch_note(self) -> None:
        """Tell it, or take no room."""
        self._tell()

    def on_click(self, event: Click) -> None:
        """Take a press on the note."""
        if event.widget is self.note_line:
            self.post_message(self.NotePressed(self))

    def _tell(self) -> None:
        if self.is_attached and self.children:
            self.note_line.display = bool(self.note)
            self.note_line.update(Content(shortened([printable(self.note)], MOST_CELLS)[0]))
            sentence = self.complaint or self.finding
            self.line.display = bool(sentence)
            self.line.update(Content(f"✗ {shortened([printable(sentence)], MOST_CELLS)[0]}"))

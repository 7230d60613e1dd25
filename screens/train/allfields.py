"""Every field of the recipe: found by words, told what it does, changed, and put back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stplay.runs import recipe
from stplay.runs.recipefields import RecipeField, recipe_fields, with_words, written
from stplay.screens.shared.field import Field
from stplay.screens.train.formfields import Values, complaint_of, entry, given
from stplay.text import printable

NAME_CELLS = 29


class AllFields(Vertical):
    """The fields of a recipe by section; what differs from where it started is marked."""

    DEFAULT_CSS = """
    AllFields {
        & > Input { height: 1; border: none; padding: 0 1; display: none; background: $panel; }
        & > Input.-open { display: block; }

        & > OptionList, & > OptionList:focus {
            height: 1fr;
            border: none;
            padding: 0;
            background: $background;
            scrollbar-size-vertical: 1;
            text-wrap: nowrap;
            text-overflow: ellipsis;
        }

        & > #field-below {
            height: auto;
            min-height: 4;
            max-height: 50%;
            border-top: solid $panel;
        }

        & #field-below Label { width: auto; margin-right: 2; }
        & #field-help { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("ctrl+r", "reset", "Reset the field"),
        Binding("escape", "leave", "Back", show=False),
    ]

    words = getters.query_one("#field-words", Input)
    lines = getters.query_one(OptionList)
    below = getters.query_one("#field-below", Vertical)
    help_text = getters.query_one("#field-help", Static)

    @dataclass
    class Given(Message):
        """The person types ``text`` for the field called ``name``."""

        name: str
        text: str

    @dataclass
    class ResetAsked(Message):
        """The person wants the field called ``name`` as it was where the form started from."""

        name: str

    class Left(Message):
        """The person has seen enough."""

    def __init__(self) -> None:
        super().__init__()
        self.values: Values = {}
        self.preset: Values = {}
        self.source = ""
        self.editor: Field | None = None
        self._editing = ""
        self._found: set[str] = set()
        self._complaints: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        """The words that are looked for, the fields, and below them the one that is at hand."""
        yield Input(
            placeholder="words of a name or of what it does, such as: warm",
            compact=True,
            id="field-words",
        )
        yield OptionList(markup=False)
        with Vertical(id="field-below"):
            yield Static(id="field-help")

    def show(self, values: Values, preset: Values, source: str, complaints: dict[str, str]) -> None:
        """Show ``values``, which started as the ``preset`` called ``source``.

        Of what the fields name, ``complaints`` tell what is wrong.
        """
        self.values, self.preset, self.source = values, preset, source
        self._complaints = complaints
        if not self.lines.option_count:
            self._find()
        for name in recipe_fields():
            if (place := self._place(name)) is not None:
                words = self._line(recipe_fields()[name])
                if words != self.lines.get_option_at_index(place).prompt:
                    self.lines.replace_option_prompt_at_index(place, words)
        self._show_help()
        if self.editor is not None:
            value = given(values, self._editing)
            if recipe.parse_value(self._editing, self.editor.value) != value:
                self.editor.value = written(value)
            self.editor.finding = complaints.get(self._editing, "")

    def take_focus(self) -> None:
        """Focus what is moved by the arrow keys."""
        self.lines.focus()

    @property
    def at_hand(self) -> str | None:
        """The name of the field that the keys mean."""
        if self._editing:
            return self._editing
        place = self.lines.highlighted
        return None if place is None else self.lines.get_option_at_index(place).id

    def _place(self, name: str) -> int | None:
        return self.lines.get_option_index(name) if name in self._found else None

    def _find(self) -> None:
        at_hand = self.at_hand
        found = with_words(self.words.value)
        self._found = {field.name for field in found}
        options: list[Option] = []
        section = ""
        for field in found:
            if (of := field.name.partition(".")[0]) != section:
                section = of
                options.append(Option(Content.styled(f"  {of}", "bold"), disabled=True))
            options.append(Option(self._line(field), id=field.name))
        if not found:
            options.append(
                Option(Content("  No field has these words; Esc shows all."), disabled=True)
            )
        self.lines.set_options(options)
        if found:
            self.lines.highlighted = self._place(at_hand or "") or 1
        self._show_help()

    def _line(self, field: RecipeField) -> Content:
        value, usual = given(self.values, field.name), given(self.preset, field.name)
        complaint = complaint_of(field.name, value) or self._complaints.get(field.name, "")
        sign = (
            ("✗ ", "$error") if complaint else ("* " if value != usual else "  ", "$primary bold")
        )
        parts = [sign, (f"{field.title:<{NAME_CELLS}} ", "" if value == usual else "bold")]
        parts.append((printable(written(value)) or "none", "" if written(value) else "dim"))
        if complaint:
            parts.append((f"  {printable(complaint)}", "$error"))
        elif value != usual:
            parts.append((f"  instead of {printable(written(usual)) or 'none'}", "dim"))
        return Content.assemble(*parts)

    def _show_help(self) -> None:
        name = self.at_hand
        if name is None:
            self.help_text.update("")
            return
        field, usual = recipe_fields()[name], given(self.preset, name)
        lines = [Content(field.help), Content.styled(f"It must be {field.allowed}.", "dim")]
        facts = f"{written(field.default) or 'none'} where nothing is said"
        facts += f", {printable(written(usual)) or 'none'} in {printable(self.source)}"
        lines.append(Content.styled(facts, "dim"))
        self.help_text.update(Content("\n").join(lines))

    @on(OptionList.OptionHighlighted)
    def _move(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        self._show_help()

    @on(OptionList.OptionSelected)
    async def _edit(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = event.option_id
        if name is None:
            return
        await self._end_editing()
        self._editing = name
        field = recipe_fields()[name]
        self.editor = Field(
            field.title, entry(name, written(given(self.values, name)), "field-value")
        )
        await self.below.mount(self.editor, before=0)
        self._show_help()
        self.editor.entry.focus()

    async def _end_editing(self) -> None:
        editor, self.editor, self._editing = self.editor, None, ""
        if editor is not None:
            await editor.remove()

    @on(Field.Changed)
    def _take(self, event: Field.Changed) -> None:
        event.stop()
        if event.field is self.editor:
            self.post_message(self.Given(self._editing, event.value))

    @on(Input.Changed, "#field-words")
    def _look_for(self, event: Input.Changed) -> None:
        event.stop()
        self._find()

    @on(Input.Submitted)
    async def _go_on(self, event: Input.Submitted) -> None:
        event.stop()
        await self._end_editing()
        self.take_focus()

    def action_filter(self) -> None:
        """Ask for words."""
        self.words.add_class("-open")
        self.words.focus()

    def action_reset(self) -> None:
        """Let the field at hand be as it was where the form started from."""
        if (name := self.at_hand) is not None:
            self.post_message(self.ResetAsked(name))

    async def action_leave(self) -> None:
        """Leave the entry, then the words, then all of it."""
        if self.editor is not None:
            await self._end_editing()
            self.take_focus()
        elif self.words.has_class("-open"):
            self.words.remove_class("-open")
            self.words.value = ""
            self.take_focus()
        else:
            self.post_message(self.Left())

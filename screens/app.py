"""The app: three screens, one key each."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import work
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Event
from textual.filter import LineFilter, Monochrome
from textual.screen import Screen
from textual.theme import Theme

from stplay.errors import UserError
from stplay.home import settings_file
from stplay.screens.shared import keyboard
from stplay.screens.shared.colourless import Colourless
from stplay.screens.shared.commands import KeyCommands
from stplay.screens.shared.endingsignals import EndingSignals
from stplay.screens.shared.guardedapp import GuardedApp
from stplay.screens.shared.palette import Palette
from stplay.screens.shared.safetext import SafeText
from stplay.screens.shared.theme import DARK, THEMES
from stplay.screens.train.trainscreen import TrainScreen
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.screens.explore.earlyencoder import EarlyEncoder

SETTLED_SECONDS = 1.0
WARNING_SECONDS = 30.0
SAFE = SafeText()


def evaluate_screen(*, afresh: bool = False) -> Screen[None]:
    """The Evaluate screen, imported when it is first opened."""
    from stplay.screens.evaluate.evaluatescreen import EvaluateScreen

    return EvaluateScreen(afresh=afresh)


def explore_screen(*, afresh: bool = False) -> Screen[None]:
    """The Explore screen, imported when it is first opened."""
    from stplay.screens.explore.explorescreen import ExploreScreen

    return ExploreScreen(afresh=afresh)


class StplayApp(GuardedApp):
    """The terminal workbench for sentence embeddings."""

    TITLE = "stplay"
    CSS_PATH: ClassVar = "app.tcss"
    MODES: ClassVar = {
        "train": TrainScreen,
        "evaluate": evaluate_screen,
        "explore": explore_screen,
    }
    DEFAULT_MODE = "train"
    COMMANDS = GuardedApp.COMMANDS | {KeyCommands}
    BINDINGS: ClassVar[list[BindingType]] = [
        # alt and a digit also works while a field is being typed in.
        Binding("1,alt+1", "switch_mode('train')", "Train", show=False),
        Binding("2,alt+2", "switch_mode('evaluate')", "Evaluate", show=False),
        Binding("3,alt+3", "switch_mode('explore')", "Explore", show=False),
        Binding("question_mark,f1", "toggle_help", "Help", key_display="?"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self, opening: str = "train", *, early_encoder: bool = False, calm: bool = False
    ) -> None:
        # Textual reads it as it makes the app.
        self.DEFAULT_MODE = opening  # pyright: ignore[reportAttributeAccessIssue]
        super().__init__(calm=calm)
        self.ending = EndingSignals(self._leave)
        self._plain = Colourless(self._ground)
        self._wants_encoder = early_encoder
        self._encoder: EarlyEncoder | None = None
        keyboard.tell_alt()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = DARK.name
        self._complaint = self._take_kept_theme()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Whatever is painted is made safe last; under NO_COLOR it has no greys either."""
        filters = super().get_line_filters()
        if not self.no_color:
            return [*filters, SAFE]
        return [*(each for each in filters if not isinstance(each, Monochrome)), self._plain, SAFE]

    def _ground(self) -> Color:
        return Color.parse(self.current_theme.background or "black")

    def _take_kept_theme(self) -> str | None:
        """Be in the theme of the settings; why not, where that cannot be."""
        if not settings_file().exists():  # as mostly; reading them takes imports
            return None
        from stplay import settings

        try:
            kept = settings.read().theme
        except UserError as error:
            return error.sentence
        if kept not in self.available_themes:
            return f"There is no theme {printable(kept)}, which the settings name."
        self.theme = kept
        return None

    def _keep_theme(self, theme: Theme) -> None:
        from stplay import settings

        try:
            settings.keep_theme(theme.name)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)

    def on_mount(self) -> None:
        """Keep a theme that is chosen; start an encoder once the first screen is there."""
        if not self.is_headless:
            self.ending.hear()
        if self._complaint is not None:
            self.notify(self._complaint, severity="error", markup=False)
        self.theme_changed_signal.subscribe(self, self._keep_theme)
        self._tell_of_logout()
        if self._wants_encoder:
            self.set_timer(SETTLED_SECONDS, self._start_encoder)

    @work(group="log-out", thread=True)
    def _tell_of_logout(self) -> None:
        from stplay.jobs import logout

        if warning := logout.warning():
            self.notify(warning, severity="warning", timeout=WARNING_SECONDS, markup=False)

    @work(group="early encoder")
    async def _start_encoder(self) -> None:
        from stplay.screens.explore.earlyencoder import EarlyEncoder

        self._encoder = EarlyEncoder()
        await self._encoder.start()

    async def on_unmount(self) -> None:
        """End the encoder that nobody used."""
        self.ending.let_be()
        if self._encoder is not None:
            await self._encoder.end()

    async def on_event(self, event: Event) -> None:
        """Take keys in."""
        keyboard.take_text_off(event)
        await super().on_event(event)

    def _leave(self) -> None:
        """Quit, as a signal asks for in the middle of anything."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.exit)

    async def evaluate(self, model: str) -> None:
        """Offer on the Evaluate screen to evaluate ``model``."""
        from stplay.screens.evaluate.evaluatescreen import EvaluateScreen

        await self.reopen("evaluate")
        if isinstance(self.screen, EvaluateScreen):
            self.screen.choose_model(model)

    def explore(self, sentences: list[str], model: str | None = None) -> Awaitable[None]:
        """Go to the Explore screen with ``sentences``, and with ``model`` where one is named."""
        from stplay.screens.explore.explorescreen import ExploreScreen

        shown = self.reopen("explore")
        screen = self.get_screen_stack("explore")[0]
        if isinstance(screen, ExploreScreen):
            screen.show_sentences(sentences, model)  # before it shows any of its own
        return shown

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's own, and the doctor."""
        yield from super().get_system_commands(screen)
        words = "Machine, disk, Hub, terminal and versions: what is amiss, and what to do"
        yield SystemCommand("Doctor", words, self.action_doctor)

    def action_doctor(self) -> None:
        """Show what the doctor finds."""
        from stplay.doctor.terminalcheck import TerminalFacts
        from stplay.screens.shared.doctordialog import DoctorDialog

        console, painting = self.console, self.painting
        facts = TerminalFacts(
            columns=self.size.width,
            lines=self.size.height,
            colours=console.color_system,
            encoding=console.encoding,
            calm=painting.calm,
        )
        self.push_screen(DoctorDialog(facts))

    def action_command_palette(self) -> None:
        """Show the command palette."""
        if not Palette.is_there(self):
            self.push_screen(Palette())

    def action_toggle_help(self) -> None:
        """Show the panel of keys, or hide it."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

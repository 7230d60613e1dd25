"""The app itself, and the command ``explore``, which opens it with sentences."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING

from stplay import terminal
from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.encoding.sentences import sentences_of
from stplay.errors import UserError
from stplay.exitcodes import FINISHED, INTERRUPTED
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.screens.app import StplayApp

CALM = "paint at most once a second what nobody typed for; on by itself inside SSH"


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    explore_ = add("explore", explore, "Open the app with sentences to explore, one a line.")
    explore_.add_argument("file", nargs="?", help="a text file; without one, piped lines are read")
    explore_.add_argument("--model", help="a model's name; the best at hand unless told")
    take_calm(explore_, default=argparse.SUPPRESS)


def take_calm(command: argparse.ArgumentParser, default: str | None = None) -> None:
    """Let ``command``, which opens the app, be told how often it paints."""
    command.add_argument(
        "--calm", action=argparse.BooleanOptionalAction, default=default, help=CALM
    )


def open_app(options: argparse.Namespace) -> int:
    """Open the app; where there is no terminal, say what to use instead."""
    is_terminal = sys.stdin and sys.stdin.isatty() and output.on_terminal()
    if not (is_terminal or terminal.is_browser(os.environ)):
        raise UserError("The app needs a terminal; without one, use: stplay train sample")
    _refuse_dumb("stplay train sample")
    from stplay.screens.app import StplayApp

    return _run(StplayApp(early_encoder=True, calm=_is_calm(options)))


def explore(options: argparse.Namespace) -> int:
    """Open the app on its Explore screen, with the sentences of a file or a pipe."""
    from stplay.sources.modelsources import model_source

    if options.model is not None:
        model_source(options.model)
    sentences = sentences_of(options.file, [])
    if not (sys.stdin and sys.stdin.isatty()):
        _read_keys_from_the_terminal()
    if not output.on_terminal():
        raise UserError("The app needs a terminal; without one, use: stplay sim")
    _refuse_dumb("stplay sim")
    from stplay.screens.app import StplayApp

    app = StplayApp("explore", calm=_is_calm(options))
    app.call_later(app.explore, sentences, options.model)
    return _run(app)


def _is_calm(options: argparse.Namespace) -> bool:
    return terminal.is_over_ssh(os.environ) if options.calm is None else options.calm


def _refuse_dumb(instead: str) -> None:
    """Make sure that the terminal can show the app.

    Raises:
        UserError: it cannot; names the command to use ``instead``.
    """
    if terminal.is_dumb(os.environ):
        raise UserError(
            f"A terminal of the kind TERM={printable(os.environ['TERM'])} cannot show the app; set "
            f"TERM to what it is, such as xterm-256color, or use a command: {instead}"
        )


def _run(app: StplayApp) -> int:
    """Run the app to its end; where a signal ended it, end as that does."""
    from stplay.screens.shared.endingsignals import end_by

    app.run()
    if app.ending.received is None:
        return app.return_code or FINISHED
    if app.ending.received != signal.SIGINT:
        output.flush()
        end_by(app.ending.received)
    return INTERRUPTED


def _read_keys_from_the_terminal() -> None:
    """Let the terminal take the place of a piped input that was read to its end."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise UserError("The app needs a terminal; without one, use: stplay sim") from None
    os.dup2(terminal, 0)
    os.close(terminal)

"""The app itself, and the command ``explore``, which opens it with sentences."""

from __future__ import annotations

import argparse
import os
import sys

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.encoding.sentences import sentences_of
from stplay.errors import UserError
from stplay.exitcodes import FINISHED


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    explore_ = add("explore", explore, "Open the app with sentences to explore, one a line.")
    explore_.add_argument("file", nargs="?", help="a text file; without one, piped lines are read")
    explore_.add_argument("--model", help="a model's name; the best at hand unless told")


def open_app(options: argparse.Namespace) -> int:
    """Open the app; where there is no terminal, say what to use instead."""
    if not (sys.stdin and sys.stdin.isatty() and output.on_terminal()):
        raise UserError("The app needs a terminal; without one, use: stplay train sample")
    from stplay.screens.app import StplayApp

    app = StplayApp(early_encoder=True)
    app.run()
    return app.return_code or FINISHED


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
    from stplay.screens.app import StplayApp

    app = StplayApp("explore")
    app.call_later(app.explore, sentences, options.model)
    app.run()
    return app.return_code or FINISHED


def _read_keys_from_the_terminal() -> None:
    """Let the terminal take the place of a piped input that was read to its end."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise UserError("The app needs a terminal; without one, use: stplay sim") from None
    os.dup2(terminal, 0)
    os.close(terminal)

"""The one way to print.

What people read is made safe wherever it goes: nothing of others may steer their terminal. What
programs read (JSON lines, CSV, npy) stays as it is, byte for byte, except on a terminal.
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import IO, TYPE_CHECKING, Literal, NoReturn

from stplay import signs, terminal
from stplay.errors import UserError
from stplay.text import ascii_json, printable, printable_json, printable_lines

if TYPE_CHECKING:
    from rich.console import RenderableType

    from stplay.cli.console import SafeConsole

PIPE_WIDTH = 120

Form = Literal["table", "json", "jsonl", "csv", "npy", "toml"]


def begin() -> None:
    """Make ready to print: not every terminal has every sign.

    What goes to programs stays UTF-8 in a 7-bit locale, as Python has it.
    """
    is_seven_bit = terminal.is_seven_bit(os.environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = "ascii" if is_seven_bit and stream.isatty() else None
            stream.reconfigure(encoding=encoding, errors=signs.ERRORS)


def flush() -> None:
    """Let what was printed be seen.

    Raises:
        BrokenPipeError: the reader went away.
        UserError: the file that is printed to cannot be written, as on a full disk.
    """
    if sys.stdout is not None:  # closed before we began
        with _failures_told():
            sys.stdout.flush()


@contextmanager
def _failures_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Python flushes once more when it ends: that must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            raise
        raise UserError(f"The output cannot be written: {error.strerror}.") from None


def on_terminal() -> bool:
    """Whether the output goes to a terminal, where people read it."""
    return _is_terminal(sys.stdout)


def _is_terminal(stream: IO[str] | None) -> bool:
    return stream is not None and stream.isatty()


def say(text: str) -> None:
    """Print lines for people, at once."""
    _write(f"{printable_lines(text)}\n")
    flush()


def _write(data: str | bytes) -> None:
    if sys.stdout is not None:
        with _failures_told():
            sys.stdout.write(data) if isinstance(data, str) else sys.stdout.buffer.write(data)


def remark(text: str) -> None:
    """Print lines for people beside the output; nothing depends on whether they are read."""
    _beside(f"{printable_lines(text)}\n")


def ask(question: str) -> str:
    """The line that the person at the terminal answers."""
    _beside(printable(question))
    return sys.stdin.readline().strip()


def _beside(text: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            sys.stderr.write(text)
            sys.stderr.flush()


def show(renderable: RenderableType, pipe_width: int = PIPE_WIDTH) -> None:
    """Print what Rich lays out; in a pipe, that is so many cells wide."""
    shown = console(None if on_terminal() else pipe_width)
    with shown.capture() as captured:  # Rich itself makes a reader that went away a failure
        shown.print(renderable)
    _write(captured.get())
    flush()


def console(width: int | None = None, *, beside: bool = False) -> SafeConsole:
    """A console on the output, or on what stands beside it."""
    from stplay.cli.console import SafeConsole

    return SafeConsole(width=width, stderr=beside)


def json(value: object) -> None:
    """Print ``value``, of plain types or structs, as one line of JSON."""
    Data("json").write(json_line(value))


def json_line(value: object) -> bytes:
    """``value``, of plain types or structs, as one line of JSON."""
    import msgspec

    try:
        line = msgspec.json.encode(value)
    except UnicodeEncodeError:  # half a character, as a path can have it: JSON can spell that
        from json import dumps

        line = dumps(msgspec.to_builtins(value)).encode()
    return line + b"\n"


class Data:
    """The output as a file of what programs read, in a form that they know.

    On a terminal it is made safe: JSON by escapes, so that it decodes to the same values, and all
    else by replacement signs.
    """

    def __init__(self, form: Form) -> None:
        self.form = form
        flush()  # bytes overtake the text that was printed before

    def write(self, data: str | bytes) -> int:
        """Print whole lines, or all of it where it is no text.

        Raises:
            UserError: it is no text and goes to a terminal.
        """
        if not on_terminal():
            _write(data.encode() if isinstance(data, str) else data)
            return len(data)
        if self.form == "npy":
            raise UserError("npy is no text; send it to a file, as in: stplay sim ... > matrix.npy")
        text = data if isinstance(data, str) else data.decode(errors="replace")
        if self.form not in ("json", "jsonl"):
            text = printable_lines(text)
        else:
            text = printable_json(text)
            try:
                text.encode(sys.stdout.encoding)
            except UnicodeEncodeError:
                text = ascii_json(text)
        _write(text)
        return len(data)


def notify(text: str) -> None:
    """Tell ``text`` to whoever looks at another window, unless the settings say not to.

    Nothing is told where the output goes to no terminal.
    """
    from stplay import settings
    from stplay.notification import codes

    if not on_terminal():
        return
    try:
        if settings.read().notify:
            _write(codes(text, os.environ))
            flush()
    except UserError as error:
        remark(f"stplay: {error.sentence}")


class StatusLine:
    """One line on a terminal beside the output: what is waited for. It goes away."""

    def __init__(self) -> None:
        self._shown = ""

    def __enter__(self) -> StatusLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.show("")

    def show(self, text: str) -> None:
        """Show ``text`` in place of what was shown before."""
        if _is_terminal(sys.stderr) and text != self._shown:
            _beside(f"\r\x1b[K{printable(text)}")
            self._shown = text


class Parser(argparse.ArgumentParser):
    """A parser whose complaints, which repeat what was typed, are safe to show."""

    def error(self, message: str) -> NoReturn:
        """Complain, and end with exit code 2."""
        super().error(printable(message))

"""An error that nobody foresaw: where it arose, what is told of it, and its story in a log."""

from __future__ import annotations

import re
import time
import traceback
from contextlib import suppress
from typing import NamedTuple

from textual.screen import Screen
from textual.timer import EventTargetGone, Timer
from textual.widget import Widget

from stplay import __version__, home
from stplay.errors import UserError
from stplay.text import printable

MOST_BYTES = 1 << 20
MOST_CHARACTERS = 1 << 16  # of one story
LONGEST_ERROR = 200
OURS = "stplay.screens."


class Breakage(NamedTuple):
    """What is told of an error: one sentence, and where the story is."""

    sentence: str
    story: str


def widgets_of(error: BaseException) -> list[Widget]:
    """The widgets whose methods and timers ``error`` came through, the innermost first."""
    found: list[Widget] = []
    trace = error.__traceback__
    while trace is not None:
        owner = trace.tb_frame.f_locals.get("self")
        if isinstance(owner, Timer):
            with suppress(EventTargetGone):
                owner = owner.target
        if isinstance(owner, Widget):
            found.append(owner)
        trace = trace.tb_next
    return found[::-1]


def words(kind: type[Widget]) -> str:
    """A kind of widget as people say it: ``MapView`` is a map view."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).lower()


def name_of(widgets: list[Widget], title: str | None) -> str:
    """What broke: the innermost of our own ``widgets``, on the screen called ``title``."""
    ours = [each for each in widgets if type(each).__module__.startswith(OURS)]
    if title is None:
        return "The app" if not ours else f"The {words(type(ours[0]))}"
    if not ours or (isinstance(ours[0], Screen) and not ours[0].is_modal):
        return f"The {title} screen"
    return f"The {words(type(ours[0]))} of {title}"


def error_words(error: BaseException) -> str:
    """``error`` on one line and safe to show; a user's mistake has a sentence of its own."""
    if isinstance(error, UserError):
        return error.sentence
    told = traceback.format_exception_only(error)[-1][: 4 * LONGEST_ERROR]  # it may be megabytes
    text = printable(" ".join(told.split()))
    return text if len(text) <= LONGEST_ERROR else f"{text[: LONGEST_ERROR - 1]}…"


def tell(error: BaseException, name: str) -> Breakage:
    """Write the story of ``error`` down; what is told of it."""
    sentence = f"{name} broke: {error_words(error)}".rstrip(".") + "."
    path = printable(str(home.app_log()))
    try:
        _write(f"{sentence}\n{_story(error)}")
    except OSError as refused:
        why = printable(refused.strerror or type(refused).__name__)
        return Breakage(sentence, f"Its story cannot be written to {path}: {why}.")
    return Breakage(sentence, f"The whole story is in {path}")


def _story(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))[-MOST_CHARACTERS:]
    return "\n".join(map(printable, text.split("\n")))


def _write(text: str) -> None:
    # One older log is kept; two apps that move it aside at once lose a story, never more.
    path = home.app_log()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > MOST_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    with path.open("a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{now}  stplay {__version__}  {text}\n")

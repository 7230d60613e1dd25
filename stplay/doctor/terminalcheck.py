"""The terminal: its kind, colours, size, signs and clipboard, and how the app paints on it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import msgspec

from stplay.doctor.finding import Finding, finding
from stplay.doctor.terminalquery import TerminalAnswers
from stplay.jobs.systemprogram import ask_program
from stplay.terminal import is_dumb, is_over_ssh, is_seven_bit
from stplay.text import printable

SECTION = "terminal"
TMUX_CLIPBOARD = ("tmux", "show-options", "-gv", "set-clipboard")
LEAST_COLUMNS, LEAST_LINES = 80, 24
ANSWER_SECONDS = 1.0
# Each with the cells that it has to take, as the app lays it out.
WIDTHS = {"●": 1, "━": 1, "⣿": 1, "✓": 1, "…": 1, "é": 1, "猫": 2}
COLOURS = {"truecolor": "16 million", "256": "256", "standard": "16", "windows": "16"}
FEW_COLOURS = ("standard", "windows")


class TerminalFacts(msgspec.Struct, frozen=True):
    """What whoever shows something knows of its terminal.

    ``colours`` is Rich's name of how many there are, ``answers`` what the terminal said itself
    where it ``was_asked``: in the app it cannot be.
    """

    columns: int
    lines: int
    colours: str | None
    encoding: str
    calm: bool
    was_asked: bool = False
    answers: TerminalAnswers | None = None


def findings(facts: TerminalFacts | None) -> Iterator[Finding]:
    """What is known of the terminal; without ``facts`` there is none."""
    if facts is None:
        told = "none: the output goes to a file or another program"
        yield finding(SECTION, "kind", "note", told, "to have yours looked at, run this in it")
        return
    environment = os.environ
    yield _kind(environment)
    yield _colours(facts, environment)
    told = f"{facts.columns}x{facts.lines}"
    if facts.columns < LEAST_COLUMNS or facts.lines < LEAST_LINES:
        advice = f"from {LEAST_COLUMNS}x{LEAST_LINES} on the app shows all that it has"
        yield finding(SECTION, "size", "note", told, advice)
    else:
        yield finding(SECTION, "size", "ok", told)
    yield _signs(facts, environment)
    yield _clipboard(facts, environment)
    yield _painting(facts, environment)


def _kind(environment: Mapping[str, str]) -> Finding:
    name = printable(environment.get("TERM", ""))
    inside = ", in tmux" if environment.get("TMUX") else ""
    if is_dumb(environment):
        told = f"TERM={name}, which cannot show the app"
        advice = "set TERM to what the terminal is, such as xterm-256color"
        return finding(SECTION, "kind", "problem", told, advice)
    if not name:
        advice = "set it to what the terminal is, such as xterm-256color"
        return finding(SECTION, "kind", "note", f"TERM is not set{inside}", advice)
    return finding(SECTION, "kind", "ok", f"TERM={name}{inside}")


def _colours(facts: TerminalFacts, environment: Mapping[str, str]) -> Finding:
    if environment.get("NO_COLOR"):
        told = "none, as NO_COLOR is set: signs and words tell all of it"
        return finding(SECTION, "colours", "ok", told)
    told = COLOURS.get(facts.colours or "", "none")
    if facts.colours is None or facts.colours in FEW_COLOURS:
        advice = "if it has more: TERM=xterm-256color, or COLORTERM=truecolor"
        return finding(SECTION, "colours", "note", told, advice)
    return finding(SECTION, "colours", "ok", told)


def _signs(facts: TerminalFacts, environment: Mapping[str, str]) -> Finding:
    if is_seven_bit(environment):
        told = "the locale promises ASCII alone: other signs are written as such"
        advice = "if the terminal has UTF-8: export LC_ALL=C.UTF-8"
        return finding(SECTION, "signs", "note", told, advice)
    if facts.encoding.lower().replace("-", "") != "utf8":
        told = f"{printable(facts.encoding)}: what it has not is written as ASCII"
        advice = "if the terminal has UTF-8: export LC_ALL=C.UTF-8"
        return finding(SECTION, "signs", "note", told, advice)
    if not facts.was_asked:
        told = "UTF-8; how wide they are drawn is measured by: stplay doctor"
        return finding(SECTION, "signs", "ok", told)
    if facts.answers is None:
        told = "UTF-8; how wide they are drawn is not known, as the terminal does not tell"
        return finding(SECTION, "signs", "note", told)
    wrong = {sign: cells for sign, cells in facts.answers.widths.items() if cells != WIDTHS[sign]}
    if wrong:
        told = ", ".join(f"{sign} takes {cells} cells" for sign, cells in wrong.items())
        advice = "have it draw ambiguous signs narrow, and its locale be UTF-8; in tmux: tmux -u"
        return finding(SECTION, "signs", "problem", f"lines will not match: {told}", advice)
    return finding(SECTION, "signs", "ok", "UTF-8, and as wide as they should be")


def _clipboard(facts: TerminalFacts, environment: Mapping[str, str]) -> Finding:
    advice = "if y copies nothing, save to a file instead"
    if environment.get("TMUX"):
        # Any other value ignores what programs inside send, also "external", the usual one.
        said = ask_program(*TMUX_CLIPBOARD, seconds=ANSWER_SECONDS)
        if said is not None and said.text == "on":
            told = "tmux takes what is copied (OSC 52), and hands it on where its terminal can"
            return finding(SECTION, "clipboard", "ok", told)
        told = "as tmux is set, it takes none from a program"
        return finding(SECTION, "clipboard", "note", told, "tmux set -g set-clipboard on")
    if environment.get("TERM_PROGRAM") == "Apple_Terminal" or environment.get("TERM") == "linux":
        told = "this terminal takes none from a program (OSC 52)"
        return finding(SECTION, "clipboard", "note", told, "save to a file instead")
    if facts.answers is not None and facts.answers.tells_clipboard:
        return finding(SECTION, "clipboard", "ok", "taken from a program (OSC 52)")
    told = "not known: most terminals take it from a program (OSC 52), and few tell"
    return finding(SECTION, "clipboard", "note", told, advice)


def _painting(facts: TerminalFacts, environment: Mapping[str, str]) -> Finding:
    if not facts.calm:
        return finding(SECTION, "painting", "ok", "as it comes; once a second with stplay --calm")
    why = ", as it goes through SSH" if is_over_ssh(environment) else ""
    told = f"calm{why}: once a second what nobody typed for; as it comes with stplay --no-calm"
    return finding(SECTION, "painting", "ok", told)

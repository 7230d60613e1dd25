"""What is typed in Explore comes back after any end of the app."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from piloting import settle, until
from terminal import Terminal
from textual.pilot import Pilot

from stplay import home
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.screens.app import StplayApp
from stplay.screens.explore import kepttext
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.kepttext import KeptText
from stplay.screens.explore.sentenceeditor import SentenceEditor

pytestmark = pytest.mark.usefixtures("warm_home")


def kept() -> str:
    """What is on disk now."""
    path = home.typed_file()
    return path.read_bytes().decode("utf-8", "surrogatepass") if path.exists() else ""


def set_aside() -> list[str]:
    """What lies beside it, the oldest first."""
    path = home.typed_file()
    return [each.read_text("utf-8") for each in sorted(path.parent.glob("explore-*.txt"))]


@pytest.fixture(autouse=True)
def _nothing_kept(warm_home: Path) -> None:
    for path in home.typed_file().parent.glob("explore*.txt*"):
        path.unlink()


async def editor_of(pilot: Pilot[None]) -> SentenceEditor:
    await until(lambda: bool(pilot.app.screen.query(SentenceEditor)))
    await settle(pilot)
    return pilot.app.screen.query_one(SentenceEditor)


def notified(pilot: Pilot[None]) -> str:
    return " ".join(note.message for note in pilot.app._notifications)


@pytest.mark.parametrize(
    "end",
    [
        lambda terminal: os.kill(terminal.pid, signal.SIGKILL),
        lambda terminal: os.kill(terminal.pid, signal.SIGTERM),
        lambda terminal: os.kill(terminal.pid, signal.SIGHUP),
        lambda terminal: terminal.type("\x11"),
    ],
    ids=["kill -9", "SIGTERM", "SIGHUP", "ctrl+q"],
)
def test_what_was_typed_comes_back_in_a_real_terminal(end: Callable[[Terminal], None]) -> None:
    with Terminal("explore", size=(120, 40)) as terminal:
        terminal.wait_for("The dog has big ears.")
        terminal.type("\rnobody types this twice")
        terminal.wait_for(lambda text: "nobody types this twice" in text and bool(kept()))
        end(terminal)
        terminal.wait_for_end()
    with Terminal("explore", size=(120, 40)) as terminal:
        screen = terminal.wait_for("nobody types this twice")
        assert "The dog has big ears." in screen
        assert re.search(r"4 +nobody types this twice", screen)


async def test_it_is_on_disk_while_it_is_typed_and_only_if_it_is() -> None:
    async with StplayApp("explore").run_test(size=(120, 40)) as pilot:
        editor = await editor_of(pilot)
        assert editor.text == "\n".join(CARD_SENTENCES)
        await pilot.press("enter", *"half a", "space")
        editor.insert("\ud83d")  # half a character, as a broken paste brings it
        await until(lambda: kept().endswith("half a \ud83d"))
        editor.text = ""
        await until(lambda: not kept())
    async with StplayApp("explore").run_test(size=(120, 40)) as pilot:
        editor = await editor_of(pilot)
        assert editor.text == "\n".join(CARD_SENTENCES)
    assert not kept()


async def test_sentences_that_are_handed_over_take_nothing_away() -> None:
    app = StplayApp("explore")
    async with app.run_test(size=(120, 40)) as pilot:
        editor = await editor_of(pilot)
        editor.text = "typed first"
        await app.explore(["handed over"])  # before half a second has passed, as like as not
        assert (editor.text, kept()) == ("handed over", "typed first")
        await pilot.press("end", "!")
        await until(lambda: kept() == "handed over!")
        assert set_aside() == ["typed first"]
        await until(lambda: "What was typed before is in" in notified(pilot))
        await app.explore(["once more"])
        await pilot.press("end", "?")
        await until(lambda: kept() == "once more?")
        assert set_aside() == ["typed first", "handed over!"]
    app = StplayApp("explore")
    app.call_later(app.explore, ["of a file"])
    async with app.run_test(size=(120, 40)) as pilot:
        assert (await editor_of(pilot)).text == "of a file"
        assert kept() == "once more?"


async def test_a_text_that_breaks_the_screen_is_set_aside_not_lost() -> None:
    home.typed_file().parent.mkdir(parents=True, exist_ok=True)
    home.typed_file().write_text("poison", encoding="utf-8")
    app = StplayApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await app.switch_mode("explore")
        await editor_of(pilot)
        await app._replace_base(ExploreScreen(afresh=True))
        assert (await editor_of(pilot)).text == "\n".join(CARD_SENTENCES)
        assert set_aside() == ["poison"]


async def test_a_disk_that_takes_nothing_is_told_once() -> None:
    data = home.typed_file().parent
    data.mkdir(parents=True, exist_ok=True)
    home.typed_file().mkdir()  # root writes where nobody may, but not over a folder
    try:
        async with StplayApp("explore").run_test(size=(120, 40)) as pilot:
            editor = await editor_of(pilot)
            for text in ("one", "two"):
                editor.text = text
                await until(lambda: "cannot be kept in" in notified(pilot))
            assert pilot.app.screen.query_one(SentenceEditor).text == "two"
        assert notified(pilot).count("cannot be kept") == 1
    finally:
        home.typed_file().rmdir()


def test_any_text_comes_back_as_it_is_and_the_newest_of_the_old_ones_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kepttext, "MOST_SET_ASIDE", 3)
    for number, text in enumerate(
        ["a\r\nb", "\u2028 a\x0c \x85", "\x1b]52;c;\x07", "日本 \udc80", "x"]
    ):
        keeper = KeptText()
        keeper.show("handed over")
        assert (keeper.keep(text) is None) is (number == 0)
        assert KeptText().read() == text
        assert keeper.keep(text) is None
    assert len([*home.typed_file().parent.glob("explore-*.txt")]) == 3
    home.typed_file().write_bytes(b"no \xff text")
    assert KeptText().read() == "no \ufffd text"

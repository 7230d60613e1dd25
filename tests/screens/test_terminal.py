"""The app and the live view as a person meets them: in a real terminal."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import pytest
from runner import small_recipe, wait_until_over
from terminal import Terminal

from stplay.runs.run import Run

CTRL_Q, HOME = "\x11", "\x1b[H"
# Of the probe sentences the newest of several steps, such as: step 40, 3 of 3
AT_THE_NEWEST = re.compile(r"step [\d,]+, ([2-9]|\d\d+) of \1 ")


@pytest.fixture
def recipe_file(home: Path, tmp_path: Path) -> Path:
    """The small recipe as a file that a person could have written."""
    arguments = small_recipe(tmp_path / "animals", training__max_steps="60")
    from stplay.runs import recipe

    overrides = [argument.removeprefix("--set=") for argument in arguments[2:]]
    path = tmp_path / "animals.toml"
    path.write_text(recipe.load("sample", overrides).to_toml(), encoding="utf-8")
    return path


def test_one_key_trains_quitting_leaves_it_running_and_reopening_shows_it(home: Path) -> None:
    with Terminal() as terminal:
        terminal.wait_for(lambda text: "Start" in text and "steps of 32 triplets" in text)
        terminal.type("\r")
        terminal.wait_for("sample-1")
        terminal.wait_for("● running")
        terminal.wait_for("0.000          0")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0
    (run,) = Run.every()
    assert run.read_log().active

    with Terminal(size=(120, 40)) as terminal:
        screen = terminal.wait_for("● running")
        assert "sample-1" in screen
        assert "synthetic data" in screen
        terminal.type("2")
        terminal.wait_for("Dimensions")
        terminal.type("1")
        terminal.wait_for("sample-1")
        terminal.type("p")
        terminal.wait_for(lambda text: bool(AT_THE_NEWEST.search(text)))
        terminal.type(HOME)
        terminal.wait_for(lambda text: "step 0, 1 of" in text and "a baby smiling" in text)
        terminal.type("k")
        terminal.wait_for("training process")
        terminal.type("g")
        terminal.wait_for(lambda text: "loss   ━ train" in text)
        terminal.resize(80, 24)
        terminal.wait_for(lambda text: "test max" in text and "Stop" in text)
        terminal.type("s")
        terminal.wait_for("Stop sample-1, after the step it is at")
        terminal.type("\t\r")
        terminal.wait_for("■ stopped")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0
    assert run.read_log().status == "stopped"


def test_sixteen_colours_are_enough(home: Path) -> None:
    with Terminal(env={"TERM": "xterm", "COLORTERM": ""}) as terminal:
        terminal.wait_for("steps of 32 triplets")
        assert b"38;2" not in terminal.output
        assert b"38;5" not in terminal.output
        buffer = terminal.screen.buffer
        for line in range(24):
            for column in range(80):
                cell = buffer[line][column]
                foreground, background = cell.fg, cell.bg
                if cell.reverse:
                    foreground, background = background, foreground
                if cell.data.isalnum():
                    assert foreground != background, (line, column, cell)
                    assert (foreground, background) != ("default", "white"), (line, column, cell)


@pytest.mark.usefixtures("unforked")
def test_live_view_on_a_terminal_ends_with_the_whole_table(home: Path, recipe_file: Path) -> None:
    with Terminal("train", str(recipe_file), size=(100, 30)) as terminal:
        terminal.wait_for("importing")
        terminal.wait_for("step")
        assert terminal.wait_for_end() == 0
        screen = terminal.text
    assert "animals-1" in screen
    assert "✓ finished" in screen
    header = next(line for line in screen.splitlines() if "Training Loss" in line)
    assert header.split("  ")[-1].strip() == "test max"
    last = next(line.split() for line in screen.splitlines() if line.split()[1:2] == ["60"])
    assert last[-1] != "-"  # the test accuracy stands in the last row


def test_interrupt_of_the_live_view_says_what_it_does(home: Path, recipe_file: Path) -> None:
    with Terminal(
        "train", str(recipe_file), "--set=training.max_steps=4000", size=(100, 30)
    ) as terminal:
        terminal.wait_for(lambda text: "● running" in text)
        terminal.type("\x03")
        assert terminal.wait_for_end() == 130
        assert "■ stopped" in terminal.text
    run = Run.find("animals-1")
    wait_until_over(run)
    assert run.read_log().checkpoint is not None


@pytest.mark.parametrize("command", ["train", "explore"])
def test_quitting_before_the_screen_is_filled_is_no_mistake(home: Path, command: str) -> None:
    screen = () if command == "train" else (command,)
    with Terminal(*screen, size=(120, 40)) as terminal:
        while not terminal.output:
            terminal.read()
        while terminal.read(0.01):
            with suppress(OSError):  # it has ended
                terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0, terminal.text

"""The probe sentences of a run: their matrix at any step, followed, played, and in Explore."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from piloting import eventually, settle, text_of
from probedrun import probed_run, probes_encoded
from runsondisk import write
from samplerun import finished_run
from textual.pilot import Pilot

from stplay.jobs.events import CheckpointSaved, RunFinished, RunResumed
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.train import probespane
from stplay.screens.train.probespane import ProbesPane
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.usefixtures("home", "without_form")

LEGEND = "   0        1"
MANY = [f"Sentence number {number} of many, which is long enough." for number in range(1, 33)]


async def open_pane(pilot: Pilot[None], name: str = "done") -> ProbesPane:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(Run.find(name))
    await settle(pilot)
    await pilot.press("p")
    pane = screen.query_one(ProbesPane)
    await eventually(pilot, lambda: pane.has_focus and bool(pane.size))
    return pane


def head(pilot: Pilot[None]) -> str:
    return text_of(pilot, "#probes-head")


def told(pilot: Pilot[None], *parts: str) -> bool:
    """Whether that stands over the matrix, and nothing else but what the shades mean."""
    return head(pilot).removesuffix(LEGEND) == "   ".join(parts)


def below(pilot: Pilot[None]) -> list[str]:
    return text_of(pilot, "#probes-below").split("\n")


async def test_it_follows_the_newest_step_and_stays_at_one_that_is_chosen(home: Path) -> None:
    run = probed_run(steps=13)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        assert told(pilot, "step 1,300, 13 of 13", "newest")
        write(run, probes_encoded(1400))
        await eventually(pilot, lambda: told(pilot, "step 1,400, 14 of 14", "newest"))
        await pilot.press("left")
        assert told(pilot, "step 1,300, 13 of 14")
        write(run, probes_encoded(1500))
        await eventually(pilot, lambda: told(pilot, "step 1,300, 13 of 15"))
        await pilot.press("home")
        assert told(pilot, "step 100, 1 of 15")
        await pilot.press("left")
        assert told(pilot, "step 100, 1 of 15"), "there is none before it"
        await pilot.press("right")
        assert told(pilot, "step 200, 2 of 15")
        await pilot.press("end", "right")
        assert told(pilot, "step 1,500, 15 of 15", "newest")
        write(run, probes_encoded(1600))
        await eventually(pilot, lambda: told(pilot, "step 1,600, 16 of 16", "newest"))
        assert pane.matrix.grid is not None
        assert pane.matrix.grid.values[0, 1] == pytest.approx(-0.416, abs=1e-3)  # cos 2


async def test_the_matrix_is_that_of_the_step(home: Path) -> None:
    probed_run(steps=5)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        found = []
        for _ in range(5):
            assert pane.matrix.grid is not None
            found.append(round(float(pane.matrix.grid.values[0, 2]), 3))
            await pilot.press("left")
        assert found == pytest.approx([0.315, 0.540, 0.732, 0.878, 0.969], abs=2e-3)  # cos n/4
        title, first, *_ = below(pilot)
        assert title.split() == ["pair", "cosine", "▁", "0.315", "█", "0.992"]
        assert first.split()[:5] == ["›", "1", "×", "2", "0.992"]
        assert bars(first)[0] == "█"


def bars(line: str) -> str:
    return line.split()[-1]


async def test_each_pair_over_the_steps_and_one_that_is_chosen(home: Path) -> None:
    probed_run(steps=8)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        _, *pairs, _, first, second, third = below(pilot)
        assert [line.split()[:4] for line in pairs[:1]] == [["›", "1", "×", "2"]]
        assert [bars(line)[0] for line in pairs] == ["█"] * 3
        assert bars(pairs[1])[-1] == "▁", "the first and the last part most"
        assert [len(bars(line)) for line in pairs] == [8] * 3
        assert [line.strip()[2:] for line in (first, second, third)] == CARD_SENTENCES
        for key, pair in [("down", (0, 2)), ("down", (1, 2)), ("down", (0, 1)), ("up", (1, 2))]:
            await pilot.press(key)
            assert pane.pair == pane.matrix.cursor == pair
            assert sum(line.startswith("›") for line in below(pilot)) == 1
        await pilot.press("pageup")
        assert pane.pair == (0, 1)
        await pilot.press("pagedown")
        assert pane.pair == (1, 2)
        await pilot.click(pane.matrix, offset=(8, 2))
        assert pane.pair == (0, 0)
        await pilot.press("down")
        assert pane.pair == (0, 1)
        assert pane.has_focus, "the matrix takes no keys"


async def test_all_steps_are_played_to_the_newest(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probespane, "PLAYED_SECONDS", 0.0)
    monkeypatch.setattr(probespane, "LEAST_SECONDS", 0.01)
    probed_run(steps=6)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        seen: list[int | None] = []
        pane.watch(pane, "step", lambda step: seen.append(step), init=False)
        await pilot.press("space")
        await eventually(pilot, lambda: len(seen) >= 6)
        assert seen == [100, 200, 300, 400, 500, None]
        assert told(pilot, "step 600, 6 of 6", "newest")


async def test_playing_is_stopped_and_goes_on_from_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probespane, "LEAST_SECONDS", 3600.0)
    monkeypatch.setattr(probespane, "MOST_SECONDS", 3600.0)
    probed_run(steps=6)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        await pilot.press("space")
        assert told(pilot, "step 100, 1 of 6", "playing")
        await pilot.press("space")
        assert told(pilot, "step 100, 1 of 6")
        await pilot.press("right", "space")
        assert told(pilot, "step 200, 2 of 6", "playing")
        await pilot.press("right")
        assert told(pilot, "step 300, 3 of 6"), "who steers stops it"
        await pilot.press("space", "p")
        await eventually(pilot, lambda: not pane.size)
        assert pane.step == 300


async def test_a_resume_takes_the_place_of_later_steps(home: Path) -> None:
    run = probed_run(steps=6)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await open_pane(pilot)
        await pilot.press("left")
        assert told(pilot, "step 500, 5 of 6")
        write(run, RunResumed(step=400))
        await eventually(pilot, lambda: told(pilot, "step 400, 4 of 4", "newest"))
        write(run, probes_encoded(500, gap=True))
        await eventually(pilot, lambda: told(pilot, "step 500, 5 of 5", "newest", "! not finite"))
        line = below(pilot)[1].split()
        assert (line[4], len(line[5])) == ("nan", 4), "it is a gap"


async def test_the_sentences_are_opened_in_explore_with_the_runs_model(home: Path) -> None:
    probed_run(steps=3)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await open_pane(pilot)
        await pilot.press("left", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ExploreScreen))
        screen = pilot.app.screen
        assert isinstance(screen, ExploreScreen)
        assert screen._sentences == CARD_SENTENCES
        assert screen._model == "run:done"


async def test_what_is_at_work_is_opened_with_its_newest_checkpoint(home: Path) -> None:
    run = probed_run(steps=3)
    events = [event for event in run.events().read() if not isinstance(event, RunFinished)]
    run.events_path.unlink()
    without = [event for event in events if not isinstance(event, CheckpointSaved)]
    write(run, *without)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await open_pane(pilot)
        assert "enter" not in pilot.app.screen.active_bindings, "there is no model yet"
        write(run, *(event for event in events if isinstance(event, CheckpointSaved)))
        await eventually(pilot, lambda: "enter" in pilot.app.screen.active_bindings)
        await pilot.press("enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, ExploreScreen))
        screen = pilot.app.screen
        assert isinstance(screen, ExploreScreen)
        assert screen._model == "run:done@300"


async def test_a_run_without_any_teaches_what_would_be_there(home: Path) -> None:
    finished_run()
    probed_run("probed")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await open_pane(pilot)
        words = " ".join(head(pilot).split())
        assert "No evaluation on dev has told of them." in words
        assert '[evaluation] probes = ["a cat", "a dog"]' in words
        assert not {"left", "space", "up", "enter"} & {*pilot.app.screen.active_bindings}
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(Run.find("probed"))
        await eventually(pilot, lambda: told(pilot, "step 1,300, 13 of 13", "newest"))
        await screen.show_run(Run.find("done"))
        await eventually(pilot, lambda: "No evaluation" in head(pilot))


async def test_where_there_is_no_room_for_both_it_takes_the_place_of_the_table(home: Path) -> None:
    probed_run(steps=4)
    async with StplayApp().run_test(size=(80, 24)) as pilot:
        pane = await open_pane(pilot)
        assert pane.size.width > 70
        assert any(CARD_SENTENCES[2] in line for line in below(pilot))
        await pilot.press("p")
        await eventually(pilot, lambda: not pane.size)


async def test_of_many_the_pair_that_is_chosen_is_in_view_and_told(home: Path) -> None:
    probed_run(steps=4, sentences=MANY)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot)
        await pilot.press("up")
        assert pane.pair == (30, 31)
        assert pane.matrix.scroll_offset.y > 0
        assert below(pilot)[1].split()[:4] == ["›", "31", "×", "32"]
        assert below(pilot)[-1].split()[:3] == ["32", "Sentence", "number"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize("sentences", [CARD_SENTENCES, MANY], ids=["three", "many"])
def test_looks(
    snap_compare: Any,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int],
    sentences: list[str],
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    probed_run("sample-7", 40, sentences)

    async def open_it(pilot: Pilot[None]) -> None:
        await open_pane(pilot, "sample-7")
        await pilot.press("home", *["right"] * 11)
        await settle(pilot)

    assert snap_compare(StplayApp(), terminal_size=size, run_before=open_it)


def test_looks_without_any(snap_compare: Any, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    finished_run("sample-7", 40)

    async def open_it(pilot: Pilot[None]) -> None:
        await open_pane(pilot, "sample-7")

    assert snap_compare(StplayApp(), terminal_size=(120, 40), run_before=open_it)

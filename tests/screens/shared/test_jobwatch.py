"""The follower's face for the screens, on a job that is no folder."""

from __future__ import annotations

import pytest
from memorysource import PIECE_BYTES, MemorySource
from piloting import until
from runsondisk import COMPLETED, STARTED
from textual.app import App, ComposeResult

from stplay.jobs.events import Event, TrainLogged
from stplay.runs.traininglog import TrainingLog
from stplay.screens.shared import jobwatch
from stplay.screens.shared.jobwatch import JobWatch


def logged(step: int) -> TrainLogged:
    return TrainLogged(step=step, epoch=0.5, loss=1.0, learning_rate=1e-5)


class Watch(JobWatch[TrainingLog]):
    """Remembers what it was to show."""

    def __init__(self) -> None:
        super().__init__(TrainingLog())
        self.pieces: list[list[Event]] = []

    def show_events(self, events: list[Event]) -> None:
        self.pieces.append(events)


class WatchApp(App[None]):
    """A watch alone, and the statuses it told of."""

    def __init__(self) -> None:
        super().__init__()
        self.watch_ = Watch()
        self.statuses: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.watch_

    def on_job_watch_status_changed(self) -> None:
        self.statuses.append(self.watch_.job_log.status)

    @property
    def caught_up(self) -> bool:
        return self.watch_.shows_all


def steps_of(pieces: list[list[Event]]) -> list[int]:
    return [event.step for piece in pieces for event in piece if isinstance(event, TrainLogged)]


async def test_a_long_log_is_shown_in_pieces_each_once() -> None:
    source = MemorySource(STARTED, *map(logged, range(1, 501)))
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        assert len(app.watch_.pieces) == 1, "the app answers before the next piece"
        app.watch_.look()
        assert len(app.watch_.pieces) == 1, "the next piece is on its way already"
        await until(lambda: app.caught_up)
    assert steps_of(app.watch_.pieces) == list(range(1, 501))
    assert len(app.watch_.pieces) < len(source.log) // PIECE_BYTES, "each piece was painted"
    assert all(app.watch_.pieces)


async def test_where_much_comes_it_is_shown_together(monkeypatch: pytest.MonkeyPatch) -> None:
    source = MemorySource(STARTED, logged(1))
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        await until(lambda: app.caught_up)
        monkeypatch.setattr(jobwatch, "SHOWN_EVERY_SECONDS", 3600.0)
        for step in (2, 3):
            source.tell(logged(step))
            await until(lambda step=step: step in app.watch_.job_log.rows)
        assert steps_of(app.watch_.pieces) == [1]
        assert not app.caught_up
        source.tell(COMPLETED)
        await until(lambda: steps_of(app.watch_.pieces) == [1, 2, 3])
        shown = [*filter(None, app.watch_.pieces)]
        assert len(shown[-1]) == 3, "a change of the status waits for nothing"


async def test_what_comes_after_a_silence_is_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    source = MemorySource(STARTED, logged(1))
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        await until(lambda: app.caught_up)
        monkeypatch.setattr(jobwatch, "SHOWN_EVERY_SECONDS", 0.0)  # the silence is over
        source.tell(logged(2))
        await until(lambda: 2 in app.watch_.job_log.rows)
        assert steps_of(app.watch_.pieces) == [1, 2]


async def test_of_two_jobs_only_the_last_is_shown() -> None:
    first = MemorySource(STARTED, *map(logged, range(1, 501)))
    second = MemorySource(STARTED, *map(logged, range(1001, 1101)))
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(first)
        app.watch_.pieces.clear()
        app.watch_.follow(second)
        await until(lambda: app.caught_up)
        first.tell(logged(501))
        second.tell(logged(1101))
        await until(lambda: 1101 in app.watch_.job_log.rows and app.caught_up)
    assert steps_of(app.watch_.pieces) == list(range(1001, 1102))


async def test_each_status_is_told_once_and_the_end() -> None:
    source = MemorySource()
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        await until(lambda: app.statuses == ["starting"])
        source.tell(STARTED, logged(1))
        await until(lambda: app.statuses[1:] == ["running"])
        checks = source.checks
        await until(lambda: source.checks > checks + 1)
        source.silent = True
        await until(lambda: app.statuses[2:] == ["lost"])
        source.silent = False
        source.tell(logged(2))
        await until(lambda: app.statuses[3:] == ["running"])
        source.tell(COMPLETED)
        await until(lambda: app.statuses[4:] == ["completed", "completed"])
        assert app.watch_.follower is not None
        assert app.watch_.follower.over


async def test_a_job_that_is_gone_is_shown() -> None:
    source = MemorySource(STARTED)
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        await until(lambda: app.statuses == ["running"])
        source.gone = True
        await until(lambda: app.watch_.job_log.error == "It is gone.")
        assert app.watch_.pieces[-1] == []


async def test_what_was_left_is_known_and_followed_no_more() -> None:
    source = MemorySource(STARTED, logged(1))
    app = WatchApp()
    async with app.run_test():
        app.watch_.follow(source)
        await until(lambda: app.caught_up)
        app.watch_.leave()
        source.tell(logged(2))
        app.watch_.look()
        assert list(app.watch_.job_log.rows) == [1]

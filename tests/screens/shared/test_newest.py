"""Only what was found for the newest question counts."""

from __future__ import annotations

import asyncio

import pytest
from piloting import until
from textual.app import App
from textual.pilot import Pilot
from textual.widget import Widget
from textual.worker import WorkerFailed

from stplay.screens.shared.newest import Newest


class Library:
    """Answers when it is told to, and knows what it was asked."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.answers: dict[str, asyncio.Future[str]] = {}
        self.taken: list[tuple[str, str]] = []

    async def find(self, question: str) -> str:
        """What it is told that the answer is."""
        self.begun.append(question)
        self.answers[question] = asyncio.get_running_loop().create_future()
        return await self.answers[question]

    def take(self, question: str, found: str) -> None:
        """Keep what was told."""
        self.taken.append((question, found))

    async def has_begun(self, *questions: str) -> None:
        """Wait until it was asked all that, and nothing else."""
        await until(lambda: self.begun == list(questions))


async def asked(pilot: Pilot[None], *, patient: bool) -> tuple[Newest[str, str], Library]:
    """Somebody who has asked for "a"."""
    library, owner = Library(), Widget()
    await pilot.app.mount(owner)
    newest = Newest[str, str](owner, library.find, library.take, patient=patient)
    assert newest.ask("a")
    await library.has_begun("a")
    assert newest.is_looking
    return newest, library


async def test_an_answer_is_to_what_is_asked_and_to_nothing_else() -> None:
    async with App[None]().run_test() as pilot:
        newest, library = await asked(pilot, patient=False)
        assert not newest.ask("a"), "it is being looked for"
        assert newest.ask("b")
        await library.has_begun("a", "b")
        assert library.answers["a"].cancelled(), "nobody waits for it any more"
        assert (newest.question, newest.found) == ("b", None)
        library.answers["b"].set_result("B")
        await until(lambda: not newest.is_looking)
        assert (newest.found, library.taken) == ("B", [("b", "B")])
        assert not newest.ask("b"), "it is known"
        assert newest.ask("c")
        assert newest.found is None
        newest.forget()
        assert newest.question is None
        assert newest.ask("c")
        await library.has_begun("a", "b", "c")


async def test_the_patient_finish_what_they_began_and_then_look_for_the_newest() -> None:
    async with App[None]().run_test() as pilot:
        newest, library = await asked(pilot, patient=True)
        for question in "bcd":
            assert newest.ask(question)
        library.answers["a"].set_result("A")
        await library.has_begun("a", "d")
        assert library.taken == [("a", "A")]
        assert (newest.found, newest.is_looking) == ("A", True)
        library.answers["d"].set_result("D")
        await until(lambda: not newest.is_looking)
        assert library.taken == [("a", "A"), ("d", "D")]


async def ask_what_fails(*, patient: bool) -> None:
    """Ask for "a", which fails, and once more."""
    async with App[None]().run_test() as pilot:
        newest, library = await asked(pilot, patient=patient)
        library.answers["a"].set_exception(LookupError("no answer"))
        await until(lambda: not newest.is_looking)
        assert newest.ask("a")
        await library.has_begun("a", "a")


@pytest.mark.parametrize("patient", [False, True])
async def test_what_failed_may_be_asked_again(patient: bool) -> None:
    with pytest.raises(WorkerFailed, match="no answer"):
        await ask_what_fails(patient=patient)

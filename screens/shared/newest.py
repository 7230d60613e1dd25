"""One question after another: only what was found for the newest one counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Generic, TypeVar

from textual.widget import Widget
from textual.worker import Worker

Question = TypeVar("Question")
Found = TypeVar("Found")


class Newest(Generic[Question, Found]):
    """Looks for what answers the newest question, in a worker of ``owner``.

    Holds what was ``found`` for ``question``; nothing, as long as that is still looked for. Whoever
    paints takes both from here, so that no figure can stand under another's title.

    Args:
        owner: the widget whose workers look; with its end they end.
        find: looks for the answer to a question. A newer question cancels it; where ``patient``,
            it is done first, and only the newest of the questions that wait for it is begun.
        take: told the question and what was found for it.
        patient: whether what is under way may be done, and counts until there is something newer.
    """

    def __init__(
        self,
        owner: Widget,
        find: Callable[[Question], Awaitable[Found]],
        take: Callable[[Question, Found], None],
        *,
        patient: bool = False,
    ) -> None:
        self.question: Question | None = None
        self.found: Found | None = None
        self._owner, self._find, self._take, self._patient = owner, find, take, patient
        self._worker: Worker[Any] | None = None

    @property
    def is_looking(self) -> bool:
        """Whether the answer to ``question`` is still to come."""
        return self._worker is not None

    def ask(self, question: Question) -> bool:
        """Ask something; true where it is something else than before."""
        if question == self.question:
            return False
        if not self._patient:
            self.forget()
        self.question = question
        if self._worker is None:
            self._worker = self._owner.run_worker(partial(self._look, question))
        return True

    def forget(self) -> None:
        """Ask nothing any more, so that the same may be asked again."""
        if self._worker is not None:
            self._worker.cancel()
        self._worker = self.question = self.found = None

    async def _look(self, question: Question | None) -> None:
        while question is not None:
            try:
                found = await self._find(question)
            except Exception:
                self._worker = self.question = None  # it may be asked again
                raise
            answered, question = question, self.question
            if question is answered:
                self._worker = question = None
            self.found = found
            self._take(answered, found)

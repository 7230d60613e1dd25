"""What is asked, and the answer to it: never an answer to something else."""

from __future__ import annotations

from typing import Generic, TypeVar

Question = TypeVar("Question")
Found = TypeVar("Found")


class Answer(Generic[Question, Found]):
    """Holds what was found for ``question``; nothing, as long as that is still looked for.

    Whoever paints takes both from here, so that no figure can stand under another's title.
    """

    def __init__(self) -> None:
        self.question: Question | None = None
        self.found: Found | None = None

    def ask(self, question: Question) -> bool:
        """Ask something; true where it is something else than before, and what was found went."""
        if question == self.question:
            return False
        self.question, self.found = question, None
        return True

    def take(self, question: Question, found: Found) -> bool:
        """Take what was found for ``question``; false where something else is asked by now."""
        if question != self.question:
            return False
        self.found = found
        return True

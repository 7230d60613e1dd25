"""The lines of the editor: they end where those of a file do."""

from __future__ import annotations

from textual.document._document import Document, EditResult, Location

from stplay import lines


class _DocumentText(str):
    """A text as ``Document`` reads it: ``str`` would also split it at U+2028 and the like."""

    __slots__ = ()

    def splitlines(self, keepends: bool = False) -> list[str]:
        """The lines without their ends, which is all that ``Document`` asks for."""
        return lines.split(self)


class SentenceDocument(Document):
    """A document in which a sentence may hold any character but a line end."""

    def __init__(self, text: str) -> None:
        super().__init__(_DocumentText(text))

    def replace_range(self, start: Location, end: Location, text: str) -> EditResult:
        """Put ``text`` where ``start`` to ``end`` was."""
        return super().replace_range(start, end, _DocumentText(text))

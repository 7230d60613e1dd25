"""The notice under the answers: what went wrong, or what there is to know of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stplay.screens.shared.grid import CUT
from stplay.screens.shared.ramp import MUTED
from stplay.text import printable


class Notice(Static):
    """A few lines; none where there is nothing to tell."""

    @dataclass
    class Complaint(Message):
        """Something went wrong, or, where there is no ``sentence``, nothing does any more."""

        sentence: str

    def __init__(self) -> None:
        super().__init__(id="notice")

    def tell(self, complaint: str, warnings: Sequence[str], remark: str) -> None:
        """Tell the ``complaint``; where there is none, the ``warnings`` and then the ``remark``."""
        if complaint:
            words = [Content.styled(f"✗ {printable(complaint)}", "$error")]
        else:
            words = [Content.styled(f"{CUT} {printable(text)}", "$warning") for text in warnings]
            words += [Content.styled(printable(remark), MUTED)] if remark else []
        self.display = bool(words)
        self.update(Content("\n").join(words))

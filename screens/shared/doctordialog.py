"""What the doctor finds, section by section as it is known."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stplay.doctor import checkup, torchcheck
from stplay.doctor.finding import Finding, FindingKind
from stplay.doctor.terminalcheck import TerminalFacts
from stplay.screens.shared.dialog import Dialog
from stplay.text import printable

STYLES: dict[FindingKind, str] = {"ok": "$success", "note": "$warning", "problem": "bold $error"}


class DoctorDialog(ModalScreen[None]):
    """Looks at everything while it is open; escape leaves it."""

    DEFAULT_CSS = """
    DoctorDialog > Dialog {
        width: 108;
        height: 86%;
        max-height: 86%;

        & VerticalScroll {
            height: 1fr;
        }

        & .section {
            text-style: bold;
            margin: 1 0 0 0;
        }

        & .section:first-of-type {
            margin-top: 0;
        }

        & Horizontal {
            height: auto;
        }

        & .state {
            width: 10;
        }

        & .name {
            width: 13;
            color: $text-muted;
        }

        & .found {
            width: 1fr;
        }

        & #awaited {
            margin: 1 0 0 0;
            color: $text-muted;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", show=False),
    ]
    lines = getters.query_one(VerticalScroll)
    awaited = getters.query_one("#awaited", Static)

    def __init__(self, facts: TerminalFacts) -> None:
        super().__init__()
        self.facts = facts
        self._found: list[Finding] = []

    def compose(self) -> ComposeResult:
        """An empty list, and what is awaited."""
        with Dialog():
            yield VerticalScroll()
            yield Static("Looking…", id="awaited")

    def on_mount(self) -> None:
        """Look; the list can be scrolled meanwhile."""
        self.lines.focus()
        self._look()

    @work
    async def _look(self) -> None:
        quick = checkup.without_torch(self.facts)
        while (found := await asyncio.to_thread(next, quick, None)) is not None:
            await self._show(found)
        for found in await torchcheck.findings_async():
            await self._show(found)
        problems = sum(found.kind == "problem" for found in self._found)
        told = f"Problems: {problems}" if problems else "No problem was found"
        self.awaited.update(Content(f"{told}; stplay doctor tells the same. Esc goes back."))

    async def _show(self, finding: Finding) -> None:
        if finding.section not in {found.section for found in self._found}:
            await self.lines.mount(Static(Content(printable(finding.section)), classes="section"))
        self._found.append(finding)
        await self.lines.mount(_line(finding))


def _line(finding: Finding) -> Horizontal:
    text = Content(printable(finding.text))
    if finding.advice:
        text = Content.assemble(text, "\n", ("→ ", "$primary"), printable(finding.advice))
    return Horizontal(
        Static(Content.styled(finding.state, STYLES[finding.kind]), classes="state"),
        Static(Content(printable(finding.name)), classes="name"),
        Static(text, classes="found"),
    )

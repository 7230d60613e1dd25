"""All that is looked at, in the order in which it is known: what takes long comes last."""

from __future__ import annotations

from collections.abc import Iterator

from stplay.doctor import (
    diskcheck,
    hubcheck,
    installation,
    machinecheck,
    sshcheck,
    terminalcheck,
    torchcheck,
)
from stplay.doctor.finding import Finding
from stplay.doctor.terminalcheck import TerminalFacts


def findings(facts: TerminalFacts | None) -> Iterator[Finding]:
    """Everything, of a terminal of which ``facts`` are known, section by section."""
    yield from without_torch(facts)
    yield from torchcheck.findings()


def without_torch(facts: TerminalFacts | None) -> Iterator[Finding]:
    """All that is known within some seconds, the most of it at once."""
    answer = hubcheck.begin()
    yield from machinecheck.findings()
    yield from diskcheck.findings()
    yield from terminalcheck.findings(facts)
    yield from sshcheck.findings()
    yield from installation.findings()
    yield from hubcheck.findings(answer)

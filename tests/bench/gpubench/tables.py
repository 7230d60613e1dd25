"""Markdown for the README, printed as it comes."""

from __future__ import annotations


def show(text: str) -> None:
    """Print at once, as a paragraph of its own."""
    print(f"\n{text}", flush=True)


class Table:
    """A table whose rows are printed as they are known."""

    def __init__(self, title: str, *heads: str) -> None:
        show(f"### {title}")
        print()
        self.row(*heads)
        self.row(*["---"] * len(heads))

    def row(self, *cells: str) -> None:
        """Print one row."""
        print(f"| {' | '.join(cells)} |", flush=True)

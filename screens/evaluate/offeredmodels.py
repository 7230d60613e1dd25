"""The models at hand, of which those are chosen that are to be evaluated."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import SelectionList
from textual.widgets.selection_list import Selection

from stplay.runs.modelsathand import OfferedModel
from stplay.text import printable


class OfferedModels(SelectionList[str]):
    """Lists models by name, each once; what is chosen stays chosen when more are offered."""

    def offer(self, models: Sequence[OfferedModel]) -> None:
        """List those of ``models`` that are not listed yet."""
        for model in models:
            self._list(model.name, model.words)

    def choose(self, name: str) -> None:
        """Choose the model called ``name`` too, listed or not."""
        self._list(name)
        self.select(name)

    def _list(self, name: str, words: str = "") -> None:
        if name not in {option.id for option in self.options}:
            prompt = Content.assemble(printable(name), (f"  {words}", "dim") if words else "")
            self.add_option(Selection(prompt, name, id=name))

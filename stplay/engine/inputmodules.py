"""The modules of a model that read sentences, each with a tokenizer of its own."""

from __future__ import annotations

from collections.abc import Iterator

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from torch import nn


def input_modules(model: SentenceTransformer) -> list[nn.Module]:
    """The first module of ``model``, or, where that is a router, the first of each route."""
    return list(_readers(model[0]))


def _readers(module: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(module, Router):
        yield module
        return
    for route in module.sub_modules.values():
        yield from _readers(route[0])  # pyright: ignore[reportIndexIssue]

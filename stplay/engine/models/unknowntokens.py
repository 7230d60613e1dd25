"""Tokens that a tokenizer makes and its model has no embedding of: refused where one is read."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers import PreTrainedModel

from stplay.engine.models.inputmodules import input_modules
from stplay.errors import UserError
from stplay.text import printable


def refuse(model: SentenceTransformer, shown: str) -> None:
    """Let ``model`` raise a ``UserError`` where the library ends in an ``IndexError``.

    A tokenizer may have more tokens than its model has embeddings, and the library reads whatever
    uses none of them. So does this: only what is read is looked at, and only where there are any,
    as a GPU has to be waited for.
    """
    for module in input_modules(model):
        embedding, tokenizer = _embedding(module), getattr(module, "tokenizer", None)
        if embedding is None or not hasattr(tokenizer, "get_vocab"):
            continue
        vocabulary: dict[str, int] = tokenizer.get_vocab()  # pyright: ignore
        if max(vocabulary.values(), default=0) >= embedding.num_embeddings:
            embedding.register_forward_pre_hook(_Check(vocabulary, embedding.num_embeddings, shown))


def _embedding(module: nn.Module) -> nn.Embedding | nn.EmbeddingBag | None:
    network = getattr(module, "auto_model", None)
    found = getattr(module, "embedding", None)  # of a static embedding
    if isinstance(network, PreTrainedModel):
        with suppress(NotImplementedError):  # such as of CLIP, which has a network for each kind
            found = network.get_input_embeddings()
    return found if isinstance(found, (nn.Embedding, nn.EmbeddingBag)) else None


class _Check:
    """Looks at the ids that an embedding of ``rows`` is given."""

    def __init__(self, vocabulary: dict[str, int], rows: int, shown: str) -> None:
        self.vocabulary, self.rows, self.shown = vocabulary, rows, shown

    def __call__(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        ids: Tensor = arguments[0]
        most = int(ids.max()) if ids.numel() else 0
        if most < self.rows:
            return
        token = next((token for token, number in self.vocabulary.items() if number == most), most)
        raise UserError(
            f"The {self.shown} has no embedding of the token {printable(str(token))}, number "
            f"{most:,}: it has {self.rows:,} of them, and its tokenizer more; leave the token out "
            "of the sentences, or give the model an embedding of it."
        )

"""The tokens that a model sees of a sentence, as readable text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple, cast

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    BoW,
    StaticEmbedding,
    Transformer,
    WordEmbeddings,
)
from sentence_transformers.sentence_transformer.modules.tokenizer import (
    TransformersTokenizerWrapper,
)
from transformers import PreTrainedTokenizerBase

from stplay.engine.models.inputmodules import Task, prompt, reader

CONTINUED = "##"


class Seen(NamedTuple):
    """The ids of a sentence's own tokens that a model sees, and how many more were cut off."""

    ids: list[int]
    dropped: int


class SeenTokens:
    """Tokenizes as ``model`` does; knows nothing of a module that is not the library's."""

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model

    def of(
        self, sentences: Sequence[str], task: Task | None = None
    ) -> tuple[list[list[str]], list[int]]:
        """The tokens of each sentence without special ones, and how many more were cut off."""
        module, before = reader(self.model, task), prompt(self.model, task)
        read = next((read for kind, read in _READERS.items() if isinstance(module, kind)), None)
        if read is None or module is None:
            return [[] for _ in sentences], [0 for _ in sentences]
        readable = cache(_readable(module))
        seen = list(read(module, [*sentences], before, task))
        return [[readable(one) for one in each.ids] for each in seen], [
            each.dropped for each in seen
        ]


def _of_transformer(
    module: Transformer, sentences: list[str], before: str, task: Task | None
) -> Iterator[Seen]:
    cut = _own_ids(module, sentences, before, task)
    whole = _own_ids(module, sentences, before, task, truncation=False)
    for ids, all_ids in zip(cut, whole, strict=True):
        yield Seen(ids, len(all_ids) - len(ids))


def _own_ids(
    module: Transformer, sentences: list[str], before: str, task: Task | None, **settings: Any
) -> Iterator[list[int]]:
    """The ids that the library's preprocessing makes, without the template's and the prompt's."""
    tokenizer = module.tokenizer
    assert tokenizer is not None
    text: dict[str, Any] = {"return_special_tokens_mask": True, "padding": False, "verbose": False}
    expanded = module.query_expansion if task == "query" else None
    if expanded is not None:  # what a query is filled up with is none of its own
        task = None
        length = expanded.get("length", 0)
        if expanded.get("strategy") == "fixed":
            text["max_length"] = length
        elif module.query_length is not None:
            text["max_length"] = max(length, module.query_length)
    if tokenizer.is_fast:
        text["return_offsets_mapping"] = True
    features = module.preprocess(
        [before + sentence for sentence in sentences],
        task=task,
        processing_kwargs={"text": text | settings, "common": {"return_tensors": None}},
    )
    known = 0 if tokenizer.is_fast else len(tokenizer.tokenize(before))
    for place, ids in enumerate(features.get("input_ids", ())):
        own = [not special for special in features["special_tokens_mask"][place]]
        if before and tokenizer.is_fast:
            ends = [end for _, end in features["offset_mapping"][place]]
            own = [kept and end > len(before) for kept, end in zip(own, ends, strict=True)]
        yield [one for one, kept in zip(ids, own, strict=True) if kept][known:]


def _of_static(
    module: StaticEmbedding, sentences: list[str], before: str, task: Task | None
) -> Iterator[Seen]:
    texts = [before + sentence for sentence in sentences]
    for encoding in module.tokenizer.encode_batch(texts, add_special_tokens=False):
        own = zip(encoding.ids, encoding.offsets, strict=True)
        ids = [one for one, (_, end) in own if end > len(before)] if before else encoding.ids
        yield Seen(ids, sum(len(more.ids) for more in encoding.overflowing))


def _of_words(
    module: WordEmbeddings | BoW, sentences: list[str], before: str, task: Task | None
) -> Iterator[Seen]:
    tokenizer: Any = module.tokenizer
    most = getattr(module, "max_seq_length", None)
    known = len(tokenizer.tokenize(before)) if before else 0
    for sentence in sentences:
        ids = tokenizer.tokenize(before + sentence)
        special = [False] * len(ids)
        if isinstance(tokenizer, TransformersTokenizerWrapper):
            special = tokenizer.tokenizer.get_special_tokens_mask(ids, None, True)
        own = [one for one, other in zip(ids, special, strict=True) if not other][known:]
        pairs = list(zip(ids, special, strict=True))[:most]
        seen = [one for one, other in pairs if not other][known:]
        yield Seen(seen, len(own) - len(seen))


_READERS: dict[type, Callable[..., Iterator[Seen]]] = {
    Transformer: _of_transformer,
    StaticEmbedding: _of_static,
    WordEmbeddings: _of_words,
    BoW: _of_words,
}


def _readable(module: Any) -> Callable[[int], str]:
    """What turns the id of a token of ``module`` into text."""
    tokenizer: Any = module.tokenizer
    if isinstance(tokenizer, TransformersTokenizerWrapper):
        tokenizer = tokenizer.tokenizer
    if isinstance(tokenizer, PreTrainedTokenizerBase):
        tokenizer = cast("Any", tokenizer)

        def readable(number: int) -> str:
            token = tokenizer.convert_ids_to_tokens(number)
            text = tokenizer.convert_tokens_to_string([token]).strip()
            return text.removeprefix(CONTINUED) or text or token

        return readable
    if isinstance(module, StaticEmbedding):
        return lambda number: tokenizer.decode([number]).strip() or tokenizer.id_to_token(number)
    words = list(tokenizer.get_vocab())
    return words.__getitem__

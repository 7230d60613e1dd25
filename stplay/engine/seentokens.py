"""The tokens that a model sees of a sentence, as readable text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from sentence_transformers import SentenceTransformer
from transformers import PreTrainedTokenizerBase

CONTINUED = "##"


class SeenTokens:
    """Tokenizes as ``model`` does; knows nothing of a model whose tokenizer is of another kind."""

    def __init__(self, model: SentenceTransformer) -> None:
        self.tokenizer = model.tokenizer
        self.prompt = model.prompts.get(model.default_prompt_name or "", "") or ""
        self.most = model.max_seq_length
        self.readable = cache(self._readable)

    def of(self, sentences: Sequence[str]) -> tuple[list[list[str]], list[int]]:
        """The tokens of each sentence without special ones, and how many more were cut off."""
        if not isinstance(self.tokenizer, PreTrainedTokenizerBase):
            return [[] for _ in sentences], [0 for _ in sentences]
        room = None
        if self.most is not None:
            special = self.tokenizer.num_special_tokens_to_add()
            room = max(0, self.most - special - len(self._ids([self.prompt])[0]))
        tokens: list[list[str]] = []
        dropped: list[int] = []
        for ids in self._ids(sentences):
            tokens.append([self.readable(one) for one in ids[:room]])
            dropped.append(len(ids) - len(tokens[-1]))
        return tokens, dropped

    def _ids(self, sentences: Sequence[str]) -> list[list[int]]:
        return self.tokenizer(
            list(sentences),
            add_special_tokens=False,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            verbose=False,
        )["input_ids"]

    def _readable(self, number: int) -> str:
        token = self.tokenizer.convert_ids_to_tokens(number)
        text = self.tokenizer.convert_tokens_to_string([token]).strip()
        return text.removeprefix(CONTINUED) or text or token

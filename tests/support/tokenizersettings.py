"""Every setting of a tokenizer that is saved with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from layouts import bert, edit, tokenizer, with_tokenizer
from librarysown import ALL, Case, pad_with
from tokenizers import processors
from transformers import AddedToken

CHAT = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def with_settings(template: str | None = "[CLS] $A [SEP]", **given: Any) -> Callable[[Path], None]:
    """Save an encoder whose tokenizer has such settings."""
    return lambda folder: with_tokenizer(folder, tokenizer(template, **given))


def with_added(**given: Any) -> Callable[[Path], None]:
    """Save an encoder whose tokenizer has two tokens more, of such a kind."""

    def make(folder: Path) -> None:
        words = tokenizer()
        added: Any = [AddedToken("qux", **given), AddedToken("dog runs", **given)]
        words.add_tokens(added, special_tokens=given.get("special", False))
        with_tokenizer(folder, words)

    return make


def with_config(**given: Any) -> Callable[[Path], None]:
    """Save an encoder whose tokenizer_config.json was written by hand."""

    def make(folder: Path) -> None:
        with_tokenizer(folder, tokenizer())
        edit(folder / "tokenizer_config.json", **given)

    return make


def of_types(folder: Path) -> None:
    """Save an encoder whose sentences are of the second type of BERT's segments."""
    words: Any = tokenizer(model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    words.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    with_tokenizer(folder, words)


def plain_chat(folder: Path) -> None:
    """Save a transformers' folder whose tokenizer has a template of chats."""
    bert(folder, tokenizer(chat_template=CHAT))


def prompted(folder: Path) -> None:
    """Save an encoder with prompts and no padding token."""
    with_tokenizer(folder, tokenizer(pad_token=None))
    edit(folder / "config_sentence_transformers.json", prompts={"query": "the ", "document": "a "})


PADDED_LEFT = Case(with_settings(padding_side="left"), padding=True)

SETTINGS: dict[str, list[Case]] = {
    "padding_side": [PADDED_LEFT, Case(with_settings(padding_side="right"))],
    "truncation_side": [Case(with_settings(truncation_side="left"))],
    "model_max_length": [
        Case(with_settings(model_max_length=7)),
        Case(with_settings(model_max_length=None)),
        Case(with_config(model_max_length=10**30)),
    ],
    "max_len": [Case(with_config(max_len=9))],
    "model_input_names": [
        Case(with_settings(model_input_names=["input_ids", "attention_mask"])),
        Case(with_settings(model_input_names=["input_ids", "token_type_ids", "attention_mask"])),
        Case(with_settings(model_input_names=["input_ids"]), padding=True),
        Case(of_types),
    ],
    "clean_up_tokenization_spaces": [
        Case(with_settings(clean_up_tokenization_spaces=each)) for each in (True, False)
    ],
    "split_special_tokens": [
        Case(with_settings(split_special_tokens=each)) for each in (True, False)
    ],
    "chat_template": [Case(with_settings(chat_template=CHAT)), Case(plain_chat)],
    "additional_special_tokens": [Case(with_added(special=True)), Case(with_added())],
    "pad_token": [
        Case(with_settings(pad_token=None), ALL, pad_with("[MASK]")),
        Case(with_settings(pad_token="[MASK]")),
        Case(prompted, ALL, pad_with("[MASK]")),
        Case(with_settings(pad_token="cat")),
    ],
    "unk_token": [Case(with_settings(unk_token=None))],
    "cls_token": [Case(with_settings(cls_token=None))],
    "sep_token": [Case(with_settings(sep_token=None))],
    "mask_token": [Case(with_settings(mask_token=None))],
    "bos_token": [Case(with_settings(bos_token="[CLS]"))],
    "eos_token": [Case(with_settings(eos_token="[SEP]", pad_token=None), ALL, pad_with("[SEP]"))],
}

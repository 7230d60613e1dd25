"""Every setting of a tokenizer that is saved with it: the model reads with it as the library does.

The settings are those that ``PreTrainedTokenizerBase`` takes, and what a tokenizer.json holds.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from layouts import LONGEST, NAMES, edit, tokenizer, with_tokenizer
from librarysown import STAGES, Case, assert_as_the_library, library
from tokenizersettings import (
    SETTINGS,
    with_added,
    with_settings,
)
from transformers import PreTrainedTokenizerBase

from stplay.engine.models.basemodel import open_model
from stplay.engine.packed.packedmodel import why_not
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.errors import UserError


def with_file(**given: Any) -> Callable[[Path], None]:
    """Save an encoder whose tokenizer.json has such settings baked in."""

    def make(folder: Path) -> None:
        with_tokenizer(folder, tokenizer())
        edit(folder / "tokenizer.json", **given)

    return make


def of_bert(folder: Path) -> None:
    """Save an encoder with a vocab.txt, as the first of them had."""
    with_tokenizer(folder, tokenizer())
    vocabulary = tokenizer().get_vocab()
    lines = sorted(vocabulary, key=lambda token: vocabulary[token])
    (folder / "vocab.txt").write_text("\n".join(lines) + "\n")
    (folder / "tokenizer.json").unlink()
    text = {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": LONGEST}
    (folder / "tokenizer_config.json").write_text(json.dumps(text))


OF_NO_SENTENCE = {
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output": "of decoding",
    "backend": "which class reads it",
    "chat_control_tokens": "of answers",
    "files_loaded": "of the loading",
    "model_specific_special_tokens": "names of special tokens that no network here knows",
    "name_or_path": "of the loading",
    "processor_class": "of pictures and sound",
    "response_schema": "of answers",
    "response_template": "of answers",
    "verbose": "what is logged",
}
PADDING = {
    "strategy": {"Fixed": 20},
    "direction": "Right",
    "pad_to_multiple_of": 8,
    "pad_id": 4,
    "pad_type_id": 0,
    "pad_token": "[MASK]",
}
IN_THE_FILE = {
    "padding": Case(with_file(padding=PADDING)),
    "padding on the left": Case(with_file(padding=PADDING | {"direction": "Left"}), padding=True),
    "truncation": Case(
        with_file(
            truncation={
                "max_length": 6,
                "direction": "Left",
                "strategy": "LongestFirst",
                "stride": 0,
            }
        )
    ),
    "no template": Case(with_settings(None)),
    "only a first token": Case(with_settings("[CLS] $A")),
    "only a last token": Case(with_settings("$A [SEP]")),
    "words that are only stripped": Case(with_added(lstrip=True, rstrip=True, normalized=False)),
    "a whole word": Case(with_added(single_word=True)),
    "not lower case": Case(lambda folder: with_tokenizer(folder, tokenizer(lowercase=False))),
    "an old vocabulary": Case(of_bert),
}


def taken() -> set[str]:
    """The settings that a tokenizer of transformers takes, and so keeps."""
    source = inspect.getsource(PreTrainedTokenizerBase.__init__)
    found = {*re.findall(r"""kwargs\.pop\(\s*["'](\w+)["']""", source)}
    return found | {*PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES}


def test_every_setting_of_a_tokenizer_is_here() -> None:
    assert len(taken()) > 15
    assert taken() - {*SETTINGS} - {*OF_NO_SENTENCE} == set(), "new: a case of it, or why not"


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{name}-{number}")
        for name, cases in SETTINGS.items()
        for number, case in enumerate(cases)
    ],
)
def test_a_setting(case: Case, tmp_path: Path) -> None:
    assert_as_the_library(case, tmp_path / "model")


@pytest.mark.parametrize("name", IN_THE_FILE)
def test_what_tokenizer_json_holds(name: str, tmp_path: Path) -> None:
    assert_as_the_library(IN_THE_FILE[name], tmp_path / "model")


def test_nothing_to_pad_with_is_said(tmp_path: Path) -> None:
    with_settings(**dict.fromkeys(NAMES))(tmp_path / "model")
    with pytest.raises(UserError, match="has no padding token, and no special token to pad with"):
        open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    with pytest.raises(ValueError, match="does not have a padding token"):
        library(tmp_path / "model").encode("a cat")


def test_packed_sentences_need_no_padding(tmp_path: Path) -> None:
    with_settings(pad_token=None)(tmp_path / "model")
    model = library(tmp_path / "model")
    assert why_not(model) is None
    found = SentenceEncoder(model).encode(["a cat", "the old dog sleeps"])
    model.tokenizer.pad_token = "[MASK]"
    assert found == pytest.approx(model.encode(["a cat", "the old dog sleeps"]), abs=1e-5)

"""A tokenizer in XLM-RoBERTa's form, trained on the sentences at hand."""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Iterable

from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import Metaspace, Punctuation, Sequence, WhitespaceSplit
from tokenizers.trainers import BpeTrainer
from transformers import XLMRobertaTokenizer

SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
SPACE = "▁"
# Known whatever the corpus: what people type in English.
LETTERS = SPACE + string.ascii_letters + string.digits + string.punctuation


def train_tokenizer(
    sentences: Iterable[str], vocab_size: int = 8000, max_length: int = 512
) -> XLMRobertaTokenizer:
    """Train a Unigram tokenizer on ``sentences``; the same sentences always give the same one.

    ``<s> <pad> </s> <unk>`` have the ids 0 to 3 as in XLM-RoBERTa, then come the pieces, most
    frequent first, and ``<mask>`` last. A sentence becomes ``<s> pieces </s>``.

    Args:
        sentences: the texts to learn from, each one sentence. Any number, also none.
        vocab_size: the most entries the vocabulary may have, special tokens included. Single
            characters are kept beyond it: they are how an unseen word is still spelled.
        max_length: tokens after which a text is cut, the two special tokens included.
    """
    # The library's own Unigram trainer walks hash maps in an order that differs from process to
    # process, and so does its vocabulary. Byte-pair merges do not: they find the pieces here, and
    # how often each is used gives its Unigram score.
    texts = list(sentences)
    pairs = Tokenizer(BPE())
    pairs.pre_tokenizer = Sequence([WhitespaceSplit(), Metaspace(), Punctuation()])
    trainer = BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL) - 1,
        min_frequency=2,
        initial_alphabet=list(LETTERS),
        show_progress=False,
    )
    pairs.train_from_iterator(texts, trainer)
    counts = Counter(piece for encoding in pairs.encode_batch(texts) for piece in encoding.tokens)

    # A merge that later merges swallowed whole would be a row of the embedding never trained.
    pieces = [piece for piece in pairs.get_vocab() if len(piece) == 1 or counts[piece]]
    pieces.sort(key=lambda piece: (-counts[piece], piece))
    total = counts.total() + len(pieces)
    scored = [(piece, math.log((counts[piece] + 1) / total)) for piece in pieces]
    unscored = [(token, 0.0) for token in SPECIAL]
    return XLMRobertaTokenizer(vocab=[*unscored, *scored, (MASK, 0.0)], model_max_length=max_length)

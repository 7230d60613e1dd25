"""A script as anybody writes one with sentence-transformers, which knows nothing of stplay."""

import logging
import sys

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

output, report_to = sys.argv[1:]
logging.basicConfig(level=logging.INFO)
words = [f"word{number}" for number in range(60)]
tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(["[UNK]", *words])}, "[UNK]"))
tokenizer.pre_tokenizer = Whitespace()
model = SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu")
rows = {
    "anchor": words,
    "positive": words[1:] + words[:1],
    "negative": words[30:] + words[:30],
}
evaluator = TripletEvaluator(
    rows["anchor"], rows["positive"], rows["negative"], name="dev", batch_size=16
)
trainer = SentenceTransformerTrainer(
    model,
    SentenceTransformerTrainingArguments(
        output,
        num_train_epochs=3,
        per_device_train_batch_size=6,
        per_device_eval_batch_size=20,
        logging_steps=5,
        eval_strategy="steps",
        eval_steps=10,
        save_steps=10,
        learning_rate=0.1,
        report_to=report_to,
        use_cpu=True,
    ),
    train_dataset=Dataset.from_dict(rows),
    eval_dataset=Dataset.from_dict(rows),
    loss=MultipleNegativesRankingLoss(model),
    evaluator=evaluator,
)
trainer.train()
model.save_pretrained(f"{output}/model")
if report_to == "tensorboard":
    raise SystemError("the disk is gone")

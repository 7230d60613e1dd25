"""What anybody would write with sentence-transformers alone, on the built-in pair."""

import json
import sys
from itertools import islice

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss

from stplay.engine.data.sample import generate

base, output = sys.argv[1:]
train = Dataset.from_list([triplet._asdict() for triplet in islice(generate("train"), 1000)])
test = Dataset.from_list([triplet._asdict() for triplet in islice(generate("test"), 200)])
no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
model = SentenceTransformer(base, config_kwargs=no_dropout, device="cpu")
evaluator = TripletEvaluator(
    test["anchor"],
    test["positive"],
    test["negative"],
    name="sample-test",
    similarity_fn_names=["cosine", "dot", "manhattan", "euclidean"],
    batch_size=32,
)
trainer = SentenceTransformerTrainer(
    model,
    SentenceTransformerTrainingArguments(
        output,
        max_steps=12,
        per_device_train_batch_size=16,
        learning_rate=5e-4,
        warmup_steps=0.1,
        batch_sampler="no_duplicates",
        logging_steps=1,
        save_strategy="no",
        report_to="none",
    ),
    train_dataset=train,
    loss=CachedMultipleNegativesRankingLoss(model, mini_batch_size=32),
)
trainer.train()
losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
print(json.dumps({"losses": losses, "accuracies": evaluator(model)}))

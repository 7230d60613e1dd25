"""Every field of a recipe for people who fill it in: what it does, what it may hold, as typed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from stplay.runs.recipe import SECTIONS, allowed

HELP = {
    "model.base": "What is trained: a built-in model, a name on the Hub, a folder, run:NAME.",
    "model.max_seq_length": "Tokens of a sentence that count; absent, the model's own limit.",
    "model.dropout": "Share of activations left out in a step; absent, the model's own.",
    "model.allow_pickle": "Read weights out of a pickle file, which has no safetensors beside it.",
    "model.allow_new_weights": "Train also where files lack weights, or hold some that it has not.",
    "data.train": "What is trained on: all-nli, a file, a folder, a data set of the Hub.",
    "data.dev": "What is evaluated on while training.",
    "data.test": "What is evaluated on at the end.",
    "data.train_rows": "Take so many of the first rows; absent, all.",
    "data.dev_rows": "Take so many of the first rows; absent, all.",
    "data.test_rows": "Take so many of the first rows; absent, all.",
    "data.columns": 'Which columns are what, where their names do not tell: { anchor = "query" }.',
    "loss.scale": "What similarities are multiplied by; 20 is a temperature of 0.05.",
    "loss.similarity_fct": "How two embeddings are compared.",
    "loss.mini_batch_size": "Sentences through the model at once; absent, by free memory.",
    "training.engine": "fast packs sentences end to end; stock is the library's own path.",
    "training.num_train_epochs": "How often the rows are gone through; parts of one are allowed.",
    "training.max_steps": "End after so many steps, whatever the epochs say.",
    "training.per_device_train_batch_size": "Rows of a batch, which are each other's negatives.",
    "training.gradient_accumulation_steps": "Batches whose gradients make one step.",
    "training.batch_sampler": "no_duplicates keeps a sentence from being its own negative.",
    "training.learning_rate": "How far a step goes at most.",
    "training.lr_scheduler_type": "How the learning rate goes down after the warm-up.",
    "training.warmup_ratio": "Share of the steps in which the learning rate rises from 0.",
    "training.optim": "The optimizer; fused is the same in fewer calls.",
    "training.weight_decay": "How much the weights are drawn to 0 in a step.",
    "training.adam_beta1": "Of AdamW: how long the mean of gradients remembers.",
    "training.adam_beta2": "Of AdamW: how long the mean of their squares remembers.",
    "training.adam_epsilon": "Of AdamW: keeps it from dividing by 0.",
    "training.max_grad_norm": "Longer gradients are shortened to this; 0 shortens none.",
    "training.bf16": "Compute in bf16 on a GPU that has it, in fp16 on one that has not.",
    "training.fp16": "Compute in fp16 on a GPU.",
    "training.use_cpu": "Train on the CPU although there is a GPU.",
    "training.gpus": "Which GPU is taken, one for each process; absent, the one with most memory.",
    "training.seed": "Decides the order of rows and all else that is drawn.",
    "training.logging_steps": "Tell the loss every so many steps.",
    "training.save_steps": "Save a checkpoint every so many steps.",
    "training.save_total_limit": "Keep so many checkpoints, the two newest whole; absent, all.",
    "evaluation.eval_strategy": "When dev is evaluated: every eval_steps, after epochs, or never.",
    "evaluation.eval_steps": "Evaluate on dev every so many steps.",
    "evaluation.eval_on_start": "Evaluate on dev before the first step too.",
    "evaluation.per_device_eval_batch_size": "Rows of a batch of an evaluation.",
    "evaluation.test_at_end": "Evaluate on test once the training is done.",
    "evaluation.probes": "Sentences that are watched as the model learns; none with [].",
}


class RecipeField(NamedTuple):
    """A field called ``section.name``: its ``help``, what is ``allowed``, what it is by itself.

    ``choices`` has all that can be given, as typed, where that is a few words.
    """

    name: str
    help: str
    allowed: str
    default: Any
    choices: tuple[str, ...]

    @property
    def title(self) -> str:
        """Its name within its section."""
        return self.name.partition(".")[2]


def written(value: object) -> str:
    """A value as one types it, on a command line or in a form; nothing where there is none."""
    match value:
        case None:
            return ""
        case str():
            return value
        case dict():
            pairs = (f"{name} = {_encoded(each)}" for name, each in value.items())
            return f"{{ {', '.join(pairs)} }}"
        case _:
            return _encoded(value)


def _encoded(value: object) -> str:
    return msgspec.json.encode(value).decode()


@cache
def recipe_fields() -> dict[str, RecipeField]:
    """All fields in the order of a recipe, by their names."""
    return {field.name: field for field in _fields()}


def _fields() -> Iterator[RecipeField]:
    for section, kind in SECTIONS.items():
        usual = msgspec.structs.asdict(kind())
        hints = get_type_hints(kind)
        for name, default in usual.items():
            full = f"{section}.{name}"
            yield RecipeField(full, HELP[full], allowed(full), default, _choices(hints[name]))


def _choices(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return ("true", "false")
    return get_args(kind) if get_origin(kind) is Literal else ()


def with_words(words: str) -> list[RecipeField]:
    """The fields that have each of ``words`` in their name or their help."""
    wanted = words.casefold().split()
    return [
        field
        for field in recipe_fields().values()
        if all(word in f"{field.name} {field.help}".casefold() for word in wanted)
    ]

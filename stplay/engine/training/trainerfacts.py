"""What a Trainer tells of a training that stplay did not start, as the first event of its run."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from transformers import TrainingArguments

from stplay.engine.worker.device import device_name
from stplay.engine.worker.libraries import versions
from stplay.foreign.cells import name_of
from stplay.jobs.events import RunStarted
from stplay.runs.recipe import EvaluationSection, TrainingSection

UNKNOWN = "unknown"
MOST_DEPTH = 2  # of an argument that holds others


class TrainerFacts:
    """What is known as ``model`` begins to be trained on the batches of ``dataloader``."""

    def __init__(self, args: TrainingArguments, model: nn.Module, dataloader: object) -> None:
        self._args, self._model = args, model
        card = getattr(model, "model_card_data", None)
        dataset = getattr(dataloader, "dataset", None)
        self._train = _Data.listed(getattr(card, "train_datasets", None)) or _Data.of(dataset)
        self._dev = _Data.listed(getattr(card, "eval_datasets", None))
        self._told_base = getattr(card, "base_model", None)

    @property
    def can_evaluate(self) -> bool:
        """Whether the Trainer has something to evaluate on, as far as it is known."""
        return self._dev is not None or str(_plain(self._args.eval_strategy)) != "no"

    def started(self, total_steps: int, probes: list[str]) -> RunStarted:
        """All that is known before the first of ``total_steps``."""
        args = self._args
        known = {"train": self._train, "dev": self._dev}
        here = int(os.environ.get("LOCAL_WORLD_SIZE", args.world_size))
        parallel = f", {args.n_gpu} GPUs with DataParallel" if args.n_gpu > 1 else ""
        return RunStarted(
            recipe=self._recipe(probes),
            base=name_of(self._base()) or UNKNOWN,
            device=f"{device_name(args.device)}{parallel}",
            precision=self._precision(),
            versions=versions(),
            rows={
                split: data.rows
                for split, data in known.items()
                if data is not None and data.rows is not None
            },
            total_steps=max(0, total_steps),
            parameters=sum(weights.numel() for weights in self._model.parameters()),
            processes=args.world_size,
            machines=math.ceil(args.world_size / max(1, here)),
            foreign=True,
        )

    def _base(self) -> str:
        """The model that the training begins with, by the name it was loaded by."""
        if self._told_base:
            return str(self._told_base)
        configs = (getattr(module, "config", None) for module in self._model.modules())
        names = (getattr(config, "_name_or_path", None) for config in configs)
        return next((str(name) for name in names if name), "")

    def _precision(self) -> str:
        if self._args.bf16 or self._args.fp16:
            return "bf16" if self._args.bf16 else "fp16"
        kinds = {str(weights.dtype).removeprefix("torch.") for weights in self._model.parameters()}
        return " and ".join(sorted(kinds)) or UNKNOWN

    def _recipe(self, probes: list[str]) -> dict[str, Any]:
        """The Trainer's arguments, by the sections of a recipe that has the same names.

        Those that only a Trainer has are told where they are not the library's own.
        """
        usual = {field.name: _default(field) for field in dataclasses.fields(self._args)}
        shared = {*TrainingSection.__struct_fields__, *EvaluationSection.__struct_fields__}
        training: dict[str, Any] = {}
        evaluation: dict[str, Any] = {}
        for name, value in self._args.to_dict().items():
            told = _plain(value)
            is_absent = told is None or name.endswith("_token") or (name, told) == ("max_steps", -1)
            if is_absent or (name not in shared and told == _plain(usual.get(name))):
                continue
            section = evaluation if name in EvaluationSection.__struct_fields__ else training
            section[name] = told
        evaluation["probes"] = probes
        data = {"train": self._train.name if self._train is not None else UNKNOWN}
        if self.can_evaluate:
            data["dev"] = self._dev.name if self._dev is not None else UNKNOWN
        model = {"base": name_of(self._base()) or UNKNOWN}
        loss = self._train.loss if self._train is not None else {}
        return {
            "model": model,
            "data": data,
            "loss": loss,
            "training": training,
            "evaluation": evaluation,
        }


@dataclasses.dataclass
class _Data:
    """What is known of the rows of a split, and of the loss on them."""

    name: str
    rows: int | None
    loss: dict[str, str]

    @classmethod
    def listed(cls, listed: object) -> _Data | None:
        """What sentence-transformers lists for its model card, one entry a dataset."""
        found = (
            [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        )
        if not found:
            return None
        names = [str(each.get("id") or each.get("name") or UNKNOWN) for each in found]
        sizes = [each.get("size") for each in found]
        known = [size for size in sizes if isinstance(size, int)]
        losses = [each["loss"] for each in found if isinstance(each.get("loss"), dict)]
        loss = " and ".join(dict.fromkeys(_class_of(str(each.get("fullname"))) for each in losses))
        return cls(
            name_of(" and ".join(dict.fromkeys(names))),
            sum(known) if len(known) == len(sizes) else None,
            {"name": name_of(loss)} if loss else {},
        )

    @classmethod
    def of(cls, dataset: Any) -> _Data:
        """What ``dataset`` tells of itself."""
        name = getattr(getattr(dataset, "info", None), "dataset_name", None) or UNKNOWN
        try:
            rows = len(dataset)
        except Exception:  # a stream has no length, and some raise what they like
            rows = None
        return cls(name_of(str(name)), rows, {})


def _class_of(fullname: str) -> str:
    return fullname.rpartition(".")[2]


def gpus_of(args: TrainingArguments) -> list[str]:
    """The UUIDs of the GPUs that train on this machine, as far as torch tells them."""
    if args.device.type != "cuda":
        return []
    here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    first = args.device.index or 0
    places: Sequence[int] = range(max(here, args.n_gpu)) if max(here, args.n_gpu) > 1 else [first]
    found = []
    for place in places:
        try:
            found.append(f"GPU-{torch.cuda.get_device_properties(place).uuid}")
        except Exception:  # it is not shown to this process, or an older torch knows none
            continue
    return found


def _default(field: dataclasses.Field[Any]) -> object:
    if field.default is not dataclasses.MISSING:
        return field.default
    return None if field.default_factory is dataclasses.MISSING else field.default_factory()


def _plain(value: Any, depth: int = 0) -> Any:
    """``value`` as an event can tell it; what is no plain value as people write it."""
    value = getattr(value, "value", value)  # of an enumeration
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple) and depth < MOST_DEPTH:
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, dict) and depth < MOST_DEPTH:
        return {name_of(str(name)): _plain(each, depth + 1) for name, each in value.items()}
    return name_of(str(value))

"""A training as the training process makes it, in this process, measured."""

from __future__ import annotations

import json
import re
import sys
import time
import warnings
from collections import Counter
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any, Literal, NamedTuple

import torch
from cardmodel import make_card_model
from rerun import Rerun
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.util import cos_sim
from torch import Tensor
from transformers import TrainerCallback, set_seed
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import SaveStrategy

from gpubench.shapes import Shape, Size
from stplay.engine.data.triplets import load_split
from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
from stplay.engine.models.basemodel import load_model
from stplay.engine.training.capture import Capture
from stplay.engine.training.fastpath import FastPath
from stplay.engine.training.stockpath import StockPath
from stplay.engine.training.trainingarguments import Precision, precision_of, training_arguments
from stplay.engine.worker.outofmemory import release
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Event, Noted, PackingShrunk
from stplay.runs import recipe
from stplay.runs.trainingprogress import shrunk_words
from stplay.sources.datasources import COLUMNS

Engine = Literal["stock", "fast", "recorded"]
ENGINES: dict[Engine, str] = {
    "stock": "the library",
    "fast": "not recorded",
    "recorded": "recorded",
}
LIBRARY_MINI_BATCH = 32


class Steps(NamedTuple):
    """What a training took, and what came of it.

    ``milliseconds`` are those of the device, ``processor`` those of this process, both a step;
    ``waits`` are those of the host for the GPU a step, by where they are.
    """

    losses: list[float]
    milliseconds: float
    processor: float
    memory: int
    waits: Counter[str]
    recorded: int
    weights: dict[str, Tensor]


class Remarks:
    """Keeps what a training would tell in its log, and says it beside the tables."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.shrunk = 0

    def write(self, event: Event) -> None:
        """Take ``event``."""
        if isinstance(event, Noted):
            self.told.append(event.text)
        elif isinstance(event, PackingShrunk):
            self.shrunk += 1
            self.told.append(shrunk_words(event))
        else:
            return
        print(f"  ! {self.told[-1]}", file=sys.stderr, flush=True)


class Bench:
    """Models and data in a folder; ``half`` where steps are timed in bf16."""

    def __init__(self, folder: Path, rows: list[dict[str, str]], size: Size) -> None:
        self.folder, self.size = folder, size
        self.gpu = torch.cuda.is_available()
        self.half = self.gpu and torch.cuda.is_bf16_supported(including_emulation=False)
        self.sentences = [*dict.fromkeys(row[column] for row in rows for column in COLUMNS)]
        folder.mkdir(exist_ok=True)
        held_out = rows[-size.dev_rows :]
        for split, part in (("train", rows[: -size.dev_rows]), ("dev", held_out)):
            path = folder / f"{split}.jsonl"
            if not path.exists():
                lines = [json.dumps({column: row[column] for column in COLUMNS}) for row in part]
                path.write_text("\n".join(lines), encoding="utf-8")

    def model(self, shape: Shape) -> Path:
        """The folder of a blank model, which all sections share."""
        place = self.folder / f"{shape.architecture}-{shape.vocabulary}"
        if not place.exists():
            place.mkdir()
            make_card_model(
                place, shape.vocabulary, self.sentences, self.size.layers, shape.architecture
            )
        return place / "model"

    def values(self, shape: Shape, dropout: float, half: bool) -> dict[str, dict[str, Any]]:
        """The recipe of a training."""
        return {
            "model": {"base": str(self.model(shape)), "dropout": dropout},
            "data": {"train": str(self.folder), "dev": str(self.folder)},
            "loss": {"mini_batch_size": shape.mini_batch},
            "training": {
                "per_device_train_batch_size": shape.batch,
                "gradient_accumulation_steps": shape.accumulated,
                "learning_rate": 5e-5,
                "bf16": half,
                "use_cpu": not self.gpu,
            },
        }


class Training:
    """The training of a shape by an engine; what is ``fast`` is shaped for a GPU, but not recorded.

    Where there is no GPU, recorded steps are computed anew in the places of a recording.
    """

    def __init__(
        self,
        bench: Bench,
        engine: Engine,
        shape: Shape,
        steps: int,
        *,
        dropout: float = 0.0,
        half: bool = False,
        logging: int = 1,
    ) -> None:
        self.bench, self.engine, self.shape, self.steps = bench, engine, shape, steps
        self.remarks = Remarks()
        events: Any = self.remarks
        self.stages = Stages(events)
        values = bench.values(shape, dropout, half)
        values["training"] |= {"max_steps": steps, "logging_steps": logging}
        self.recipe = recipe.build(values, "the benchmark")
        self.split, self.dev = (
            load_split(str(bench.folder), name, None, self.stages) for name in ("train", "dev")
        )
        self.precision: Precision = precision_of(self.recipe)[0]
        set_seed(0)
        self.model = load_model(self.recipe.model, self.split, None, self.stages).model
        self.path: FastPath | StockPath = StockPath()
        if engine != "stock":
            splits = {"train": self.split, "dev": self.dev}
            self.path = FastPath(self.recipe, self.model, splits, self.precision, self.stages, None)
            if engine == "fast":
                self.path.recorder = None
            elif not bench.gpu:
                self.path.recorder = Rerun

    @property
    def fast(self) -> FastPath:
        """The path of an engine of ours."""
        assert isinstance(self.path, FastPath)
        return self.path

    @cached_property
    def trainer(self) -> Any:
        """The trainer; made once the path is as it is to be."""
        folder = self.bench.folder / "trained"
        arguments = training_arguments(self.recipe, self.model, self.precision, folder)
        arguments.save_strategy = SaveStrategy.NO
        set_seed(0)
        made: Any = self.path.trainer(
            model=self.model,
            args=arguments,
            train_dataset=self.split.triplets,
            eval_dataset=self.dev.triplets,
            loss=losses.CachedMultipleNegativesRankingLoss(
                self.model, 20.0, cos_sim, self.shape.mini_batch or LIBRARY_MINI_BATCH
            ),
            evaluator=TripletEvaluator.of_split(self.dev, 16, self.stages, self.path.encoder()),
        )
        made.remove_callback(PrinterCallback)
        if self.engine != "stock":
            made.data_collator.on_gpu = True
        return made

    def run(self, watched_from: int | None = None) -> Steps:
        """Train; where the host waits is told of the steps from ``watched_from`` on."""
        gpu, watched = self.bench.gpu, watched_from or self.steps
        release(self.model.device)
        if gpu:
            torch.cuda.reset_peak_memory_stats()
        clock = Clock(watched if gpu else None)
        self.trainer.add_callback(clock)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.trainer.train()
        waits = Counter(_place(one) for one in told if "called a synchroniz" in str(one.message))
        capture: Capture | None = getattr(self.trainer.loss, "capture", None)
        history = self.trainer.state.log_history
        warm_ups = min(self.bench.size.warm_ups, watched // 2)
        with self.path.whole():
            weights = {name: each.cpu() for name, each in self.model.state_dict().items()}
        return Steps(
            [line["loss"] for line in history if "loss" in line],
            median(clock.milliseconds()[warm_ups : watched - 1]),
            median(clock.processor()[warm_ups : watched - 1]),
            torch.cuda.max_memory_reserved() if gpu else 0,
            waits,
            0 if capture is None else len(capture.recordings),
            weights,
        )

    def held(self) -> int:
        """The bytes of the GPU that it still holds."""
        release(self.model.device)
        return torch.cuda.memory_reserved() if self.bench.gpu else 0

    def let_go(self) -> None:
        """Free what it holds, so that the next one finds the memory as this one did."""
        device = self.model.device
        self.__dict__.clear()
        release(device)


def train(bench: Bench, engine: Engine, shape: Shape, steps: int, **settings: Any) -> Steps:
    """What a training takes that is over then."""
    training = Training(bench, engine, shape, steps, **settings)
    try:
        return training.run()
    finally:
        training.let_go()


class Clock(TrainerCallback):
    """Notes when each step ends; from step ``watched_from`` on torch tells where the host waits."""

    def __init__(self, watched_from: int | None) -> None:
        self.watched_from = watched_from
        self._ends: list[Any] = []
        self._processor: list[float] = []

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._processor.append(time.process_time())
        if not torch.cuda.is_available():
            self._ends.append(time.perf_counter())
            return
        end = torch.cuda.Event(enable_timing=True)
        end.record()
        self._ends.append(end)
        if state.global_step == self.watched_from:
            torch.cuda.set_sync_debug_mode("warn")

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode("default")
            torch.cuda.synchronize()

    def milliseconds(self) -> list[float]:
        """Of each step but the first, by the device's own clock."""
        pairs = zip(self._ends, self._ends[1:], strict=False)
        if torch.cuda.is_available():
            return [begin.elapsed_time(end) for begin, end in pairs]
        return [1000 * (end - begin) for begin, end in pairs]

    def processor(self) -> list[float]:
        """Milliseconds of the processor in each step but the first, of all threads."""
        pairs = zip(self._processor, self._processor[1:], strict=False)
        return [1000 * (end - begin) for begin, end in pairs]


def _place(told: warnings.WarningMessage) -> str:
    """Where the host waits, without the folders of this machine."""
    return re.sub(r".*site-packages/", "", f"{told.filename}:{told.lineno}")

"""The fast engine on a GPU beside the library's own path: ``python tests/bench/gpu.py [FOLDER]``.

Checks that both train the same, and prints how long steps, evaluating and encoding take. FOLDER has
triplets in ``dev.jsonl`` and ``test.jsonl``, such as real ones of SNLI; without it the built-in
ones are taken. Steps are timed by the GPU's own clock, from the end of one to the end of the next.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cardmodel import LAYERS, make_card_model

from stplay.engine.worker.device import DeviceWish, choose_gpu, device_name
from stplay.engine.worker.libraries import quiet_libraries, versions
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Event, Noted
from stplay.sources.datasources import COLUMNS

if TYPE_CHECKING:
    from stplay.engine.training.trainer import CountingTrainer

NO_GPU = "There is no CUDA GPU here; --cpu runs a tiny version of this, to see that it works."
# Relative. In float32 the sums of the same numbers are rounded differently, and nothing else.
EQUAL = 1e-5
# bf16 has 8 bits: a cosine of either path is off by 0.001 to 0.002, a score, 20 times that, by 0.02
# to 0.04, and a loss, which is 3.5 here, by no more than its scores.
EQUAL_IN_BF16 = 2e-2
EQUAL_STEPS = 20

Engine = Literal["stock", "fast", "recorded"]
ENGINES: tuple[Engine, ...] = ("stock", "fast", "recorded")


class Shape(NamedTuple):
    """What is trained."""

    title: str
    vocabulary: int
    batch: int


class Size(NamedTuple):
    """How much is done: the whole benchmark, or one that only shows that it works."""

    shapes: tuple[Shape, ...]
    mini_batch: int
    layers: int
    warm_ups: int
    timed: int
    watched: int
    dev_rows: int
    encoded: int

    @property
    def smallest(self) -> Shape:
        """The shape of the fewest embeddings."""
        return min(self.shapes, key=lambda shape: shape.vocabulary)


CARD = Shape("the card: vocabulary 250,002, 16 triplets", 250_002, 16)
SMALLER = Shape("the same, vocabulary 30,522", 30_522, 16)
LARGE = Shape("batch 256, mini-batch 32, vocabulary 250,002", 250_002, 256)
WHOLE = Size((CARD, SMALLER, LARGE), 32, LAYERS, 30, 60, 10, 1000, 10_000)
TINY = Size(
    (Shape("16 triplets", 9000, 16), Shape("batch 64, mini-batch 8", 9000, 64)),
    mini_batch=8,
    layers=1,
    warm_ups=2,
    timed=4,
    watched=1,
    dev_rows=40,
    encoded=200,
)


class Steps(NamedTuple):
    """What a training took: ``waits`` are those of the host for the GPU, by where they are."""

    losses: list[float]
    milliseconds: float
    memory: int
    waits: Counter[str]
    recorded: int


class Warnings:
    """Prints what a training would note in its log."""

    def write(self, event: Event) -> None:
        """Print it, if it is one."""
        if isinstance(event, Noted):
            print(f"  ! {event.text}", flush=True)


EVENTS: Any = Warnings()
STAGES = Stages(EVENTS)


class Bench:
    """Trains, evaluates and encodes in a folder of its own."""

    def __init__(self, folder: Path, rows: list[dict[str, str]], size: Size) -> None:
        self.folder, self.size = folder, size
        self.sentences = [*dict.fromkeys(row[column] for row in rows for column in COLUMNS)]
        held_out = rows[-size.dev_rows :]
        for split, part in (("train", rows[: -size.dev_rows]), ("dev", held_out)):
            lines = [json.dumps({column: row[column] for column in COLUMNS}) for row in part]
            (folder / f"{split}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        self.models: dict[int, Path] = {}

    def model(self, vocabulary: int) -> Path:
        """The folder of a blank model."""
        if vocabulary not in self.models:
            place = self.folder / f"model-{vocabulary}"
            place.mkdir()
            self.models[vocabulary] = make_card_model(
                place, vocabulary, self.sentences, self.size.layers
            )
        return self.models[vocabulary]

    def trainer(
        self, engine: Engine, shape: Shape, dropout: float, half: bool, steps: int, logging: int
    ) -> CountingTrainer:
        """The trainer of a run, as the training process makes it."""
        import torch
        from sentence_transformers.sentence_transformer import losses
        from sentence_transformers.util import cos_sim
        from transformers import set_seed
        from transformers.trainer_callback import PrinterCallback
        from transformers.trainer_utils import SaveStrategy

        from stplay.engine.data.triplets import load_split
        from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
        from stplay.engine.models.basemodel import load_model
        from stplay.engine.training.fastpath import FastPath
        from stplay.engine.training.stockpath import StockPath
        from stplay.engine.training.trainingarguments import precision_of, training_arguments
        from stplay.runs import recipe

        gpu = torch.cuda.is_available()
        values = {
            "model": {"base": str(self.model(shape.vocabulary)), "dropout": dropout},
            "data": {"train": str(self.folder), "dev": str(self.folder)},
            "loss": {"mini_batch_size": self.size.mini_batch if shape.batch > 16 else None},
            "training": {
                "max_steps": steps,
                "per_device_train_batch_size": shape.batch,
                "learning_rate": 5e-5,
                "logging_steps": logging,
                "bf16": half,
                "use_cpu": not gpu,
            },
        }
        chosen = recipe.build(values, "the benchmark")
        train = load_split(str(self.folder), "train", None, STAGES)
        dev = load_split(str(self.folder), "dev", None, STAGES)
        precision, _ = precision_of(chosen)
        set_seed(0)
        model = load_model(chosen.model, train, None, STAGES).model
        path: FastPath | StockPath = StockPath()
        if engine != "stock":
            splits = {"train": train, "dev": dev}
            path = FastPath(chosen, model, splits, precision, STAGES, None)
        arguments = training_arguments(chosen, model, precision, self.folder / "trained")
        arguments.save_strategy = SaveStrategy.NO
        set_seed(0)
        made: Any = path.trainer(
            model=model,
            args=arguments,
            train_dataset=train.triplets,
            eval_dataset=dev.triplets,
            loss=losses.CachedMultipleNegativesRankingLoss(
                model, 20.0, cos_sim, self.size.mini_batch
            ),
            evaluator=TripletEvaluator.of_split(dev, 16, STAGES, path.encoder()),
        )
        made.remove_callback(PrinterCallback)
        if engine == "fast":
            made.loss.capture = None
        elif engine == "recorded":
            made.data_collator.on_gpu = True  # without a GPU the shapes alone are those
        return made

    def train(
        self, engine: Engine, shape: Shape, dropout: float, half: bool, steps: int | None = None
    ) -> Steps:
        """Train; with ``steps``, so many whose losses are told, else as many as are timed."""
        import torch

        gpu, size = torch.cuda.is_available(), self.size
        if gpu:
            gc.collect()
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        watched = size.warm_ups + size.timed
        total, logging = (steps, 1) if steps else (watched + size.watched, watched * 10)
        trainer = self.trainer(engine, shape, dropout, half, total, logging)
        clock = make_clock(0 if steps else watched)
        trainer.add_callback(clock)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            trainer.train()
        waits = Counter(place(one) for one in told if "called a synchroniz" in str(one.message))
        capture = getattr(trainer.loss, "capture", None)
        return Steps(
            [line["loss"] for line in trainer.state.log_history if "loss" in line],
            0.0 if steps else median(clock.milliseconds()[size.warm_ups : watched - 1]),
            torch.cuda.max_memory_reserved() if gpu else 0,
            waits,
            0 if capture is None else len(capture.recordings),
        )

    def check(self, half: bool) -> bool:
        """Whether all engines find the same losses, without dropout."""
        import torch

        shape = self.size.shapes[0]
        expected = self.train("stock", shape, 0.0, half, EQUAL_STEPS).losses
        bound, fine = EQUAL_IN_BF16 if half else EQUAL, True
        for engine in ENGINES[1:]:
            found = self.train(engine, shape, 0.0, half, EQUAL_STEPS)
            pairs = zip(found.losses, expected, strict=True)
            apart = max(abs(ours - theirs) / theirs for ours, theirs in pairs)
            recorded = engine != "recorded" or found.recorded > 0 or not torch.cuda.is_available()
            fine = fine and apart <= bound and recorded
            show(
                f"  {'bf16' if half else 'float32':8} {engine:9} losses of {len(expected)} steps "
                f"differ by {apart:.1e}, {'as they may' if apart <= bound else 'TOO MUCH'} "
                f"({bound:.0e}), {found.recorded} shapes recorded"
                + ("" if recorded else ": NONE, on a GPU that is to record them")
            )
        return fine

    def table(self, half: bool) -> bool:
        """Print the steps of every shape and engine."""
        for shape in self.size.shapes:
            show(f"\n{shape.title}, {'bf16' if half else 'float32'}, dropout 0.1, median of steps")
            first = None
            for engine in ENGINES:
                found = self.train(engine, shape, 0.1, half)
                first = first or found.milliseconds
                waits = found.waits.total() / self.size.watched
                show(
                    f"  {engine:9}{found.milliseconds:9.2f} ms/step"
                    f"{1000 * shape.batch / found.milliseconds:9,.0f} triplets/s"
                    f"{found.memory >> 20:8,} MiB{first / found.milliseconds:7.2f} times as fast"
                    f"{waits:6.1f} waits a step, {found.recorded} shapes recorded"
                )
                if engine != "stock":
                    for where, count in found.waits.most_common(5):
                        show(f"            {count:4} waits at {where}")
        return True

    def evaluations(self, half: bool) -> bool:
        """Print how long a dev evaluation takes, with its loss."""
        taken = {}
        for engine in ("stock", "fast"):
            trainer = self.trainer(engine, self.size.smallest, 0.1, half, 1, 1)
            taken[engine] = timed(trainer.evaluate)
        compare(f"dev evaluation with loss, {self.size.dev_rows:,} triplets", taken)
        return True

    def encodings(self) -> bool:
        """Print how long encoding takes."""
        from sentence_transformers import SentenceTransformer

        from stplay.engine.packed.sentenceencoder import SentenceEncoder

        model = SentenceTransformer(str(self.model(self.size.smallest.vocabulary)))
        sentences = self.sentences[: self.size.encoded]
        encoder = SentenceEncoder(model)
        taken = {
            "stock": timed(lambda: model.encode(sentences, show_progress_bar=False)),
            "fast": timed(lambda: encoder.encode(sentences)),
        }
        compare(f"encoding {len(sentences):,} sentences, float32", taken)
        return True


def make_clock(watched_from: int) -> Any:
    """A callback that notes when each step ends, and then has torch tell where the host waits."""
    import torch
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        def __init__(self) -> None:
            self.ends: list[Any] = []

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if not torch.cuda.is_available():
                self.ends.append(time.perf_counter())
                return
            end = torch.cuda.Event(enable_timing=True)
            end.record()
            self.ends.append(end)
            if state.global_step == watched_from:
                torch.cuda.set_sync_debug_mode("warn")
            elif state.global_step == state.max_steps:
                torch.cuda.set_sync_debug_mode("default")

        def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()

        def milliseconds(self) -> list[float]:
            pairs = [*zip(self.ends, self.ends[1:], strict=False)]
            if torch.cuda.is_available():
                return [begin.elapsed_time(end) for begin, end in pairs]
            return [1000 * (end - begin) for begin, end in pairs]

    return Clock()


def place(told: warnings.WarningMessage) -> str:
    """Where the host waits, without the folders of this machine."""
    return f"{'/'.join(Path(told.filename).parts[-3:])}:{told.lineno}"


def timed(work: Any, runs: int = 3) -> float:
    """The median seconds of ``work``, which is done once more before."""
    work()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def compare(title: str, taken: dict[str, float]) -> None:
    """Print what both took."""
    stock, fast = taken["stock"], taken["fast"]
    show(f"\n{title}: stock {stock:.3f} s, fast {fast:.3f} s, {stock / fast:.2f} times as fast")


def show(line: str) -> None:
    """Print at once."""
    print(line, flush=True)


def triplets(folder: Path | None) -> list[dict[str, str]]:
    """The triplets of ``folder``, or the built-in ones."""
    if folder is None:
        from stplay.engine.data import sample

        return [one._asdict() for one in sample.triplets("train")]
    files = [folder / f"{split}.jsonl" for split in ("dev", "test")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def main() -> int:
    """Print the table; 1 where the engines do not train the same, 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, help="triplets: dev.jsonl and test.jsonl")
    parser.add_argument("--cpu", action="store_true", help="a tiny version, without a GPU")
    options = parser.parse_args()
    choose_gpu(DeviceWish(use_cpu=options.cpu))
    quiet_libraries()
    import torch

    if not torch.cuda.is_available() and not options.cpu:
        print(NO_GPU, file=sys.stderr)
        return 2
    device = torch.device("cpu" if options.cpu else "cuda")
    capability = "nothing is recorded here"
    if not options.cpu:
        capability = "capability {}.{}".format(*torch.cuda.get_device_capability())
    show(f"{device_name(device)}, {capability}")
    show("  ".join(f"{name} {version}" for name, version in versions().items()))
    show("  ".join(machine()))
    half = not options.cpu and torch.cuda.is_bf16_supported(including_emulation=False)
    with tempfile.TemporaryDirectory(prefix="stplay-bench-") as temporary:
        os.environ["STPLAY_HOME"] = str(Path(temporary) / "home")
        rows = triplets(options.folder)
        if options.cpu:
            rows = rows[:600]
        bench = Bench(Path(temporary), rows, TINY if options.cpu else WHOLE)
        sections = [lambda: bench.check(half=False)]
        if half:
            sections.append(lambda: bench.check(half=True))
        sections += [
            lambda: bench.table(half),
            lambda: bench.evaluations(half),
            bench.encodings,
        ]
        fine = [stands(section) for section in sections]
    return 0 if all(fine) else 1


def stands(section: Callable[[], bool]) -> bool:
    """Whether ``section`` ends well; one that breaks does not keep the others from being seen."""
    try:
        return section()
    except Exception:
        show(f"  ! {traceback.format_exc()}")
        return False


def machine() -> list[str]:
    """What a figure depends on, beside the GPU."""
    import torch

    cpus = re.findall(r"model name\s*: (.*)", run_quietly("cat", "/proc/cpuinfo"))
    found = [f"{os.cpu_count()} x {cpus[0] if cpus else platform.machine()}"]
    if torch.cuda.is_available():
        driver = run_quietly("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        cuda, cudnn = torch.version.cuda, torch.backends.cudnn.version()
        found += [f"driver {driver.split()[0]}" if driver else "", f"CUDA {cuda}", f"cuDNN {cudnn}"]
    return found


def run_quietly(*command: str) -> str:
    """What ``command`` prints, and nothing where it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())

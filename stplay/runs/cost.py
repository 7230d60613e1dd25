"""What a training will cost, and where each figure comes from: a measurement, or none yet."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stplay.runs.diskneed import SavedSizes, disk_need, disk_words, free_disk_bytes, sizes_of
from stplay.runs.diskuse import folder_bytes
from stplay.runs.plans import Plan
from stplay.runs.presetwords import fields_of
from stplay.runs.recipe import Recipe
from stplay.runs.runindex import ReadLog, RunIndex
from stplay.text import count, decimals, duration, printable, size

# What decides how long a step takes and how much memory; trainings that agree in it compare.
OF_A_STEP = (
    "model.base",
    "model.max_seq_length",
    "data.train",
    "data.columns",
    "loss.mini_batch_size",
    "training.engine",
    "training.per_device_train_batch_size",
    "training.gradient_accumulation_steps",
    "training.bf16",
    "training.fp16",
    "training.use_cpu",
    "training.gpus",
)
# What comes between the steps.
BESIDE_STEPS = (
    "data.dev",
    "data.dev_rows",
    "training.save_steps",
    "evaluation.eval_strategy",
    "evaluation.eval_steps",
    "evaluation.per_device_eval_batch_size",
)
FEWEST_STEPS = 10  # of fewer, the first ones, which take longer, would decide


class MeasuredRun(NamedTuple):
    """What a run on this machine took: its recipe's ``fields``, and what was measured of it.

    ``seconds_a_step`` has its evaluations and checkpoints in it, ``seconds_beside`` what came
    before and after, which is 0 where it did not reach its end. Its newest ``checkpoint`` lies in
    its ``folder``.
    """

    folder: Path
    device: str
    fields: dict[str, Any]
    parameters: int
    seconds_a_step: float | None
    seconds_beside: float
    memory_bytes: int
    gpu_memory_bytes: int
    checkpoint: str | None

    @property
    def run(self) -> str:
        """Its name, safe to show."""
        return printable(self.folder.name)

    @property
    def sizes(self) -> SavedSizes | None:
        """What was saved of it; nothing where its files are gone."""
        model = folder_bytes(self.folder / "model")
        whole = 0 if self.checkpoint is None else folder_bytes(self.folder / self.checkpoint)
        return SavedSizes(model, whole) if model and whole > model else None

    def agrees(self, fields: dict[str, Any], names: Sequence[str]) -> bool:
        """Whether the run was as ``fields`` are in all of ``names``."""
        return all(self.fields.get(name) == fields.get(name) for name in names)


def step_key(recipe: Recipe) -> str:
    """What decides what a plan of ``recipe`` measures, in one word."""
    fields = fields_of(recipe.to_dict())
    names = (*OF_A_STEP, "data.train_rows", "training.batch_sampler", "training.seed")
    return repr([fields.get(name) for name in names])


class CostLine(NamedTuple):
    """One figure by its ``name``, as words, and its ``source``; not ``fits``: there is no room."""

    name: str
    words: str
    source: str = ""
    fits: bool = True


def measured_runs(index: RunIndex | None = None) -> list[MeasuredRun]:
    """What the runs that this machine has trained alone took, the newest first."""
    return [
        measured
        for folder, read in (index or RunIndex()).look()
        if (measured := _measured(folder, read)) is not None
    ]


def _measured(folder: Path, read: ReadLog) -> MeasuredRun | None:
    log = read.digest.log
    started, worker = log.started, log.worker
    if started is None or worker is None or worker.host != platform.node():
        return None
    if started.processes != 1 or not started.recipe:
        return None
    pace = log.seconds_a_step if log.step >= FEWEST_STEPS else None
    beside = 0.0
    if pace is not None and log.status == "completed":
        beside = max(0.0, read.digest.seconds - pace * log.step)
    return MeasuredRun(
        folder=folder,
        device=started.device,
        fields=fields_of(started.recipe),
        parameters=started.parameters,
        seconds_a_step=pace,
        seconds_beside=beside,
        memory_bytes=read.digest.memory_bytes,
        gpu_memory_bytes=read.digest.gpu_memory_bytes,
        checkpoint=log.checkpoint.path if log.checkpoint is not None else None,
    )


def cost_lines(
    recipe: Recipe, steps: int, rows: str, runs: Sequence[MeasuredRun], plan: Plan | None
) -> list[CostLine]:
    """What a training of ``recipe`` in so many ``steps``, each of ``rows``, will cost here.

    Looks at the disk.

    ``runs`` are those that this machine has trained, ``plan`` is what was measured of the recipe.
    """
    if plan is not None:  # its batches are counted
        steps = plan.steps if plan.epoch is None else recipe.training.steps(plan.epoch.batches)
    fields = fields_of(recipe.to_dict())
    alike = [run for run in runs if run.agrees(fields, OF_A_STEP)]
    return [
        CostLine("Steps", f"{count(steps)} steps of {rows}"),
        _time(recipe, steps, fields, alike, plan),
        _memory(recipe, alike, plan),
        *_disk(recipe, steps, fields, runs, plan),
    ]


def _time(
    recipe: Recipe,
    steps: int,
    fields: dict[str, Any],
    alike: Sequence[MeasuredRun],
    plan: Plan | None,
) -> CostLine:
    paced = [run for run in alike if run.seconds_a_step is not None]
    wholly = [run for run in paced if run.agrees(fields, BESIDE_STEPS)]
    choice = plan.choice_of(recipe) if plan is not None else None
    if plan is not None and choice is not None and not wholly:
        told = f"measured here: {decimals(choice.seconds_a_step, 3)} s a step, "
        source = f"{told}{printable(plan.device)}; evaluations come on top"
        return CostLine("Time", f"about {duration(steps * choice.seconds_a_step)}", source)
    for run in (wholly or paced)[:1]:
        assert run.seconds_a_step is not None
        seconds = steps * run.seconds_a_step + run.seconds_beside
        source = f"measured here: {run.run}, {printable(run.device)}"
        if run not in wholly:
            source += "; it evaluated or saved at other steps"
        return CostLine("Time", f"about {duration(seconds)}", source)
    return CostLine("Time", "not measured yet")


def _memory(recipe: Recipe, alike: Sequence[MeasuredRun], plan: Plan | None) -> CostLine:
    choice = plan.choice_of(recipe) if plan is not None else None
    if plan is not None and choice is not None:
        fits = choice.memory_bytes <= plan.free_bytes
        words = f"about {size(choice.memory_bytes)}, {size(plan.free_bytes)} free"
        source = "measured here: weights, optimizer, activations"
        return CostLine("Memory", words if fits else f"{words}: it does not fit", source, fits)
    for run in alike:
        held, what = run.gpu_memory_bytes, "of the GPU"
        if not held:
            held, what = run.memory_bytes, "of the machine"
        if held:
            source = f"measured here: the most that {run.run} held"
            return CostLine("Memory", f"about {size(held)} {what}", source)
    return CostLine("Memory", "not measured yet")


def _disk(
    recipe: Recipe,
    steps: int,
    fields: dict[str, Any],
    runs: Sequence[MeasuredRun],
    plan: Plan | None,
) -> Iterator[CostLine]:
    of_model = [run for run in runs if run.agrees(fields, ("model.base",))]
    saved = ((run.run, run.sizes) for run in of_model)
    run, sizes = next((each for each in saved if each[1] is not None), ("", None))
    source = f"measured here: what {run} saved"
    if sizes is None:
        parameters = next((run.parameters for run in of_model), None)
        if parameters is None and plan is not None:
            parameters = plan.parameters
        if parameters is None:
            yield CostLine("Disk", "not measured yet")
            return
        sizes = sizes_of(parameters)
        source = f"computed from the model's {count(parameters)} parameters"
    need, free = disk_need(recipe.training, steps, sizes), free_disk_bytes()
    fits = free is None or need.size <= free
    kept = f"{count(need.checkpoints)} checkpoint{'' if need.checkpoints == 1 else 's'}"
    source = f"{kept} and the model, {source}"
    yield CostLine("Disk", disk_words(need.size, free), source, fits)

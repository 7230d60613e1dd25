"""What a recipe takes on this machine: measured by a process of its own, told as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from stplay import home
from stplay.jobs import process
from stplay.jobs.events import Engine, Epoch, StageProgressed
from stplay.jobs.process import Reply
from stplay.runs.diskneed import disk_need, disk_words, free_disk_bytes, sizes_of
from stplay.runs.recipe import Recipe
from stplay.runs.traininglog import epoch_warning, epoch_words
from stplay.sources.datasources import rows_word
from stplay.text import count, decimals, duration, printable, size

MODULE = "stplay.engine.plan"


class MiniBatchChoice(msgspec.Struct, kw_only=True):
    """One ``loss.mini_batch_size`` and what it takes.

    At most ``tokens`` go through the model together, a step goes forward through it ``forwards``
    times, and weights, optimizer and activations take about ``memory_bytes``.
    """

    mini_batch_size: int
    tokens: int
    forwards: int
    memory_bytes: int
    seconds_a_step: float


class Plan(Reply):
    """What a recipe takes; ``fitting_tokens`` fit into the memory that is free, ``free_bytes``.

    A step takes ``batch_size`` of the ``triplets``, each with ``negatives``, which may be several
    or none, and ``epoch`` tells how many of them an epoch gets to see. The model has so many
    ``parameters``; it and its checkpoints take ``disk_bytes``; ``free_disk_bytes`` are free.
    """

    base: str
    device: str
    precision: str
    triplets: int
    batch_size: int
    steps: int
    free_bytes: int
    engine: Engine
    epoch: Epoch | None = None
    negatives: int = 1
    parameters: int | None = None
    longest_tokens: int | None = None
    fitting_tokens: int | None = None
    choices: list[MiniBatchChoice] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    disk_bytes: int | None = None
    free_disk_bytes: int | None = None

    @property
    def best(self) -> MiniBatchChoice | None:
        """The fastest choice; of equally fast ones (to 3 %) the one that takes the least memory."""
        fastest = min((choice.seconds_a_step for choice in self.choices), default=0.0)
        near = [choice for choice in self.choices if choice.seconds_a_step <= 1.03 * fastest]
        return min(near, key=lambda choice: choice.memory_bytes, default=None)

    def choice_of(self, recipe: Recipe) -> MiniBatchChoice | None:
        """The choice that a training of ``recipe`` would make: the largest where it tells none."""
        wanted = recipe.loss.mini_batch_size
        fitting = (
            each for each in self.choices if wanted is None or each.mini_batch_size <= wanted
        )
        return next(fitting, None)


def make(recipe: Recipe, tell: Callable[[StageProgressed], None]) -> Plan:
    """Measure what ``recipe`` takes, in a process of its own; ``tell`` hears how far it is.

    Raises:
        UserError: the recipe, its data or its model cannot be used.
    """
    return _with_disk(process.ask(MODULE, kind=Plan, tell=tell, **_asked(recipe)), recipe)


async def make_async(recipe: Recipe, tell: Callable[[StageProgressed], None]) -> Plan:
    """As ``make``; whoever gives up waiting ends the measuring.

    Raises:
        UserError: as ``make``.
    """
    found = await process.ask_async(MODULE, kind=Plan, tell=tell, **_asked(recipe))
    return _with_disk(found, recipe)


def _asked(recipe: Recipe) -> dict[str, Any]:
    return {
        "log": home.cache_folder() / "plan.log",
        "title": "planning process",
        "given": recipe.to_toml().encode(),
    }


def _with_disk(plan: Plan, recipe: Recipe) -> Plan:
    if plan.parameters is not None:
        sizes = sizes_of(plan.parameters)
        plan.disk_bytes = disk_need(recipe.training, plan.steps, sizes).size
        plan.free_disk_bytes = free_disk_bytes()
    return plan


def lines(plan: Plan) -> Iterator[str]:
    """The plan as people read it."""
    yield (
        f"{printable(plan.base)} on {printable(plan.device)}, {plan.precision}, "
        f"{size(plan.free_bytes)} free"
    )
    yield from map(printable, plan.notes)
    yield (
        f"{count(plan.triplets)} {rows_word(plan.negatives)}, {count(plan.batch_size)} a step, "
        f"{count(plan.steps)} steps"
    )
    if plan.epoch is not None:
        words = epoch_words(plan.epoch, plan.triplets, plan.negatives)
        warning = epoch_warning(plan.epoch, plan.triplets, plan.negatives)
        if told := f"warning: {warning}" if warning else words[:1].upper() + words[1:]:
            yield told
    if plan.disk_bytes is not None:
        words = disk_words(plan.disk_bytes, plan.free_disk_bytes)
        yield f"The checkpoints and the model take {words}"
    engine = plan.engine
    if engine.name == "stock":
        why = f", as {printable(engine.why)}" if engine.why else ""
        yield f"The library's own path is taken{why}: it is not measured here."
        return
    yield (
        f"A batch has {count(engine.batch_tokens)} tokens, at most "
        f"{count(engine.largest_batch_tokens)}; {count(plan.fitting_tokens)} fit together"
    )
    yield ""
    head = f"{'mini_batch_size':>15}{'tokens':>10}{'forwards':>10}{'memory':>12}{'s/step':>10}"
    yield f"{head}  all steps"
    for choice in plan.choices:
        mark = "  <- loss.mini_batch_size" if choice == plan.best else ""
        yield (
            f"{count(choice.mini_batch_size):>15}{count(choice.tokens):>10}"
            f"{count(choice.forwards):>10}{size(choice.memory_bytes):>12}"
            f"{decimals(choice.seconds_a_step, 3):>10}  "
            f"{duration(plan.steps * choice.seconds_a_step):<12}{mark}".rstrip()
        )
    if plan.best is not None and plan.best.forwards == 1:
        yield ""
        yield "A batch fits as a whole: each step goes forward through the model once."


def stage_line(stage: StageProgressed) -> str:
    """How far the measuring is."""
    of = f", {count(stage.done)} of {count(stage.total)} {stage.unit}" if stage.total else ""
    return f"{printable(stage.stage)}{of}"

"""The models that answer: one, or two side by side; opening them, and asking them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import NamedTuple

from textual import getters, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.reactive import var

from stplay.encoding.client import Encoded, Encoder, ModelFacts
from stplay.errors import UserError
from stplay.runs import modelsathand
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.modelchoice import ModelChoice
from stplay.screens.explore.modelline import ModelLine
from stplay.screens.explore.modelslot import ModelSlot
from stplay.screens.explore.notice import Notice
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.explore.timeslider import TimeSlider
from stplay.screens.shared.newest import Newest
from stplay.text import count, printable

SLOW_SECONDS = 0.3  # from when on people wonder what is awaited


class WantedModel(NamedTuple):
    """A model that is to answer at a ``place``, and ``why`` it is this one if nobody asked."""

    name: str
    place: int
    why: str


class Typed(NamedTuple):
    """Sentences that are to be encoded, and by whom."""

    sentences: list[Sentence]
    encoders: tuple[Encoder, ...]


class Models(Vertical):
    """Loads models, encodes the newest sentences with each, and tells what is under way."""

    arrangement: var[Arrangement | None] = var(None, init=False)
    facts: var[tuple[ModelFacts, ...]] = var(())
    under_way: var[tuple[str, ...]] = var(())
    speed: var[str] = var("")

    slider = getters.query_one(TimeSlider)

    @dataclass
    class Moved(Message):
        """Another model answers or is on its way, or something else is awaited."""

        def can_replace(self, message: Message) -> bool:
            """Where they have got to by now is all that counts."""
            return isinstance(message, Models.Moved)

    @dataclass
    class Answered(Message):
        """What the models made of ``sentences``."""

        sentences: list[Sentence]
        answers: list[Encoded]

        def can_replace(self, message: Message) -> bool:
            """The newest answers are all that counts."""
            return isinstance(message, Models.Answered)

    def __init__(self) -> None:
        super().__init__()
        self.slots = [ModelSlot(), ModelSlot()]
        self._loading: dict[int, str] = {0: "looking for the best model at hand"}
        self._opening: list[Newest[WantedModel, UserError | None]] = [
            Newest(self, self._load, self._take_model) for _ in self.slots
        ]
        self._encoding: Newest[Typed, list[Encoded] | UserError] = Newest(
            self, self._encode, self._take_answers, patient=True
        )

    def compose(self) -> ComposeResult:
        """The line of models; below it, for one out of a training, its kept steps."""
        yield ModelLine().data_bind(Models.facts, Models.under_way, Models.speed)
        yield TimeSlider()

    def on_mount(self) -> None:
        """Nothing is known yet."""
        if self.children:  # else the app is being left
            self._tell()

    @property
    def open_ones(self) -> list[ModelSlot]:
        """The models that answer."""
        return [slot for slot in self.slots if slot.facts is not None]

    @property
    def open_facts(self) -> list[ModelFacts]:
        """What is known of the models that answer."""
        return [slot.facts for slot in self.slots if slot.facts is not None]

    # Opening

    def open(self, name: str, place: int = 0, why: str = "") -> None:
        """Let the model called ``name`` answer; where it fails, the one before it stays.

        ``why`` tells why it is this one where nobody asked for it.
        """
        self._opening[place].forget()  # the same one may be another by now
        self._opening[place].ask(WantedModel(name, place, why))

    async def _load(self, wanted: WantedModel) -> UserError | None:
        name = printable(wanted.name)

        def tell(stage: str, done: int, total: int | None) -> None:
            of = f", {count(done)} of {count(total)}" if total else ""
            self._tell_loading(wanted.place, f"{name}: {printable(stage)}{of}")

        self._tell_loading(wanted.place, f"starting {name}")
        try:
            await self.slots[wanted.place].open(wanted.name, wanted.why, tell)
        except UserError as error:
            return error
        return None

    def _take_model(self, wanted: WantedModel, failure: UserError | None) -> None:
        self._tell_loading(wanted.place, "")
        self.post_message(Notice.Complaint(failure.sentence if failure else ""))

    def open_step(self, by: int) -> None:
        """Let another kept step of the first model's training answer."""
        slot = self.slots[0]
        if not slot.steps:
            return
        names = [*slot.steps.values(), slot.final]
        here = names.index(slot.name) if slot.name in names else len(names) - 1
        there = max(0, min(here + by, len(names) - 1))
        if there != here:
            self.open(names[there])

    @work
    async def choose(self, question: str, place: int = 0) -> None:
        """Ask which model should answer at ``place``."""
        offered = await asyncio.to_thread(modelsathand.offered)
        if chosen := await self.app.push_screen_wait(ModelChoice(question, offered)):
            self.open(chosen, place)

    @work
    async def close_second(self) -> None:
        """Look at one model again."""
        self._opening[1].forget()
        await self.slots[1].close()
        self._tell_loading(1, "")
        self.post_message(Notice.Complaint(""))

    async def on_unmount(self) -> None:
        """Let the encoding processes go."""
        for slot in self.slots:
            await slot.close()

    # Asking

    def ask(self, sentences: list[Sentence]) -> None:
        """Encode ``sentences`` with each model: now, or as soon as they are free."""
        encoders = tuple(slot.encoder for slot in self.slots if slot.encoder is not None)
        if encoders:
            self._encoding.ask(Typed(sentences, encoders))

    async def _encode(self, typed: Typed) -> list[Encoded] | UserError:
        texts = [sentence.text for sentence in typed.sentences]
        begin = time.perf_counter()
        slow = self.set_timer(SLOW_SECONDS, lambda: self._tell(self.awaited(typed.sentences)))
        try:
            answers = await asyncio.gather(*(encoder.encode(texts) for encoder in typed.encoders))
        except UserError as error:
            return error
        finally:
            slow.stop()
        milliseconds = (time.perf_counter() - begin) * 1000
        word = "sentence" if len(texts) == 1 else "sentences"
        self.speed = f"{count(len(texts))} {word} in {milliseconds:.0f} ms"
        return answers

    def _take_answers(self, typed: Typed, answers: list[Encoded] | UserError) -> None:
        self._tell()
        if not isinstance(answers, UserError):
            self.post_message(self.Answered(typed.sentences, answers))
            return
        if typed is self._encoding.question:
            self._encoding.forget()  # it may fare better
            self.post_message(self.Moved())
        if all(encoder in (slot.encoder for slot in self.slots) for encoder in typed.encoders):
            self.post_message(Notice.Complaint(answers.sentence))

    # Telling

    def awaited(self, sentences: list[Sentence]) -> str:
        """Why typed ``sentences`` are not in view yet; nothing where there are none."""
        if not sentences:
            return ""
        many = f"{count(len(sentences))} {'sentence' if len(sentences) == 1 else 'sentences'}"
        if not self.open_ones and self._loading:
            return f"{many} to encode; {next(iter(self._loading.values()))}"
        if not self.open_ones:
            return f"{many} to encode; choose a model (m)."
        names = " and ".join(printable(slot.name) for slot in self.open_ones)
        if self._encoding.is_looking:
            return f"encoding {many} with {names}"
        return f"{many} not encoded by {names}"

    def watch_arrangement(self) -> None:
        """Name the models whose answers are in view now."""
        self._tell()

    def _tell_loading(self, place: int, words: str) -> None:
        if words:
            self._loading[place] = words
        else:
            self._loading.pop(place, None)
        self._tell()
        self.post_message(self.Moved())

    def _tell(self, encoding: str = "") -> None:
        """Name the models whose answers are in view, or those to come, and what is under way."""
        shown, slot = self.arrangement, self.slots[0]
        self.facts = tuple(shown.facts if shown else self.open_facts)
        self.under_way = (*self._loading.values(), *([encoding] if encoding else []))
        behind = shown is not None and shown.answers[0].model != slot.name
        self.slider.show(list(slot.steps), slot.step, awaited=behind)

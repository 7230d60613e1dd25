"""The encoder that starts with the app, with real processes."""

from __future__ import annotations

from pathlib import Path

from stplay.encoding import encoders, protocol
from stplay.encoding.client import Encoder
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.runs.runsummary import run_at_work
from stplay.screens.explore.earlyencoder import EarlyEncoder


async def gone(streams: encoders.Streams) -> None:
    """Close a connection, and wait until the process has closed its end too."""
    reader, writer = streams
    writer.write_eof()
    while await reader.read(1 << 16):
        pass
    writer.close()


async def test_it_ends_with_the_app_though_it_is_loaded(home: Path) -> None:
    early = EarlyEncoder()
    await early.start()
    (greeting,) = await encoders.warm()
    streams, _ = await encoders.reach(encoders.address(greeting.model))
    while not isinstance((await protocol.read_answer(streams[0]))[0], protocol.ModelFacts):
        pass
    await gone(streams)
    await early.end()
    assert await encoders.warm() == []


async def test_it_leaves_the_machine_to_a_training(home: Path) -> None:
    Run.create(recipe.load("sample"), "mine", "sample").events_path.touch()
    assert run_at_work() is not None, "it is starting"
    early = EarlyEncoder()
    await early.start()
    assert await encoders.warm() == []
    await early.end()


async def test_it_stays_where_it_was_used_at_once(home: Path) -> None:
    early = EarlyEncoder()
    await early.start()
    (greeting,) = await encoders.warm()
    encoder = Encoder(greeting.model)
    await encoder.start()
    await encoder.encode(["Somebody is quick."])
    await encoder.close()
    await early.end()
    assert [left.pid for left in await encoders.stop_all()] == [greeting.pid]

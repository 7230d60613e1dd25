"""Models and data by name, from a Hub that is slow, breaks off, refuses, changes and goes away."""

from __future__ import annotations

import errno
import io
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from calls import Answer, Engine
from conftest import require_program
from hubstandin import Hub, hub_environment, parquet_dataset

from stplay.sources.datasources import ALL_NLI_REPOSITORY, ALL_NLI_REVISION

DATA_INSTEAD = "use builtin:sample or a .jsonl, .json, .csv, .tsv, .parquet file or folder."
MODEL_INSTEAD = "use builtin:tiny, builtin:minilm or a model folder."


def rows(word: str, count: int = 3) -> list[dict[str, str]]:
    columns = ("anchor", "positive", "negative")
    return [{column: f"{word} {column} {i}" for column in columns} for i in range(count)]


def nli(word: str) -> dict[str, bytes]:
    splits = {split: rows(f"{word} {split}") for split in ("train", "dev", "test")}
    return parquet_dataset(
        {"pair": {"train": [{"anchor": "a", "positive": "b"}]}, "triplet": splits}
    )


def csv(word: str) -> str:
    lines = [",".join(row.values()) for row in rows(word)]
    return "\n".join(("anchor,positive,negative", *lines, ""))


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


@pytest.fixture(scope="module")
def engine(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    with Engine(hub, tmp_path_factory.mktemp("home")) as engine:
        yield engine


@pytest.fixture(autouse=True)
def fresh(hub: Hub) -> Iterator[None]:
    hub.requests.clear()
    yield
    hub.fail_after(None)
    hub.slow(None)
    if hub.closed:
        hub.start()


def words(answer: Answer) -> list[str]:
    """The anchors of the rows that came."""
    return [row["anchor"] for row in answer["rows"]]


def downloaded(hub: Hub, name: str) -> list[str]:
    """The files of a repository of which any byte was asked for."""
    mark = f"/{name}/resolve/"
    paths = [request.path.partition(mark)[2] for request in hub.requests if request.method == "GET"]
    return sorted({path.partition("/")[2] for path in paths if path})


@pytest.fixture(scope="module", autouse=True)
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Calls that take their seconds, under way while the other tests run."""
    silent = socket.create_server(("127.0.0.1", 0))  # takes calls and never answers
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    homes = [tmp_path_factory.mktemp(name) for name in ("silent", "broken")]
    with (
        silent,
        Hub() as breaking,
        Engine(breaking, homes[0], HF_ENDPOINT=url) as unanswered,
        Engine(breaking, homes[1]) as broken,
    ):
        breaking.add_dataset("org/two", {"train-1.csv": csv("one"), "train-2.csv": csv("two") * 9})
        breaking.fail_after(len(csv("one")) + 100)
        broken.send("split", "org/two")
        unanswered.send("split", "all-nli")
        yield {"unanswered": unanswered, "broken": broken, "breaking": breaking}


@pytest.mark.parametrize("order", ["old first", "new first"])
def test_a_pinned_revision_is_what_comes(
    order: str, hub: Hub, engine: Engine, tmp_path: Path
) -> None:
    name = f"org/{order.replace(' ', '-')}"
    old = hub.add_dataset(name, nli("old"), tag="v1")
    new = hub.add_dataset(name, nli("new"))
    expected = {f"{name}@{old}": "old", name: "new", f"{name}@{new}": "new", f"{name}@v1": "old"}
    if order == "new first":
        expected = dict(reversed(expected.items()))
    for asked, word in expected.items():
        assert words(engine.call("split", asked)) == [f"{word} train anchor {i}" for i in range(3)]
    assert words(engine.call("split", f"{name}@{old}", split="dev", rows=1)) == ["old dev anchor 0"]

    # Both are in the cache now, and stay what they are without a Hub: at once, and in whole.
    hub.close()
    hub.requests.clear()
    for asked, word in expected.items():
        answer = engine.call("split", asked)
        assert words(answer)[0] == f"{word} train anchor 0"
        assert answer.slept < 2
    hub.start()
    # What is pinned is not even asked for.
    assert words(engine.call("split", f"{name}@{old}"))[0] == "old train anchor 0"
    assert hub.requests == []
    # A new commit is seen where none is pinned.
    hub.add_dataset(name, nli("newest"))
    assert words(engine.call("split", name))[0] == "newest train anchor 0"
    # It brought the splits asked for, and no other.
    assert words(engine.call("split", name, split="test"))[0] == "newest test anchor 0"
    hub.close()
    assert "is not in the Hub's cache" in engine.call("split", name, split="dev").told


def test_all_nli_is_the_triplets_of_its_pinned_revision(hub: Hub, engine: Engine) -> None:
    assert (
        hub.add_dataset(ALL_NLI_REPOSITORY, nli("right"), sha=ALL_NLI_REVISION) == ALL_NLI_REVISION
    )
    hub.add_dataset(ALL_NLI_REPOSITORY, nli("newer"))
    assert words(engine.call("split", "all-nli", split="dev")) == [
        f"right dev anchor {i}" for i in range(3)
    ]
    assert downloaded(hub, ALL_NLI_REPOSITORY) == [
        "README.md",
        "triplet/dev-00000-of-00001.parquet",
    ]
    assert hub.revisions(ALL_NLI_REPOSITORY) == {ALL_NLI_REVISION}
    assert words(engine.call("split", ALL_NLI_REPOSITORY, split="dev"))[0] == "newer dev anchor 0"


def test_a_warm_cache_needs_no_network_in_a_new_process(hub: Hub, tmp_path: Path) -> None:
    pinned = f"org/warm@{hub.add_dataset('org/warm', nli('warm'))}"
    model = {"config.json": "{}", "model.safetensors": b"abc"}
    base = f"org/warm-base@{hub.add_model('org/warm-base', model)}"
    with Engine(hub, tmp_path) as engine:
        for split in ("train", "dev", "test"):
            engine.call("split", pinned, split=split)
        engine.call("folder", base)
        # Whatever the newest commit is called, its files are there already.
        hub.requests.clear()
        engine.call("split", "org/warm")
        engine.call("folder", "org/warm-base")
        assert not downloaded(hub, "org/warm") + downloaded(hub, "org/warm-base")
        for question in ("blobs=true", "revision/main"):
            assert str(hub.requests).count(question) == 2  # once each
    hub.close()
    for environment in ({}, {"HF_HUB_OFFLINE": "1"}):
        with Engine(hub, tmp_path, **environment) as engine:
            for name in (pinned, "org/warm"):
                for split in ("train", "dev", "test"):
                    answer = engine.call("split", name, split=split)
                    assert words(answer)[2] == f"warm {split} anchor 2"
                    assert answer.slept < 2
            for name in (base, "org/warm-base"):
                answer = engine.call("folder", name)
                assert answer["files"] == sorted(model)
                assert answer["commit"] == base.partition("@")[2]
                assert answer.slept < 2


def test_a_cold_cache_without_network_ends_in_one_sentence(hub: Hub, tmp_path: Path) -> None:
    hub.close()
    with Engine(hub, tmp_path) as engine:
        for call, name, instead in (
            ("split", "all-nli", DATA_INSTEAD),
            ("first", "org/data", DATA_INSTEAD),
            ("folder", f"org/base@{'0' * 40}", MODEL_INSTEAD),
        ):
            answer = engine.call(call, name)
            assert "cannot be downloaded (the Hub cannot be reached: ConnectError)" in answer.told
            assert answer.told.endswith(instead)
            assert answer.slept < 2
    with Engine(hub, tmp_path, HF_HUB_OFFLINE="1") as engine:
        answer = engine.call("split", "all-nli")
        assert "cannot be downloaded (HF_HUB_OFFLINE is set)" in answer.told
        assert answer.slept < 2


def test_what_is_missing_is_told(hub: Hub, engine: Engine) -> None:
    hub.add_dataset("org/some", nli("some"))
    hub.add_dataset(
        "org/pairs", parquet_dataset({"a": {"train": rows("a")}, "b": {"train": rows("b")}})
    )
    hub.add_dataset("org/train", {"train.csv": csv("a"), "odd\x1b/test-1.csv": csv("b")})
    hub.add_dataset("org/code", {"script.py": "", "README.md": "# Rows\n"})
    hub.add_dataset(
        "org/text", {"README.md": "---\nconfigs:\n- data_files: a.txt\n---\n", "a.txt": ""}
    )
    hub.add_dataset("org/gone", {"README.md": "---\nconfigs:\n- data_files: a.csv\n---\n"})
    hub.add_dataset("org/yaml", {"README.md": "---\na: [\n---\n", "train.csv": csv("a")})
    hub.add_dataset("org/columns", {"train.csv": "anchor,other\na,b\n"})
    hub.add_model("org/base", {"config.json": "{}", "README.md": ""})
    login = "on the Hub, or it is private: check its name, or log in with: hf auth login"
    for call, name, told in (
        ("split", "org/nothing", f"There is no data set org/nothing {login}"),
        ("folder", "org/nothing", f"There is no model org/nothing {login}"),
        ("split", "org/some@v9", "The data set org/some has no revision v9 on the Hub."),
        (
            "folder",
            f"org/base@{'0' * 40}",
            f"The model org/base has no revision {'0' * 40} on the Hub.",
        ),
        ("split", "org/pairs", "org/pairs has the configurations a, b, and none is called triplet"),
        ("split", "org/train", "org/train has no split dev; it has test, train."),
        (
            "split",
            "org/code",
            "org/code has no split dev; it has no .parquet, .jsonl, .csv, .tsv, .json file.",
        ),
        ("first", "org/text", "org/text keeps its split train in a.txt; only .parquet, .jsonl"),
        ("first", "org/gone", "org/gone lacks the files of its split train."),
        ("split", "org/yaml", "The card of org/yaml is damaged: while parsing a flow node"),
        (
            "first",
            "org/columns",
            "org/columns/train.csv lacks the columns positive, negative; it has",
        ),
        ("folder", "org/base", "The Hub model org/base has no weights."),
        ("split", "org/a--b", "'org/a--b' is no Hub name: Cannot have -- or .. in repo_id"),
    ):
        arguments = {"split": "dev"} if call == "split" else {}
        answer = engine.call(call, name, **arguments)
        assert told in answer.told
        assert "\n" not in answer.told
        assert answer.slept < 2


def test_a_gated_repository(hub: Hub, engine: Engine, tmp_path: Path) -> None:
    hub.add_dataset("org/gated", nli("gated"))
    hub.add_dataset("org/gated-csv", {"train.csv": csv("gated")})
    hub.add_model("org/gated-base", {"config.json": "{}", "model.safetensors": b"abc"})
    names = {"split": "org/gated", "first": "org/gated-csv", "folder": "org/gated-base"}
    for name in names.values():
        hub.gate(name, token="hf_right")
    for call, name in [*names.items(), ("first", "org/gated")]:
        assert f"{name} is gated: ask for access on its page" in engine.call(call, name).told
    with Engine(hub, tmp_path, HF_TOKEN="hf_right") as member:
        assert words(member.call("split", "org/gated"))[0] == "gated train anchor 0"


def test_data_without_a_card(hub: Hub, engine: Engine) -> None:
    jsonl = "".join(f"{row}\n".replace("'", '"') for row in rows("lines"))
    pq.write_table(pa.Table.from_pylist(rows("table")), table := io.BytesIO())
    tsv = csv("tabs").replace(",", "\t")
    for name, files, word in (
        ("org/csv", {"data.csv": csv("all")}, "all"),
        ("org/jsonl", {"data/train.jsonl": jsonl, "data/test.jsonl": ""}, "lines"),
        ("org/parquet", {"train-0.parquet": table.getvalue(), "train.csv": csv("other")}, "table"),
        ("org/tsv", {"[1] train.tsv": tsv, ".train.tsv": ""}, "tabs"),
    ):
        hub.add_dataset(name, files)
        assert words(engine.call("split", name, rows=2)) == [
            f"{word} anchor 0",
            f"{word} anchor 1",
        ]
        assert len(downloaded(hub, name)) == 1
        hub.close()
        assert words(engine.call("split", name, rows=1)) == [f"{word} anchor 0"]
        hub.start()
    hub.add_dataset("org/named", {"valid.csv": csv("valid"), "train.csv": csv("train")})
    assert words(engine.call("split", "org/named", split="dev"))[0] == "valid anchor 0"
    assert downloaded(hub, "org/named") == ["valid.csv"]


def test_a_split_of_several_files_is_read_in_order(hub: Hub, engine: Engine) -> None:
    files = {f"data/train-0000{part}.csv": csv(f"part {part}") for part in (2, 0, 1)}
    hub.add_dataset("org/parts", files)
    found = words(engine.call("split", "org/parts", rows=8))
    assert found == [f"part {part} anchor {i}" for part in range(3) for i in range(3)][:8]


def test_a_download_tells_its_bytes(hub: Hub, engine: Engine) -> None:
    files = {"config.json": "{}", "model-1.safetensors": bytes(1 << 20)}
    hub.add_model("org/big", files)
    engine.call("folder", "org/big")
    files["model-2.safetensors"] = bytes(range(256)) * (6 << 12)
    hub.add_model("org/big", files)
    hub.slow(6e6)
    answer = engine.call("folder", "org/big")
    assert answer["files"] == sorted(files)
    stages = [stage for stage in answer.stages if stage.stage == "downloading org/big"]
    total = sum(map(len, files.values()))
    assert {(stage.total, stage.unit) for stage in stages} == {(total, "bytes")}
    done = [stage.done for stage in stages]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[-1] == total
    # A part of a mebibyte at a time, so that a slow line does not look like a hang.
    assert len(set(done)) >= 6
    assert max(after - before for before, after in pairwise(done)) <= 1 << 21


def test_a_part_in_the_cache_is_no_whole(hub: Hub, tmp_path: Path) -> None:
    parts = {f"train-{part}.csv": csv(f"part {part}") for part in range(3)}
    data = f"org/parted@{hub.add_dataset('org/parted', parts)}"
    shards = {f"model-0000{n}-of-00002.safetensors": bytes([n]) for n in (1, 2)}
    base = f"org/sharded@{hub.add_model('org/sharded', {'config.json': '{}', **shards})}"
    asked = [("split", data), ("split", "org/parted"), ("folder", base), ("folder", "org/sharded")]
    with Engine(hub, tmp_path) as engine:
        for call, name in asked:
            assert engine.call(call, name).error is None
        for name in ("train-1.csv", "model-00002-of-00002.safetensors"):
            [link] = tmp_path.rglob(name)
            link.resolve().unlink()
            link.unlink()
        hub.close()
        for call, name in asked:
            answer = engine.call(call, name)
            assert "is not in the Hub's cache" in answer.told
            assert answer.slept < 2
        hub.start()
        hub.requests.clear()
        for call, name in asked:
            answer = engine.call(call, name)
            assert answer.error is None
            # Only what was missing counts.
            missing = len(parts["train-1.csv"]) if call == "split" else 1
            assert {s.total for s in answer.stages if s.unit == "bytes"} <= {missing}
        assert downloaded(hub, "org/parted") == ["train-1.csv"]
        assert downloaded(hub, "org/sharded") == ["model-00002-of-00002.safetensors"]


def test_the_cache_of_another_tool_will_do(hub: Hub, tmp_path: Path) -> None:
    pinned = f"org/other@{hub.add_dataset('org/other', nli('other'))}"
    with Engine(hub, tmp_path) as engine:
        assert engine.call("split", "org/other").error is None
        # Tools that fetch file by file leave no list of what there is.
        [listing] = tmp_path.rglob("trees/*.json")
        listing.unlink()
    hub.close()
    with Engine(hub, tmp_path) as engine:
        for name in ("org/other", pinned):
            assert words(engine.call("split", name))[0] == "other train anchor 0"
            assert "is not in the Hub's cache" in engine.call("split", name, split="dev").told
    hub.start()
    with Engine(hub, tmp_path) as engine:
        assert words(engine.call("split", pinned, split="dev"))[0] == "other dev anchor 0"


def test_a_stop_ends_a_download(hub: Hub, tmp_path: Path) -> None:
    hub.add_model("org/huge", {"config.json": "{}", "model.safetensors": bytes(60 << 20)})
    hub.slow(3e6)
    code = """
import sys
from pathlib import Path
from stplay.engine.data import hub
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import Stopped, StopSignal
from stplay.exitcodes import INTERRUPTED
from stplay.jobs.eventlog import EventWriter
from stplay.sources.modelsources import model_source
stop = StopSignal()
stop.deferred = False
stages = Stages(EventWriter(Path(sys.argv[1])))
try:
    hub.model_folder(model_source("org/huge"), False, stages)
except Stopped:
    sys.exit(INTERRUPTED)
"""
    log = tmp_path / "events.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(log)], env=hub_environment(hub, tmp_path)
    )
    sent = hub.bytes_sent
    while hub.bytes_sent < sent + (1 << 20):
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    assert process.wait() == 130
    assert hub.bytes_sent - sent < 15 << 20
    assert not list(tmp_path.rglob("*.incomplete"))


def test_a_full_disk_is_not_taken_for_the_network(hub: Hub, tmp_path: Path) -> None:
    unshare = require_program("unshare")
    if subprocess.run([unshare, "-rm", "true"], capture_output=True).returncode:
        pytest.skip("this user may not make a name space to mount a small disk in")
    hub.add_model("org/large", {"config.json": "{}", "model.safetensors": bytes(3 << 20)})
    mount = 'mount -t tmpfs -o size=1m stplay-test "$0" && exec "$@"'
    with Engine(hub, tmp_path, prefix=[unshare, "-rm", "sh", "-c", mount, str(tmp_path)]) as engine:
        answer = engine.call("folder", "org/large")
        assert answer.fields["errno"] == errno.ENOSPC
        assert "No space left on device" in answer.told


def test_a_hub_that_never_answers(patient: dict[str, Any]) -> None:
    answer = patient["unanswered"].answer(0)
    assert "cannot be downloaded (the Hub cannot be reached: ReadTimeout)" in answer.told
    assert answer.told.endswith(DATA_INSTEAD)
    assert answer.slept < 8


def test_a_download_that_breaks_off(patient: dict[str, Any]) -> None:
    hub, engine = patient["breaking"], patient["broken"]
    answer = engine.answer(0)
    assert answer.told == (
        "The download of org/two broke off (RemoteProtocolError); start again, whole files are "
        "kept."
    )
    assert answer.slept < 20
    hub.requests.clear()
    hub.fail_after(50, times=1)
    assert len(engine.call("split", "org/two")["rows"]) > 3


def test_lists_of_negatives_are_looked_into_and_read(engine: Engine, hub: Hub) -> None:
    given = [
        {"query": f"q{i}", "pos": [f"p{i}", f"P{i}"], "neg": ["a", "b", "c"][: 3 if i else 1]}
        for i in range(9)
    ]
    name = f"org/lists@{hub.add_dataset('org/lists', parquet_dataset({'x': {'train': given}}))}"
    found = engine.call("first", name)
    assert found["triplets"] == [
        ["q0", "p0", "a"],
        ["q0", "P0", "a"],
        ["q1", "p1", "a", "b", "c"],
    ]
    # A row of each positive is more than the card counts, and how many negatives all have, the
    # rows that were not read decide.
    assert found["rows"] is None
    assert [each for each in found["remarks"] if "is the" not in each] == []
    read = engine.call("split", name)["rows"]
    names = ["anchor", "positive", "negative_1", "negative_2", "negative_3"]
    rows = [[f"q{i}", f"{p}{i}", "a", "b", "c"] for i in range(1, 9) for p in "pP"]
    assert [[*row] for row in read] == [names] * 16
    assert [[*row.values()] for row in read] == rows
    pairs = parquet_dataset({"x": {"train": [{"anchor": "a", "positive": "b", "n": 1}] * 9}})
    found = engine.call("first", f"org/pairs@{hub.add_dataset('org/pairs', pairs)}")
    assert (found["triplets"], found["rows"]) == ([["a", "b"]] * 3, 9)
    assert found["remarks"][0] == "its other columns are not taken (n)"
    assert found["remarks"][1].startswith("the rows have no negatives")

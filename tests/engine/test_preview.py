"""The first rows of data by name, as the form asks for them: one command, one reply."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import write_triplets
from hubstandin import Hub, hub_environment, parquet_dataset

SENTENCES = 60_000


def preview(
    *arguments: str, env: dict[str, str] | None = None, code: int = 0
) -> tuple[dict[str, Any], set[str]]:
    """What the command replies, and the packages that it imported for that."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "stplay.engine.preview", *arguments],
        env=env or os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code, done.stderr[-2000:]
    *progress, reply = map(json.loads, done.stdout.splitlines())
    assert {told["type"] for told in progress} <= {"StageProgressed"}
    return reply, set(re.findall(r"\| +(\w+)\n", done.stderr))


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_built_in_data_is_shown_without_torch() -> None:
    found, packages = preview("builtin:sample", "500")
    assert len(found["triplets"]) == 20
    assert all(len(triplet) == 3 for triplet in found["triplets"])
    assert (found["rows"], found["synthetic"]) == (500, True)
    assert "msgspec" in packages
    assert not packages & {"torch", "transformers", "sentence_transformers", "datasets"}


def test_a_file_is_shown_and_its_mistakes_are_told(tmp_path: Path) -> None:
    path = write_triplets(tmp_path / "train.jsonl", 30)
    with path.open("a") as file:
        file.write('{"anchor": "", "positive": "b", "negative": "\\u001b[0m"}\n')
    found, packages = preview(str(path))
    first = json.loads(path.read_text().partition("\n")[0])
    assert found["triplets"][0] == list(first.values())
    assert (found["rows"], found["skipped"]) == (30, 1)
    assert not packages & {"torch", "datasets", "pyarrow"}
    assert preview(str(path), "3")[0]["triplets"] == found["triplets"][:3]
    with path.open("a") as file:
        file.write("[]\n")
    found, _ = preview(str(path), code=2)
    assert list(found) == ["type", "error"]
    assert f"{path}: line 32 is not a JSON object" in found["error"]


def test_columns_of_other_names_are_said_and_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("query;pos;neg;title\na;b;c;d\n")
    found, _ = preview(str(path))
    assert found["triplets"] == [["a", "b", "c"]]
    said = ["query is the anchor", "pos is the positive", "neg is the negative"]
    assert found["remarks"] == said
    found, _ = preview(str(path), "", '{"anchor": "title"}')
    assert found["triplets"] == [["d", "b", "c"]]
    assert found["remarks"] == said[1:]


def test_a_mistake_outside_of_the_data_is_told_too(hub: Hub, tmp_path: Path) -> None:
    hub.add_dataset("org/tiny", {"README.md": "", "train.csv": "anchor,positive,negative\na,b,c\n"})
    home = tmp_path / "home"
    home.write_text("no folder")
    found, _ = preview("org/tiny", env=hub_environment(hub, home), code=2)
    assert found["error"].startswith("org/tiny cannot be read: ")
    assert "Not a directory" in found["error"]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_hub_data_is_looked_into_and_not_downloaded(form: str, hub: Hub, tmp_path: Path) -> None:
    drawn = random.Random(0)
    rows = [
        {column: drawn.randbytes(30).hex() for column in ("anchor", "positive", "negative")}
        for _ in range(SENTENCES)
    ]
    if form == "parquet":
        files = parquet_dataset({"triplet": {"train": rows}})
    else:
        lines = [",".join(row.values()) for row in rows]
        files = {"train.csv": "\n".join(("anchor,positive,negative", *lines, "")).encode()}
    name = f"org/{form}@{hub.add_dataset(f'org/{form}', files)}"
    assert max(map(len, files.values())) > 10 << 20
    before, environment = hub.bytes_sent, hub_environment(hub, tmp_path)
    found, packages = preview(name, env=environment)
    assert found["triplets"] == [list(row.values()) for row in rows[:20]]
    assert found.get("rows") == (SENTENCES if form == "parquet" else None)
    assert not packages & {"torch", "datasets"}
    # Of a column with one block of rows parquet needs a dictionary and a page, a megabyte each.
    assert hub.bytes_sent - before < (6 << 20 if form == "parquet" else 1 << 20)
    five, _ = preview(name, "5", env=environment)
    assert five["triplets"] == found["triplets"][:5]
    assert five["rows"] == 5
    assert not [path for path in tmp_path.rglob("*") if path.suffix in (".parquet", ".csv")]

    # Without the data in the cache there is no way without a Hub; with it there is.
    hub.close()
    told, _ = preview(name, env=environment, code=2)
    assert "is not in the Hub's cache and cannot be downloaded" in told["error"]
    hub.start()
    fetch = f"""
from pathlib import Path
from stplay.engine.data.triplets import load_split
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventWriter
assert len(load_split({name!r}, "train", None, Stages(EventWriter(Path("/dev/null")))).triplets)
"""
    subprocess.run([sys.executable, "-c", fetch], env=environment, check=True, timeout=60)
    hub.close()
    assert preview(name, env=environment)[0] == found
    hub.start()

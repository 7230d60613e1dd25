"""The stand-in for the Hub does what the real clients need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hubstandin import Hub, hub_environment, parquet_dataset

NLI = "sentence-transformers/all-nli"


def rows(word: str, count: int) -> list[dict[str, object]]:
    columns = ("anchor", "positive", "negative")
    return [{column: f"{word} {column} {i}" for column in columns} for i in range(count)]


def all_nli(word: str) -> dict[str, bytes]:
    pairs = [{"anchor": f"{word} {i}", "score": i / 10} for i in range(10)]
    triplets = {"train": rows(word, 300), "dev": rows(word, 20), "test": rows(word, 30)}
    return parquet_dataset({"pair-score": {"train": pairs}, "triplet": triplets})


def run(hub: Hub, home: Path, code: str, **environment: str) -> dict[str, Any]:
    """What the code left in `out`, run in a process of its own."""
    prelude = """
import json
out = {}
def error(call, *args, **options):
    try:
        call(*args, **options)
    except Exception as error:
        return type(error).__name__
def text(path):
    with open(path) as file:
        return file.read()
"""
    done = subprocess.run(
        [sys.executable, "-c", f"{prelude}{code}\nprint(json.dumps(out))"],
        env=hub_environment(hub, home) | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def hub():
    with Hub() as hub:
        yield hub


def test_a_pinned_revision_comes_online_and_from_the_cache(hub: Hub, tmp_path: Path):
    folder = tmp_path / "model"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    (folder / "config.json").write_text("old")
    old_model = hub.add_model("org/model", folder)
    (folder / "config.json").write_text("new")
    new_model = hub.add_model("org/model", folder, tag="v2")
    old, new = hub.add_dataset(NLI, all_nli("old"), tag="v1"), hub.add_dataset(NLI, all_nli("new"))
    assert len({old_model, new_model, old, new}) == 4
    plain = hub.add_dataset("org/plain", {"train.csv": "a,b\n1,2\n3,4\n", "test.csv": "a,b\n5,6\n"})
    lines = hub.add_dataset("org/lines", {"some.jsonl": '{"a": 1}\n{"a": 2}\n{"a": 3}\n'})

    online = f"""
from datasets import load_dataset
from huggingface_hub import snapshot_download
def first(name, config=None, split="train", **options):
    data = load_dataset(name, config, split=split, **options)
    return [data[0], len(data)]
for ref in ("{old_model}", "main", "v2"):
    out[ref] = text(snapshot_download("org/model", revision=ref) + "/config.json")
out["pinned"] = first("{NLI}", "triplet", "train[:100]", revision="{old}")
out["tag"] = first("{NLI}", "triplet", "dev", revision="v1")
out["newest"] = first("{NLI}", "triplet", "test", revision="main")
out["plain"] = first("org/plain", split="test", revision="{plain}")
out["lines"] = first("org/lines", revision="{lines}")
for sha in ("{old}", "{new}"):
    snapshot_download("{NLI}", repo_type="dataset", revision=sha)
"""
    out = run(hub, tmp_path / "home", online)
    assert (out[old_model], out["main"], out["v2"]) == ("old", "new", "new")
    assert out["pinned"] == [rows("old", 1)[0], 100]
    assert out["tag"] == [rows("old", 1)[0], 20]
    assert out["newest"] == [rows("new", 1)[0], 30]
    assert out["plain"] == [{"a": 5, "b": 6}, 1]
    assert out["lines"] == [{"a": 1}, 3]
    assert hub.revisions("org/model") == {old_model, new_model, "main", "v2"}
    assert hub.revisions("org/plain") == {plain}

    hub.close()
    hub.requests.clear()
    # By its name, `load_dataset` takes the newest rows it has in the cache, whatever the revision;
    # from the folder of the snapshot it takes those that were asked for.
    offline = f"""
from datasets import load_dataset
from huggingface_hub import snapshot_download
model = snapshot_download("org/model", revision="{old_model}")
out["model"] = text(model + "/config.json")
folder = snapshot_download("{NLI}", repo_type="dataset", revision="{old}")
data = load_dataset(folder, "triplet", split="train[:100]")
out["data"] = [data[0], len(data)]
out["cold"] = error(snapshot_download, "org/model", revision="{"0" * 40}")
out["cold data"] = error(load_dataset, "org/other", revision="{"0" * 40}")
"""
    out = run(hub, tmp_path / "home", offline, HF_HUB_OFFLINE="1")
    assert out["model"] == "old"
    assert out["data"] == [rows("old", 1)[0], 100]
    assert (out["cold"], out["cold data"]) == ("LocalEntryNotFoundError", "ConnectionError")
    assert hub.requests == []


def test_the_hub_refuses_breaks_off_and_slows_down(hub: Hub, tmp_path: Path):
    sha = hub.add_dataset(NLI, all_nli("any"))
    model = hub.add_model("org/model", {"a.safetensors": bytes(300_000), "config.json": "{}"})
    hub.add_model("org/gated", {"config.json": "{}"})
    hub.gate("org/gated", token="hf_right")
    hub.fail_after(200_000, times=1)
    hub.slow(600_000)
    out = run(
        hub,
        tmp_path / "home",
        f"""
import time
from datasets import load_dataset
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
api = HfApi()
constants.DOWNLOAD_CHUNK_SIZE = 1 << 14
start = time.monotonic()
folder = snapshot_download("org/model", revision="{model}", max_workers=1)
out["seconds"] = time.monotonic() - start
out["size"] = len(open(folder + "/a.safetensors", "rb").read())
out["repo"] = error(snapshot_download, "org/nothing")
out["one word"] = error(load_dataset, "nothing")
out["revision"] = error(snapshot_download, "org/model", revision="{model[:8]}")
out["entry"] = error(hf_hub_download, "org/model", "nothing.json")
for token in (False, "hf_wrong", "hf_right"):
    out[f"gate {{token}}"] = error(snapshot_download, "org/gated", token=token)
out["data repo"] = error(load_dataset, "org/nothing")
out["data revision"] = error(load_dataset, "{NLI}", "triplet", revision="nothing")
out["config"] = error(load_dataset, "{NLI}", "nothing", revision="{sha}")
out["split"] = error(load_dataset, "{NLI}", "triplet", split="nothing", revision="{sha}")
out["info"] = [api.model_info("org/model").sha, api.dataset_info("{NLI}").sha]
tree = api.list_repo_tree("{NLI}", "triplet", repo_type="dataset")
out["tree"] = [file.path for file in tree]
some = api.get_paths_info("{NLI}", ["README.md", "triplet", "nothing"], repo_type="dataset")
out["some"] = sorted(file.path for file in some)
""",
    )
    assert out["size"] == 300_000
    assert out["seconds"] > 0.5
    # The download went on where it broke off, give or take a chunk.
    assert 300_000 < hub.bytes_sent < 400_000
    assert (out["repo"], out["one word"]) == ("RepositoryNotFoundError", "DatasetNotFoundError")
    assert (out["revision"], out["entry"]) == ("RevisionNotFoundError", "RemoteEntryNotFoundError")
    assert (out["gate False"], out["gate hf_wrong"]) == ("GatedRepoError", "GatedRepoError")
    assert out["gate hf_right"] is None
    assert (out["data repo"], out["data revision"]) == ("DatasetNotFoundError",) * 2
    assert (out["config"], out["split"]) == ("ValueError", "ValueError")
    assert out["info"] == [model, sha]
    splits = ("dev", "test", "train")
    assert out["tree"] == [f"triplet/{split}-00000-of-00001.parquet" for split in splits]
    assert out["some"] == ["README.md", "triplet"]

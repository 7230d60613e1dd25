"""The wheel: built, installed outside the checkout, and able to train there."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from checkout import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source distribution of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_it_holds_the_screens_and_the_assets(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (
        "stplay/cli/main.py",
        "stplay/engine/train.py",
        "stplay/screens/app.py",
        "stplay/screens/app.tcss",
        "stplay/web/page/index.html",
        "stplay/web/page/page.css",
        "stplay/web/page/page.js",
        "stplay/screens/train/train.tcss",
        "stplay/assets/card-training-log.csv",
        "stplay/assets/recipes/sample.toml",
        "stplay/assets/recipes/all-nli.toml",
    ):
        assert path in names
    assert not any(name.startswith(("tests/", "screens/", "assets/")) for name in names)


def test_it_trains_in_a_new_environment_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "venv"
    create = [sys.executable, "-m", "venv", "--without-pip", str(environment)]
    subprocess.run(create, check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)
    # The libraries are those of this environment; the checkout it links to is not among them,
    # as a folder that is added this way has its own .pth files left unread.
    site = subprocess.check_output(
        [str(python), "-c", "import site; print(site.getsitepackages()[0])"], text=True
    )
    libraries = Path(pytest.__file__).parents[1]
    (Path(site.strip()) / "libraries.pth").write_text(f"{libraries}\n")
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    env = {"STPLAY_HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"}

    where = subprocess.check_output(
        [str(python), "-c", "import stplay.screens.app as app; print(app.__file__)"],
        cwd=outside,
        env=env,
        text=True,
    )
    assert str(environment) in where
    trained = subprocess.run(
        [str(environment / "bin" / "stplay"), "train", "sample", "--set=training.max_steps=20"],
        cwd=outside,
        env=env,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert trained.returncode == 0, trained.stderr
    assert "completed" in trained.stdout
    assert (tmp_path / "home/data/runs/sample-1/model/model.safetensors").is_file()

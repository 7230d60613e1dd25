"""The fast engine on a GPU beside the library's own path: ``python tests/bench/gpu.py [FOLDER]``.

Each section trains as the product does, in a process of its own, checks what it says and prints a
table, all of it Markdown for the README; one that fails stops no other, and makes the exit code 1.
FOLDER has triplets in ``dev.jsonl`` and ``test.jsonl``, such as real ones of SNLI; without it those
of the project are taken where they lie beside it, else the built-in ones. Steps are timed by the
GPU's own clock, from the end of one to the end of the next. All of it takes about ten minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "support")]

from stplay.engine.worker.device import DeviceWish, choose_gpu, device_name  # noqa: E402
from stplay.engine.worker.libraries import quiet_libraries, versions  # noqa: E402

NO_GPU = "There is no CUDA GPU here; --cpu runs a tiny version of this, to see that it works."
HEAD = "head"
SECTIONS = {
    "equality": "equality",
    "attention": "equality",
    "steps": "speed",
    "evaluation": "speed",
    "encoding": "speed",
    "recording": "recorded",
    "failing": "recorded",
    "footprint": "memory",
    "outofmemory": "memory",
    "resume": "runs",
    "card": "runs",
}
SNLI = HERE.parents[2] / "shared" / "data" / "snli"
FAILED, NO_GPU_HERE, OF_CPU = 1, 2, 800


def main() -> int:
    """Run the sections; 1 where one fails, 2 without a GPU."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path, help="triplets: dev.jsonl and test.jsonl")
    parser.add_argument("--cpu", action="store_true", help="a tiny version, without a GPU")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, metavar="NAME", help=", ".join(SECTIONS)
    )
    parser.add_argument("--section", help=argparse.SUPPRESS)  # what one process does of it all
    options = parser.parse_args()
    if options.section is not None:
        return work(options)
    choose_gpu(DeviceWish(use_cpu=options.cpu))  # which all of them take
    with tempfile.TemporaryDirectory(prefix="stplay-bench-") as folder:
        os.environ["STPLAY_HOME"] = str(Path(folder) / "home")
        code = start(HEAD)
        if code:
            return code
        failed = [name for name in options.only or SECTIONS if start(name)]
    print(f"\nFailed: {', '.join(failed)}." if failed else "\nAll is as it should be.")
    return FAILED if failed else 0


def start(section: str) -> int:
    """Do ``section`` in a process of its own, with the memory that it leaves."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(HERE / "gpu.py"), *sys.argv[1:], "--section", section]
    )
    if section != HEAD:
        ended = "" if not done.returncode else f", FAILED with exit code {done.returncode}"
        print(f"\n({section}: {time.monotonic() - begun:.0f} s{ended})", flush=True)
    return done.returncode


def work(options: argparse.Namespace) -> int:
    """Do one section."""
    quiet_libraries()
    import torch

    if not torch.cuda.is_available() and not options.cpu:
        print(NO_GPU, file=sys.stderr)
        return NO_GPU_HERE
    if options.section == HEAD:
        print_head(options)
        return 0
    from importlib import import_module

    from gpubench.shapes import TINY, WHOLE
    from gpubench.training import Bench

    rows = triplets(options)
    if options.cpu:
        rows = rows[:OF_CPU]
    section = getattr(import_module(f"gpubench.{SECTIONS[options.section]}"), options.section)
    folder = Path(os.environ["STPLAY_HOME"]).parent / "bench"
    try:
        return 0 if section(Bench(folder, rows, TINY if options.cpu else WHOLE)) else FAILED
    except Exception:
        print(f"\n```\n{traceback.format_exc()}```", flush=True)
        return FAILED


def triplets(options: argparse.Namespace) -> list[dict[str, str]]:
    """The triplets to train on."""
    folder = options.folder or (SNLI if SNLI.is_dir() else None)
    if folder is None:
        from stplay.engine.data import sample

        return [one._asdict() for one in sample.triplets("train")]
    files = [folder / f"{split}.jsonl" for split in ("dev", "test")]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line) for line in lines]


def print_head(options: argparse.Namespace) -> None:
    """Print what the figures depend on."""
    import torch

    device = torch.device("cpu" if options.cpu else "cuda")
    cpus = re.findall(r"model name\s*: (.*)", run_quietly("cat", "/proc/cpuinfo"))
    facts = [device_name(device), f"{os.cpu_count()} x {cpus[0] if cpus else platform.machine()}"]
    if not options.cpu:
        driver = run_quietly("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
        facts += [
            "capability {}.{}".format(*torch.cuda.get_device_capability()),
            f"driver {driver.split()[0] if driver else 'not told'}",
            f"CUDA {torch.version.cuda}",
            f"cuDNN {torch.backends.cudnn.version()}",
        ]
    facts += [f"{name} {version}" for name, version in versions().items()]
    real = options.folder or SNLI.is_dir()
    facts.append(f"triplets of {options.folder or SNLI.name}" if real else "built-in triplets")
    print(f"On {', '.join(facts)}.", flush=True)


def run_quietly(*command: str) -> str:
    """What ``command`` prints, and nothing where it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    sys.exit(main())

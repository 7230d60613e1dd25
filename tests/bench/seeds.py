"""Whether dropout is the same dropout: dev accuracy of both engines over twenty seeds.

    python tests/bench/seeds.py FOLDER

FOLDER holds real triplets, ``dev.jsonl`` to train on and ``test.jsonl`` to be judged by. The random
numbers of the two engines differ, and so does each run; their means should not. With two cores it
takes about forty minutes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from statistics import mean, stdev
from tempfile import TemporaryDirectory

from scipy import stats

from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.similarities import SIMILARITIES

SEEDS = range(1, 21)
ACCURACIES = (*SIMILARITIES, "max")


def dev_accuracies(data: Path, engine: str, seed: int) -> dict[str, float]:
    """The dev accuracies after one epoch of the built-in model, by similarity."""
    settings = {
        "data.train": data / "dev.jsonl",
        "data.dev": data / "test.jsonl",
        "data.test": "",
        "data.train_rows": "",
        "data.dev_rows": "",
        "evaluation.eval_strategy": "epoch",
        "evaluation.eval_on_start": "false",
        "training.engine": engine,
        "training.seed": seed,
        "training.save_steps": 10_000,
    }
    chosen = recipe.load("sample", [f"{name}={value}" for name, value in settings.items()])
    run = Run.create(chosen, None, f"{engine}-{seed}")
    log = run.launch().await_end()
    assert log.error is None, log.error
    evaluation = log.evaluations["dev", log.step]
    return {name: getattr(evaluation, f"{name}_accuracy") for name in ACCURACIES}


def half_interval(values: list[float]) -> float:
    """Half the width of the 95 % interval of their mean (Student's t)."""
    return stats.t.ppf(0.975, len(values) - 1) * stdev(values) / len(values) ** 0.5


def main() -> None:
    """Print the table."""
    data = Path(sys.argv[1]).absolute()
    found: dict[str, list[dict[str, float]]] = {"stock": [], "fast": []}
    with TemporaryDirectory() as folder:
        os.environ["STPLAY_HOME"] = folder
        for seed in SEEDS:
            for engine, accuracies in found.items():
                accuracies.append(dev_accuracies(data, engine, seed))
                print(f"seed {seed}, {engine}: {accuracies[-1]}", file=sys.stderr, flush=True)
    print("| dev accuracy | stock, mean | its 95 % interval | fast, mean | inside | difference |")
    print("|---|---|---|---|---|---|")
    for name in ACCURACIES:
        stock, fast = ([each[name] for each in accuracies] for accuracies in found.values())
        low, high = mean(stock) - half_interval(stock), mean(stock) + half_interval(stock)
        differences = [b - a for a, b in zip(stock, fast, strict=True)]
        inside = "yes" if low <= mean(fast) <= high else "no"
        cells = (
            name,
            f"{mean(stock):.4f}",
            f"{low:.4f} to {high:.4f}",
            f"{mean(fast):.4f}",
            inside,
            f"{mean(differences):+.4f} ± {half_interval(differences):.4f}",
        )
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()

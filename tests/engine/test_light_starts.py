"""What ``python -m`` starts speaks before it imports the libraries, which takes seconds."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import importlib, pkgutil, sys, stplay.engine
for module in pkgutil.iter_modules(stplay.engine.__path__, "stplay.engine."):
    if not module.ispkg:
        importlib.import_module(module.name)
        heavy = {"torch", "transformers", "sentence_transformers", "datasets"} & {*sys.modules}
        print(module.name, *sorted(heavy))
"""


def test_no_process_imports_a_heavy_library_before_it_speaks() -> None:
    found = subprocess.check_output([sys.executable, "-c", CODE], text=True).splitlines()
    assert "stplay.engine.train" in found
    assert [line for line in found if " " in line] == []

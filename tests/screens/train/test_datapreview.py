"""The first rows of the chosen data, and the process that reads them."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import psutil
import pytest
from livingprocesses import living

from stplay.screens.app import StplayApp
from stplay.sources import firstrows


@pytest.mark.filterwarnings("error")
def test_closing_the_app_ends_the_process_that_reads_the_data(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = home / "begun"
    code = f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(600)\n"
    (home / "slowpreview.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{home}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(firstrows, "MODULE", "slowpreview")

    async def close_while_it_reads() -> psutil.Process:
        async with StplayApp().run_test(size=(120, 40)) as pilot:
            while not begun.exists():
                await pilot.pause(0.01)
            (reading,) = living("slowpreview")
        return reading

    assert not asyncio.run(close_while_it_reads()).is_running()
    gc.collect()  # what is left of the loop would complain now

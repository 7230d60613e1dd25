"""The app in a real browser: drawn, typed into, clicked, copied from and pasted to."""

from __future__ import annotations

from pathlib import Path

import pytest
from chromium import CONTROL, chromium
from conftest import require_program
from servedapp import served, until

from stplay.web.appsession import LEFT


@pytest.mark.torch
async def test_explore_in_chromium(warm_home: Path, tmp_path: Path) -> None:
    program = require_program("chromium")
    with served() as server:
        async with chromium(program, tmp_path) as page:
            await page.ask("Page.navigate", url=server.printed)
            await page.wait_for("Base model")
            assert await page.value("location.href") == f"{server.origin}/"
            assert await page.value("document.cookie") == "", "scripts cannot read the token"
            assert await page.value("document.fonts.check('16px Roboto Mono')")
            await page.press("3")
            await page.wait_for("The dog has big ears.")
            await page.press("Enter")
            await page.ask("Input.insertText", text="a kitten sits")
            await page.value("navigator.clipboard.writeText(' on the warm mat')")
            await page.press("v", CONTROL, commands=("paste",))
            await page.wait_for("a kitten sits on the warm mat")
            await page.wait_for(lambda text: "4 sentences in" in text)

            await page.press("Escape")
            await page.wait_for(" e Edit")
            await page.press("Y")
            await page.wait_for("Copied the matrix as CSV.")
            copied = await page.value("navigator.clipboard.readText()")
            assert copied.splitlines()[0].endswith(",a kitten sits on the warm mat")
            await page.press("s", CONTROL)
            await page.wait_for("Download the matrix")
            await page.press("Enter")
            kept = tmp_path / "downloads" / "matrix.csv"
            await until(lambda: kept.exists() and kept.read_text(encoding="utf-8") == copied)

            await page.ask(
                "Emulation.setDeviceMetricsOverride",
                width=700,
                height=480,
                deviceScaleFactor=1,
                mobile=False,
            )
            await page.wait_for(lambda text: page.screen.columns < 80 and "3 Explore" in text)
            await page.click("1 Train")
            await page.wait_for("Base model")
            await page.press("q", CONTROL)
            while await page.value("document.getElementById('why').textContent") != LEFT:
                pass
            assert page.complaints == []
            foreign = [
                url for url in page.requested if not url.startswith((server.origin, "data:"))
            ]
            assert foreign == []
    assert not Path("matrix.csv").exists()

"""What is told to whoever looks at another window."""

from __future__ import annotations

import os
from typing import Any

from textual.app import App

from stplay import settings
from stplay.errors import UserError
from stplay.notification import codes


def tell_outside(app: App[Any], text: str) -> None:
    """Ring the bell and notify the desktop, unless the settings say not to."""
    try:
        wanted = settings.read().notify
    except UserError as error:
        app.notify(error.sentence, severity="warning", markup=False)
        return
    # Textual offers no way of its own to send codes; its clipboard goes by the driver, too.
    if wanted and app._driver is not None and not app.is_headless:
        app._driver.write(codes(text, os.environ))

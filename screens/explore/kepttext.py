"""What is typed in Explore, kept on disk so that it comes back after any end of the app."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

from stplay import home
from stplay.text import printable

MOST_SET_ASIDE = 20


class KeptText:
    """The newest typed text in a file; texts that it takes the place of are set aside beside it.

    It is UTF-8 with half characters as they are. Of two apps at once the last one to write counts.
    """

    def __init__(self) -> None:
        self.path = home.typed_file()
        self._shown: str | None = None
        self._continues = False  # what is in the file
        self._refused = False
        self._lock = threading.Lock()

    def read(self) -> str:
        """The text of before; nothing where there is none."""
        try:
            data = self.path.read_bytes()
        except OSError:
            return ""
        try:
            return data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:  # somebody else wrote it
            return data.decode("utf-8", "replace")

    def show(self, text: str) -> None:
        """``text`` was put into the editor by us: it is not kept until it is edited."""
        self._shown = text
        self._continues = text == self.read()

    def keep(self, text: str) -> str | None:
        """Write ``text`` down if it was typed; what the person should be told, if anything."""
        with self._lock:
            if text == self._shown:
                return None
            try:
                told = None if self._continues else self._move_aside()
                self._write(text.encode("utf-8", "surrogatepass"))
            except OSError as error:
                return self._complaint(error)
            self._shown, self._continues, self._refused = text, True, False
            return told

    def set_aside(self) -> str | None:
        """Move the text of before out of the way; what the person should be told, if anything."""
        try:
            return self._move_aside()
        except OSError as error:
            return self._complaint(error)

    def _move_aside(self) -> str | None:
        if not self.read().strip():
            return None
        when = f"{time.strftime('%Y%m%d-%H%M%S')}-{time.time_ns() % 10**9:09}"
        aside = self.path.with_name(f"{self.path.stem}-{when}{self.path.suffix}")
        self.path.replace(aside)
        older = sorted(self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}"))
        for path in older[:-MOST_SET_ASIDE]:
            path.unlink(missing_ok=True)
        return f"What was typed before is in {printable(str(aside))}"

    def _complaint(self, error: OSError) -> str | None:
        if self._refused:  # it was told
            return None
        self._refused = True
        why = printable(error.strerror or type(error).__name__)
        return f"What is typed cannot be kept in {printable(str(self.path))}: {why}."

    def _write(self, data: bytes) -> None:
        # Whole or not at all: the app may be killed at any moment, and the disk may be full.
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        try:
            with new.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)

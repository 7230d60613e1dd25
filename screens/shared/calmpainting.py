"""When to paint: what a person does at once, and of what comes by itself one picture a second.

A picture that is put off is not kept: the one that is painted later is that of its own moment.
After a large one the next waits longer, so that no more than about a KB is sent a second.
"""

from __future__ import annotations

import time

PICTURE_SECONDS, MOST_SECONDS = 1.0, 4.0
BYTES_A_SECOND = 1000
ATTENTIVE_SECONDS = 2.0  # after a key: what it sets off takes several pictures


class CalmPainting:
    """Puts off pictures that come too soon after another, unless a person has just done something.

    Where the painting is not to be ``calm`` it puts off none.
    """

    def __init__(self, *, calm: bool) -> None:
        self.calm = calm
        self.has_put_off = False  # what stands on the terminal is not all that is there
        self._painted_at = self._attended_at = float("-inf")
        self._pause = PICTURE_SECONDS

    def attend(self) -> None:
        """A person did something, and wants to see what comes of it."""
        self._attended_at = time.monotonic()

    def seconds_left(self) -> float:
        """So long the next picture has to wait; 0 where it may be painted now."""
        if not self.calm or self._is_attended():
            return 0.0
        return max(0.0, self._painted_at + self._pause - time.monotonic())

    def painted(self, sent: int) -> None:
        """All that is there was painted, which took so many bytes."""
        self._painted_at, self.has_put_off = time.monotonic(), False
        # What a person asked for is no reason to wait with what comes after it.
        wanted = 0.0 if self._is_attended() else sent / BYTES_A_SECOND
        self._pause = min(max(PICTURE_SECONDS, wanted), MOST_SECONDS)

    def _is_attended(self) -> bool:
        return time.monotonic() < self._attended_at + ATTENTIVE_SECONDS

"""What all sources of another machine share: the feed of a file there, and how its link stands."""

from __future__ import annotations

import time

from stplay.remote.linkstate import LinkState, link_words
from stplay.remote.remotefeed import RemoteFeed
from stplay.remote.sshhost import SshHost


class RemoteLink:
    """The link of whoever follows a file on ``host``; it is up while that is followed."""

    def __init__(self, host: SshHost) -> None:
        self.host = host
        self.feed: RemoteFeed | None = None

    def open(self, path: str, stplay: str = "", folder: str = "", position: int = 0) -> RemoteFeed:
        """Read a file from a byte on, as ``RemoteFeed`` does, in place of what was read before."""
        self.close()
        self.feed = RemoteFeed(self.host, path, stplay, folder, position)
        return self.feed

    def close(self) -> None:
        """Let the link go."""
        if self.feed is not None:
            self.feed.close()

    @property
    def state(self) -> LinkState:
        """How the link stands."""
        return self.feed.state if self.feed else LinkState("connecting", time.monotonic())

    @property
    def words(self) -> str:
        """How the link stands, in words: ``gpu-box  connected, 12 ms``."""
        return f"{self.host.shown}  {link_words(self.state, time.monotonic())}"

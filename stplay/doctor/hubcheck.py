"""The Hugging Face Hub: whether it answers, and whether there is a token; never the token."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

from stplay.doctor.finding import Finding, finding

SECTION = "Hub"
ANSWER_SECONDS = 3.0
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
MEANS_YES = ("1", "ON", "YES", "TRUE")
WITHOUT = "use what is in the caches, builtin:minilm or builtin:tiny, and files"


class Answer:
    """Asks the Hub at once, in a thread; whoever wants to know waits for it no longer than told.

    A name that is not resolved takes longer than any limit of the client's.
    """

    def __init__(self) -> None:
        self.status: int | None = None
        self.error = "no answer"
        self._thread = threading.Thread(target=self._ask, name="hub", daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        from huggingface_hub import constants, get_session

        try:
            answer = get_session().head(constants.ENDPOINT, timeout=ANSWER_SECONDS)
            self.status = answer.status_code
        except Exception as error:  # of whichever library the client has by now
            self.error = type(error).__name__

    def wait(self) -> int | None:
        """The status of HTTP; nothing where there is none in time."""
        self._thread.join(ANSWER_SECONDS)
        return self.status


def begin() -> Answer | None:
    """Ask the Hub, unless it is not to be asked."""
    return None if _offline() else Answer()


def findings(answer: Answer | None) -> Iterator[Finding]:
    """Whether it can be reached, of which ``answer`` is known, and whether there is a token."""
    from huggingface_hub import constants, get_token

    ours = constants.ENDPOINT == constants._HF_DEFAULT_ENDPOINT
    name = "huggingface.co" if ours else "the server that HF_ENDPOINT names"
    if answer is None:
        told = f"not asked: {' and '.join(_offline())} is set, and nothing is downloaded"
        advice = f"unset it to download; or {WITHOUT}"
        yield finding(SECTION, "reachable", "note", told, advice)
    elif (status := answer.wait()) is None:
        told = f"{name} does not answer ({answer.error})"
        advice = f"look at the network and its proxy (HTTPS_PROXY); or {WITHOUT}"
        yield finding(SECTION, "reachable", "note", told, advice)
    elif status >= 500:
        told = f"{name} answers that it cannot serve ({status})"
        yield finding(SECTION, "reachable", "note", told, f"try later; or {WITHOUT}")
    else:
        yield finding(SECTION, "reachable", "ok", f"{name} answers")
    if get_token() is None:
        told = "none: what is public can be downloaded"
        yield finding(SECTION, "token", "note", told, "for more: hf auth login")
    else:
        yield finding(SECTION, "token", "ok", "there is one")


def _offline() -> list[str]:
    return [name for name in OFFLINE if os.environ.get(name, "").upper() in MEANS_YES]

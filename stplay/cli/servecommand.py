"""The command ``serve``: the app in a browser."""

from __future__ import annotations

import argparse
import os
from urllib.parse import urlsplit

from stplay import terminal
from stplay.cli import output
from stplay.cli.grammar import AddCommand, number
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.text import whole_number

PORT, MOST_PORT = 8000, 65535
SESSIONS = 8
IDLE_MINUTES = 12 * 60


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    serve_ = add("serve", serve, "Show the app in a browser, on this machine or through ssh -L.")
    serve_.add_argument("--port", type=_port, default=PORT, help=f"0: any; {PORT} unless told")
    serve_.add_argument(
        "--listen", metavar="ADDRESS", help="let other machines reach it there; takes TLS"
    )
    serve_.add_argument("--certificate", metavar="FILE", help="the certificate for TLS, as PEM")
    serve_.add_argument("--key", metavar="FILE", help="its key, where that has a file of its own")
    serve_.add_argument(
        "--without-tls", action="store_true", help="let all on the way read it, with --listen"
    )
    serve_.add_argument(
        "--sessions", type=number, default=SESSIONS, help=f"windows at once; {SESSIONS} unless told"
    )
    serve_.add_argument(
        "--idle",
        type=number,
        default=IDLE_MINUTES,
        metavar="MINUTES",
        help=f"close a window in which nobody types for so long; {IDLE_MINUTES} unless told",
    )


def _port(text: str) -> int:
    found = 0 if text == "0" else whole_number(text)
    if found is None or found > MOST_PORT:
        raise argparse.ArgumentTypeError(f"a port is a whole number from 0 to {MOST_PORT}")
    return found


def serve(options: argparse.Namespace) -> int:
    """Serve the app until Ctrl+C.

    Raises:
        UserError: textual-serve is missing, or it cannot be listened as asked for.
    """
    try:
        from stplay.web.appserver import AppServer
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in ("aiohttp", "aiohttp_jinja2", "textual_serve"):
            raise
        raise UserError(
            "stplay serve needs textual-serve; install it with: pip install 'stplay[web]'"
        ) from None
    from stplay.web.listening import Listening

    listening = Listening.at(
        options.listen,
        options.port,
        options.certificate,
        options.key,
        without_tls=options.without_tls,
    )
    if listening.warning:
        output.remark(listening.warning)
    AppServer(
        listening,
        most_sessions=options.sessions,
        idle_seconds=options.idle * 60,
        tell=_tell,
        complain=output.remark,
    ).serve()
    return FINISHED


def _tell(address: str) -> None:
    """Tell the address, the only time."""
    from stplay.web.listening import LOOPBACK

    output.remark("Open this address in a browser; whoever has it works with your rights:")
    output.say(address)
    place = urlsplit(address)
    if terminal.is_over_ssh(os.environ) and place.hostname == LOOPBACK:
        forward = f"{place.port}:{LOOPBACK}:{place.port}"
        output.remark(
            f"For the browser of your own machine, first run there: ssh -L {forward} HOST"
        )
    output.remark("Ctrl+C closes it and its windows; what trains goes on.")

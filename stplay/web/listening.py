"""The address that is listened on, and what has to be there for others to reach it."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stplay.errors import UserError
from stplay.text import printable
from stplay.web.access import Access, is_address

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")
OWN_NAMES = frozenset({"localhost", LOOPBACK, "::1"})


class Listening(NamedTuple):
    """Where it is listened, and with which certificate; without one it is not encrypted."""

    address: str
    port: int
    tls: ssl.SSLContext | None = None

    @classmethod
    def at(
        cls,
        address: str | None,
        port: int,
        certificate: str | None = None,
        key: str | None = None,
        *,
        without_tls: bool = False,
    ) -> Listening:
        """What was asked for; without an ``address``, this machine alone.

        Raises:
            UserError: others would reach it unencrypted and nobody said that they may; the
                certificate or its key cannot be read; the words contradict each other.
        """
        if certificate is None and key is not None:
            raise UserError("--key belongs to a certificate; name that by --certificate")
        if certificate is not None and without_tls:
            raise UserError("--certificate and --without-tls contradict each other; leave one out")
        tls = None if certificate is None else _context(certificate, key)
        wanted = LOOPBACK if address is None else address
        if not (tls or without_tls or is_loopback(wanted)):
            raise UserError(
                f"--listen {printable(wanted)} lets others reach stplay, which works with your "
                "rights: name a certificate (--certificate, --key), or say --without-tls if all "
                "on the way may read and change what you see and type"
            )
        return cls(wanted, port, tls)

    def access(self) -> Access:
        """What a request has to bring here."""
        names = {self.address.lower(), *OWN_NAMES}
        if is_loopback(self.address):
            return Access(frozenset(names))
        with suppress(OSError):
            names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        return Access(frozenset(names), any_address=self.address in EVERYWHERE)

    def url(self, port: int) -> str:
        """The address for a browser, at the ``port`` that is listened on."""
        name = socket.gethostname() if self.address in EVERYWHERE else self.address
        host = f"[{name}]" if ":" in name else name
        return f"{'http' if self.tls is None else 'https'}://{host}:{port}/"

    @property
    def warning(self) -> str | None:
        """What it means to listen there; nothing where only this machine gets in."""
        if is_loopback(self.address):
            return None
        means = "Other machines can reach this; whoever has the address works with your rights."
        if self.tls is None:
            means += " It is not encrypted: all on the way can read the address and what you do."
        return means


def is_loopback(address: str) -> bool:
    """Whether only this machine itself reaches ``address``."""
    return address.lower() == "localhost" or (
        is_address(address) and ipaddress.ip_address(address).is_loopback
    )


def _context(certificate: str, key: str | None) -> ssl.SSLContext:
    """The certificate and its key, which may stand in one file."""
    for path in filter(None, (certificate, key)):
        try:
            Path(path).expanduser().read_bytes()
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{printable(path)} cannot be read: {reason}.") from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    def refuse_password() -> str:
        raise UserError(f"The key of {printable(certificate)} has a password; use one without")

    try:
        context.load_cert_chain(
            Path(certificate).expanduser(),
            None if key is None else Path(key).expanduser(),
            refuse_password,
        )
    except ssl.SSLError as error:
        raise UserError(
            f"{printable(certificate)} is no certificate (PEM) with the key to it: "
            f"{printable(error.reason or 'nothing of that kind in it')}."
        ) from None
    return context

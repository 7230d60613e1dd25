"""Who may come in: the same host, a page of its own, and the token of the address.

Another page that the browser has open can send requests here, by a name of its own that leads to
this machine (DNS rebinding), or straight (a socket asks no other page's leave). It can set neither
Host nor Origin, and has no token.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

TOKEN = "token"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # the terminal's own sheets, which its script makes
        "font-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "stplay",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
WRONG_HOST = "This server does not go by that name. Open the address that it printed."
WRONG_ORIGIN = "Another page asked for this. Open the address that the server printed."
WRONG_TOKEN = "The token is missing or wrong. Open the address that the server printed."


@dataclass(frozen=True)
class Access:
    """What a request has to bring.

    ``names`` are those of the server, in lower case; with ``any_address`` it goes by any number of
    an address too, which no other page can have for a name.
    """

    names: frozenset[str]
    any_address: bool = False
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    def refusal(self, request: web.Request) -> str | None:
        """Why ``request`` is refused, in one sentence; nothing where it may come in."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return WRONG_HOST
        origins = request.headers.getall("Origin", [])
        is_socket = "Upgrade" in request.headers  # a browser always tells whose page opens one
        if (is_socket and not origins) or any(
            origin.lower() != f"{request.scheme}://{hosts[0]}".lower() for origin in origins
        ):
            return WRONG_ORIGIN
        given = request.query.get(TOKEN, request.cookies.get(cookie_name(request), ""))
        if not hmac.compare_digest(given.encode(errors="replace"), self.token.encode()):
            return WRONG_TOKEN
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").lower()
            if parts.netloc != host or parts.username is not None or parts.port == 0:
                return False
        except ValueError:
            return False
        return name in self.names or (self.any_address and is_address(name))


def is_address(name: str) -> bool:
    """Whether ``name`` is the number of an address."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cookie_name(request: web.Request) -> str:
    """The name of the cookie: cookies know no ports, and two servers would share one."""
    return f"stplay-{request.url.port}"


def keep_token(request: web.Request, response: web.StreamResponse, token: str) -> None:
    """Let the browser keep ``token``, out of reach of scripts and of other pages' requests."""
    response.set_cookie(
        cookie_name(request), token, httponly=True, samesite="Lax", secure=request.scheme == "https"
    )

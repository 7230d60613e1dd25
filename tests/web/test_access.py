"""Who is let in by the real server: nobody gets a byte of the app without the token."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import aiohttp
import pytest
from conftest import Command, require_program
from servedapp import served, until
from sshserver import SshServer
from yarl import URL

from stplay.web.access import HEADERS, WRONG_HOST, WRONG_ORIGIN, WRONG_TOKEN

PLACES = ("", "ws", "static/js/textual.js", "page/page.js", "download/x", "nowhere")


async def test_who_lacks_anything_is_refused_everywhere(home: Path) -> None:
    with served() as server:
        port = server.url.port
        known, foreign = {"token": server.token}, "http://elsewhere.example"
        socket = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
        socket |= {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="}
        cases: list[tuple[dict[str, str], dict[str, str], str]] = [
            ({}, {}, WRONG_TOKEN),
            ({"token": ""}, {}, WRONG_TOKEN),
            ({"token": server.token[:-1]}, {}, WRONG_TOKEN),
            ({"token": "\u1e9e\ud7ff"}, {}, WRONG_TOKEN),
            ({}, {"Cookie": f"stplay-{port}=wrong"}, WRONG_TOKEN),
            ({}, {"Cookie": f"stplay-1={server.token}"}, WRONG_TOKEN),
            (known, {"Host": f"elsewhere.example:{port}"}, WRONG_HOST),
            (known, {"Host": f"127.0.0.1.elsewhere.example:{port}"}, WRONG_HOST),
            (known, {"Host": f"192.0.2.7:{port}"}, WRONG_HOST),
            (known, {"Host": f"localhost@elsewhere.example:{port}"}, WRONG_HOST),
            (known, {"Host": "[::1"}, WRONG_HOST),
            (known, {"Host": ""}, WRONG_HOST),
            (known, {"Origin": foreign}, WRONG_ORIGIN),
            (known, {"Origin": "null"}, WRONG_ORIGIN),
            (known, {"Origin": f"http://127.0.0.1:{port}1"}, WRONG_ORIGIN),
            (known, {"Origin": f"https://127.0.0.1:{port}"}, WRONG_ORIGIN),
            (known, socket, WRONG_ORIGIN),
            (known, {**socket, "Origin": foreign}, WRONG_ORIGIN),
            ({}, {**socket, "Origin": server.origin}, WRONG_TOKEN),
        ]
        async with aiohttp.ClientSession() as client:
            for query, headers, why in cases:
                for place in PLACES:
                    url = server.url / place if place else server.url
                    async with client.get(url.with_query(query), headers=headers) as answer:
                        told = (answer.status, await answer.text())
                    assert told == (403, f"{why}\n"), (place, query, headers)
                    assert "Set-Cookie" not in answer.headers
                    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        code, said = server.end()
    assert code == 0
    assert server.token not in said
    assert len(said.splitlines()) == 2, said


async def test_the_token_becomes_a_cookie_and_all_is_served_from_here(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 1 192.0.2.8 22")
    with served() as server:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:

            async def get(place: str, **options: object) -> tuple[aiohttp.ClientResponse, str]:
                async with client.get(server.url.join(URL(place)), **options) as got:  # pyright: ignore
                    return got, (await got.read()).decode(errors="replace")

            first, _ = await get(f"/?token={server.token}&fontsize=20", allow_redirects=False)
            assert (first.status, first.headers["Location"]) == (303, "/?fontsize=20")
            cookie = first.headers["Set-Cookie"]
            assert {*cookie.split("; ")[1:]} == {"HttpOnly", "Path=/", "SameSite=Lax"}
            page, text = await get("/")
            assert (page.status, page.content_type) == (200, "text/html")
            assert "unsafe" not in HEADERS["Content-Security-Policy"].partition("style-src")[0]
            loaded = re.findall(r"(?:src|href)=\"([^\"]*)\"", text)
            assert len(loaded) == 5
            _, sheet = await get("/page/page.css")
            for place in (*loaded, *re.findall(r"url\(\"([^\"]*)\"\)", sheet)):
                if place != "data:,":
                    assert place.startswith("/"), "it is loaded from elsewhere"
                    assert (await get(place))[0].status == 200, place
            assert "<script>" not in text, "the policy lets no such script run"
            assert not re.search(r"\son\w+=", text)
            for place in ("/download/none", "/static/", "/page/../access.py", "/none"):
                assert (await get(place))[0].status in (403, 404), place
            assert (await get("/?token=wrong"))[0].status == 403, "the newest word counts"
        async with aiohttp.ClientSession() as client:  # through ssh -L it has another port there
            there = {"Host": "localhost:81", "Origin": "http://localhost:81"}
            url = server.url.with_query(token=server.token)
            async with client.get(url, headers=there, allow_redirects=False) as answer:
                assert answer.status == 303
                assert answer.headers["Set-Cookie"].startswith("stplay-81=")
        _, said = server.end()
    assert f"ssh -L {server.url.port}:127.0.0.1:{server.url.port} HOST" in said


async def test_with_a_certificate_it_is_encrypted(home: Path, tmp_path: Path) -> None:
    openssl = require_program("openssl")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    asked = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stplay")
    subprocess.run(
        [openssl, *asked, "-out", certificate, "-keyout", key], check=True, capture_output=True
    )
    arguments = ("--listen", "0.0.0.0", "--certificate", str(certificate), "--key", str(key))
    with served(*arguments) as server:
        assert server.url.scheme == "https"
        here = server.url.with_host("127.0.0.1").with_query(token=server.token)
        async with aiohttp.ClientSession() as client:
            async with client.get(here, ssl=False, allow_redirects=False) as answer:
                assert answer.status == 303
                assert "Secure" in answer.headers["Set-Cookie"].split("; ")
            for host, status in (("192.0.2.7", 303), ("elsewhere.example", 403)):
                headers = {"Host": f"{host}:{here.port}"}
                async with client.get(
                    here, ssl=False, headers=headers, allow_redirects=False
                ) as answer:
                    assert answer.status == status
            with pytest.raises(aiohttp.ClientError):
                await client.get(here.with_scheme("http"))
        code, said = server.end()
    assert code == 0
    assert said.startswith("Other machines can reach this; whoever has the address works with your")
    assert "not encrypted" not in said


@pytest.mark.torch
async def test_ssh_brings_it_to_another_machine(ssh_server: SshServer, tmp_path: Path) -> None:
    place = tmp_path / "s"
    with served() as server:
        forward = f"{place}:127.0.0.1:{server.url.port}"
        ssh = subprocess.Popen(["ssh", "-N", "-L", forward, "gpu-box"], env=os.environ)
        try:
            await until(place.exists)
            async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(place))) as client:
                url = URL("http://localhost:9000/").with_query(token=server.token)
                async with client.get(url, allow_redirects=False) as answer:
                    assert answer.status == 303
                    (cookie,) = answer.cookies.values()
                headers = {"Cookie": f"{cookie.key}={cookie.value}", "Origin": str(url.origin())}
                async with client.ws_connect(url.origin() / "ws", headers=headers) as socket:
                    assert (await socket.receive()).type == aiohttp.WSMsgType.BINARY
        finally:
            ssh.terminate()
            ssh.wait()


def test_a_port_that_is_taken_is_told(stplay: Command) -> None:
    with served() as server:
        told = stplay("serve", "--port", str(server.url.port))
    assert (told.returncode, told.stdout) == (2, "")
    assert "name another by --port" in told.stderr
    assert "Traceback" not in told.stderr

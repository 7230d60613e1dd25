"""A local stand-in for the Hugging Face Hub, for the real client libraries to talk to.

It serves model and data set repositories with several commits over real HTTP. A test runs
`huggingface_hub`, `datasets` or `sentence_transformers` unpatched, in a subprocess that gets
`hub_environment(...)`.
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

Files = Mapping[str, "bytes | str"]

# The Hub keeps these in LFS: their ETag is the sha256 of the content, elsewhere it is the git blob.
_LFS_SUFFIXES = {".safetensors", ".bin", ".parquet", ".arrow", ".model", ".gz", ".zip"}
_FILE = re.compile(r"/(datasets/)?([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)")
_API = re.compile(r"/api/(models|datasets)/(.+?)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.+))?)?")


class Request(NamedTuple):
    """One request as it came in; the path keeps its quoting and its query."""

    method: str
    path: str


class HubError(Exception):
    """What the Hub answers when it does not give what was asked for."""

    def __init__(self, status: int, code: str, message: str, sha: str = "") -> None:
        self.status, self.message = status, message
        self.headers = {"X-Error-Code": code, "X-Error-Message": message}
        if sha:
            self.headers["X-Repo-Commit"] = sha


class _File:
    def __init__(self, path: str, content: bytes) -> None:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        sha256 = hashlib.sha256(content).hexdigest()
        self.content = content
        self.entry = {"type": "file", "path": path, "oid": blob, "size": len(content)}
        self.headers = {"ETag": f'"{blob}"', "Accept-Ranges": "bytes"}
        if PurePosixPath(path).suffix in _LFS_SUFFIXES:
            self.entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 130}
            self.headers |= {"ETag": f'"{sha256}"', "X-Linked-ETag": f'"{sha256}"'}
            self.headers["X-Linked-Size"] = str(len(content))


@dataclass
class _Repo:
    commits: dict[str, dict[str, _File]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # `main` and the tags

    def resolve(self, revision: str) -> str:
        sha = self.refs.get(revision, revision)
        # A commit has to be given in full: the Hub does not take abbreviated ones.
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    def tree(self, sha: str, folder: str, recursive: bool) -> list[dict[str, object]]:
        prefix = folder and f"{folder}/"
        files = {p: dict(f.entry) for p, f in self.commits[sha].items() if p.startswith(prefix)}
        if not files:
            raise HubError(404, "EntryNotFound", f"{folder} does not exist on {sha}", sha)
        folders = {str(parent) for path in files for parent in PurePosixPath(path).parents[:-1]}
        entries: dict[str, dict[str, object]] = {
            path: {"type": "directory", "path": path, "oid": _sha1(sha, path), "size": 0}
            for path in sorted(folders)
            if path.startswith(prefix)
        }
        entries |= files
        return [e for p, e in entries.items() if recursive or "/" not in p[len(prefix) :]]


def _sha1(*parts: object) -> str:
    return hashlib.sha1(json.dumps(parts).encode()).hexdigest()


class Hub(AbstractContextManager["Hub"]):
    """The stand-in, on the net once made; `close()` takes it off, `start()` puts it back."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.bytes_sent = 0  # content of files, over all downloads
        self._repos: dict[tuple[str, str], _Repo] = {}
        self._gates: dict[str, str | None] = {}
        self._rate: float | None = None
        self._allowance: int | None = None
        self._breaks = math.inf
        self._lock = threading.Lock()
        self._pace = threading.Lock()
        self._port = 0  # any free one, and then that one for good
        self._server: ThreadingHTTPServer | None = None
        self.start()

    def add_model(self, repo_id: str, files: Path | Files, *, tag: str | None = None) -> str:
        """Commit these files, a folder's or given ones, to a model repository; returns the sha."""
        return self._commit("models", repo_id, files, tag)

    def add_dataset(
        self, repo_id: str, files: Path | Files, *, tag: str | None = None, sha: str | None = None
    ) -> str:
        """The same for a data set repository, the commit called ``sha`` where one is given."""
        return self._commit("datasets", repo_id, files, tag, sha)

    def gate(self, repo_id: str, token: str | None = None) -> None:
        """Give files only to requests with this token; metadata stay public, as on the Hub."""
        self._gates[repo_id] = token

    def slow(self, bytes_per_second: float | None) -> None:
        """Limit what all downloads together get of the content of files; None lifts the limit."""
        self._rate = bytes_per_second

    def fail_after(self, n_bytes: int | None, *, times: float = math.inf) -> None:
        """Break downloads off once `n_bytes` more were sent, `times` times; None ends that."""
        with self._lock:
            self._allowance, self._breaks = n_bytes, times

    def revisions(self, repo_id: str) -> set[str]:
        """The revisions of a repository that any request asked for."""
        asked = re.compile(rf"/{re.escape(repo_id)}/(?:resolve|revision|tree|paths-info)/([^/?]+)")
        return {unquote(m[1]) for request in self.requests if (m := asked.search(request.path))}

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(self) -> None:
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._server.socket.listen(64)  # the five of the class make parallel downloads wait
        self._port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def closed(self) -> bool:
        return self._server is None

    def close(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.shutdown()
            server.server_close()

    def _commit(
        self, kind: str, repo_id: str, files: Path | Files, tag: str | None, sha: str | None = None
    ) -> str:
        if isinstance(files, Path):
            paths = [path for path in files.rglob("*") if path.is_file()]
            files = {path.relative_to(files).as_posix(): path.read_bytes() for path in paths}
        contents = {p: c.encode() if isinstance(c, str) else c for p, c in sorted(files.items())}
        tree = {path: _File(path, content) for path, content in contents.items()}
        repo = self._repos.setdefault((kind, repo_id), _Repo())
        # The parent counts, as in git: the same content committed again is another commit.
        entries = [file.entry for file in tree.values()]
        sha = sha or _sha1(kind, repo_id, repo.refs.get("main"), entries)
        repo.commits[sha] = tree
        repo.refs |= {"main": sha} if tag is None else {"main": sha, tag: sha}
        return sha

    def answer(self, url: str, authorization: str | None, wanted: list[str]) -> object:
        """What lies at an address: a commit and a file of it, or else something for JSON."""
        path, query = urlsplit(url).path, urlsplit(url).query
        if match := _FILE.fullmatch(path):
            kind, repo_id, revision, rest = match.groups("models/")
            what = "file"
        elif match := _API.fullmatch(path):
            kind, repo_id, what, revision, rest = match.groups("")
        else:
            raise HubError(404, "", "Sorry, we can't find the page you are looking for.")
        repo = self._repos.get((kind.strip("/"), repo_id))
        if repo is None:
            # To a stranger the Hub does not tell a missing repository from a private one.
            status, message = (404, "Repository not found") if authorization else (401, "Unknown.")
            raise HubError(status, "RepoNotFound", message)
        if what == "file" and repo_id in self._gates:
            if authorization is None:
                raise HubError(401, "GatedRepo", "Access is restricted. Please log in.")
            if authorization != f"Bearer {self._gates[repo_id]}":
                raise HubError(403, "GatedRepo", "You are not in the authorized list.")
        sha = repo.resolve(unquote(revision) or "main")
        files, rest = repo.commits[sha], unquote(rest)
        if what == "file" and rest not in files:
            raise HubError(404, "EntryNotFound", "Entry not found", sha)
        if what == "file":
            return sha, files[rest]
        if what == "tree":
            return repo.tree(sha, rest, "recursive=true" in query.lower())
        if what == "paths-info":
            return [entry for entry in repo.tree(sha, "", True) if entry["path"] in wanted]
        sized = "blobs=true" in query.lower()
        siblings = [
            {"rfilename": name} | ({"size": len(file.content)} if sized else {})
            for name, file in files.items()
        ]
        return {"id": repo_id, "sha": sha, "siblings": siblings}

    def stream(self, content: memoryview) -> Iterator[memoryview]:
        """The content at the pace that is set, up to where the connection is to break."""
        while content and self._server is not None:
            rate = self._rate or math.inf
            chunk = content[: max(1, int(min(rate / 20, 1 << 16)))]
            with self._pace:
                time.sleep(len(chunk) / rate)
            with self._lock:
                size = len(chunk) if self._allowance is None else min(len(chunk), self._allowance)
                if self._allowance is not None:
                    self._allowance -= size
                if size < len(chunk):
                    self._breaks -= 1
                    self._allowance = 0 if self._breaks > 0 else None
                self.bytes_sent += size
            yield chunk[:size]
            content = content[size:] if size == len(chunk) else content[:0]


class _Handler(BaseHTTPRequestHandler):
    # The base class speaks HTTP/1.0: no connection outlives its answer, hence none `Hub.close()`.
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.hub.requests.append(Request(self.command, self.path))
        form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())
        token = self.headers.get("Authorization")
        status, headers = 200, {"Content-Type": "application/json"}
        try:
            answer = self.hub.answer(self.path, token, form.get("paths", []))
        except HubError as error:
            status, headers = error.status, headers | error.headers
            answer = {"error": error.message}
        if isinstance(answer, tuple):
            sha, file = answer
            status, span, body = self._cut(file.content)
            headers = {"X-Repo-Commit": sha, **file.headers, **span}
            chunks = self.hub.stream(memoryview(body))
        else:
            body = json.dumps(answer).encode()
            chunks = [body]
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        with suppress(ConnectionError):  # a client may go away in the middle
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.writelines(chunks)

    do_HEAD = do_POST = do_GET  # noqa: N815

    def _cut(self, content: bytes) -> tuple[int, dict[str, str], bytes]:
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if span is None:
            return 200, {}, content
        part = content[int(span[1]) : int(span[2]) + 1 if span[2] else None]
        where = f"bytes {span[1]}-{int(span[1]) + len(part) - 1}/{len(content)}"
        return 206, {"Content-Range": where}, part


def parquet_dataset(configs: Mapping[str, Mapping[str, Sequence]]) -> dict[str, bytes]:
    """A data set as it lies on the Hub, from the rows of each split of each configuration."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    import yaml

    files: dict[str, bytes] = {}
    card: dict[str, list[object]] = {"dataset_info": [], "configs": []}
    for config, rows in configs.items():
        tables = {split: pa.Table.from_pylist(list(r)) for split, r in rows.items()}
        splits = []
        for split, table in tables.items():
            pq.write_table(table, buffer := io.BytesIO())
            files[f"{config}/{split}-00000-of-00001.parquet"] = buffer.getvalue()
            counts = {"num_bytes": table.nbytes, "num_examples": table.num_rows}
            splits.append({"name": split, **counts})
        dtypes = {f.name: str(f.type) for f in next(iter(tables.values())).schema}
        features = [{"name": n, "dtype": t.replace("double", "float64")} for n, t in dtypes.items()]
        data_files = [{"split": split, "path": f"{config}/{split}-*"} for split in tables]
        card["dataset_info"].append({"config_name": config, "features": features, "splits": splits})
        card["configs"].append({"config_name": config, "data_files": data_files})
    return {"README.md": f"---\n{yaml.safe_dump(card)}---\n\n# Rows\n".encode(), **files}


def hub_environment(hub: Hub, home: Path) -> dict[str, str]:
    """The environment of a subprocess that knows only this Hub and keeps its caches in `home`."""
    other = ("HF_", "HUGGING", "TRANSFORMERS_", "SENTENCE_TRANSFORMERS_")
    return {name: value for name, value in os.environ.items() if not name.startswith(other)} | {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",  # a protocol of its own, not served here
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",  # `datasets` would report each load to another server
        "DISABLE_SAFETENSORS_CONVERSION": "1",
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }

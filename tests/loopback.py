"""A server on this machine that speaks as PyPI, the Hugging Face Hub and torchvision's host do.

It gives what it was told to give, and misbehaves as it was told to: cuts a connection, falls
silent, refuses, asks to wait. What it was asked stands in `asked`.
"""

import contextlib
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from typing import Any


@dataclass(frozen=True)
class Fault:
    """How one answer goes wrong. after: bytes that are given first.

    kind: "cut" (hang up), "hang" (say no more), "status" (refuse with `status`, perhaps with a
    Retry-After), "no_range" (give the whole file, whatever part was asked for), "wait" (go on only
    when the server's `go_on` is set).
    """

    kind: str
    after: int = 0
    status: int = 0
    retry_after: str = ""


@dataclass
class Loopback:
    """files: path -> content; redirects: path -> another path; faults: path -> one for each
    answer, used up one by one; headers: path -> more headers. asked: (path, Range, Authorization)
    of every GET.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    go_on: Event = field(default_factory=Event)
    closing: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def fault(self, path: str) -> Fault | None:
        with self.lock:
            waiting = self.faults.get(path)
            return waiting.pop(0) if waiting else None

    def ranges(self, path: str) -> list[str]:
        return [asked for where, asked, _ in self.asked if where == path]

    def add_wheel(self, project: str, version: str, members: Mapping[str, bytes]) -> bytes:
        """Publish a wheel in the index at /simple; returns its content."""
        stem = f"{project.replace('-', '_')}-{version}"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
            about = f"Metadata-Version: 2.1\nName: {project}\nVersion: {version}\n"
            archive.writestr(f"{stem}.dist-info/METADATA", about)
            tags = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            archive.writestr(f"{stem}.dist-info/WHEEL", tags)
            archive.writestr(f"{stem}.dist-info/RECORD", "")
        content, file = packed.getvalue(), f"{stem}-py3-none-any.whl"
        self.files[f"/files/{file}"] = content
        page = f'<!DOCTYPE html><html><body><a href="/files/{file}">{file}</a></body></html>'
        self.files[f"/simple/{project}/"] = page.encode()
        self.headers[f"/simple/{project}/"] = {"Content-Type": "text/html"}
        return content

    def add_hub(self, repo: str, revision: str, files: Mapping[str, bytes]) -> None:
        """Publish files as the hub does: a redirect to a storage that knows them by their hash."""
        for name, content in files.items():
            sha256 = hashlib.sha256(content).hexdigest()
            self.files[f"/storage/{sha256}"] = content
            at = f"/{repo}/resolve/{revision}/{name}"
            self.redirects[at] = f"/storage/{sha256}"
            self.headers[at] = {
                "X-Repo-Commit": revision,
                "X-Linked-Etag": f'"{sha256}"',
                "X-Linked-Size": str(len(content)),
            }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def loopback(self) -> Loopback:
        return self.server.loopback  # type: ignore[attr-defined]

    def do_GET(self) -> None:  # noqa: N802, the name that http.server asks for
        path, wanted = self.path, self.headers.get("Range", "")
        self.loopback.asked.append((path, wanted, self.headers.get("Authorization", "")))
        fault = self.loopback.fault(path)
        if fault and fault.kind == "status":
            self._head(fault.status, 0, {"Retry-After": fault.retry_after or None})
        elif path in self.loopback.redirects:
            where = {"Location": self.loopback.url + self.loopback.redirects[path]}
            self._head(302, 0, where | self.loopback.headers.get(path, {}))
        elif path not in self.loopback.files:
            self._head(404, 0, {"X-Error-Code": "EntryNotFound"})
        else:
            self._give(path, self.loopback.files[path], wanted, fault)

    def _give(self, path: str, content: bytes, wanted: str, fault: Fault | None) -> None:
        whole = len(content)
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if fault and fault.kind == "no_range":
            start = 0
        if start >= whole:
            self._head(416, 0, {"Content-Range": f"bytes */{whole}"})
            return
        named: dict[str, Any] = dict(self.loopback.headers.get(path, {}))
        if start:
            named["Content-Range"] = f"bytes {start}-{whole - 1}/{whole}"
        self._head(206 if start else 200, whole - start, named)
        rest = content[start:]
        if fault is None or fault.kind == "no_range":
            self.wfile.write(rest)
            return
        self.wfile.write(rest[: fault.after])
        self.wfile.flush()
        if fault.kind == "wait":
            while not (self.loopback.go_on.wait(0.05) or self.loopback.closing.is_set()):
                pass
            self.wfile.write(rest[fault.after :])
            return
        if fault.kind == "hang":
            self.loopback.closing.wait()
        self.close_connection = True

    def _head(self, status: int, length: int, headers: Mapping[str, str | None]) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        pass  # whoever hung up in the middle meant to


@contextlib.contextmanager
def loopback() -> Iterator[Loopback]:
    """Such a server, until the block ends."""
    about = Loopback()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.loopback = about  # type: ignore[attr-defined]
    about.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield about
    finally:
        about.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()

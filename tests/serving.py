"""The real app, started the way a person starts it, and a plain HTTP client of it."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parent.parent
START_S = 90.0  # a cold start on a busy two-core machine takes far less


def free_port() -> int:
    """A port that the operating system says nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass(frozen=True)
class Server:
    """A running app: where it answers, what it printed, its process."""

    url: str
    log_file: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@contextlib.contextmanager
def serving(*flags: str, environment: Mapping[str, str] | None = None) -> Iterator[Server]:
    """`python app.py` on a free port, until the block ends. Its workers end with it."""
    port = free_port()
    command = [sys.executable, "app.py", "--host", "127.0.0.1", "--port", str(port), *flags]
    variables = {
        **os.environ,
        "GRADIO_ANALYTICS_ENABLED": "False",
        "PYTHONUNBUFFERED": "1",
        **(environment or {}),
    }
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "app.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env=variables, stdout=log, stderr=subprocess.STDOUT
            )
        server = Server(f"http://127.0.0.1:{port}", log_file, process)
        try:
            _wait(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait(server: Server) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if not server.alive:
            raise RuntimeError(f"the app ended while starting:\n{server.log}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/config", timeout=5).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"the app did not answer within {START_S:.0f} s:\n{server.log}")


@dataclass(frozen=True)
class Answer:
    """What a call came to: `ok`, its last data or its message, and the raw text of all events."""

    ok: bool
    message: str | None
    data: Any
    raw: str


class Visitor:
    """Speaks Gradio's queue protocol directly, as any program on the network could."""

    def __init__(self, server: Server, *, language: str = "en") -> None:
        self.http = httpx.Client(
            base_url=server.url,
            timeout=60,
            headers={"accept-language": language},
            verify=False,  # nothing here is https, and reading certificates takes 30 ms each time
        )
        self.renew()

    def renew(self) -> None:
        """Become a stranger: a new session on the same connection."""
        self.session = secrets.token_hex(6)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def config(self) -> dict[str, Any]:
        return self.http.get("/config").json()

    def join(self, fn_index: int, data: object, event_data: object = None) -> httpx.Response:
        body: dict[str, object] = {"data": data, "fn_index": fn_index}
        body |= {"session_hash": self.session, "event_data": event_data}
        return self.post("/gradio_api/queue/join", body)

    def post(self, path: str, body: object) -> httpx.Response:
        # json.dumps writes NaN and Infinity, which strict JSON has not: what a careless client does
        text = json.dumps(body)
        return self.http.post(path, content=text, headers={"content-type": "application/json"})

    def run(self, fn_index: int, name: str, data: object) -> httpx.Response:
        """A direct call, past the queue: only endpoints made for that answer it."""
        body = {"data": data, "fn_index": fn_index, "session_hash": self.session}
        return self.post(f"/gradio_api/run/{name}", body)

    @contextlib.contextmanager
    def listen(
        self, fn_index: int, data: object, event_data: object = None
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """Join the queue; the events of this call as they come. Leaving the block hangs up."""
        joined = self.join(fn_index, data, event_data)
        if joined.status_code != 200:
            failed = {"error": _detail(joined)}
            message = {"msg": "process_completed", "success": False, "output": failed}
            yield iter([{**message, "status": joined.status_code, "raw": joined.text}])
            return
        with self.http.stream(
            "GET", "/gradio_api/queue/data", params={"session_hash": self.session}
        ) as stream:
            yield _events(stream)

    def call(
        self, fn_index: int, data: object, event_data: object = None, *, enough: int = 0
    ) -> Answer:
        """Call and listen to the end, or until `enough` events came; then hang up."""
        heard: list[str] = []
        generated = 0
        with self.listen(fn_index, data, event_data) as events:
            for event in events:
                heard.append(json.dumps(event))
                generated += event["msg"] == "process_generating"
                if event["msg"] == "process_completed" or (enough and generated >= enough):
                    ok, output = event.get("success", True), event.get("output") or {}
                    message = None if ok else output.get("error")
                    return Answer(ok, message, output.get("data"), "\n".join(heard))
        return Answer(False, None, None, "\n".join(heard))


def _events(stream: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in stream.iter_lines():
        if line.startswith("data:"):
            event = json.loads(line[5:])
            yield event
            if event["msg"] in ("process_completed", "close_stream"):
                return


def _detail(response: httpx.Response) -> str | None:
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return None
    return detail if isinstance(detail, str) else json.dumps(detail)

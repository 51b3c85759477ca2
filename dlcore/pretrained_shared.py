"""A fetch in a process of its own, shared by everybody who asks for the same model.

Converting half a gigabyte would hold up the page, and a process can be ended at any moment. Who
watches a fetch that runs already joins it; when the last one leaves, it ends:

    for event in watch("smollm2"):
        print(event.stage, event.done)

Not a job of dlcore/jobs.py: a fetch would take one of the few workers away from those who train,
and on a cluster it would bring the model to another machine.
"""

import base64
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from dlcore import pretrained
from dlcore.pretrained import Arriving, StoreError

HEARTBEAT_S = 0.5
_EVERY_S = 0.1  # at most so often is something told: every event is sent to a page
_GRACE_S = 3.0


class _Fetch:
    """One process that fetches, what it said last, and how many listen."""

    def __init__(self, name: str) -> None:
        self.changed = threading.Condition()
        self.latest = Arriving("wait", 0, pretrained.MODELS[name].size)
        self.ended = False
        self.fault: StoreError | None = None
        self.watchers = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dlcore.pretrained_shared"],
            cwd=Path(__file__).parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin and self._process.stdout
        with suppress(BrokenPipeError):  # then it is heard that the process ended
            self._process.stdin.write(base64.b64encode(pickle.dumps(pretrained.MODELS[name])))
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()

    def _listen(self, said: IO[bytes]) -> None:
        fault: StoreError | None = StoreError("died", "the fetching process ended by itself")
        with said:
            for line in said:
                news = json.loads(line)
                if "stage" in news:
                    with self.changed:
                        self.latest = Arriving(**news)
                        self.changed.notify_all()
                else:
                    fault = pickle.loads(base64.b64decode(news["fault"])) if news["fault"] else None
        self._process.wait()
        self.stop()
        with self.changed:
            self.ended, self.fault = True, fault
            self.changed.notify_all()

    def stop(self) -> None:
        """Whoever reads its end of the pipe knows then that nobody waits any more."""
        assert self._process.stdin
        with suppress(BrokenPipeError):
            self._process.stdin.close()


_lock = threading.Lock()
_running: dict[str, _Fetch] = {}


class Watching(Iterator[Arriving]):
    """The events of a fetch, from any thread; at least every half second the newest once more.

    `close` leaves: the fetch goes on while somebody else watches. Raises StoreError.
    """

    def __init__(self, name: str) -> None:
        self.name, self._told, self._left = name, Arriving("", 0), False
        self._told_at = -_EVERY_S
        self._fetch: _Fetch | None = None
        if pretrained.find(name) is None:
            with _lock:
                fetch = _running.get(name)
                if fetch is None or fetch.ended:
                    fetch = _running[name] = _Fetch(name)
                fetch.watchers += 1
            self._fetch = fetch

    def __next__(self) -> Arriving:
        fetch = self._fetch
        if fetch is None:
            raise StopIteration
        with fetch.changed:
            fetch.changed.wait_for(self._news, HEARTBEAT_S)
            fetch.changed.wait_for(self._over, self._told_at + _EVERY_S - time.monotonic())
            self._told, self._told_at = fetch.latest, time.monotonic()
            over = self._over()
        if not over:
            return self._told
        left = self._left
        self.close()
        self._fetch = None
        # Whatever broke, another process may have brought it meanwhile.
        if fetch.fault and not left and pretrained.find(self.name) is None:
            raise fetch.fault
        raise StopIteration

    def _news(self) -> bool:
        fetch = self._fetch
        return self._over() or fetch is None or fetch.latest is not self._told

    def _over(self) -> bool:
        return self._left or self._fetch is None or self._fetch.ended

    def close(self) -> None:
        """Watch no longer. Returns at once; without a watcher the fetch ends."""
        fetch = self._fetch
        with _lock:
            if fetch is None or self._left:
                return
            self._left = True
            fetch.watchers -= 1
            if not fetch.watchers:
                if _running.get(self.name) is fetch:
                    del _running[self.name]
                fetch.stop()
        with fetch.changed:
            fetch.changed.notify_all()

    def __del__(self) -> None:
        self.close()


def coming(name: str) -> bool:
    """Whether anybody's fetch of a model runs."""
    with _lock:
        fetch = _running.get(name)
        return fetch is not None and not fetch.ended


def watch(name: str) -> Watching:
    """Fetch a model, together with all who do; ends at once where it is here."""
    return Watching(name)


# --- In the process ------------------------------------------------------------------------------


def main() -> None:
    """Fetch the model that stands in the first line of the input, until there is no more input."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where it was told to be deaf
    model = pickle.loads(base64.b64decode(sys.stdin.buffer.readline()))
    pretrained.MODELS[model.name] = model
    threading.Thread(target=_until_nobody_waits, daemon=True).start()
    fault = ""
    try:
        for event in pretrained.fetch(model.name):
            _say(vars(event))
    except StoreError as error:
        if error.reason == "convert":
            traceback.print_exc()  # into the app's log: it is a fault of ours
        fault = base64.b64encode(pickle.dumps(error)).decode()
    except KeyboardInterrupt:
        return
    _say({"fault": fault})


def _say(news: dict[str, Any]) -> None:
    print(json.dumps(news), flush=True)


def _until_nobody_waits() -> None:
    """Leave politely, so that pip is ended and what has arrived is kept; then without a word."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    if hasattr(signal, "pthread_kill"):  # it also ends a wait for a silent server
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)
    threading.Event().wait(_GRACE_S)
    os._exit(1)


if __name__ == "__main__":
    main()

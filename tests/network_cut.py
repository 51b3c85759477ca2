"""A network that is cut for the processes of an app, and the list of whom they asked all the same.

An audit hook runs first in every Python process that the app starts, its workers included. It sees
each connection and each name lookup, whichever library makes it; those that would leave this
machine are written down and refused.
"""

import os
from dataclasses import dataclass
from pathlib import Path

GUARD = """
import os, sys

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else None  # else a Unix socket
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    name = host.decode() if isinstance(host, bytes) else host
    if name not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", None):
        with open(os.environ["DL_TEST_ASKED"], "a") as asked:
            asked.write(f"{event} {name} by {sys.argv[:2]}\\n")
        raise OSError(f"the network is cut: {event} {name}")

sys.addaudithook(guard)
"""


@dataclass(frozen=True)
class NetworkCut:
    """folder: an empty one, for the guard and its list."""

    folder: Path

    def environment(self) -> dict[str, str]:
        """For a Python that reaches nothing but this machine."""
        (self.folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        return {"PYTHONPATH": path, "DL_TEST_ASKED": str(self._list)}

    def asked(self) -> list[str]:
        """Who was asked, by which process."""
        return self._list.read_text(encoding="utf-8").splitlines() if self._list.exists() else []

    @property
    def _list(self) -> Path:
        return self.folder / "asked.txt"

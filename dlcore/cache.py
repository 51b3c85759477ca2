"""The folder for what can be made again: decoded data, downloads, measurements of this machine."""

import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path


@cache
def cache_dir() -> Path:
    """This user's cache folder for dlcore, made if need be, at the platform's usual place.

    Where that cannot be written (a read-only home), a folder among the temporary files.
    """
    for folder in (
        _usual_cache() / "dlcore",
        Path(tempfile.gettempdir()) / f"dlcore-{_user_name()}",
    ):
        with suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
    return Path(tempfile.mkdtemp(prefix="dlcore-"))


def _usual_cache() -> Path:
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    if sys.platform == "darwin":
        return home / "Library" / "Caches"
    named = os.environ.get("XDG_CACHE_HOME", "")  # Linux's own convention; it must be absolute
    return Path(named) if os.path.isabs(named) else home / ".cache"


def _user_name() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that no reader, and no power cut, ever sees half of it.

    Written beside its place, flushed to the disk, then renamed; a failure leaves nothing behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise

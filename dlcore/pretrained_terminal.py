"""`python -m dlcore weights` for the models that are fetched: list, get, verify, remove."""

import signal
import sys
from collections.abc import Sequence
from contextlib import closing

from dlcore import pretrained
from dlcore.pretrained import MODELS, StoreError
from dlcore.progress import Progress
from dlcore.terminal import Bar

_MEND = {
    "offline": "No network reaches it from here. On a computer that has one, run `{command}`, and "
    "copy the file that it names into {folder}.",
    "not_found": "It is not there, or not given out here. Another source may have it: --source.",
    "wrong_hash": "What came is not the published file; nothing of it was kept. Try again, or use "
    "another network.",
    "no_space": "Make room ({wanted:,} bytes), and run it again.",
    "hung": "Run it again in a while.",
    "cut": "Run it again.",
    "busy": "Run it again in a few minutes.",
    "no_pip": "Install pip first: {python} -m ensurepip",
    "convert": "The file is right, so this is a fault of ours; please report it.",
}


def listing() -> list[str]:
    """A line for each model of the table: what it is, and whether it is here."""
    lines = []
    for model in MODELS.values():
        path, half = pretrained.find(model.name), pretrained.kept(model.name)
        if path:
            where = f"{path.stat().st_size / 1e6:.1f} MB in {path}"
        else:
            where = f"{model.size / 1e6:.1f} MB to fetch from {model.sources[0].title}"
            where += f" ({half / 1e6:.1f} MB have arrived)" if half else ""
        lines.append(f"{model.name:<19} {model.title:<19} {model.licence:<13} {where}")
    return lines


def get(names: Sequence[str], source: str | None) -> None:
    """Fetch models, with a progress bar. Raises ValueError that says what mends it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a `kill` ends pip, too
    for name in names:
        try:
            _get(name, source)
        except StoreError as fault:
            mend = _MEND[fault.reason].format(**fault.values)
            if fault.reason in ("hung", "cut"):
                goes_on = pretrained.kept(name, source) > 0
                mend += f" It {'goes on from where it broke off' if goes_on else 'begins anew'}."
            raise ValueError(f"{name}: {fault}\n{mend}") from fault
        path = pretrained.find(name)
        assert path is not None
        print(f"{name} is in {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _get(name: str, source: str | None) -> None:
    said, shown = "", -1
    with closing(pretrained.fetch(name, source=source)) as events, Bar(sys.stdout) as bar:
        for event in events:
            now = f"{event.stage} {event.source}".strip()
            if now != said:
                bar.line(f"{name}: {now}" + (" (in MB)" if event.stage == "download" else ""))
                said, shown = now, -1
            millions = event.done // 1_000_000
            if event.stage == "download" and millions > shown:
                shown = millions
                bar.show(Progress(millions, event.total // 1_000_000), {})


def verify(names: Sequence[str]) -> list[tuple[str, str]]:
    """Each fetched model with "ok", or what is wrong with it."""
    verdicts = []
    for name in names or MODELS:
        right = pretrained.verify(name)
        if right is not None:
            wrong = f"CHANGED: remove it (python -m dlcore weights remove {name}), and get it again"
            verdicts.append((f"{name} (fetched)", "ok" if right else wrong))
        elif names and pretrained.find(name) is None:
            verdicts.append((name, f"NOT HERE: {pretrained.command(name)}"))
    return verdicts


def remove(names: Sequence[str]) -> None:
    for name in names:
        print(f"{name}: {pretrained.remove(name) / 1e6:.1f} MB freed")

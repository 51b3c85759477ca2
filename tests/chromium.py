"""Find a Chromium for the browser tests, or install one: `python tests/chromium.py`.

Looked for in this order: the one named by $CHROMIUM, one already on the machine (Chromium, Chrome,
Edge), Playwright's own, and last the system's package manager. A browser counts only when it has
really opened a page. Without any the tests fail and say what to install: they are never skipped.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

COMMANDS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
    "microsoft-edge", "microsoft-edge-stable", "msedge", "chrome",
)  # fmt: skip
PLACES = (  # where macOS and Windows keep their applications
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    "~/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
PACKAGES = {  # package manager -> the commands that bring a browser
    "apt-get": ("apt-get update", "apt-get install -y --no-install-recommends chromium"),
    "dnf": ("dnf install -y chromium",),
    "pacman": ("pacman -Sy --noconfirm chromium",),
    "zypper": ("zypper --non-interactive install chromium",),
    "apk": ("apk add chromium",),
    "brew": ("brew install --cask chromium",),
}
FLAGS = [
    "--no-sandbox",  # containers and CI machines run as root, where Chromium refuses a sandbox
    "--no-first-run",
    "--disable-background-networking",  # the browser itself must not phone anywhere either
    "--disable-component-update",
    "--disable-sync",
]
HELP = """No browser for the tests was found, and none could be installed.
Install Chromium, Chrome or Edge and try again:
    Debian, Ubuntu   apt-get update && apt-get install -y chromium
    Fedora           dnf install -y chromium
    macOS            brew install --cask chromium
    anywhere         python -m playwright install chromium
or name one that you have: CHROMIUM=/path/to/chrome make test"""


class NoBrowser(RuntimeError):
    """No browser was found, and the reader is told what to install."""


def on_this_machine() -> Iterator[str]:
    """Browsers that are installed, the likeliest first."""
    named = os.environ.get("CHROMIUM", "")
    candidates = [named, *COMMANDS, *(str(Path(place).expanduser()) for place in PLACES)]
    for candidate in candidates:
        if candidate and (path := shutil.which(candidate)):
            yield path


def playwrights_own() -> Iterator[str]:
    """Playwright's own Chromium, when it has been downloaded."""
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    if Path(path).exists():
        yield path


def works(path: str) -> bool:
    """Whether this browser really opens a page: a snap stub or one without its libraries cannot."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS, timeout=60_000)
            browser.new_page().goto("data:text/html,<p>ready")
            browser.close()
        except Error as error:
            _say(f"{path} does not start: {str(error).splitlines()[0]}")
            return False
    return True


def find() -> str:
    """The path of a working browser. Raises NoBrowser."""
    for path in (*on_this_machine(), *playwrights_own()):
        if works(path):
            return path
    raise NoBrowser(HELP)


def find_or_install() -> str:
    """As `find`, after trying Playwright's download and then the system's package manager."""
    for install in (None, _from_playwright, _from_packages):
        if install is not None:
            install()
        try:
            return find()
        except NoBrowser:
            continue
    raise NoBrowser(HELP)


def _from_playwright() -> None:
    _say("No browser on this machine: asking Playwright for its own.")
    _run([sys.executable, "-m", "playwright", "install", "chromium"])


def _from_packages() -> None:
    manager = next((name for name in PACKAGES if shutil.which(name)), None)
    if manager is None:
        return
    _say(f"Asking {manager} for a browser.")
    for command in PACKAGES[manager]:
        if not _run([*_as_root(manager), *command.split()]):
            return


def _as_root(manager: str) -> list[str]:
    """What to put before a command that needs root: nothing as root, sudo where it asks nothing."""
    if manager == "brew" or not hasattr(os, "geteuid") or os.geteuid() == 0:
        return []
    return ["sudo", "-n"]


def _run(command: list[str]) -> bool:
    environment = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "15000",  # ms: without a network, give up soon
    }
    try:
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        _say(f"{command[0]}: {error}")
        return False
    return done.returncode == 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(f"Browser for the tests: {find_or_install()}")
    except NoBrowser as error:
        sys.exit(str(error))

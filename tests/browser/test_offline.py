"""With the network cut everything works: nobody outside is asked, by the page or by the server."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from demos import TABS
from tests.browser.conftest import DESKTOP, LOOPBACK, TIMEOUT_MS, Noise
from tests.browser.steps import draw, open_tab, switch_language, unfold, wait_idle, wait_ready
from tests.serving import Server, serving

# Runs first in every Python process that the app starts, its workers included. An audit hook sees
# each connection and each name lookup, whichever library makes it; those that would leave this
# machine are written down and refused.
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
OUTSIDE = re.compile(rf"^(https?|wss?)://(?!({'|'.join(LOOPBACK)})[:/])")
SEVEN = [(0.3, 0.2), (0.7, 0.2), (0.55, 0.5), (0.42, 0.85)]


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a Python that reaches nothing but this machine, and says what it wanted."""
    folder = tmp_path_factory.mktemp("guard")
    (folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))
    return {"PYTHONPATH": path, "DL_TEST_ASKED": str(folder / "asked.txt")}


@pytest.fixture(scope="module")
def cut_server(cut: dict[str, str]) -> Iterator[Server]:
    with serving(environment=cut) as running:
        yield running


@pytest.fixture
def cut_page(browser: Browser, cut_server: Server, noise: Noise) -> Iterator[Page]:
    """The app in a browser that reaches nothing but this machine either."""
    context = browser.new_context(**DESKTOP, locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    context.route(OUTSIDE, lambda route: route.abort())
    noise.listen(context)
    page = context.new_page()
    page.goto(cut_server.url)
    wait_ready(page)
    yield page
    context.close()


def asked(cut: dict[str, str]) -> list[str]:
    file = Path(cut["DL_TEST_ASKED"])
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def test_the_guard_notices_and_refuses(cut: dict[str, str], tmp_path: Path) -> None:
    environment = {**os.environ, **cut, "DL_TEST_ASKED": str(tmp_path / "asked.txt")}
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert "the network is cut" in done.stderr
    assert any("192.0.2.1" in line for line in asked(environment))


def test_every_tab_works_with_the_network_cut(
    cut: dict[str, str], cut_page: Page, noise: Noise
) -> None:
    for topic in TABS:
        panel = open_tab(cut_page, topic)
        unfold(panel)
        for pad in panel.locator(".dl-drawing_pad canvas:visible").all()[:1]:
            draw(pad, SEVEN)
        train = panel.locator(f"#{topic}-train")
        if train.count():
            train.click()
            running = panel.locator(f"#{topic}-status :is([data-state=running], [data-state=done])")
            stop = panel.locator(f"#{topic}-stop")
            if stop.count():  # else the training is over at once
                running.first.wait_for(timeout=60_000)
                if stop.is_enabled():
                    stop.click()
        wait_idle(cut_page)
    switch_language(cut_page, "vi")
    assert noise.requests > 20, "nothing was requested at all: the counter is broken"
    assert noise.outside == []
    assert asked(cut) == []

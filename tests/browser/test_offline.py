"""With the network cut everything works: nobody outside is asked, by the page or by the server.

The server of all tests is cut off (see tests/conftest.py) and every page is watched; here the
browser is cut off, too.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from demos import TABS
from tests.browser.conftest import DESKTOP, LOOPBACK, Noise
from tests.browser.steps import (
    TIMEOUT_MS,
    TRAINING_MS,
    draw,
    open_tab,
    press_stop,
    switch_language,
    unfold,
    wait_idle,
    wait_ready,
)
from tests.network_cut import NetworkCut
from tests.serving import Server

OUTSIDE = re.compile(rf"^(https?|wss?)://(?!({'|'.join(LOOPBACK)})[:/])")
SEVEN = [(0.3, 0.2), (0.7, 0.2), (0.55, 0.5), (0.42, 0.85)]


@pytest.fixture
def cut_page(browser: Browser, server: Server, noise: Noise) -> Iterator[Page]:
    """The app in a browser that reaches nothing but this machine either."""
    context = browser.new_context(**DESKTOP, locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    context.route(OUTSIDE, lambda route: route.abort())
    noise.listen(context)
    page = context.new_page()
    page.goto(server.url)
    wait_ready(page)
    yield page
    context.close()


def test_the_guard_notices_and_refuses(tmp_path: Path) -> None:
    network = NetworkCut(tmp_path)
    code = "import socket; socket.create_connection(('192.0.2.1', 80), 1)"
    environment = {**os.environ, **network.environment()}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert "the network is cut" in done.stderr
    assert any("192.0.2.1" in line for line in network.asked())


def test_every_tab_works_with_the_network_cut(
    network: NetworkCut, cut_page: Page, noise: Noise
) -> None:
    for topic in TABS:
        panel = open_tab(cut_page, topic)
        unfold(panel)
        for pad in panel.locator(".dl-drawing_pad canvas:visible").all()[:1]:
            draw(pad, SEVEN)
        train = panel.locator(f"#{topic}-train")
        if train.count():
            train.click()
            stop = panel.locator(f"#{topic}-stop")
            if stop.count():  # else the training is over at once
                status = panel.locator(f"#{topic}-status .dl-status")
                begun = re.compile("running|done|stopped")
                expect(status).to_have_attribute("data-state", begun, timeout=TRAINING_MS)
                press_stop(stop)
                ended = re.compile("done|stopped")
                expect(status).to_have_attribute("data-state", ended, timeout=TRAINING_MS)
        wait_idle(cut_page)
    switch_language(cut_page, "vi")
    assert noise.requests > 20, "nothing was requested at all: the counter is broken"
    assert noise.outside == []
    assert network.asked() == []

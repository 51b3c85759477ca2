"""A real Chromium on the running app. Console errors and outside requests fail every test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

from tests.browser.steps import TIMEOUT_MS, wait_ready
from tests.chromium import FLAGS, find
from tests.serving import Server

DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CUT_OFF = ("AbortError: signal is aborted", "Connection errored out")


@dataclass
class Noise:
    """What a page must not do: complain in the console, or ask anybody but this machine."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    requests: int = 0
    arrivals: int = 0
    pages: int = 0

    @property
    def unexpected(self) -> list[str]:
        """The complaints, without what Gradio says of requests that a reload cut off."""
        reloaded = self.arrivals > self.pages
        return [e for e in self.errors if not (reloaded and any(w in e for w in _CUT_OFF))]

    def judge(self) -> None:
        assert not self.unexpected, self.unexpected
        assert not self.outside, self.outside

    def listen(self, context: BrowserContext) -> None:
        context.on("request", self._requested)
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        self.pages += 1
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        page.on("console", lambda m: self._logged(m.type, m.text, m.location.get("url", "")))
        page.on("websocket", lambda socket: self._asked(socket.url))

    def _logged(self, kind: str, text: str, where: str) -> None:
        if kind == "error":
            self.errors.append(f"{text} ({where})")

    def _requested(self, request: Request) -> None:
        self.requests += 1
        self.arrivals += request.is_navigation_request()
        self._asked(request.url)

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in LOOPBACK:
            self.outside.append(url)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; each test gets a fresh profile inside it."""
    path = find()  # starts a Playwright of its own, and two cannot nest
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def noise() -> Iterator[Noise]:
    """Collects what the test's pages must not do, and fails the test if they did."""
    heard = Noise()
    yield heard
    heard.judge()


def open_page(
    browser: Browser, address: str, noise: Noise, *, script: str = "", **options: Any
) -> Page:
    """A new visitor on a desktop in English, unless the context's options say otherwise.

    script: JavaScript that runs in the page before anything else. Close `page.context` in the end.
    """
    context = browser.new_context(**{**DESKTOP, "locale": "en-GB", **options})
    context.set_default_timeout(TIMEOUT_MS)
    noise.listen(context)
    context.add_init_script(script)
    page = context.new_page()
    page.goto(address)
    return page


@contextmanager
def shared_page(browser: Browser, address: str, **options: Any) -> Iterator[Page]:
    """One page for all tests of a file, because opening one takes longer than most of them.

    What it must not do is judged at the end.
    """
    heard = Noise()
    page = open_page(browser, address, heard, **options)
    yield page
    page.context.close()
    heard.judge()


@pytest.fixture
def visit(browser: Browser, server: Server, noise: Noise) -> Iterator[Callable[..., Page]]:
    """visit(path="", **options of `open_page`): a new visitor's page, opened and ready."""
    with ExitStack() as stack:

        def visitor(path: str = "", **options: Any) -> Page:
            page = open_page(browser, f"{server.url}/{path}", noise, **options)
            stack.callback(page.context.close)
            wait_ready(page)
            return page

        yield visitor


@pytest.fixture
def page(visit: Callable[..., Page]) -> Page:
    """The app on a desktop, in English."""
    return visit()


@pytest.fixture
def phone(visit: Callable[..., Page]) -> Page:
    """The app on a phone: 390 pixels wide, touch."""
    return visit(**PHONE)

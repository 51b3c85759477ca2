"""What must hold when things go wrong around a page: workers die, pages close, visitors share.

Two pages serve most tests: one whose run is long, and its neighbour, whose run is short.
"""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from dlcore import cnn
from tests.browser.conftest import shared_page
from tests.browser.steps import (
    TIMEOUT_MS,
    draw,
    open_fold,
    open_tab,
    press_stop,
    section,
    start_run,
    status_of,
    wait_ended,
    wait_ready,
    wait_running,
)
from tests.serving import Server

SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.5, 0.55), (0.45, 0.8)]
LONG = "?tab=cnn&epochs=50"  # far longer than any test waits
SHORT = "?tab=cnn&epochs=1&train_share=0.05&batch_size=256"
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def long_page(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{LONG}") as page:
        wait_ready(page)
        section(page, "cnn", "train")
        yield page


@pytest.fixture(scope="module")
def short_page(browser: Browser, server: Server) -> Iterator[Page]:
    with shared_page(browser, f"{server.url}/{SHORT}") as page:
        wait_ready(page)
        section(page, "cnn", "train")
        yield page


@pytest.fixture(autouse=True)
def nothing_runs(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that failed leaves no long run to the next one."""
    yield
    if "long_page" in request.fixturenames:
        stop(request.getfixturevalue("long_page"))


def workers(server: Server) -> list[psutil.Process]:
    """The app's worker processes (its other children serve the pool and use no memory)."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def busiest(server: Server) -> psutil.Process:
    """The worker that computes right now."""
    before = {worker: used(worker) for worker in workers(server)}
    for _ in range(300):
        time.sleep(0.2)
        worker = max(before, key=lambda worker: used(worker) - before[worker])
        if used(worker) - before[worker] > 0.2:  # processor seconds; others do next to nothing
            return worker
    raise AssertionError("no worker computes")


def used(worker: psutil.Process) -> float:
    """Processor seconds so far; a worker that is gone uses no more."""
    try:
        return float(sum(worker.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def start(page: Page) -> None:
    """Press Train and wait for the first steps of a long run."""
    start_run(page, "cnn")
    wait_running(page, "cnn")


def stop(page: Page) -> None:
    """Press Stop and wait for the end: a long run's own is many minutes away."""
    press_stop(page.locator("#cnn-stop"))
    expect(page.locator("#cnn-train")).to_be_enabled(timeout=TIMEOUT_MS)


def final_metrics(page: Page, folder: Path) -> str:
    """The last line of the run's CSV: every number the run ended with, to the last digit."""
    open_fold(page.locator("#cnn-code > button"))
    with page.expect_download() as download:
        page.locator("#cnn-download-csv").click()
    path = folder / f"{time.monotonic_ns()}.csv"
    download.value.save_as(path)
    return path.read_text(encoding="utf-8").strip().splitlines()[-1]


def test_a_killed_worker_leaves_the_page_alive(long_page: Page, server: Server) -> None:
    start(long_page)
    busiest(server).kill()
    expect(long_page.locator("#cnn-status")).to_contain_text("ended unexpectedly")
    wait_ended(long_page, "cnn")
    start(long_page)  # the next run works


def test_stop_frees_the_page_and_says_so(long_page: Page) -> None:
    start(long_page)
    stop(long_page)
    expect(long_page.locator("#cnn-status")).to_contain_text("Stopped")


def test_two_visitors_never_meet(long_page: Page, short_page: Page) -> None:
    start(long_page)
    expect(short_page.locator("#cnn-stop")).to_be_disabled()
    expect(status_of(short_page, "cnn")).to_have_attribute("data-state", "idle")
    draw(long_page.locator("#cnn-pad canvas").first, SEVEN)
    short_page.locator("#cnn-epochs input[type=number]").fill("50")
    short_page.keyboard.press("Tab")
    start(short_page)
    stop(short_page)  # stops only its own
    expect(status_of(short_page, "cnn")).to_have_attribute("data-state", "stopped")
    expect(long_page.locator("#cnn-stop")).to_be_enabled()
    expect(status_of(long_page, "cnn")).to_have_attribute("data-state", "running")
    short_page.locator("#cnn-epochs input[type=number]").fill("1")
    short_page.keyboard.press("Tab")


def test_the_same_seed_gives_the_same_numbers_beside_another_training(
    long_page: Page, short_page: Page, tmp_path: Path
) -> None:
    numbers = []
    for neighbour in (False, True):
        if neighbour:
            start(long_page)
        start_run(short_page, "cnn")
        wait_ended(short_page, "cnn")
        expect(short_page.locator("#cnn-status")).to_contain_text("Finished")
        numbers.append(final_metrics(short_page, tmp_path))
    expect(status_of(long_page, "cnn")).to_have_attribute("data-state", "running")
    alone, beside = numbers
    assert beside == alone
    assert len(re.findall(r"\d\.\d{6,}", alone)) >= 2, f"no metrics in {alone!r}"


def test_a_reload_offers_the_last_model_again(short_page: Page, visit: Visit) -> None:
    start_run(short_page, "cnn")
    wait_ended(short_page, "cnn")
    short_page.reload()
    wait_ready(short_page)
    open_tab(short_page, "cnn")
    section(short_page, "cnn", "train")
    short_page.locator("#cnn-restore").click()
    expect(short_page.locator("#cnn-status")).to_contain_text("Finished")
    expect(short_page.locator("#cnn-restore")).to_be_hidden()
    stranger = visit(SHORT)
    section(stranger, "cnn", "train")
    expect(stranger.locator("#cnn-train")).to_be_visible()
    expect(stranger.locator("#cnn-restore")).to_be_hidden()


def test_a_closed_page_ends_its_job(visit: Visit, server: Server) -> None:
    page = visit(LONG)
    section(page, "cnn", "train")
    start(page)
    worker = busiest(server)
    page.context.close()
    for _ in range(60):  # seconds, of the many minutes that the run would last
        before = used(worker)
        time.sleep(1.0)
        if used(worker) - before < 0.02:  # also on a busy machine it gets more when it computes
            return
    pytest.fail("the worker goes on computing for nobody")


@pytest.mark.parametrize("query", ["?tab=cnn&lr=NaN&epochs=9e99", "?tab=../../etc&lang=xx"])
def test_a_spoilt_address_opens_the_page_all_the_same(visit: Visit, query: str) -> None:
    page = visit(query)
    open_tab(page, "cnn")
    section(page, "cnn", "train")
    expect(page.locator("#cnn-lr input")).not_to_have_value("NaN")
    expect(page.locator("#cnn-epochs input[type=number]")).to_have_value(str(cnn.Config().epochs))
    expect(page.locator("#cnn-train")).to_be_enabled()

"""What must hold when things go wrong around a page: workers die, pages close, visitors share."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from tests.browser.steps import draw, open_tab, wait_idle
from tests.serving import Server

SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.5, 0.55), (0.45, 0.8)]
LONG = "?tab=cnn&epochs=40"  # far longer than any test waits
SHORT = "?tab=cnn&epochs=1&train_share=0.05&batch_size=256"


def workers(server: Server) -> list[psutil.Process]:
    """The app's worker processes (its other children serve the pool and use no memory)."""
    children = psutil.Process(server.process.pid).children(recursive=True)
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def busiest(server: Server) -> psutil.Process:
    """The worker that computes right now."""
    before = {worker: sum(worker.cpu_times()[:2]) for worker in workers(server)}
    time.sleep(0.5)
    return max(before, key=lambda worker: sum(worker.cpu_times()[:2]) - before[worker])


def used(worker: psutil.Process) -> float:
    """Processor seconds so far; a worker that is gone uses no more."""
    try:
        return float(sum(worker.cpu_times()[:2]))
    except psutil.NoSuchProcess:
        return 0.0


def start(page: Page) -> None:
    """Press Train and wait for the first steps."""
    open_tab(page, "cnn")
    page.locator("#cnn-section-train-button").click()
    wait_idle(page)  # a section that just appeared may not hear a click yet
    page.locator("#cnn-train").click()
    expect(page.locator("#cnn-status")).to_contain_text(re.compile(r"[Ss]tep"), timeout=30_000)


def finish(page: Page) -> None:
    expect(page.locator("#cnn-train")).to_be_enabled(timeout=90_000)


def stop(page: Page) -> None:
    page.locator("#cnn-stop").click()
    finish(page)


def final_metrics(page: Page, folder: Path) -> str:
    """The last line of the run's CSV: every number the run ended with, to the last digit."""
    if not page.locator("#cnn-download-csv").is_visible():
        page.locator("#cnn-code > button").click()
    with page.expect_download() as download:
        page.locator("#cnn-download-csv").click()
    path = folder / f"{time.monotonic_ns()}.csv"
    download.value.save_as(path)
    return path.read_text(encoding="utf-8").strip().splitlines()[-1]


def test_a_killed_worker_leaves_the_page_alive(visit: Callable[..., Page], server: Server) -> None:
    page = visit(LONG)
    start(page)
    busiest(server).kill()
    expect(page.locator("#cnn-status")).to_contain_text("ended unexpectedly", timeout=5_000)
    finish(page)
    start(page)  # the next run works
    stop(page)


def test_a_closed_page_ends_its_job(visit: Callable[..., Page], server: Server) -> None:
    page = visit(LONG)
    start(page)
    worker = busiest(server)
    page.context.close()
    time.sleep(2.0)
    settled = used(worker)
    time.sleep(1.0)
    assert used(worker) - settled < 0.3, "the worker goes on computing for nobody"


def test_stop_frees_the_page_within_three_seconds(visit: Callable[..., Page]) -> None:
    page = visit(LONG)
    start(page)
    page.locator("#cnn-stop").click()
    expect(page.locator("#cnn-train")).to_be_enabled(timeout=3_000)
    expect(page.locator("#cnn-status")).to_contain_text("Stopped")


def test_two_visitors_never_meet(visit: Callable[..., Page]) -> None:
    first, second = visit(LONG), visit(LONG)
    start(first)
    second.locator("#cnn-section-train-button").click()
    assert second.locator("#cnn-stop").is_disabled()
    expect(second.locator("#cnn-status")).not_to_contain_text("step")
    draw(first.locator("#cnn-pad canvas").first, SEVEN)
    start(second)
    stop(second)  # stops only its own
    expect(first.locator("#cnn-stop")).to_be_enabled()
    stop(first)


def test_the_same_seed_gives_the_same_numbers_beside_another_training(
    visit: Callable[..., Page], tmp_path: Path
) -> None:
    page, neighbour = visit(SHORT), visit(LONG)
    start(page)
    finish(page)
    alone = final_metrics(page, tmp_path)
    start(neighbour)
    start(page)
    finish(page)
    assert final_metrics(page, tmp_path) == alone
    stop(neighbour)
    assert len(re.findall(r"\d\.\d{6,}", alone)) >= 2, f"no metrics in {alone!r}"


def test_a_reload_offers_the_last_model_again(visit: Callable[..., Page]) -> None:
    page, stranger = visit(SHORT), visit(SHORT)
    start(page)
    finish(page)
    page.reload()
    open_tab(page, "cnn")
    page.locator("#cnn-section-train-button").click()
    page.locator("#cnn-restore").click()
    expect(page.locator("#cnn-status")).to_contain_text("Finished", timeout=10_000)
    expect(page.locator("#cnn-restore")).to_be_hidden()
    stranger.reload()
    open_tab(stranger, "cnn")
    stranger.locator("#cnn-section-train-button").click()
    expect(stranger.locator("#cnn-restore")).to_be_hidden()


@pytest.mark.parametrize(
    "query", ["?tab=cnn&lr=NaN", "?tab=../../etc&lang=xx", "?tab=cnn&epochs=9e99"]
)
def test_a_spoilt_address_opens_the_page_all_the_same(
    visit: Callable[..., Page], query: str
) -> None:
    page = visit(query)
    open_tab(page, "cnn")
    page.locator("#cnn-section-train-button").click()
    expect(page.locator("#cnn-lr input")).not_to_have_value("NaN")
    expect(page.locator("#cnn-train")).to_be_enabled()

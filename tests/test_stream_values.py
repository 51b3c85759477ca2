"""A live picture is sent once: its value never stands still, whatever else the page is told."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from demos import gan_views as views
from demos.bench_stream import Account, report
from demos.kit.run import Run
from demos.kit.training import _news
from dlcore import gan
from dlcore.progress import Progress


def run_at(*steps: int, pictured: int) -> Run:
    """A run that has said something at each of these steps, with pictures at one of them."""
    run = Run(gan.Config())
    for step in steps:
        shown = gan.Snapshot(step, np.zeros((64, 28, 28), np.uint8)) if step == pictured else None
        run.add(Progress(step, 100, {"d_loss": 0.6}, shown))
    return run


@pytest.mark.parametrize("value", [views.samples, views.film, views.lane])
def test_an_event_without_pictures_changes_a_live_value_and_adds_no_frame(
    value: Callable[[Run], Any],
) -> None:
    run = run_at(1, 2, pictured=2)
    before = value(run)
    run.add(Progress(3, 100, {"d_loss": 0.5}))
    after = value(run)
    # What is equal is left out of an update, and after that Gradio sends the value whole.
    assert after != before
    assert after["frames"] == before["frames"] and len(after["frames"]) == 1


def account() -> Account:
    """Four pictures in two seconds, the last of them painted late."""
    told = [(10.0 + t, t) for t in (0.0, 0.5, 1.0, 1.5)]
    told[1] = (10.6, 0.5)  # a message that was slow
    painted = [(10.1, 0.0), (10.7, 0.5), (11.1, 1.0), (12.0, 1.5)]
    return Account(2.0, 60_000, told, 5, painted, browser=0.2, server=0.04)


def test_behind_counts_from_the_servers_word_by_the_quickest_message() -> None:
    assert account().behind() == pytest.approx([0.1, 0.2, 0.1, 0.5])


def test_the_account_prints_rate_delay_cost_and_megabytes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = account()
    assert found.rate == 2.0
    assert found.megabytes == pytest.approx(3.6)
    report("vae", found)
    printed = capsys.readouterr().out
    for part in ("2.0 pictures a second", "4 of 5", "150 ms", "500 ms", "50 ms", "10 ms", "3.6 MB"):
        assert part in printed, part


def test_nothing_painted_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    report("gan", dataclasses.replace(account(), painted=[]))
    assert "0.0 pictures a second painted" in capsys.readouterr().out


def test_what_a_silent_worker_leaves_unchanged_is_told_all_the_same() -> None:
    shown: dict[str, int] = {}
    assert _news({"chart": 1, "status": 1}, shown) == {"chart": 1, "status": 1}
    assert _news({"chart": 1, "status": 2}, shown) == {"status": 2}
    assert _news({"chart": 1, "status": 3}, shown, silent=True) == {"chart": 1, "status": 3}
    assert shown == {"chart": 1, "status": 3}

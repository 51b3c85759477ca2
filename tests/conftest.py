"""What all tests share: one running app a session, its log looked at in the end."""

import os
from collections.abc import Iterator

import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before anything imports gradio
# Before anything imports torch: threads that spin while they wait for one another slow a machine
# with other work down a hundredfold, and two test processes on two cores are such a machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tests.serving import Server, serving  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The app itself, in its own process, as `python app.py` starts it."""
    with serving() as running:
        yield running
        assert running.alive, f"the app died:\n{running.log}"
        assert "Traceback (most recent call last)" not in running.log, running.log

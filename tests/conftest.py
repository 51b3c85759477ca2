"""What all tests share: one running app, its network cut, its log looked at in the end."""

import os
from collections.abc import Iterator

import pytest

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before anything imports gradio
# Before anything imports torch: threads that spin while they wait for one another slow a machine
# with other work down a hundredfold, and two test processes on two cores are such a machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tests.network_cut import NetworkCut  # noqa: E402
from tests.serving import Server, serving  # noqa: E402


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small networks are quickest so, and leave the other cores to the other tests."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> NetworkCut:
    """Of the app below, for all tests."""
    return NetworkCut(tmp_path_factory.mktemp("network"))


@pytest.fixture(scope="session")
def server(network: NetworkCut) -> Iterator[Server]:
    """The app itself, in its own process, as `python app.py` starts it."""
    with serving(environment=network.environment()) as running:
        yield running
        assert running.alive, f"the app died:\n{running.log}"
        assert "Traceback (most recent call last)" not in running.log, running.log
        assert network.asked() == []

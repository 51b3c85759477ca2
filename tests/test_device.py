"""Which device, how many threads, which number format: chosen once, and remembered."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dlcore import device


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(device, "cache_dir", lambda: tmp_path)
    device._bfloat16_gain.cache_clear()
    yield tmp_path / "speed.json"
    device._bfloat16_gain.cache_clear()


def test_pick(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device.pick("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.mps, "is_available", lambda: False)
    assert device.pick() == torch.device("cpu")
    with pytest.raises(ValueError, match="this machine has: cpu$"):
        device.pick("cuda")
    with pytest.raises(ValueError, match="'toaster' is not there"):
        device.pick("toaster")
    monkeypatch.setattr(torch.mps, "is_available", lambda: True)
    assert device.pick().type == "mps"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device.pick().type == "cuda"
    assert device.pick("cuda:1").index == 1


def test_repeatable_sets_what_numbers_depend_on() -> None:
    before = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    try:
        device.repeatable()
        assert torch.get_num_threads() == device.threads() >= 1
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_num_threads(before[0])
        torch.set_deterministic_debug_mode(before[1])


@pytest.mark.parametrize(
    ("gain", "dtype"), [(0.3, torch.float32), (1.1, torch.float32), (1.6, torch.bfloat16)]
)
def test_best_dtype_is_measured_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch, gain: float, dtype: torch.dtype
) -> None:
    measured = []

    def measure(where: torch.device) -> float:
        measured.append(where)
        return gain

    monkeypatch.setattr(device, "_measure_gain", measure)
    assert device.best_dtype() == dtype
    device._bfloat16_gain.cache_clear()  # as in the next process
    assert device.best_dtype() == dtype
    assert len(measured) == 1
    (key, value) = next(iter(json.loads(cache.read_text()).items()))
    assert torch.__version__ in key and value == gain


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"a": "b"}'])
def test_a_damaged_memory_is_measured_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    cache.write_text(text)
    monkeypatch.setattr(device, "_measure_gain", lambda _: 2.0)
    assert device.best_dtype() == torch.bfloat16
    assert 2.0 in json.loads(cache.read_text()).values()


def test_the_measurement_is_real_and_leaves_no_trace() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with torch.no_grad():
        gain = device._measure_gain(torch.device("cpu"), repeats=2)
    assert 0.02 < gain < 50
    assert torch.equal(torch.rand(3), expected)  # the random numbers go on as if nothing was


def test_describe(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_measure_gain", lambda _: 1.0)
    found = device.describe(torch.device("cpu"))
    assert found["device"] == "cpu" and found["dtype"] == "float32"
    assert found["threads"] == device.threads() and found["torch"] == torch.__version__
    assert found["processor"]

"""The quicker way to multiply in half precision, and the switch that leads there."""

from threading import Barrier, Thread

import pytest
import torch
import torch.nn.functional as F

from dlcore import half_products
from dlcore.half_products import gain, onednn, quick_half_products, without_onednn


def test_both_ways_come_to_the_same() -> None:
    rng = torch.Generator().manual_seed(0)
    for dtype, exact_to in ((torch.float16, 2e-3), (torch.bfloat16, 1.6e-2)):
        matrix = torch.randn(3072, 576, generator=rng).to(dtype)
        vector = torch.randn(1, 576, generator=rng).to(dtype)
        exact = vector.double() @ matrix.double().T
        with without_onednn():
            assert not onednn.enabled
            plain = F.linear(vector, matrix)
        assert onednn.enabled
        for product in (plain, F.linear(vector, matrix)):
            torch.testing.assert_close(product.double(), exact, rtol=exact_to, atol=exact_to)


def test_the_switch_is_left_as_it_was() -> None:
    with pytest.raises(RuntimeError), without_onednn():
        raise RuntimeError
    assert bool(onednn.enabled)
    onednn.enabled = False  # somebody's own wish
    try:
        with without_onednn(), without_onednn():
            pass
        assert not onednn.enabled
    finally:
        onednn.enabled = True


def test_the_first_in_turns_it_off_and_the_last_out_turns_it_on() -> None:
    first_is_out, seen = Barrier(2), dict[str, bool]()

    def second() -> None:
        with without_onednn():
            first_is_out.wait(timeout=10)  # both are in
            first_is_out.wait(timeout=10)
            seen["second inside"] = onednn.enabled

    thread = Thread(target=second)
    with without_onednn():
        thread.start()
        first_is_out.wait(timeout=10)
    seen["first outside"] = onednn.enabled
    first_is_out.wait(timeout=10)
    thread.join(timeout=10)
    assert seen == {"second inside": False, "first outside": False}
    assert onednn.enabled


@pytest.mark.parametrize(("found", "enabled"), [(1.0, True), (1.2, True), (1.9, False)])
def test_what_was_found_out_decides(
    found: float, enabled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(half_products, "gain", lambda: found)
    with quick_half_products():
        assert onednn.enabled is enabled
    assert onednn.enabled


def test_it_is_found_out_once() -> None:
    first = gain()
    assert 0.1 < first < 100 and gain() == first

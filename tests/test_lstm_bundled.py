"""The reader that ships keeps its promises."""

import pytest

from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.opinions import load_opinions
from dlcore.lstm import BUNDLED, Reader, evaluate, load_bundled, predict
from dlcore.lstm_trace import trace

BUNDLED_VI, BUNDLED_EN = 0.90, 0.88


@pytest.fixture(scope="module")
def bundled() -> Reader:
    return load_bundled()


def test_the_bundled_reader_reads_what_it_promises(bundled: Reader) -> None:
    told = load_checkpoint(BUNDLED, topic="lstm").metrics["test_accuracy"]
    both = load_opinions("both")
    result = evaluate(bundled, both, both.test)
    assert result.accuracy == pytest.approx(told, abs=2e-3)
    assert result.groups["vi"][1] >= BUNDLED_VI and result.groups["en"][1] >= BUNDLED_EN


@pytest.mark.parametrize("text, label", [
    ("Thầy giảng rất hay và dễ hiểu", 1), ("Không hề tệ", 1), ("Quá thất vọng", 0),
    ("bài giảng khó hiểu và buồn ngủ", 0), ("thay giang rat de hieu", 1),
    ("giang vien khong nhiet tinh", 0), ("I loved every minute", 1), ("a waste of money", 0),
    ("phòng học nóng, máy chiếu hỏng", 0), ("never boring", 1),
])  # fmt: skip
def test_the_bundled_reader_knows_the_plainest_opinions(
    bundled: Reader, text: str, label: int
) -> None:
    assert (predict(bundled, [text])[0] > 0.5) == (label == 1)


def test_the_bundled_reader_is_an_lstm_whose_state_can_be_seen(bundled: Reader) -> None:
    assert bundled.config.model == "lstm"
    assert sum(value.numel() for value in bundled.parameters()) < 3_000_000
    assert BUNDLED.stat().st_size < 10_000_000  # hosts refuse larger files
    seen = trace(bundled, "Món ăn ngon nhưng phục vụ quá tệ")
    assert seen.cell is not None and seen.probabilities[2] > seen.probabilities[-1]

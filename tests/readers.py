"""What the tests of the LSTM and of its parts share: a few sentences and untrained readers."""

import dataclasses
import itertools
from functools import cache

from dlcore.data.opinions import Opinions, load_opinions
from dlcore.lstm import Config, Reader, build

TINY = Config(epochs=3, lr=1e-2, phrases=False)
KINDS = list(itertools.product(("lstm", "gru", "rnn", "bag"), (False, True)))  # both directions?
TEXTS = [
    "Hay.",
    "Bài giảng không hề tệ, tuy phòng học hơi nóng nhưng thầy rất nhiệt tình với lớp.",
    "Phí tiền và mất thời gian.",
    "zzz qqq",
    "Quá thất vọng về chất lượng, chờ mãi không ai trả lời",
]


@cache
def few_opinions() -> Opinions:
    """Every twelfth training sentence, and a few to validate and test on."""
    data = load_opinions("vi")
    return dataclasses.replace(
        data, train=data.train[::12], valid=data.valid[:40], test=data.test[:60]
    )


def new_reader(kind: str = "lstm", both: bool = False) -> Reader:
    """An untrained reader of `few_opinions`, to be trained."""
    config = dataclasses.replace(TINY, model=kind, bidirectional=both)
    data = few_opinions()
    return build(config, data.texts(data.train)).eval()


@cache
def reader(kind: str = "lstm", both: bool = False) -> Reader:
    """As `new_reader`; many tests read with the same one, so none may change it."""
    return new_reader(kind, both)

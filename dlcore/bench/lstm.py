"""What sorting by length saves in an epoch of sentences, and how soon a sentence is a picture.

All epochs train the same reader on the same sentences with the same number of steps. The yardstick
draws its batches at random and runs over all padding, up to the longest sentence of all, as a first
implementation does. Ours sorts by length within pools, cuts each batch to its own longest sentence
and takes each sentence's last state. Packing (`pack_padded_sequence`) reads no padding at all, but
torch then takes its steps one by one instead of in one fused call.
"""

import statistics
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence

from dlcore.batches import by_length
from dlcore.data.opinions import load_opinions
from dlcore.lstm import Config, Reader, build, encode, load_bundled
from dlcore.lstm_trace import effects, trace

GOAL_MS = 40.0


def measure(repeat: int) -> None:
    """Print both epochs' times and their ratio, and the time from sentence to picture."""
    torch.set_num_threads(1)  # steps this small gain nothing from more, and the app answers so
    kinds = {"padded": "padded, random batches", "sorted": "sorted, cut batches",
             "packed": "sorted, packed batches"}  # fmt: skip
    seconds: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(repeat + 1):
        for kind in kinds:  # in turn: whatever else the machine does slows all alike
            took = epoch(kind)
            if turn:  # the first run of anything is slow
                seconds[kind].append(took)
    for kind, name in kinds.items():
        ratios = [a / b for a, b in zip(seconds["padded"], seconds[kind], strict=True)]
        print(f"{name:<24} {statistics.median(seconds[kind]):7.2f} s an epoch", end="")
        print(f"  ratio {statistics.median(ratios):5.2f}")

    model, sentence = load_bundled(), longest_sentence()
    picture(model, sentence)
    times = sorted(1e3 * picture(model, sentence) for _ in range(20 * repeat))
    words = len(model.vocabulary.tokens(sentence))
    print(f"sentence to picture      {statistics.median(times):7.1f} ms for {words} words", end="")
    print(f", 95th percentile {times[int(0.95 * len(times))]:.1f} ms (goal: at most {GOAL_MS:g})")


def epoch(kind: str) -> float:
    """Seconds for one pass over the Vietnamese training part: "padded", "sorted" or "packed"."""
    config, data = Config(phrases=False), load_opinions("vi")
    texts, rng = data.texts(data.train), torch.Generator().manual_seed(0)
    model = build(config, texts)
    ids, lengths = encode(model, texts)
    labels = torch.from_numpy(data.labels[data.train]).float()
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, fused=True)
    begun = perf_counter()
    if kind == "padded":
        batches = list(torch.randperm(len(ids), generator=rng).split(config.batch_size))
    else:
        batches = by_length(lengths, config.batch_size, rng)
    for batch in batches:
        longest = ids.shape[1] if kind == "padded" else int(lengths[batch].max())
        read = read_packed if kind == "packed" else read_plain
        logits = read(model, ids[batch, :longest], lengths[batch])
        loss = F.binary_cross_entropy_with_logits(logits, labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return perf_counter() - begun


def read_plain(model: Reader, ids: Tensor, lengths: Tensor) -> Tensor:
    return model(ids, lengths)


def read_packed(model: Reader, ids: Tensor, lengths: Tensor) -> Tensor:
    """The same answers (B,), without a step on padding."""
    vectors = model.dropout(model.embed(ids))
    packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
    _, (last, _) = model.recurrent(packed)  # type: ignore[misc]
    return model.head(model.dropout(last[0])).squeeze(1)


def longest_sentence() -> str:
    return max(load_opinions("vi").sentences, key=lambda sentence: len(sentence.split()))


def picture(model: Reader, sentence: str) -> float:
    """Seconds for everything the page shows of a sentence: the trace, and each word's effect."""
    begun = perf_counter()
    trace(model, sentence)
    effects(model, sentence)
    return perf_counter() - begun

"""Attention against torch's; two layers that learn to complete what repeats; one that cannot."""

import dataclasses
import itertools
import math
from collections.abc import Generator
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.attention import (
    BREAK,
    AttentionOnly,
    Config,
    MultiHeadAttention,
    Snapshot,
    attention,
    build,
    held_out_sequences,
    job,
    judge,
    look,
    muting,
    positions_job,
    prefix_matching,
    previous_token,
    restore,
    sinusoids,
    train,
    watched,
)
from dlcore.attention_repeats import KEPT, Repeats, draw
from dlcore.bench import attention as bench
from dlcore.progress import Progress
from dlcore.settings import SettingError

TINY = Config(vocab=8, length=12, shortest=3, longest=5, d_model=16, steps=10, batch_size=8)
# Small enough for a test, large enough that a head of the second layer finds its way.
SMALL = Config(vocab=16, length=20, shortest=3, longest=7, steps=220)


@cache
def learnt() -> tuple[Progress, ...]:
    return tuple(job(SMALL))


def inputs(*shape: int) -> tuple[Tensor, Tensor, Tensor]:
    q, k, v = torch.randn(3, *shape, generator=torch.Generator().manual_seed(1))
    return q, k, v


@pytest.mark.parametrize("masked", ["no", "causal", "some", "all of a row"])
@pytest.mark.parametrize("scale", [True, False])
def test_attention_is_torchs(masked: str, scale: bool) -> None:
    q, k, v = inputs(2, 3, 7, 4)
    mask = {
        "no": None,
        "causal": torch.ones(7, 7).tril().bool(),
        "some": torch.eye(7).bool() | (torch.arange(7) % 3 == 0),
        "all of a row": torch.arange(7)[:, None] != torch.full((7, 7), 4),
    }[masked]
    output, weights = attention(q, k, v, mask, scale)
    theirs = F.scaled_dot_product_attention(q, k, v, mask, scale=None if scale else 1.0)
    torch.testing.assert_close(output, theirs, atol=1e-6, rtol=0)
    if mask is None:
        mask = torch.ones(7, 7).bool()
    assert (weights[..., ~mask] == 0).all()
    rows = mask.any(dim=1).float().expand(2, 3, 7)  # a row that may see nothing adds up to 0
    torch.testing.assert_close(weights.sum(dim=3), rows)


def test_a_row_that_may_see_nothing_gives_zeros_and_a_gradient_of_zero() -> None:
    q, k, v = (x.requires_grad_() for x in inputs(5, 4))
    mask = torch.ones(5, 5).bool()
    mask[2] = False
    output, _ = attention(q, k, v, mask)
    assert (output[2] == 0).all()
    output.square().sum().backward()
    for x in (q, k, v):
        assert x.grad is not None and x.grad.isfinite().all() and x.grad.any()
    assert q.grad is not None and not q.grad[2].any()


def test_without_the_scaling_softmax_sees_one_key() -> None:
    q, k, v = inputs(20, 256)
    spread = [
        -torch.special.xlogy(w, w).sum(dim=1).mean().item()
        for w in (attention(q, k, v, scale=s)[1] for s in (True, False))
    ]
    assert spread[0] > 0.8 * math.log(20) > 5 * spread[1]


def test_many_heads_are_single_heads_side_by_side_and_mixed() -> None:
    model, x = MultiHeadAttention(12, 3), inputs(2, 5, 12)[0]
    output, weights = model(x)
    q, k, v = model.project(x).chunk(3, dim=2)
    parts = [slice(4 * h, 4 * h + 4) for h in range(3)]
    alone = [attention(q[..., p], k[..., p], v[..., p]) for p in parts]
    torch.testing.assert_close(output, model.mix(torch.cat([a[0] for a in alone], dim=2)))
    torch.testing.assert_close(weights[:, 1], alone[1][1])
    silent = torch.cat([alone[0][0], torch.zeros(2, 5, 4), alone[2][0]], dim=2)
    muted, still = model(x, muted=[1])
    torch.testing.assert_close(muted, model.mix(silent))
    assert torch.equal(still, weights)  # a silenced head goes on looking
    with pytest.raises(ValueError, match="3 equal heads"):
        MultiHeadAttention(16, 3)


def test_sinusoids_are_the_papers() -> None:
    waves = sinusoids(9, 6)
    for place, n in itertools.product(range(9), range(3)):
        angle = place / 10_000 ** (2 * n / 6)
        assert waves[place, 2 * n].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert waves[place, 2 * n + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_sequences_repeat_and_the_held_out_are_never_drawn_for_training() -> None:
    for held_out in (True, False):
        blocks = torch.arange(400) % 6 + 2
        rng = torch.Generator().manual_seed(3)
        data = draw(blocks, vocab=9, length=16, rng=rng, held_out=held_out)
        for row, size in zip(data.tokens.tolist(), blocks.tolist(), strict=True):
            assert row == (row[:size] * 9)[:17]
            assert len(set(row[:size])) == size
            assert (sum(row[:size]) % KEPT == 0) == held_out
        assert data.seen.shape == data.answers.shape == (400, 16)
        assert torch.equal(data.seen[:, 1:], data.answers[:, :-1])
        assert data.knowable.sum(dim=1).tolist() == [16 - size for size in blocks.tolist()]


def test_nobody_sees_what_comes_later() -> None:
    model, tokens = build(TINY).eval(), held_out_sequences(TINY).seen[:4]
    other = tokens.clone()
    other[:, 7:] = (other[:, 7:] + 3) % TINY.vocab
    logits, weights = model(tokens)
    torch.testing.assert_close(logits[:, :7], model(other)[0][:, :7])
    assert not weights.triu(1).any()


def by_hand(head: AttentionOnly, data: Repeats) -> tuple[np.ndarray, np.ndarray]:
    """Both scores, counted token by token."""
    weights = head(data.seen)[1].detach().numpy()
    layers, count, heads, length, _ = weights.shape
    prefix, previous = np.zeros((layers, heads)), np.zeros((layers, heads))
    asked = 0
    for n, size in enumerate(data.blocks.tolist()):
        tokens = data.seen[n].tolist()
        for t in range(length):
            if t:
                previous += weights[:, n, :, t, t - 1] / (count * (length - 1))
            if t >= size:
                asked += 1
                for j in range(1, t + 1):
                    if tokens[j - 1] == tokens[t]:
                        prefix += weights[:, n, :, t, j]
    return prefix / asked, previous


def test_the_scores_of_the_heads_are_what_they_say() -> None:
    model, data = build(TINY).eval(), held_out_sequences(TINY, each=2)
    prefix, previous = by_hand(model, data)
    weights = model(data.seen)[1]
    np.testing.assert_allclose(prefix_matching(weights, data).detach(), prefix, atol=1e-5)
    np.testing.assert_allclose(previous_token(weights).detach(), previous, atol=1e-5)
    looks_back = torch.eye(TINY.length).roll(-1, dims=1)  # row t: all on t - 1
    assert previous_token(looks_back.expand(1, 1, 1, -1, -1)).item() == pytest.approx(1)


def test_it_learns_to_complete_sequences_it_has_never_seen() -> None:
    events = learnt()
    assert [e.step for e in events] == list(range(1, SMALL.steps + 1))
    assert events[-1].total == SMALL.steps
    looks = [e for e in events if e.snapshot is not None]
    first, last = looks[0].snapshot, looks[-1].snapshot
    assert isinstance(first, Snapshot) and isinstance(last, Snapshot)
    assert first.accuracy < 0.5 and last.accuracy >= 0.99
    assert last.accuracy == events[-1].metrics["held_out_accuracy"]
    # an induction head has appeared, in the second layer
    assert first.prefix.max() < 0.4 < 0.7 < last.prefix[1].max() == last.prefix.max()
    assert last.chances[8:].min() > 0.5  # of the watched sequence, once it repeats


def test_a_muted_head_is_missed() -> None:
    model = restore(learnt()[-1].snapshot.state, SMALL)
    data = held_out_sequences(SMALL)
    whole = judge(model, data, SMALL)
    assert whole.accuracy == pytest.approx(learnt()[-1].snapshot.accuracy)
    each = muting(model, data, SMALL)
    assert each.shape == (2, 2) and each.min() < whole.accuracy - 0.02
    for layer in (0, 1):
        silent = judge(model, data, SMALL, [(layer, 0), (layer, 1)])
        assert silent.accuracy < 0.6  # neither layer can do it alone
    one = judge(model, data, SMALL, [(1, 0)])
    assert one.accuracy == pytest.approx(each[1, 0])


def test_one_layer_cannot_and_a_fixed_block_teaches_a_trick() -> None:
    small = dataclasses.replace(SMALL, layers=1, steps=120, batch_size=16)
    assert (BREAK["one_layer"].layers, BREAK["fixed_block"].layers) == (1, 1)
    assert BREAK["fixed_block"].shortest == BREAK["fixed_block"].longest
    *_, one = job(small)
    assert one.metrics["held_out_accuracy"] < 0.75
    *_, trick = job(dataclasses.replace(small, shortest=6, longest=6))
    result = dict(zip(trick.snapshot.blocks.tolist(), trick.snapshot.by_block, strict=True))
    assert trick.snapshot.accuracy == pytest.approx(result[6]) and result[6] >= 0.99
    assert max(result[5], result[7]) < 0.6  # it only ever learnt to look six places back


def test_a_snapshot_is_the_network_of_that_moment() -> None:
    events = list(train(build(TINY), TINY))
    snapshots = [e.snapshot for e in events if e.snapshot is not None]
    assert [s.step for s in snapshots] == [5, 10]
    assert snapshots[0].state is None and snapshots[1].state is not None
    model, example = restore(snapshots[1].state, TINY), watched(TINY)
    patterns, chances = look(model, example)
    assert np.array_equal(patterns, snapshots[1].patterns)
    assert np.array_equal(chances, snapshots[1].chances)
    assert patterns.shape == (2, 2, 12, 12) and patterns.dtype == np.float16
    assert chances.shape == (12,)
    assert snapshots[1].by_block.shape == snapshots[1].blocks.shape == (5,)  # 2 … 6
    assert not np.array_equal(snapshots[0].patterns, patterns)
    quiet, _ = look(model, example, muted=[(0, 0)])
    assert np.array_equal(quiet[0], patterns[0]) and not np.array_equal(quiet[1], patterns[1])


def test_the_same_seed_gives_the_same_last_digit_and_another_does_not() -> None:
    first, second, third = (
        [e.metrics for e in job(dataclasses.replace(TINY, seed=seed))] for seed in (0, 0, 1)
    )
    assert first == second != third


def test_both_kinds_of_positions_are_trained_as_each_alone() -> None:
    both = list(positions_job(TINY))
    for kind in ("learned", "sinusoidal"):
        alone = list(job(dataclasses.replace(TINY, positions=kind)))
        assert [e.metrics[f"loss_{kind}"] for e in both] == [e.metrics["loss"] for e in alone]
        last = both[-1].snapshot[kind]
        assert np.array_equal(last.patterns, alone[-1].snapshot.patterns)
    assert both[0].snapshot is None and both[-1].step == both[-1].total == TINY.steps


def test_without_positions_an_order_is_not_seen_by_the_first_layer() -> None:
    model = build(dataclasses.replace(TINY, positions="none", layers=1)).eval()
    tokens = held_out_sequences(TINY).seen[:1]
    order = torch.tensor([3, 1, 0, 2, *range(4, 12)])
    before, after = model(tokens)[0], model(tokens[:, order])[0]
    torch.testing.assert_close(before[:, 4:], after[:, 4:])
    placed = build(dataclasses.replace(TINY, layers=1)).eval()
    assert not torch.allclose(placed(tokens)[0][:, 4:], placed(tokens[:, order])[0][:, 4:])


def test_close_at_any_moment_leaves_a_usable_network() -> None:
    model = build(TINY)
    steps = train(model, TINY)
    assert isinstance(steps, Generator)
    next(steps)
    steps.close()
    assert 0 <= judge(model, held_out_sequences(TINY), TINY).accuracy <= 1


@pytest.mark.parametrize(
    "field, values",
    [("layers", {"layers": 0}), ("heads", {"heads": 3}), ("positions", {"positions": "rotary"}),
     ("lr", {"lr": float("nan")}), ("shortest", {"shortest": 9, "longest": 8}),
     ("longest", {"longest": 20, "length": 30}), ("longest", {"longest": 12, "vocab": 10}),
     ("longest", {"longest": 1})],
)  # fmt: skip
def test_a_bad_setting_is_named(field: str, values: dict[str, object]) -> None:
    with pytest.raises(SettingError) as caught:
        Config(**values)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_the_bench_trains_the_same_network_on_both_sides(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = held_out_sequences(TINY).seen
    for ours, theirs in zip(build(TINY)(tokens), bench.plain(TINY)(tokens), strict=True):
        torch.testing.assert_close(ours, theirs)
    monkeypatch.setattr(bench, "STEPS", 2)
    monkeypatch.setattr(bench, "completed", lambda config: (1.0, 0.995))
    before = torch.get_num_threads()
    bench.measure(1)
    torch.set_num_threads(before)
    printed = capsys.readouterr().out
    assert "nn.MultiheadAttention" in printed and "ratio" in printed and "99.5%" in printed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_the_default_settings_complete_99_percent(seed: int) -> None:
    *_, last = job(Config(seed=seed))
    assert last.metrics["held_out_accuracy"] >= 0.99

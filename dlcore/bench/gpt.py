"""What the cache saves, SmolLM2 against transformers, and how the bundled GPT keeps to lục bát.

Without a cache a GPT reads the whole text anew for every token that it writes; with one it reads
the new token only. Both write the same text, the likeliest token each time. SmolLM2, where it has
been fetched, writes as the page does, with all that is shown of each token, and transformers'
`generate` in float32 with the same weights. `measure_verses` lets the bundled GPT write 500
couplets with the default settings and judges them by `dlcore.luc_bat`.
"""

from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from dlcore import pretrained
from dlcore.bench.race import Race
from dlcore.gpt import GPT, Shape, Writer, load_bundled
from dlcore.gpt_tasks import copied
from dlcore.gpt_writing import Decoding, encode_prompt, generate, pace, write
from dlcore.half_products import gain
from dlcore.llama import Llama, load
from dlcore.luc_bat import Couplet, read_couplets, score
from dlcore.tokenizers import Characters

GOAL, GOAL_LARGER = 2.0, 5.0  # the longer the text and the larger the model, the more it saves
# A third of GPT-2's width and half its layers, random: the speed does not depend on what is said.
LARGER = Shape(vocabulary=5000, context=512, layers=6, heads=6, width=384)
COUPLETS, EACH = 500, 4
# SmolLM2's tokens a second against transformers', and its first token after a prompt of 50.
GOAL_SMOLLM2, GOAL_FIRST_S, FIRST, GOAL_LOAD_S = 1.3, 1.0, 50, 3.0
BRANCH = 300  # tokens before the one that is chosen otherwise
PROMPTS = (
    "The capital of France is",
    "Once upon a time there was a",
    "def fibonacci(n):\n",
    "Water boils at 100 degrees, because",
    "Hà Nội là",
)
TOKENS = 30


def measure(repeat: int) -> None:
    """Print the seconds for 100 tokens of the bundled GPT, and for 256 of a larger one."""
    torch.set_num_threads(1)  # as the app answers
    larger = Writer(GPT(LARGER).eval(), Characters("".join(map(chr, range(4999)))))
    for name, writer, prompt, length, goal in (
        ("the bundled GPT", load_bundled(), "Trăm năm trong cõi người ta,", 100, GOAL),
        ("6 layers, width 384", larger, "A" * 64, 256, GOAL_LARGER),
    ):
        race = Race()
        pace(writer, prompt, length=5, use_cache=True)  # the first run of anything is slow
        for _ in range(repeat):
            first, plain, second = (
                length / pace(writer, prompt, length=length, use_cache=cached)
                for cached in (True, False, True)
            )
            race.add(first, plain, second)
        print(f"{name}, {length} tokens")
        race.report("with a cache", plain="reads all anew", ours="reads the new token", goal=goal)

    measure_branch(larger, repeat)
    if path := pretrained.find("smollm2"):
        begun = perf_counter()
        writer = load(path)
        print(f"SmolLM2 loaded in {perf_counter() - begun:.2f} s (goal: under {GOAL_LOAD_S:g} s)")
        measure_smollm2(replace(writer, stops=frozenset()), repeat)
    else:
        print(f"SmolLM2 is not here: {pretrained.command('smollm2')}")


def measure_branch(writer: Writer, repeat: int) -> None:
    """Print the seconds to the first token of a branch, 300 tokens on: with those before it read
    at once, and read one after another with all filters.
    """
    before, race = [7 * n % 97 for n in range(BRANCH)], Race()

    def seconds(before: list[int], forced: list[int]) -> float:
        begun, decoding = perf_counter(), Decoding(length=BRANCH + 1, top_k=50)
        for _ in generate(writer, "A", decoding, before=before, forced=forced):
            pass
        return perf_counter() - begun

    for _ in range(repeat):
        first, plain, second = (
            seconds(before, [7]),
            seconds([], [*before, 7]),
            seconds(before, [7]),
        )
        race.add(first, plain, second)
    print(f"6 layers, width 384, a branch after {BRANCH} tokens")
    race.report("at once", plain="one token after another", ours="read together", goal=5)


def measure_smollm2(writer: Writer, repeat: int) -> None:
    """Print the seconds for 30 tokens after each of five prompts, on both sides; whether the texts
    are the same; and how soon the first token comes."""
    assert isinstance(writer.model, Llama)
    theirs, race, same = to_transformers(writer.model), Race(), set[str]()
    write_ours(writer, PROMPTS[0]), write_theirs(theirs, writer, PROMPTS[0])  # the first is slow
    for turn in range(max(len(PROMPTS), repeat)):
        prompt = PROMPTS[turn % len(PROMPTS)]
        (first, ours), (plain, other), (second, _) = (
            write_ours(writer, prompt),
            write_theirs(theirs, writer, prompt),
            write_ours(writer, prompt),
        )
        race.add(first, plain, second)
        same |= {prompt} if ours == other else set()
    print(f"SmolLM2, {TOKENS} tokens (oneDNN in half precision: {gain():.2f} times the time)")
    race.report(
        "dlcore", plain="transformers.generate, float32", ours="generate", goal=GOAL_SMOLLM2
    )
    for name, seconds in (("plain loop", race.plain), ("dlcore", race.ours)):
        print(f"{name:<13} {TOKENS / median(seconds):7.1f} tokens a second")
    print(f"{'same text':<13} {len(same):7} of {len(PROMPTS)} prompts (goal: all)")
    long = writer.tokenizer.decode(encode_prompt(writer, " ".join(PROMPTS) * 3)[:FIRST])
    waits = list[float]()
    for _ in range(repeat):
        begun = perf_counter()
        next(generate(writer, long, Decoding()))
        waits.append(perf_counter() - begun)
    print(f"{'first token':<13} {median(waits):7.2f} s   ", end="")
    print(f"(after {FIRST} tokens; goal: at most {GOAL_FIRST_S:g} s)")


def write_ours(writer: Writer, prompt: str) -> tuple[float, list[int]]:
    """Seconds, and the tokens; with the probabilities and alternatives that the page shows."""
    begun = perf_counter()
    decoding = Decoding(length=TOKENS, greedy=True, temperature=1.0, top_p=1.0)
    tokens = [token.id for token in generate(writer, prompt, decoding)]
    return perf_counter() - begun, tokens


def write_theirs(model: Any, writer: Writer, prompt: str) -> tuple[float, list[int]]:
    """The same by transformers: the tokens alone."""
    begun = perf_counter()
    ids = torch.tensor([encode_prompt(writer, prompt)])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False,
        pad_token_id=0,
    )  # fmt: skip
    return perf_counter() - begun, out[0, ids.shape[1] :].tolist()


def to_transformers(model: Llama) -> Any:
    """transformers' LlamaForCausalLM with the same weights, in float32."""
    from dlcore.torchvision_mend import import_transformers

    transformers, shape = import_transformers(), model.shape
    config = transformers.LlamaConfig(
        vocab_size=shape.vocabulary, hidden_size=shape.width, intermediate_size=shape.hidden,
        num_hidden_layers=shape.layers, num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads, max_position_embeddings=shape.context,
        rms_norm_eps=shape.epsilon, rope_theta=shape.rope_base, tie_word_embeddings=True,
        bos_token_id=None, eos_token_id=None,
    )  # fmt: skip
    named = dict[str, Tensor]()
    rows = [heads * shape.head_width for heads in (shape.heads, shape.kv_heads, shape.kv_heads)]
    for name, weight in model.state_dict().items():
        part = name.removesuffix(".weight").split(".")
        if part[0] != "blocks":
            named[{"token": "model.embed_tokens", "norm": "model.norm"}[part[0]]] = weight
            continue
        layer, kind = f"model.layers.{part[1]}.", ".".join(part[2:])
        for theirs, value in zip(
            _THEIRS[kind],
            weight.split(rows) if "qkv" in kind else weight.chunk(len(_THEIRS[kind])),
            strict=True,
        ):
            named[layer + theirs] = value
    reference = transformers.LlamaForCausalLM(config).eval()
    reference.load_state_dict({f"{n}.weight": v.float() for n, v in named.items()}, strict=False)
    reference.tie_weights()
    return reference


_THEIRS = {
    "norm_1": ("input_layernorm",), "norm_2": ("post_attention_layernorm",),
    "attention.qkv": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "attention.out": ("self_attn.o_proj",), "gate_up": ("mlp.gate_proj", "mlp.up_proj"),
    "down": ("mlp.down_proj",),
}  # fmt: skip


def measure_verses(couplets: int = COUPLETS) -> None:
    """Print how many of the bundled GPT's couplets keep to the form, and what it knows by heart.

    Four couplets a text, which the default settings write from an empty opening; each of another
    seed. And the same from OPENINGS, which are no verses of anybody's.
    """
    torch.set_num_threads(1)
    writer, texts = load_bundled(), -(-couplets // EACH)
    for name, openings in (("no opening", ("",)), (f"{len(OPENINGS)} openings", OPENINGS)):
        found, own = [], list[str]()
        for seed in range(texts):
            opening = openings[seed % len(openings)]
            new = write(writer, opening, Decoding(seed=seed))
            found += read_couplets(opening + new)[:EACH]
            # A line that the opening began is not only its own.
            own += new.splitlines()[bool(opening) : 2 * EACH]
        report_verses(name, found[:couplets], own, writer)


def report_verses(name: str, found: list[Couplet], own: list[str], writer: Writer) -> None:
    """own: lines that it wrote whole."""
    result = score(found)
    known = sum(copied("\n".join(own), writer.known)) / len(own)
    print(f"{result.couplets} couplets from {name}, {Decoding()}")
    print(f"exactly 6 and 8 syllables        {result.counted:6.1%}  (goal: at least 90 %)")
    print(f"level tones where rhymes stand   {result.level:6.1%}  (goal: at least 90 %)")
    print(f"all seven tones                  {result.tones:6.1%}")
    print(f"six's end rhymes with eight      {result.rhymed:6.1%}")
    print(f"eight's end rhymes with the next {result.linked:6.1%}")
    print(f"lines that stand in the poem     {known:6.1%}  (goal: at most 20 %)")


# Plain words of two to six syllables, as somebody types them who has the poem not in mind.
OPENINGS = (
    "Hôm nay", "Mẹ tôi", "Con mèo", "Mùa hè", "Trường em", "Biển xanh", "Đêm qua", "Anh ơi",
    "Ngày mai", "Quê hương", "Trời mưa to", "Con đường nhỏ", "Bạn của tôi", "Một buổi sáng",
    "Gió thổi nhẹ", "Chiều cuối năm", "Tiếng ve kêu", "Bà kể chuyện", "Dòng sông xưa",
    "Em đi học", "Cơm chưa chín", "Ánh đèn khuya", "Hoa nở rồi", "Máy tính này",
    "Mùa thu đã về", "Trên cánh đồng lúa", "Chú chó nhà tôi", "Hà Nội mùa đông",
    "Chuyến tàu đêm ấy", "Cô giáo của em", "Bên bờ hồ rộng", "Thành phố lên đèn",
    "Quyển sách trên bàn", "Tôi yêu nước tôi", "Ai đó gọi tên", "Cà phê buổi sáng",
    "Ngày xưa có một người", "Con tàu rời bến cảng", "Sáng nay trời trở lạnh",
    "Mẹ đi chợ từ sớm", "Đàn chim bay về tổ", "Em nhớ anh nhiều lắm", "Trăng lên trên núi cao",
    "Bóng đá là niềm vui", "Sáng nay tôi đi ra chợ", "Ngoài kia mưa vẫn đang rơi",
    "Con sông chảy qua làng tôi", "Cây bàng trước cổng trường xưa", "Mùa xuân đã đến bên thềm",
    "Bạn bè gặp lại hôm nay",
)  # fmt: skip

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
from dlcore.llama import Llama, load
from dlcore.luc_bat import read_couplets, score
from dlcore.tokenizers import Characters

GOAL, GOAL_LARGER = 2.0, 5.0  # the longer the text and the larger the model, the more it saves
# A third of GPT-2's width and half its layers, random: the speed does not depend on what is said.
LARGER = Shape(vocabulary=5000, context=512, layers=6, heads=6, width=384)
COUPLETS, EACH = 500, 4
# SmolLM2's tokens a second against transformers', and its first token after a prompt of 50.
GOAL_SMOLLM2, GOAL_FIRST_S, FIRST = 1.3, 1.0, 50
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

    if path := pretrained.find("smollm2"):
        measure_smollm2(replace(load(path), stops=frozenset()), repeat)
    else:
        print(f"SmolLM2 is not here: {pretrained.command('smollm2')}")


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
    print(f"SmolLM2, {TOKENS} tokens")
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
    seed.
    """
    torch.set_num_threads(1)
    writer = load_bundled()
    found, texts = [], -(-couplets // EACH)
    for seed in range(texts):
        found += read_couplets(write(writer, "", Decoding(seed=seed)))[:EACH]
    result = score(found[:couplets])
    lines = [line.text for c in found[:couplets] for line in (c.six, c.eight)]
    known = sum(copied("\n".join(lines), writer.known)) / len(lines)
    print(f"{result.couplets} couplets of {texts} texts, {Decoding()}")
    print(f"exactly 6 and 8 syllables        {result.counted:6.1%}  (goal: at least 90 %)")
    print(f"level tones where rhymes stand   {result.level:6.1%}  (goal: at least 90 %)")
    print(f"all seven tones                  {result.tones:6.1%}")
    print(f"six's end rhymes with eight      {result.rhymed:6.1%}")
    print(f"eight's end rhymes with the next {result.linked:6.1%}")
    print(f"lines that stand in the poem     {known:6.1%}  (goal: at most 20 %)")

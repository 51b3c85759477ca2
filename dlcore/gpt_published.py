"""GPT-2 as it was published: the same network as `dlcore.gpt.GPT`, with other names.

Nothing is computed here: weights get our names, and matrices our orientation; the logits are the
same. Look at `from_gpt2`.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from dlcore.bpe import BPE, from_gpt2_files
from dlcore.checkpoint import load
from dlcore.decoder import Writer
from dlcore.gpt import GPT, Shape
from dlcore.tokenizers import tokenizer_from_bytes, tokenizer_tensor

_END = "<|endoftext|>"  # stands between any two of the texts that it has read

_GPT2_NAMES = {
    "wte.": "token.", "wpe.": "position.", "ln_f.": "norm.", "h.": "blocks.",
    ".ln_1.": ".norm_1.", ".ln_2.": ".norm_2.",
    ".attn.c_attn.": ".attention.qkv.", ".attn.c_proj.": ".attention.out.",
    ".mlp.c_fc.": ".up.", ".mlp.c_proj.": ".down.",
}  # fmt: skip


def from_gpt2(state: Mapping[str, Tensor], heads: int = 0) -> GPT:
    """GPT-2 from its published weights, of any size; float32, ready to use.

    heads: how many, if not one for every 64 numbers of the width, as all four published ones have.
    Raises KeyError or RuntimeError for weights of something else.
    """
    named = dict[str, Tensor]()
    for name, value in state.items():
        name = name.removeprefix("transformer.")
        if name.endswith((".attn.bias", ".attn.masked_bias")) or name == "lm_head.weight":
            continue  # masks, and the tied embedding once more
        if ".c_" in name and name.endswith("weight"):
            value = value.T  # stored as (inputs, outputs)
        for theirs, ours in _GPT2_NAMES.items():
            if theirs[0] == "." or name.startswith(theirs):
                name = name.replace(theirs, ours, 1)
        named[name] = value.float().contiguous()
    vocabulary, width = named["token.weight"].shape
    layers = sum(name.endswith(".norm_1.bias") for name in named)
    shape = Shape(vocabulary, len(named["position.weight"]), layers, heads or width // 64, width)
    return _filled(shape, named)


def _filled(shape: Shape, state: Mapping[str, Tensor]) -> GPT:
    with torch.device("meta"):  # 124 million random numbers need not be drawn first
        model = GPT(shape)
    model.load_state_dict(state, assign=True)
    return model.eval().requires_grad_(False)


def convert_gpt2(raw: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The published files (model.safetensors, vocab.json, merges.txt) -> our weights, and a Shape.

    Raises KeyError, ValueError or RuntimeError for files of something else.
    """
    model = from_gpt2(load_file(raw / "model.safetensors"))
    names = ("vocab.json", "merges.txt")
    tokenizer = from_gpt2_files(*((raw / name).read_text(encoding="utf-8") for name in names))
    return {**model.state_dict(), "tokenizer": tokenizer_tensor(tokenizer)}, asdict(model.shape)


def load_gpt2(path: str | Path) -> Writer:
    """What `convert_gpt2` gave and the store keeps. Raises CheckpointError, OSError."""
    checkpoint = load(path, topic="gpt2")
    state = dict(checkpoint.state)
    tokenizer = tokenizer_from_bytes(bytes(state.pop("tokenizer").numpy()))
    assert isinstance(tokenizer, BPE)
    stops = frozenset({tokenizer.special_number(_END)})
    return Writer(_filled(Shape(**checkpoint.config), state), tokenizer, stops=stops)

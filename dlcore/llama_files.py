"""SmolLM2's published files, read once: as GGUF (llama.cpp's format), or as they lie on the hub.

In a GGUF file most weights take four bits: of 32 neighbours each is one of 16 steps between the
least and the greatest, both kept in half precision. The package `gguf` makes numbers of them again.
Look at `in_halves`: llama.cpp keeps the numbers that a rotary position turns in another order.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from dlcore.bpe import BPE, from_published
from dlcore.llama import LlamaShape
from dlcore.tokenizers import tokenizer_tensor

_Weight = Callable[[str], Tensor]  # float32, by the name that a file's makers gave it
_GGUF = {
    "token": "token_embd", "norm": "output_norm", "layer": "blk",
    "norm_1": "attn_norm", "norm_2": "ffn_norm",
    "q": "attn_q", "k": "attn_k", "v": "attn_v", "out": "attn_output",
    "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down",
}  # fmt: skip
_HUB = {
    "token": "model.embed_tokens", "norm": "model.norm", "layer": "model.layers",
    "norm_1": "input_layernorm", "norm_2": "post_attention_layernorm",
    "q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
    "out": "self_attn.o_proj",
    "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj",
}  # fmt: skip
_GGUF_SHAPE = {
    "vocabulary": "vocab_size", "context": "context_length", "layers": "block_count",
    "heads": "attention.head_count", "kv_heads": "attention.head_count_kv",
    "width": "embedding_length", "hidden": "feed_forward_length",
    "rope_base": "rope.freq_base", "epsilon": "attention.layer_norm_rms_epsilon",
}  # fmt: skip


def convert_smollm2(raw: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A folder with a .gguf, or with tokenizer.json and model.safetensors -> what the store keeps:
    weights with the tokenizer, and a LlamaShape as a dict.

    Raises KeyError, ValueError or RuntimeError for files of something else.
    """
    gguf = next(raw.rglob("*.gguf"), None)
    weights, tokenizer, shape = read_gguf(gguf) if gguf else read_hub(raw)
    return {**weights, "tokenizer": tokenizer_tensor(tokenizer)}, asdict(shape)


def read_gguf(path: Path) -> tuple[dict[str, Tensor], BPE, LlamaShape]:
    """Takes several seconds, and a gigabyte of memory."""
    from gguf import GGUFReader, dequantize  # needed once, and not by who has the model

    reader = GGUFReader(path)
    stored = {tensor.name.removesuffix(".weight"): tensor for tensor in reader.tensors}

    def told(name: str) -> Any:
        return reader.fields[name].contents()

    def weight(name: str) -> Tensor:
        numbers = dequantize(stored[name].data, stored[name].tensor_type)
        return torch.from_numpy(np.array(numbers, np.float32))  # a copy: the file is read-only

    shape = LlamaShape(**{ours: told(f"llama.{name}") for ours, name in _GGUF_SHAPE.items()})
    heads = {_GGUF["q"]: shape.heads, _GGUF["k"]: shape.kv_heads}

    def turned(name: str) -> Tensor:
        count = heads.get(name.rpartition(".")[2])
        return in_halves(weight(name), count) if count else weight(name)

    numbers = {token: n for n, token in enumerate(told("tokenizer.ggml.tokens"))}
    tokenizer = from_published(numbers, told("tokenizer.ggml.merges"), "digits")
    return arranged(turned, _GGUF, shape.layers), tokenizer, shape


def read_hub(
    folder: Path, shape: LlamaShape | None = None
) -> tuple[dict[str, Tensor], BPE, LlamaShape]:
    """shape: what the hub's config.json would tell; None: as SmolLM2-135M has it."""
    shape = shape or LlamaShape()
    stored = load_file(folder / "model.safetensors")
    weights = arranged(lambda name: stored[f"{name}.weight"].float(), _HUB, shape.layers)
    told = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
    merges = [m if isinstance(m, str) else " ".join(m) for m in told["merges"]]  # both are in use
    return weights, from_published(told["vocab"], merges, "digits"), shape


def arranged(weight: _Weight, names: dict[str, str], layers: int) -> dict[str, Tensor]:
    """A file's weights as `dlcore.llama.Llama` has them: what reads the same vectors is one matrix.

    float16, but for the norms. That is finer than the four bits of the file, and than the bfloat16
    that its makers published.
    """
    ours = {"token": weight(names["token"]).half(), "norm": weight(names["norm"])}
    for layer in range(layers):

        def of(*parts: str, place: str = f"{names['layer']}.{layer}") -> Tensor:
            return torch.cat([weight(f"{place}.{names[part]}") for part in parts])

        block = {
            "norm_1": of("norm_1"),
            "norm_2": of("norm_2"),
            "attention.qkv": of("q", "k", "v").half(),
            "attention.out": of("out").half(),
            "gate_up": of("gate", "up").half(),
            "down": of("down").half(),
        }
        ours |= {f"blocks.{layer}.{name}": value for name, value in block.items()}
    return {f"{name}.weight": value for name, value in ours.items()}


def in_halves(rows: Tensor, heads: int) -> Tensor:
    """The rows (heads · hs, C) of queries or keys, as llama.cpp orders them -> as the paper's code.

    The two numbers that are turned together stand side by side there, here half a head apart.
    """
    return rows.view(heads, -1, 2, rows.shape[1]).transpose(1, 2).reshape(rows.shape)

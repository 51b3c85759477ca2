"""A Llama small enough for tests, with random weights and a tokenizer of SmolLM2's kind."""

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import torch

from dlcore.bpe import from_published
from dlcore.checkpoint import save
from dlcore.llama import Llama, LlamaShape
from dlcore.tokenizers import tokenizer_tensor

ROOT = Path(__file__).parent.parent
SHAPE = LlamaShape(
    vocabulary=600, context=64, layers=3, heads=6, kv_heads=2, width=96, hidden=160
)  # fmt: skip
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VERSE = "Trăm năm trong cõi người ta,\nChữ tài chữ mệnh khéo là ghét nhau.\nIt's 2026: 15 apples!\n"


@cache
def published_tokenizer() -> Any:
    """By the library that made SmolLM2's."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SHAPE.vocabulary, special_tokens=SPECIAL, show_progress=False
    )
    books = [file.read_text(encoding="utf-8") for file in sorted(ROOT.glob("demos/lessons/*/l*"))]
    tokenizer.train_from_iterator([VERSE, "👩‍👩‍👧‍👦 3️⃣ ½ …", *books], trainer)
    assert tokenizer.get_vocab_size() == SHAPE.vocabulary
    return tokenizer


def save_small_smollm2(path: Path, *, context: int = 512) -> None:
    """As the store keeps the real one. It says nothing sensible, and may stop at any token."""
    torch.manual_seed(0)
    model = Llama(LlamaShape(**{**asdict(SHAPE), "context": context}))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(float("norm" in name), 0.15)
    told = json.loads(published_tokenizer().to_str())["model"]
    merges = [" ".join(merge) for merge in told["merges"]]
    tokenizer = tokenizer_tensor(from_published(told["vocab"], merges, "digits"))
    path.parent.mkdir(parents=True, exist_ok=True)
    state = {**model.state_dict(), "tokenizer": tokenizer}
    save(path, state, topic="smollm2", config=asdict(model.shape), metrics={})

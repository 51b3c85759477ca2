"""What a cache of keys and values saves, measured while two runs write the same text.

Without it every new token has the whole text read again, so that a token costs more the longer the
text is; with it only the new token is read. Both take the likeliest token each time, and so the
text is the same to the last letter. Look at `laps`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import torch

from dlcore.decoder import Cache, Writer
from dlcore.gpt_writing import encode_prompt

EVERY = 4  # tokens that either run writes before it is the other's turn
MOST = 256  # by then the difference is plain


@dataclass(frozen=True)
class Lap:
    """tokens: how long the text is by now; cached_s, plain_s: seconds per token of this lap.

    same: both runs have written the same text so far.
    """

    tokens: int
    cached_s: float
    plain_s: float
    same: bool


def laps(writer: Writer, prompt: str, *, every: int = EVERY, most: int = MOST) -> Iterator[Lap]:
    """Write on until the context is full, `every` tokens in turn with a cache and without.

    most: stop at that length where the context is longer. The prompt's end is read, at most half of
    that; with the cache that is part of the first lap. Raises ValueError for a prompt without a
    token.
    """
    context = min(writer.model.shape.context, most)
    begun = encode_prompt(writer, prompt)[-max(1, context // 2) :]
    if not begun:
        raise ValueError("a model needs at least one token to go on from")
    texts = [list(begun), list(begun)]
    cache = writer.model.cache()
    while len(texts[0]) < context:
        count = min(every, context - len(texts[0]))
        seconds = [
            _write(writer, ids, count, own) for ids, own in zip(texts, (cache, None), strict=True)
        ]
        same = texts[0] == texts[1]
        yield Lap(len(texts[0]), seconds[0] / count, seconds[1] / count, same)


@torch.no_grad()
def _write(writer: Writer, ids: list[int], count: int, cache: Cache | None) -> float:
    """Add `count` tokens to ids, the likeliest each time; returns the seconds it took."""
    begun = perf_counter()
    for _ in range(count):
        new = ids if cache is None else ids[cache.length :]
        logits = writer.model(torch.tensor([new]), cache, last=True).logits[0, -1]  # (V,)
        ids.append(int(logits.argmax()))
    return perf_counter() - begun

"""Sentences as batches of numbers, for any network that reads.

A batch is a table of word numbers, a row a sentence, as wide as its longest; the rest of a shorter
row is padding. Look at `by_length`, which wastes little on padding, and at `hide_words`, which
teaches a network to live with words it does not know.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from dlcore.text import MOST_TOKENS, PAD, UNKNOWN, Vocabulary


def to_ids(vocabulary: Vocabulary, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Texts -> ids (B, T, 3) padded with PAD, and lengths (B,): of every token the number of its
    word, of its root, and of its pair with the word before it. What is longer than MOST_TOKENS is
    cut off there."""
    of = (vocabulary.encode, vocabulary.encode_roots, vocabulary.encode_pairs)
    rows = [torch.tensor([encode(text)[:MOST_TOKENS] for encode in of]).T for text in texts]
    lengths = torch.tensor([len(row) for row in rows])
    return pad_sequence(rows, batch_first=True, padding_value=PAD), lengths


def by_length(lengths: Tensor, batch_size: int, rng: torch.Generator) -> list[Tensor]:
    """An epoch's batches: in random order, but each of sentences that are about equally long.

    A batch costs as many steps as its longest sentence has words. Sorting within pools of ten
    batches leaves chance enough, and most of the padding out.
    """
    batches: list[Tensor] = []
    for pool in torch.randperm(len(lengths), generator=rng).split(10 * batch_size):
        batches += pool[lengths[pool].argsort(stable=True)].split(batch_size)
    return [batches[n] for n in torch.randperm(len(batches), generator=rng).tolist()]


def hide_words(ids: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """ids (B, T, 3) with a random share of the words unknown, and so the pairs they are in.

    Of half of them the root stays: that is all there is to know of many a new word.
    """
    chance = torch.rand(ids.shape[:2], generator=rng)  # (B, T)
    hidden = chance < share
    broken = hidden | torch.cat([hidden[:, :1], hidden[:, :-1]], dim=1)  # it, or the one before
    words, roots, pairs = ids.unbind(dim=2)
    return torch.stack(
        [
            words.where(~hidden | (words == PAD), torch.tensor(UNKNOWN)),
            roots.where(chance >= share / 2, torch.tensor(PAD)),
            pairs.where(~broken, torch.tensor(PAD)),
        ],
        dim=2,
    )


def count_ratios(ids: Tensor, labels: Tensor, size: int) -> Tensor:
    """(size,): by how much more often each number stands in praise than in complaint, as a log.

    ids (N, T, 3), labels (N,). This ratio of counts, smoothed by one, is what naive Bayes knows of
    a word (Wang & Manning, "Baselines and bigrams", 2012). Padding and unknown get 0.
    """
    ratio = torch.zeros(size)
    for label, sign in ((1, 1), (0, -1)):
        count = torch.bincount(ids[labels == label].flatten(), minlength=size) + 1.0
        ratio += sign * (count / count[UNKNOWN + 1 :].sum()).log()
    ratio[: UNKNOWN + 1] = 0
    return ratio

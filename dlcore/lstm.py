"""An LSTM reads a sentence word by word and says whether it praises or complains.

A recurrent network keeps one state and updates it with every word it reads. A plain one forgets
within a few words; the LSTM (Hochreiter & Schmidhuber, "Long short-term memory", 1997; the forget
gate is Gers' of 2000) carries a cell that is only ever scaled and added to, and three gates that
decide what to drop, what to write and what to show. Look at `LSTMCellByHand`: six lines that are
the whole idea; and at `Reader.read`: sentences of different lengths share a batch, yet what pads
the short ones never counts, so that a sentence gets the same answer alone and in any company.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from dlcore.answers import Evaluation, judge_answers
from dlcore.batches import by_length, count_ratios, hide_words, to_ids
from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.opinions import Opinions, five_sentences, load_opinions, read_opinions
from dlcore.progress import Progress
from dlcore.settings import Settings, setting
from dlcore.text import (
    MOST_TOKENS,
    PAD,
    TextError,
    Vocabulary,
    bare,
    learn_vocabulary,
)
from dlcore.threads import one_thread

BUNDLED = Path(__file__).parent.parent / "weights" / "lstm.safetensors"


@dataclass(frozen=True)
class Config(Settings):
    """What to read and how to learn it. A thousand sentences are few: most settings are brakes."""

    data: str = setting("vi", choices=("vi", "en", "both", "tutorial", "csv"))
    model: str = setting("lstm", choices=("lstm", "gru", "rnn", "bag"))
    epochs: int = setting(12, low=1, high=300)
    lr: float = setting(4e-3, low=1e-5, high=0.1)
    batch_size: int = setting(64, low=1, high=512)
    phrases: bool = setting(True)  # learn from the project's list of words and phrases, too
    embedding: int = setting(32, low=2, high=256)  # numbers that stand for a word
    hidden: int = setting(32, low=2, high=256)  # numbers that the network keeps while it reads
    bidirectional: bool = setting(False)  # a second reader starts at the end
    # "syllable" leaves punctuation out; "word" cuts at spaces only, as the tutorial does.
    tokens: str = setting("syllable", choices=("syllable", "word"))
    diacritics: bool = setting(True)  # off: "dở" and "do" are one word
    # Neighbours met at least so often in training get a vector together ("thất vọng"); 0: none.
    pairs: int = setting(2, low=0, high=20)
    roots: bool = setting(True)  # a word's first letters get a vector, too: unknown words have kin
    dropout: float = setting(0.4, low=0.0, high=0.9)  # of a word's vector and of the last state
    # Share of words hidden from each step: nothing else teaches what "unknown" is like.
    word_dropout: float = setting(0.3, low=0.0, high=0.9)
    # Share of sentences read without their diacritics, as many people type.
    bare_share: float = setting(0.15, low=0.0, high=1.0)
    # How far from zero the words' vectors begin: little, or rare words stay noise for ever.
    spread: float = setting(0.1, low=0.0, high=2.0)
    # Begin with what counting says: in whose company is a word more often, praise's or complaint's?
    counts: bool = setting(True)
    weight_decay: float = setting(0.1, low=0.0, high=1.0)
    # Ask for a little less than certainty: 1 becomes 1 - smoothing / 2.
    smoothing: float = setting(0.2, low=0.0, high=0.5)
    # The network that is kept is a running mean over about 1 / (1 - averaging) steps.
    averaging: float = setting(0.995, low=0.0, high=0.999)
    seed: int = setting(0, low=0, high=2**31 - 1)


TUTORIAL = Config(
    data="tutorial",
    tokens="word",
    embedding=16,
    hidden=32,
    lr=1e-2,
    epochs=50,
    batch_size=5,
    pairs=0,
    roots=False,
    dropout=0.0,
    word_dropout=0.0,
    bare_share=0.0,
    spread=1.0,  # what `nn.Embedding` does by itself
    counts=False,
    weight_decay=0.0,
    smoothing=0.0,
    averaging=0.0,
)


class LSTMCellByHand(nn.Module):
    """One step of `nn.LSTM`, gate by gate, sharing its weights."""

    def __init__(self, lstm: nn.LSTM, suffix: str = "") -> None:
        super().__init__()
        # Four layers on top of each other in one matrix: input, forget, candidate, output.
        self.from_word = getattr(lstm, f"weight_ih_l0{suffix}")  # (4H, E)
        self.from_state = getattr(lstm, f"weight_hh_l0{suffix}")  # (4H, H)
        self.bias = getattr(lstm, f"bias_ih_l0{suffix}") + getattr(lstm, f"bias_hh_l0{suffix}")

    def forward(
        self, word: Tensor, hidden: Tensor, cell: Tensor, clamps: Mapping[str, float]
    ) -> dict[str, Tensor]:
        """word (B, E), hidden and cell (B, H) -> every quantity of this step, (B, H) each.

        clamps: gates held at a value, whatever the network computes: {"forget": 0.0}.
        """
        sums = word @ self.from_word.T + hidden @ self.from_state.T + self.bias  # (B, 4H)
        i, f, g, o = sums.chunk(4, dim=1)  # (B, H) each
        gates = {"input": i.sigmoid(), "forget": f.sigmoid(), "output": o.sigmoid()}
        gates |= {name: torch.full_like(i, value) for name, value in clamps.items()}
        candidate = g.tanh()
        cell = gates["forget"] * cell + gates["input"] * candidate  # keep some, write some
        hidden = gates["output"] * cell.tanh()  # show some
        return {**gates, "candidate": candidate, "cell": cell, "hidden": hidden}


RECURRENT = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}


class Reader(nn.Module):
    """Words -> vectors -> a state that reads them in order -> one logit (positive: praise)."""

    def __init__(self, config: Config, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.config, self.vocabulary = config, vocabulary
        self.embedding = nn.Embedding(len(vocabulary), config.embedding, padding_idx=PAD)
        self.embedding.weight.data *= config.spread
        self.recurrent: nn.RNNBase | None = None
        width = config.embedding
        if config.model in RECURRENT:
            self.recurrent = RECURRENT[config.model](
                config.embedding,
                config.hidden,
                batch_first=True,
                bidirectional=config.bidirectional,
            )
            width = config.hidden * (2 if config.bidirectional else 1)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(width, 1)
        # The words travel with the weights: numbers without them would mean nothing.
        words = np.frombuffer(vocabulary.to_bytes(), dtype=np.uint8)
        self.register_buffer("words", torch.from_numpy(words.copy()))

    def embed(self, ids: Tensor) -> Tensor:
        """ids (B, T, 3): three numbers a token -> the sum of their vectors (B, T, E)."""
        return self.embedding(ids).sum(dim=2)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """ids (B, T, 3) padded with PAD, lengths (B,) ≥ 1 -> logits (B,)."""
        vectors = self.dropout(self.embed(ids))  # (B, T, E)
        return self.head(self.dropout(self.read(vectors, lengths))).squeeze(1)

    def read(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        """Vectors (B, T, E) -> what is left in mind after the last word, (B, H), (B, 2H) or (B, E).

        Without a recurrent layer: the mean of the vectors, which knows no order.
        """
        if self.recurrent is None:
            return vectors.sum(dim=1) / lengths[:, None]  # padding's vector is zero
        if not self.config.bidirectional:
            # Reading forwards, padding comes last: it is enough to stop before it.
            states, _ = self.recurrent(vectors)  # (B, T, H)
            return states[torch.arange(len(states)), lengths - 1]
        # Reading backwards, padding would come first: packing leaves it out (and takes longer).
        packed = pack_padded_sequence(vectors, lengths, batch_first=True, enforce_sorted=False)
        _, last = self.recurrent(packed)
        hidden = last[0] if isinstance(last, tuple) else last  # (directions, B, H)
        return hidden.transpose(0, 1).flatten(1)


def build(config: Config, texts: Sequence[str]) -> Reader:
    """A new reader for the words of these texts; the seed decides its first weights."""
    known = [*texts, *(bare(text) for text in texts)] if config.bare_share else texts
    vocabulary = learn_vocabulary(
        known,
        split=config.tokens,
        diacritics=config.diacritics,
        least_pair=config.pairs,
        roots=config.roots,
    )
    torch.manual_seed(config.seed)
    return Reader(config, vocabulary)


def restore(state: Mapping[str, Tensor | np.ndarray], config: Config) -> Reader:
    """The reader that these weights make, ready to predict."""
    words = bytes(np.asarray(state["words"]))
    vocabulary = Vocabulary.from_bytes(words, split=config.tokens, diacritics=config.diacritics)
    model = Reader(config, vocabulary)
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval()


def encode(model: Reader, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Texts -> ids (B, T, 3) padded with PAD, and lengths (B,), as `model` takes them."""
    return to_ids(model.vocabulary, texts)


@dataclass(frozen=True)
class Snapshot:
    """The reader after a step, and what it then makes of the sentence that is watched."""

    state: dict[str, np.ndarray]  # `restore(state, config)` is the reader
    watched: np.ndarray  # (T,) float32: probability of praise after each word; (0,) without one
    valid: Evaluation | None = None  # after an epoch
    test: Evaluation | None = None  # at the end


def train(model: Reader, data: Opinions, config: Config, watch: str = "") -> Iterator[Progress]:
    """Teach `model` in place; stop asking at any step and it is as good as it got so far.

    Metrics: loss, accuracy (of the batch); valid_loss, valid_accuracy after each epoch;
    test_accuracy at the end. Data without such parts leaves those out.
    """
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # for dropout
    texts = data.texts(data.train)
    labels = torch.from_numpy(data.labels[data.train]).float()  # (N,)
    praise = labels.sum().clamp(1, len(labels) - 1)
    balance = (len(labels) - praise) / praise  # as if there were as much praise as complaint
    ids, lengths = encode(model, texts)  # (N, T, 3), (N,)
    bare_ids, _ = encode(model, [bare(text) for text in texts]) if config.bare_share else (ids, 0)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
    )
    if config.counts:
        both = torch.cat([ids, bare_ids]), labels.repeat(2)
        model.embedding.weight.data[:, 0] = count_ratios(*both, len(model.vocabulary))
    mean = Mean(model, config.averaging)
    step, total = 0, config.epochs * -(-len(labels) // config.batch_size)
    while step < total:
        batches = by_length(lengths, config.batch_size, rng)
        for number, batch in enumerate(batches, start=1):
            model.train()
            longest = int(lengths[batch].max())
            stripped = torch.rand(len(batch), 1, 1, generator=rng) < config.bare_share
            words = torch.where(stripped, bare_ids[batch, :longest], ids[batch, :longest])
            words = hide_words(words, config.word_dropout, rng)
            logits = model(words, lengths[batch])  # (B,)
            target = labels[batch] * (1 - config.smoothing) + 0.5 * config.smoothing
            loss = F.binary_cross_entropy_with_logits(logits, target, pos_weight=balance)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # recurrent gradients can burst
            optimizer.step()
            mean.update()

            step += 1
            right = ((logits > 0) == (labels[batch] > 0.5)).float().mean()
            metrics = {"loss": loss.item(), "accuracy": right.item()}
            valid = test = None
            epoch_ends = number == len(batches)
            if epoch_ends and len(data.valid):
                valid = evaluate(mean.model, data, data.valid)
                metrics |= {"valid_loss": valid.loss, "valid_accuracy": valid.accuracy}
            if step == total and len(data.test):
                test = evaluate(mean.model, data, data.test)
                metrics["test_accuracy"] = test.accuracy
            snapshot = None
            if epoch_ends or step % 5 == 0:  # copying the weights at every step would slow it down
                seen = predict_growing(mean.model, watch) if watch else np.zeros(0, np.float32)
                snapshot = Snapshot(mean.state(), seen, valid, test)
            yield Progress(step, total, metrics, snapshot)
    mean.keep()


class Mean:
    """A running mean of a model's weights: it wanders less than the last step's, and reads better.

    (Polyak & Juditsky, 1992.) The mean of few steps is the mean of just those, as for Adam's.
    """

    def __init__(self, model: Reader, averaging: float) -> None:
        self.learner, self.averaging, self.steps = model, averaging, 0
        self.model = Reader(model.config, model.vocabulary).eval()
        self.model.load_state_dict(model.state_dict())

    @torch.no_grad()
    def update(self) -> None:
        self.steps += 1
        share = (1 - self.averaging) / (1 - self.averaging**self.steps)
        for mean, new in zip(self.model.parameters(), self.learner.parameters(), strict=True):
            mean.lerp_(new, share)

    def state(self) -> dict[str, np.ndarray]:
        """A copy. The words' vectors, nearly all of it, in half the digits: they lose nothing."""
        state = {name: value.numpy().copy() for name, value in self.model.state_dict().items()}
        state["embedding.weight"] = state["embedding.weight"].astype(np.float16)
        return state

    def keep(self) -> None:
        """The learner becomes the mean."""
        self.learner.load_state_dict(self.model.state_dict())
        self.learner.eval()


def job(config: Config, csv: str = "", watch: str = "") -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed.

    csv: the user's own table, for data="csv"; watch: a sentence to read again and again.
    """
    data = load(config, csv)
    with one_thread():
        yield from train(build(config, data.texts(data.train)), data, config, watch)


def load(config: Config, csv: str = "") -> Opinions:
    """The data that the settings ask for. Raises OpinionError for a CSV that cannot be used."""
    if config.data == "tutorial":
        return five_sentences()
    if config.data == "csv":
        return read_opinions(csv, seed=config.seed)
    return load_opinions(config.data, phrases=config.phrases)


@torch.no_grad()
def predict(model: Reader, texts: Sequence[str]) -> np.ndarray:
    """Texts -> probability (B,) float32 of each being praise."""
    training = model.training
    model.eval()  # no dropout
    parts = [texts[n : n + 256] for n in range(0, len(texts), 256)]
    logits = [model(*encode(model, part)) for part in parts]
    model.train(training)
    return torch.cat(logits).sigmoid().numpy() if logits else np.zeros(0, np.float32)


@torch.no_grad()
def predict_growing(model: Reader, text: str) -> np.ndarray:
    """The probability (T,) after each word: what the answer would be if the sentence ended there.

    All beginnings of the sentence are one batch. Raises TextError for a text without a word.
    """
    ids, lengths = encode_checked(model, text)
    length = int(lengths)
    beginnings = ids.expand(length, -1, -1).clone()  # (T, T, 3)
    beginnings[torch.ones(length, length).triu(1).bool()] = PAD  # row t ends with word t
    training = model.training
    model.eval()
    logits = model(beginnings, torch.arange(1, length + 1))
    model.train(training)
    return logits.sigmoid().numpy()


def encode_checked(model: Reader, text: str) -> tuple[Tensor, Tensor]:
    """`encode` for one typed sentence. Raises TextError when there is no word, or too many."""
    count = len(model.vocabulary.tokens(text))
    if not count:
        raise TextError("empty")
    if count > MOST_TOKENS:
        raise TextError("long", most=MOST_TOKENS)
    return encode(model, [text])


def evaluate(model: Reader, data: Opinions, positions: np.ndarray) -> Evaluation:
    """How well `model` reads these sentences of `data`."""
    texts = data.texts(positions)
    lengths = np.array([len(model.vocabulary.tokens(text)) for text in texts])
    return judge_answers(predict(model, texts), lengths, data, positions)


def load_bundled() -> Reader:
    """The reader that ships with the project, for both languages. See weights/README.md."""
    checkpoint = load_checkpoint(BUNDLED, topic="lstm")
    return restore(checkpoint.state, Config(**checkpoint.config))

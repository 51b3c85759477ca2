"""A convolutional network that reads handwritten digits.

A convolution slides one small kernel over the whole picture: the same nine weights look for the
same stroke everywhere (LeCun et al., "Gradient-based learning applied to document recognition",
1998). Two layers of kernels, each followed by ReLU and max-pooling, turn 28x28 pixels into 64 maps
of 5x5, and two dense layers turn those into ten scores. Look at `CNN.trace`: every number between
the pixels and the answer; and at `train`, which reaches about 99 % in seconds on a laptop.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlcore.augment import bend
from dlcore.checkpoint import load as load_checkpoint
from dlcore.data.mnist import Mnist, load_mnist
from dlcore.device import best_dtype
from dlcore.progress import Progress
from dlcore.settings import Settings, setting
from dlcore.supervised import fit

BUNDLED = Path(__file__).parent.parent / "weights" / "cnn.safetensors"
Muted = frozenset[tuple[str, int]]  # maps switched off: {("conv1", 3), ("conv2", 40)}
NONE_MUTED: Muted = frozenset()


@dataclass(frozen=True)
class Config(Settings):
    """How to train. The defaults reach about 99 % in one pass over the data, in a few seconds."""

    epochs: int = setting(1, low=1, high=100)
    batch_size: int = setting(96, low=8, high=2048)
    lr: float = setting(1e-2, low=1e-5, high=0.1)  # with one-cycle: the highest it gets
    # One-cycle (Smith, 2018): warm up to a high rate, then anneal to nothing: far fewer epochs.
    schedule: str = setting("one-cycle", choices=("constant", "one-cycle"))
    # Share of the hidden units left out of each step. One pass leaves little time to learn by
    # heart, so it needs less of this brake than the tutorial's 0.5.
    dropout: float = setting(0.2, low=0.0, high=0.9)
    weight_decay: float = setting(0.0, low=0.0, high=0.1)
    # Ask for 91 % instead of 100 % certainty: pictures already read right stop pulling so hard.
    label_smoothing: float = setting(0.1, low=0.0, high=0.5)
    augment: bool = setting(False)  # bend each image a little, differently every time it is seen
    train_share: float = setting(1.0, low=0.01, high=1.0)  # share of the 60,000 images to use
    # "auto": bfloat16 where the processor was measured to gain from it.
    precision: str = setting("auto", choices=("auto", "float32", "bfloat16"))
    seed: int = setting(0, low=0, high=2**31 - 1)


TUTORIAL = Config(
    epochs=3,
    batch_size=64,
    lr=1e-3,
    schedule="constant",
    dropout=0.5,
    label_smoothing=0.0,
    precision="float32",
)


@dataclass(frozen=True)
class Trace:
    """Every stage of a forward pass, float32. Muted maps are zero from their ReLU on."""

    conv1: Tensor  # (N, 32, 26, 26)
    relu1: Tensor  # (N, 32, 26, 26)
    pool1: Tensor  # (N, 32, 13, 13)
    conv2: Tensor  # (N, 64, 11, 11)
    relu2: Tensor  # (N, 64, 11, 11)
    pool2: Tensor  # (N, 64, 5, 5)
    flat: Tensor  # (N, 1600)
    hidden: Tensor  # (N, 64)
    logits: Tensor  # (N, 10)
    probabilities: Tensor  # (N, 10)


class CNN(nn.Module):
    """Conv 1→32, Conv 32→64, dense 1600→64→10: 121,930 numbers to learn."""

    def __init__(self, dropout: float = 0.5) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, kernel_size=3)
        self.conv2 = nn.Conv2d(32, 64, kernel_size=3)
        self.fc1 = nn.Linear(64 * 5 * 5, 64)
        self.dropout = nn.Dropout(dropout)
        self.fc2 = nn.Linear(64, 10)
        # Keep the channels of a pixel side by side in memory: convolutions run twice as fast.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor, muted: Muted = NONE_MUTED) -> Tensor:
        """images (N, 1, 28, 28) float in [0, 1] -> logits (N, 10)."""
        # Pooling before ReLU gives the same numbers as after it (both keep the order of values),
        # and leaves ReLU a quarter of the work.
        x = F.relu(F.max_pool2d(self.conv1(images), 2))  # (N, 32, 13, 13)
        x = mute(x, "conv1", muted)
        x = F.relu(F.max_pool2d(self.conv2(x), 2))  # (N, 64, 5, 5)
        x = mute(x, "conv2", muted)
        hidden = F.relu(self.fc1(x.flatten(1)))  # (N, 1600) -> (N, 64)
        return self.fc2(self.dropout(hidden))  # (N, 10)

    def trace(self, images: Tensor, muted: Muted = NONE_MUTED) -> Trace:
        """The same as `forward`, one operation at a time, with everything it computed."""
        conv1 = self.conv1(images)
        relu1 = mute(F.relu(conv1), "conv1", muted)
        pool1 = F.max_pool2d(relu1, 2)
        conv2 = self.conv2(pool1)
        relu2 = mute(F.relu(conv2), "conv2", muted)
        pool2 = F.max_pool2d(relu2, 2)
        flat = pool2.flatten(1)
        hidden = F.relu(self.fc1(flat))
        logits = self.fc2(self.dropout(hidden))
        return Trace(
            conv1, relu1, pool1, conv2, relu2, pool2, flat, hidden, logits, logits.softmax(dim=-1)
        )

    def layers(self, muted: Muted = NONE_MUTED) -> nn.Sequential:
        """The same network, sharing its weights, as a row of layers that can be listened to."""
        return nn.Sequential(
            OrderedDict(
                conv1=self.conv1, relu1=MutedReLU("conv1", muted), pool1=nn.MaxPool2d(2),
                conv2=self.conv2, relu2=MutedReLU("conv2", muted), pool2=nn.MaxPool2d(2),
                flat=nn.Flatten(), fc1=self.fc1, relu3=nn.ReLU(), fc2=self.fc2,
            )
        ).eval()  # fmt: skip


class MutedReLU(nn.Module):
    """The ReLU after the convolution `layer`; muted maps leave it as zeros."""

    def __init__(self, layer: str, muted: Muted) -> None:
        super().__init__()
        self.layer, self.muted = layer, muted

    def forward(self, maps: Tensor) -> Tensor:
        return mute(F.relu(maps), self.layer, self.muted)


def mute(maps: Tensor, layer: str, muted: Muted) -> Tensor:
    """Zero the maps (N, C, H, W) of `layer` that are listed in `muted`."""
    channels = [channel for name, channel in muted if name == layer]
    if not channels:
        return maps
    keep = torch.ones(maps.shape[1], dtype=maps.dtype, device=maps.device)
    keep[channels] = 0
    return maps * keep.view(-1, 1, 1)


def to_input(images: Tensor) -> Tensor:
    """Stored images, uint8 (N, 28, 28), as the network wants them: float (N, 1, 28, 28) in [0, 1].

    Images that are float (N, 1, 28, 28) already pass through.
    """
    if images.dtype != torch.uint8:
        return images
    return images.unsqueeze(1).float().div_(255)


@dataclass(frozen=True)
class Evaluation:
    """A network's answers to a labelled set. The mistakes stand worst first: the surest wrong."""

    accuracy: float
    loss: float
    confusion: np.ndarray  # (10, 10) int64: row the true digit, column the answer
    mistakes: np.ndarray  # (M,) int64, positions in the set, M ≤ 1000
    predicted: np.ndarray  # (M,) int64, the wrong answer
    true: np.ndarray  # (M,) int64
    probability: np.ndarray  # (M,) float32, how sure the wrong answer was


@dataclass(frozen=True)
class Snapshot:
    """The network after a step, and after an epoch also how it did on the test set."""

    kernels: np.ndarray  # (32, 3, 3) float32, the first layer
    state: dict[str, np.ndarray]  # all weights: `restore(state)` is the network
    evaluation: Evaluation | None = None


def build(config: Config) -> CNN:
    """A new network; the seed decides its first weights."""
    torch.manual_seed(config.seed)
    return CNN(config.dropout)


def restore(state: Mapping[str, Tensor | np.ndarray]) -> CNN:
    """The network that these weights make, ready to predict."""
    model = CNN()
    model.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    return model.eval()


def train(model: CNN, data: Mnist, config: Config) -> Iterator[Progress]:
    """Teach `model` in place; stop asking at any step and it is as good as it got so far.

    Metrics: loss, accuracy (of the batch); test_loss, test_accuracy after each epoch.
    """
    rng = torch.Generator().manual_seed(config.seed)
    torch.manual_seed(config.seed)  # for dropout
    count = max(1, round(config.train_share * len(data.train_labels)))
    chosen = torch.randperm(len(data.train_labels), generator=rng)[:count]
    images, labels = data.train_images[chosen], data.train_labels[chosen]

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
    )
    steps = config.epochs * -(-count // config.batch_size)
    schedule = None
    if config.schedule == "one-cycle":
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=config.lr, total_steps=steps + 1, pct_start=0.3
        )

    def after_epoch() -> tuple[dict[str, float], Snapshot]:
        result = evaluate(model, data.test_images, data.test_labels)
        metrics = {"test_loss": result.loss, "test_accuracy": result.accuracy}
        return metrics, take_snapshot(model, result)

    yield from fit(
        model,
        inputs=images,
        labels=labels,
        prepare=lambda batch: bend(to_input(batch), rng) if config.augment else to_input(batch),
        loss_function=nn.CrossEntropyLoss(label_smoothing=config.label_smoothing),
        optimizer=optimizer,
        schedule=schedule,
        epochs=config.epochs,
        batch_size=config.batch_size,
        rng=rng,
        dtype=_training_dtype(config.precision),
        after_step=lambda: take_snapshot(model),
        after_epoch=after_epoch,
    )


def _training_dtype(precision: str) -> torch.dtype:
    """The number format of the heavy sums. The weights themselves are always float32."""
    if precision == "auto":
        return best_dtype()
    return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]


def take_snapshot(model: CNN, evaluation: Evaluation | None = None) -> Snapshot:
    state = {
        name: value.detach().cpu().numpy().copy() for name, value in model.state_dict().items()
    }
    return Snapshot(state["conv1.weight"][:, 0], state, evaluation)


def job(config: Config) -> Iterator[Progress]:
    """Load, build, train: what a worker runs when *Train* is pressed."""
    yield from train(build(config), load_mnist(), config)


def predict(model: CNN, images: Tensor, muted: Muted = NONE_MUTED) -> Tensor:
    """images (N, 1, 28, 28) float in [0, 1], or uint8 (N, 28, 28) -> probabilities (N, 10)."""
    training = model.training
    model.eval()  # no dropout
    with torch.no_grad():  # 250 images at a time: what they need fits in the processor's cache
        logits = [model(to_input(part), muted) for part in images.split(250)]
    model.train(training)
    return torch.cat(logits).softmax(dim=-1)


def evaluate(model: CNN, images: Tensor, labels: Tensor, muted: Muted = NONE_MUTED) -> Evaluation:
    """How well `model` reads the labelled images (as for `predict`)."""
    return judge(predict(model, images, muted), labels)


def judge(probabilities: Tensor, labels: Tensor) -> Evaluation:
    """What answers (N, 10) are worth, given the true labels (N,)."""
    sure, answer = probabilities.max(dim=-1)  # (N,), (N,)
    loss = -probabilities.gather(1, labels[:, None]).clamp_min(1e-12).log().mean()
    confusion = torch.bincount(labels * 10 + answer, minlength=100).view(10, 10)
    wrong = (answer != labels).nonzero().squeeze(1)  # (M,)
    wrong = wrong[sure[wrong].argsort(descending=True, stable=True)][:1000]
    return Evaluation(
        accuracy=(answer == labels).float().mean().item(),
        loss=loss.item(),
        confusion=confusion.numpy(),
        mistakes=wrong.numpy(),
        predicted=answer[wrong].numpy(),
        true=labels[wrong].numpy(),
        probability=sure[wrong].numpy(),
    )


def score(
    state: Mapping[str, Tensor | np.ndarray], muted: Muted = NONE_MUTED
) -> Iterator[Progress]:
    """Read the 10,000 test images, a thousand at a time; the last snapshot is the Evaluation.

    A job like `job`: seconds, so it runs in a worker.
    """
    model, data = restore(state), load_mnist()
    parts: list[Tensor] = []
    total = len(data.test_labels)
    for images in data.test_images.split(1000):
        parts.append(predict(model, images, muted))  # (1000, 10)
        done = sum(map(len, parts))
        result = judge(torch.cat(parts), data.test_labels[:done])
        whole = done == total
        yield Progress(done, total, {"accuracy": result.accuracy}, result if whole else None)


def load_bundled() -> CNN:
    """The network that ships with the project. See weights/README.md for how it was made."""
    return restore(load_checkpoint(BUNDLED, topic="cnn").state)

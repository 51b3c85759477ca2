"""What asking a frozen base only once saves: an epoch of the head on kept features, and through it.

Both sides learn the same head from the same crops in the same batches. The plain one sends every
batch through the base again, as the usual loop does; ours reads features that the base gave once.
"""

from statistics import median
from time import perf_counter

import torch
from torch import nn
from torch.utils.data import TensorDataset

from dlcore.bench.race import Race
from dlcore.transfer import Config, Features, Transfer, build, pictures_of, train
from dlcore.transfer_pictures import Pictures

GOAL, EPOCHS = 20.0, 20


def measure(repeat: int) -> None:
    """Print the milliseconds of an epoch on both sides, their ratio, and a whole training."""
    config, race = Config(epochs=EPOCHS), Race()
    pictures = learnt_only(pictures_of(config))
    model = build(config, len(pictures.names))
    kept = Features.begun(config)
    for _ in kept.ask(model, pictures.part(held=False)[0]):
        pass
    ours(config, pictures, kept), plain(config, pictures)  # the first run of anything is slow
    for _ in range(repeat):
        first, slow = ours(config, pictures, kept), plain(config, pictures)
        race.add(first, slow, ours(config, pictures, kept))
    race.report(
        "dlcore", plain="every batch through the base", ours="features kept", goal=GOAL, unit="ms"
    )
    seconds = median(training(Config(), pictures, kept) for _ in range(repeat))
    print(
        f"{'training':<13} {seconds:7.2f} s   (a head on kept features, {Config().epochs} epochs)"
    )


def learnt_only(pictures: Pictures) -> Pictures:
    """Without most held-out pictures: testing is not what is measured."""
    keep = ~pictures.held
    keep[pictures.held.argmax()] = True
    return Pictures(
        pictures.images[keep], pictures.labels[keep], pictures.held[keep], pictures.names
    )


def ours(config: Config, pictures: Pictures, kept: Features) -> float:
    """Seconds of an epoch, from features that are known."""
    steps = train(build(config, len(pictures.names)), pictures, config, kept)
    event = next(event for event in steps if event.step)  # the held-out one has been read
    begun, done = perf_counter(), event.step
    *_, last = steps
    return (perf_counter() - begun) / (last.step - done) * last.total / config.epochs


def training(config: Config, pictures: Pictures, kept: Features) -> float:
    """Seconds from the network's making to its last answer, from features that are known."""
    begun = perf_counter()
    for _ in train(build(config, len(pictures.names)), pictures, config, kept):
        pass
    return perf_counter() - begun


def plain(config: Config, pictures: Pictures) -> float:
    """Seconds of an epoch that asks the frozen base for every batch."""
    model = build(config, len(pictures.names))
    optimizer = torch.optim.Adam(model.head.parameters(), lr=config.lr)
    data = TensorDataset(*pictures.part(held=False))
    begun = perf_counter()
    for images, labels in torch.utils.data.DataLoader(data, config.batch_size, shuffle=True):
        step(model, images, labels, optimizer)
    return perf_counter() - begun


def step(
    model: Transfer, images: torch.Tensor, labels: torch.Tensor, optimizer: torch.optim.Optimizer
) -> None:
    loss = nn.functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

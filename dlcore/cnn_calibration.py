"""How sure is sure? Make a network's probabilities mean what they say.

Of all answers that a network gives with 90 %, nine in ten should be right. Training with label
smoothing teaches understatement: our CNN was 95 % sure on average, and right in 99.5 % of all
cases. One number mends that, the temperature (Guo et al., "On calibration of modern neural
networks", 2017): divide all logits by it before the softmax. Above 1 it makes every answer more
modest, below 1 surer; which answer is given never changes.
"""

import math
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from dlcore.checkpoint import load, save
from dlcore.cnn import CNN, Evaluation, evaluate, restore, to_input
from dlcore.data.mnist import load_mnist

_COLDEST, _WARMEST = 1e-2, 1e2
_ENOUGH = 10_000  # training images; the test images must not choose anything


def temperature(logits: Tensor, labels: Tensor) -> float:
    """The divisor of logits (N, classes) that makes the labels (N,) int64 most likely.

    The loss has one valley over the logarithm of the divisor, so halving the range that holds its
    bottom finds it: there the slope changes its sign.
    """
    logits = logits.double()
    low, high = math.log(_COLDEST), math.log(_WARMEST)
    while high - low > 1e-4:
        middle = torch.tensor((low + high) / 2, dtype=torch.float64, requires_grad=True)
        loss = F.cross_entropy(logits / middle.exp(), labels)
        (slope,) = torch.autograd.grad(loss, middle)
        if slope > 0:
            high = middle.item()
        else:
            low = middle.item()
    return math.exp((low + high) / 2)


def calibrate(model: CNN, images: Tensor, labels: Tensor) -> float:
    """Divide the logits of `model` by the best temperature for images (N, 28, 28) uint8.

    In place: the last layer's weights and biases are divided, so the network stays what it was and
    forgets that it understated. Returns the temperature.
    """
    with torch.no_grad():  # 250 images at a time: what they need fits in the processor's cache
        logits = torch.cat([model(to_input(part)) for part in images.split(250)])
    best = temperature(logits, labels)
    with torch.no_grad():
        model.fc2.weight.div_(best)
        model.fc2.bias.div_(best)
    return best


def calibrate_file(source: Path, out: Path) -> tuple[float, Evaluation]:
    """Write the CNN of `source`, calibrated on training images, to `out`.

    Returns the temperature and what the result is worth on the test images. Raises CheckpointError
    for another file, OSError for none.
    """
    checkpoint, data = load(source, topic="cnn"), load_mnist()
    model = restore(checkpoint.state)
    best = calibrate(model, data.train_images[:_ENOUGH], data.train_labels[:_ENOUGH])
    result = evaluate(model, data.test_images, data.test_labels)
    metrics = {"test_loss": result.loss, "test_accuracy": result.accuracy}
    metrics = checkpoint.metrics | metrics
    save(out, model, topic="cnn", config=checkpoint.config, metrics=metrics)
    return best, result

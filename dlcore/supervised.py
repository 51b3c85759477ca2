"""The training loop that every plain supervised topic shares: images in, labels out.

The whole dataset is one tensor and a batch is a list of positions in it, so there is no loader
between the data and the network. Look at the five lines in the middle: forward, loss, zero_grad,
backward, step. The rest says what happened, and stops when nobody asks for more.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from dlcore.progress import Progress

Report = tuple[dict[str, float], Any]  # metrics to add, and the snapshot that goes with them


def fit(
    model: nn.Module,
    *,
    inputs: Tensor,
    labels: Tensor,
    prepare: Callable[[Tensor], Tensor],
    loss_function: Callable[[Tensor, Tensor], Tensor],
    optimizer: Optimizer,
    schedule: LRScheduler | None = None,
    epochs: int,
    batch_size: int,
    rng: torch.Generator,
    dtype: torch.dtype = torch.float32,
    after_step: Callable[[], Any] | None = None,
    after_epoch: Callable[[], Report] | None = None,
) -> Iterator[Progress]:
    """Train `model` in place; yields Progress with `loss` and `accuracy` of each batch.

    inputs (N, ...) and labels (N,) int64: the dataset, on the model's device.
    prepare: a batch as stored -> the network's input (scaling, augmentation).
    schedule: moves the learning rate after every step. rng: orders the batches.
    dtype: bfloat16 does the heavy sums in half the bits; weights and loss stay float32.
    after_step() -> snapshot; after_epoch() -> metrics and snapshot of an epoch's last step.
    """
    total, step = epochs * math.ceil(len(labels) / batch_size), 0
    device = labels.device.type
    for _ in range(epochs):
        batches = torch.randperm(len(labels), generator=rng).split(batch_size)
        for number, batch in enumerate(batches, start=1):
            model.train()
            prepared, target = prepare(inputs[batch]), labels[batch]
            with torch.autocast(device, dtype=dtype, enabled=dtype != torch.float32):
                logits = model(prepared).float()
            loss = loss_function(logits, target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if schedule is not None:
                schedule.step()

            step += 1
            right = (logits.argmax(dim=-1) == target).float().mean()
            metrics = {"loss": loss.item(), "accuracy": right.item()}
            snapshot = after_step() if after_step else None
            if number == len(batches) and after_epoch:
                extra, snapshot = after_epoch()
                metrics |= extra
            yield Progress(step, total, metrics, snapshot)

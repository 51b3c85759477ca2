"""`fit` against the same training written by hand, and what its generator promises."""

from collections.abc import Generator

import pytest
import torch
from torch import Tensor, nn

from dlcore.progress import Progress
from dlcore.supervised import Report, fit

INPUTS = torch.randn(10, 3, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 1, 0, 1, 0, 0, 1, 1, 0])


def a_model() -> nn.Linear:
    model = nn.Linear(3, 2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.1, -0.2, 0.3], [0.4, 0.5, -0.6]]))
        model.bias.zero_()
    return model


def training(model: nn.Module, **changes: object) -> list[Progress]:
    return list(start(model, **changes))


def start(model: nn.Module, **changes: object) -> Generator[Progress, None, None]:
    settings: dict[str, object] = {
        "inputs": INPUTS,
        "labels": LABELS,
        "prepare": lambda batch: batch * 2,
        "loss_function": nn.CrossEntropyLoss(),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "epochs": 1,
        "batch_size": 4,
        "rng": torch.Generator().manual_seed(7),
    }
    steps = fit(model, **{**settings, **changes})  # type: ignore[arg-type]
    assert isinstance(steps, Generator)
    return steps


def test_three_steps_equal_the_same_three_written_by_hand() -> None:
    model, mine = a_model(), a_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.5)
    events = training(model, optimizer=optimizer, schedule=schedule)

    weight, bias = mine.weight.detach().clone(), mine.bias.detach().clone()
    order = torch.randperm(10, generator=torch.Generator().manual_seed(7))
    losses, accuracies = [], []
    for batch, lr in zip((order[:4], order[4:8], order[8:]), (0.1, 0.05, 0.025), strict=True):
        inputs, labels = INPUTS[batch] * 2, LABELS[batch]
        probabilities = (inputs @ weight.T + bias).softmax(dim=1)
        losses.append(-probabilities[range(len(batch)), labels].log().mean())
        accuracies.append((probabilities.argmax(dim=1) == labels).float().mean())
        # The gradient of cross-entropy with softmax: probability minus truth.
        error = (probabilities - nn.functional.one_hot(labels, 2)) / len(batch)
        weight -= lr * error.T @ inputs
        bias -= lr * error.sum(dim=0)

    assert [event.step for event in events] == [1, 2, 3]
    assert {event.total for event in events} == {3}
    assert [e.metrics["loss"] for e in events] == pytest.approx([float(x) for x in losses])
    assert [e.metrics["accuracy"] for e in events] == [float(x) for x in accuracies]
    torch.testing.assert_close(model.weight.detach(), weight)
    torch.testing.assert_close(model.bias.detach(), bias)


def test_every_image_is_seen_once_an_epoch_in_a_new_order() -> None:
    seen: list[Tensor] = []

    def remember(batch: Tensor) -> Tensor:
        seen.append(batch)
        return batch

    training(a_model(), prepare=remember, epochs=2)
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    for epoch in (first, second):
        assert sorted(epoch.tolist()) == sorted(INPUTS.tolist())
    assert not torch.equal(first, second)


def test_an_epochs_last_step_carries_its_report_and_the_others_their_snapshot() -> None:
    epochs = iter("AB")

    def after_epoch() -> Report:
        return {"test_loss": 0.5}, next(epochs)

    events = training(a_model(), epochs=2, after_step=lambda: "step", after_epoch=after_epoch)
    assert [e.snapshot for e in events] == ["step", "step", "A", "step", "step", "B"]
    assert [e.step for e in events if "test_loss" in e.metrics] == [3, 6]


def test_nothing_happens_unless_the_next_step_is_asked_for() -> None:
    model = a_model()
    before = model.weight.detach().clone()
    steps = start(model)
    assert torch.equal(model.weight, before)
    next(steps)
    after = model.weight.detach().clone()
    assert not torch.equal(after, before)
    steps.close()
    assert torch.equal(model.weight, after)


def test_gradients_do_not_depend_on_whoever_asks() -> None:
    """Gradient mode is each thread's own: a caller inside no_grad must not stop the training."""
    alone, watched = a_model(), a_model()
    training(alone)
    steps = start(watched)
    for _ in steps:
        with torch.no_grad():  # between two steps, as a picture of the network is made
            watched(INPUTS)
    assert torch.equal(alone.weight, watched.weight)


def test_bfloat16_trains_and_leaves_the_weights_in_float32() -> None:
    exact, coarse = a_model(), a_model()
    training(exact)
    training(coarse, dtype=torch.bfloat16)
    assert coarse.weight.dtype == torch.float32
    torch.testing.assert_close(exact.weight, coarse.weight, atol=5e-3, rtol=0)
    assert not torch.equal(exact.weight, coarse.weight)  # the setting does something


def test_dropout_is_on_while_training_even_if_a_picture_turned_it_off() -> None:
    model = nn.Sequential(nn.Dropout(0.5), a_model())
    for _ in start(model):
        assert model.training
        model.eval()

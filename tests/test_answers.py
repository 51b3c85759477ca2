"""An evaluation against counting by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from dlcore.lstm import evaluate, predict, train
from tests.readers import TINY, few_opinions, new_reader


def test_evaluation_agrees_with_counting_by_hand() -> None:
    data, model = few_opinions(), new_reader()
    list(train(model, data, dataclasses.replace(TINY, epochs=1)))
    result = evaluate(model, data, data.test)
    texts, labels = data.texts(data.test), data.labels[data.test]
    probabilities = predict(model, texts)
    answers = (probabilities > 0.5).astype(int)
    assert result.accuracy == pytest.approx((answers == labels).mean())
    confusion = np.zeros((2, 2), int)
    for true, answer in zip(labels, answers, strict=True):
        confusion[true, answer] += 1
    assert (result.confusion == confusion).all()
    loss = nn.functional.binary_cross_entropy(
        torch.tensor(probabilities), torch.tensor(labels).float()
    )
    assert result.loss == pytest.approx(loss.item(), rel=1e-4)
    assert len(result.mistakes) == (answers != labels).sum()
    assert all(text in texts for text in result.mistakes)
    assert (np.diff(np.abs(result.probabilities - 0.5)) <= 0).all()  # worst first
    assert ((result.probabilities > 0.5) != (result.labels == 1)).all()
    assert result.counts.sum() == len(texts)
    assert (result.counts * result.accuracies).sum() == pytest.approx((answers == labels).sum())
    count, accuracy = result.groups["vi"]
    assert count == len(texts) and accuracy == pytest.approx(result.accuracy)
    assert sum(count for name, (count, _) in result.groups.items() if name != "vi") == len(texts)

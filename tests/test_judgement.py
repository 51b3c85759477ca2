"""Confusion, ROC and the baseline against scikit-learn's; calibration by hand."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_score, recall_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from dlcore.judgement import judge, logistic
from dlcore.mlp import Config, job, load
from tests.mlp_runs import iris_csv, last


@pytest.fixture(scope="module")
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 500)
    chance = np.clip(0.3 * labels + rng.normal(0.35, 0.25, 500), 0, 1).round(2)  # with ties
    return np.stack([1 - chance, chance], axis=1), labels


@pytest.mark.parametrize("threshold", [0.0, 0.25, 0.5, 0.8, 1.0])
def test_judgement_agrees_with_scikit_learn(
    answers: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    chance, labels = answers
    said = (chance[:, 1] >= threshold).astype(int)
    ours = judge(chance, labels, threshold)
    assert np.array_equal(ours.confusion, confusion_matrix(labels, said))
    assert ours.accuracy == pytest.approx((said == labels).mean())
    assert ours.recall == pytest.approx(recall_score(labels, said))
    assert ours.precision == pytest.approx(precision_score(labels, said))
    assert ours.auc == pytest.approx(roc_auc_score(labels, chance[:, 1]))
    assert ours.roc is not None
    assert ours.roc[0].tolist() == [0, 0] and ours.roc[-1].tolist() == [1, 1]
    here = [(said[labels == c]).mean() for c in (0, 1)]
    assert np.abs(ours.roc - here).sum(axis=1).min() < 1e-9  # the threshold's point is on it


def test_three_classes_and_one_class_alone() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 200)
    chance = rng.dirichlet([1, 1, 1], 200) + 0.4 * np.eye(3)[labels]
    chance /= chance.sum(axis=1, keepdims=True)
    ours = judge(chance, labels, 0.5)
    assert np.array_equal(ours.confusion, confusion_matrix(labels, chance.argmax(axis=1)))
    assert ours.auc == pytest.approx(roc_auc_score(labels, chance, multi_class="ovr"))
    assert ours.precision is None and ours.roc is None
    alone = judge(np.array([[0.2, 0.8], [0.6, 0.4]]), np.array([1, 1]), 0.9)
    assert (alone.auc, alone.roc, alone.precision, alone.recall) == (None, None, None, 0.0)


def test_calibration_by_hand() -> None:
    chance = np.array([0.05, 0.05, 0.95, 0.95, 0.95, 1.0])
    labels = np.array([0, 1, 1, 1, 0, 1])
    ours = judge(np.stack([1 - chance, chance], axis=1), labels)
    np.testing.assert_allclose(ours.calibration, [[0.05, 0.5, 2], [0.9625, 0.75, 4]])
    assert ours.ece == pytest.approx((0.45 * 2 + 0.2125 * 4) / 6)


@pytest.mark.parametrize("name", ["tutorial", "iris"])
def test_the_baseline_is_scikit_learns(name: str) -> None:
    config = Config(dataset="csv" if name == "iris" else name)
    table = load(config, iris_csv(), "kind")
    ours = logistic(table)
    scaler = StandardScaler().fit(table.features[table.train].astype(float))
    x = scaler.transform(table.features.astype(float))
    theirs = LogisticRegression(C=1.0, tol=1e-8, max_iter=5000)
    theirs.fit(x[table.train], table.labels[table.train])
    wanted = theirs.predict_proba(x[table.held_out])
    np.testing.assert_allclose(ours.probabilities, wanted, atol=1e-4)
    np.testing.assert_allclose(ours.weights, theirs.coef_, atol=1e-3)
    assert ours.judgement.accuracy == theirs.score(x[table.held_out], table.labels[table.held_out])


def test_no_hidden_layer_is_logistic_regression() -> None:
    config = Config(
        dataset="tutorial", hidden="", epochs=300, l2=0.0, dropout=0.0, batch_size=2048, lr=0.05
    )
    table, event = load(config), last(job(config))
    theirs = logistic(table, strength=1e6)
    np.testing.assert_allclose(event.snapshot.judged.probabilities, theirs.probabilities, atol=5e-3)

"""What models say together, and where they differ."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from classifier.statistics.consensus import ModelAnswers, consensus

CLASSES = ("malignant", "normal, benign")


def answers(*probabilities: float, log_loss: float = 0.2) -> ModelAnswers:
    """Of a model that gives these probabilities to the first of two classes."""
    first = np.array(probabilities)
    return ModelAnswers(CLASSES, log_loss, np.stack([first, 1 - first], axis=1))


def test_a_model_of_half_the_loss_weighs_twice() -> None:
    pooled = consensus([answers(0.9, log_loss=0.1), answers(0.3, log_loss=0.2)])
    assert pooled.weights == pytest.approx([2 / 3, 1 / 3])
    assert pooled.probabilities == pytest.approx(np.array([[0.7, 0.3]]))


def test_one_model_is_its_own_consensus() -> None:
    pooled = consensus([answers(0.9, 0.2)])
    assert pooled.probabilities[:, 0] == pytest.approx([0.9, 0.2])
    assert pooled.disagreement == pytest.approx([0, 0])


def test_images_on_which_models_differ_come_first_and_others_keep_their_order() -> None:
    pooled = consensus([answers(0.5, 0.9, 1.0, 0.5), answers(0.5, 0.6, 0.0, 0.5)])
    assert pooled.order.tolist() == [2, 1, 0, 3]
    assert pooled.disagreement[[2, 0]] == pytest.approx([1, 0])


def test_disagreement_of_two_equal_models_is_scipys_divergence() -> None:
    one, other = answers(0.9, 0.4), answers(0.6, 0.1)
    expected = jensenshannon(one.probabilities, other.probabilities, axis=1, base=2) ** 2
    assert consensus([one, other]).disagreement == pytest.approx(expected)


@settings(deadline=None)
@given(st.integers(2, 5), st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_the_consensus_loses_no_more_than_the_harmonic_mean(
    models: int, classes: int, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    truth = generator.integers(classes, size=50)
    names = tuple(map(str, range(classes)))
    given_answers = []
    for _ in range(models):
        probabilities = generator.dirichlet(np.ones(classes), 50) * 0.9 + 0.1 / classes
        loss = float(-np.log(probabilities[np.arange(50), truth]).mean())
        given_answers.append(ModelAnswers(names, loss, probabilities))
    pooled = consensus(given_answers)
    loss = -np.log(pooled.probabilities[np.arange(50), truth]).mean()
    assert loss <= models / sum(1 / each.log_loss for each in given_answers) + 1e-9
    assert pooled.probabilities.sum(axis=1) == pytest.approx(1)
    assert (pooled.disagreement >= 0).all()
    assert (pooled.disagreement <= np.log2(models) + 1e-9).all()


def test_a_model_without_any_loss_leaves_the_others_a_say() -> None:
    pooled = consensus([answers(0.9, log_loss=0), answers(0.1, log_loss=0.1)])
    assert pooled.weights == pytest.approx([100 / 101, 1 / 101])


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ([], "same classes"),
        ([answers(0.5), ModelAnswers(CLASSES[::-1], 0.2, np.ones((1, 2)) / 2)], "same classes"),
        ([answers(0.5), answers(0.5, 0.5)], "same images"),
        ([answers(0.5, log_loss=float("nan"))], "log loss"),
        ([answers(0.5, log_loss=-1)], "log loss"),
    ],
)
def test_models_that_cannot_be_combined_are_refused(
    models: list[ModelAnswers], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        consensus(models)

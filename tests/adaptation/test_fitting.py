"""What is fitted to few labelled images, and that what is said of it can be believed."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from classifier.adaptation.examples import Examples, NotEnough, check_enough, fewest_scores
from classifier.adaptation.fitting import Procedure, Promise, cross_fit, fit, folds
from classifier.adaptation.head import Head, HeadFit, HeadSettings, head_of, set_head
from classifier.adaptation.verdict import gain, paired_interval
from classifier.evaluation.scores import Labels
from classifier.networks.architectures.residual import compact_resnet
from classifier.networks.architectures.shared import ImageSpec
from classifier.networks.contract import with_head_inputs
from classifier.networks.ensemble import averaged
from classifier.networks.limits import Limits

WIDTH, CLASSES = 6, 3
SHIPPED = Head(np.eye(WIDTH, CLASSES), np.zeros(CLASSES))
HOME = Limits(
    centre=np.zeros(WIDTH),
    scale=np.ones(WIDTH),
    axes=np.eye(WIDTH, 2),
    reference=np.zeros((1, 3)),
    spread=np.ones(1),
    limit=np.array(1.0),
    thresholds=np.zeros(CLASSES),
    outer_limit=np.array(1.0),
    widened=np.zeros(CLASSES),
)


def drawn(n: int, seed: int, distance: float = 1.5) -> Examples:
    """Images of three classes around centres that the shipped head confuses."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n) % CLASSES
    centres = distance * np.roll(np.eye(CLASSES, WIDTH), 1, axis=0)
    features = generator.normal(size=(n, WIDTH)) + centres[labels]
    probabilities = np.exp(SHIPPED.logits(features))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Examples(features, features, probabilities, labels, np.arange(n))


def test_a_head_starts_at_the_shipped_one() -> None:
    examples = drawn(30, 0)
    held = HeadFit(examples.inputs, examples.labels, SHIPPED).head(HeadSettings(1e9, 1.0))
    np.testing.assert_allclose(held.weights, SHIPPED.weights, atol=1e-6)
    free = HeadFit(examples.inputs, examples.labels, SHIPPED).head(HeadSettings(0.01, 1.0))
    shipped_right = (SHIPPED.logits(examples.inputs).argmax(axis=1) == examples.labels).mean()
    assert (free.logits(examples.inputs).argmax(axis=1) == examples.labels).mean() > shipped_right


def test_a_head_of_more_inputs_than_images_is_the_same_in_their_span() -> None:
    examples = drawn(4, 0)
    head = HeadFit(examples.inputs, examples.labels, SHIPPED).head(HeadSettings(0.1, 0.5))
    assert np.isfinite(head.weights).all()
    assert (head.logits(examples.inputs).argmax(axis=1) == examples.labels).all()


def test_the_head_of_an_ensemble_with_views_is_found_and_written() -> None:
    spec = ImageSpec(8, 1, (100.0,), (900.0,), symmetries=2)
    members = [compact_resnet(spec, 2, widths=(4, 8), blocks=(0, 1)) for _ in range(2)]
    network = averaged(members, alike=1, shares=(0.25, 0.75))
    pixels = np.random.default_rng(0).uniform(0, 255, (5, 8, 8, 1)).astype(np.float32)
    extended = with_head_inputs(network, ["standardise"])
    probabilities, _, inputs = (np.asarray(each) for each in extended(pixels))
    head = head_of(network)
    np.testing.assert_allclose(keras.ops.softmax(head.logits(inputs)), probabilities, atol=1e-5)
    other = Head(-2 * head.weights, head.bias + np.array([0.5, 0]))
    set_head(network, other)
    expected = keras.ops.softmax(other.logits(inputs))
    np.testing.assert_allclose(network(pixels), expected, atol=1e-5)


@pytest.mark.parametrize(("level", "images"), [(0.95, 19), (0.99, 99), (0.9, 9)])
def test_so_many_images_it_takes_to_promise_a_level(level: float, images: int) -> None:
    assert fewest_scores(level) == images


def test_of_too_few_images_sets_promise_nothing_and_name_every_class() -> None:
    fitted = fit([drawn(15, 0)], Procedure(SHIPPED, HOME, Promise(), by_class=False))
    assert fitted.answers([drawn(30, 1)]).sets.all()


def test_thresholds_of_their_own_take_enough_images_of_each_class() -> None:
    assert not fit([drawn(54, 0)], Procedure(SHIPPED, HOME, Promise(), by_class=True)).by_class
    assert fit([drawn(57, 0)], Procedure(SHIPPED, HOME, Promise(), by_class=True)).by_class


def test_sets_and_limits_keep_their_promise_for_other_images() -> None:
    """Over many draws, since of 60 images each promise is kept on average only."""
    others = drawn(600, 99)
    covered, accepted = [], []
    for seed in range(12):
        procedure = Procedure(SHIPPED, HOME, Promise(), by_class=False)
        answers = fit([drawn(60, seed)], procedure).answers([others])
        covered.append(answers.sets[np.arange(600), others.labels].mean())
        accepted.append(answers.accepted.mean())
    assert abs(np.mean(covered) - 0.95) < 0.02
    assert np.mean(accepted) > 0.9


def test_images_unlike_all_of_the_laboratory_are_refused() -> None:
    strange = drawn(30, 1)
    strange.features[:] += 40
    assert (
        not fit([drawn(60, 0)], Procedure(SHIPPED, HOME, Promise(), by_class=False))
        .answers([strange])
        .accepted.any()
    )


def cross_fitted(examples: Examples) -> tuple[float, bool, str]:
    """Accuracy after, whether it is proposed, and why."""
    procedure = Procedure(SHIPPED, HOME, Promise(), by_class=False)
    answers = cross_fit([examples], procedure, lambda done, total: None)
    found = gain(examples, answers)
    assert found.after.share is not None
    return found.after.share, found.proposed, found.reason


@pytest.mark.parametrize("groups", [np.arange(15), np.arange(15) // 3 % 2 * 3 + np.arange(15) % 3])
def test_five_images_of_a_class_are_enough(groups: Labels) -> None:
    """Also of two patients for each class alone."""
    examples = replace(drawn(15, 0, distance=6), groups=groups)
    accuracy, _, _ = cross_fitted(examples)
    assert accuracy > 0.6


def test_what_helps_is_proposed_with_what_it_is_worth() -> None:
    examples = drawn(90, 0, distance=3)
    accuracy, proposed, reason = cross_fitted(examples)
    assert proposed
    assert "Proposed" in reason
    assert "points (95 % interval" in reason
    # What was said of these images holds of others.
    others = drawn(600, 5, distance=3)
    fitted = fit([examples], Procedure(SHIPPED, HOME, Promise(), by_class=False))
    assert abs(fitted.answers([others]).right(others.labels).mean() - accuracy) < 0.07


def test_labels_that_mean_nothing_are_found_out() -> None:
    examples = drawn(60, 0)
    examples.labels[:] = np.random.default_rng(1).permutation(examples.labels)
    accuracy, proposed, reason = cross_fitted(examples)
    assert accuracy < 0.6
    assert not proposed
    assert reason.startswith("Not proposed")


def test_what_is_no_better_is_not_proposed() -> None:
    examples = drawn(45, 0)
    # Each class lies where the shipped head looks for it.
    examples.inputs[:, [0, 1, 2]] = examples.inputs[:, [2, 0, 1]]
    examples.probabilities[:] = np.exp(SHIPPED.logits(examples.inputs))
    _, proposed, reason = cross_fitted(examples)
    assert not proposed
    assert "may be no better" in reason


def test_images_of_one_group_are_never_on_both_sides() -> None:
    labels, groups = np.arange(60) % 3, np.arange(60) // 6
    for training, held_out in folds(labels, groups, seed=0):
        assert set(groups[training]).isdisjoint(groups[held_out])


def test_fewer_groups_say_less_of_a_difference() -> None:
    differences = np.tile([1, 1, 1, 0, 0, -1], 10)
    alone = paired_interval(differences, np.arange(60))
    together = paired_interval(differences, np.arange(60) % 6)
    assert together[0] < alone[0] < differences.mean() < alone[1] < together[1]


@pytest.mark.parametrize(
    ("labels", "groups", "found"),
    [
        ([0], [0], "Here are 1: basophil 1"),
        ([0] * 20, range(20), "basophil 20"),
        ([0] * 20 + [1] * 4, range(24), "eosinophil 4"),
        ([0] * 10 + [1] * 10, [0] * 10 + list(range(1, 11)), "from two patients"),
    ],
)
def test_too_few_images_are_refused_in_plain_words(
    labels: list[int], groups: list[int], found: str
) -> None:
    with pytest.raises(NotEnough, match=found):
        check_enough(np.array(labels), np.array(groups), ["basophil", "eosinophil"])
    check_enough(np.arange(10) % 2, np.arange(10), ["basophil", "eosinophil"])


def test_of_several_views_the_one_is_taken_in_which_classes_are_told_apart() -> None:
    blurred, sharp = drawn(60, 0, distance=0.3), drawn(60, 0, distance=4)
    procedure = Procedure(SHIPPED, HOME, Promise(), by_class=False)
    assert fit([blurred, sharp], procedure).view == 1
    assert fit([sharp, blurred], procedure).view == 0
    answers = cross_fit([blurred, sharp], procedure, lambda done, total: None)
    assert answers.right(sharp.labels).mean() > 0.9

"""Whether an adapted model is better than the shipped one, on the same images."""

from typing import Final

import numpy as np

from classifier.adaptation.examples import Examples
from classifier.bundles.schema import AdaptationGain
from classifier.cards.numbers import percent
from classifier.evaluation.intervals import proportion
from classifier.evaluation.scores import Flags, Labels
from classifier.evaluation.selective import Answers
from classifier.statistics.intervals import Interval, percentiles

RESAMPLES: Final = 2000


def paired_interval(differences: Labels, groups: Labels) -> Interval:
    """95 % interval of the mean difference (N,): percentile bootstrap over groups (N,) of images.

    Always with the same seed.
    """
    _, numbers = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(numbers, differences), np.bincount(numbers)
    generator = np.random.default_rng(0)
    counts = generator.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), RESAMPLES)
    return percentiles((counts @ sums) / (counts @ sizes))


def gain(examples: Examples, adapted: Answers, *, is_own: bool = False) -> AdaptationGain:
    """How much more often the adapted model is right than the shipped one, and what to do.

    With `is_own`, for classes of one's own, than by always naming the commonest of them, which is
    what the examples' probabilities then say.
    """
    before = np.asarray(examples.probabilities.argmax(axis=1) == examples.labels)
    after = adapted.right(examples.labels)
    interval = paired_interval(after.astype(np.int64) - before, examples.groups)
    commonest = float(np.bincount(examples.labels).max() / len(examples))
    proposed, reason = _verdict(before, after, interval, commonest, is_own=is_own)
    return AdaptationGain(
        before=proportion(before),
        after=proportion(after),
        difference=float(after.mean() - before.mean()),
        interval=interval,
        proposed=proposed,
        reason=reason,
    )


def _verdict(
    before: Flags, after: Flags, interval: Interval, commonest: float, *, is_own: bool
) -> tuple[bool, str]:
    low, high = (f"{100 * end:+.1f}" for end in interval)
    points = 100 * (after.mean() - before.mean())
    right_now, right_before = percent(float(after.mean())), percent(float(before.mean()))
    measured = (
        f"Of these {len(after)} images it is right in {right_now}, "
        f"{'always naming the commonest class' if is_own else 'the shipped model'} in "
        f"{right_before}: a difference of {points:+.1f} points (95 % interval {low} to {high})"
    )
    if after.mean() <= commonest:
        return False, (
            f"Not proposed. It is right in {right_now} of these images, and always naming the "
            f"commonest class in {percent(commonest)}: it learnt nothing from these labels. Look "
            "whether folders or labels are matched to the right classes."
        )
    if interval[0] > 0:
        doubt = (
            " The shipped model is right less often than by always naming one class: look whether "
            "the labels are matched to the right classes before you rely on this."
            if before.mean() < min(commonest, 1 / 2) / 2
            else ""
        )
        return True, f"Proposed. {measured}.{doubt}"
    return False, (
        f"Not proposed. {measured}, so that it may be no better. "
        f"{'Bring' if is_own else 'Keep the shipped model, or adapt again with'} more labelled "
        "images."
    )

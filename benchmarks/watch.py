"""How soon a change of stain is noticed, and how often nothing is: `python -m benchmarks.watch`.

Answers of a shipped model to the test images of its dataset, whose file lies in MEDMNIST_ROOT. A
reference period and a window are drawn from them over and over, with replacement: the window from
the images as they are, then from the same images under each change of stain of the damage tests.
"""

import argparse
import os
from pathlib import Path
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from classifier.bundles.registry import Bundle, load_bundle
from classifier.datasets.medmnist import load_split, source_of
from classifier.evaluation.batch_predict import outputs
from classifier.evaluation.corruptions import STAIN
from classifier.networks.contract import with_features
from classifier.networks.limits import Limits
from classifier.networks.safe_loading import load_network
from classifier.statistics.watching import (
    FIGURES,
    REFERENCE,
    STEPS,
    WATCHED_AXES,
    Period,
    alarming,
    p_values,
)

IMAGES = 500
UNCHANGED = (50, 100, 1_000, 5_000)
CHANGED = (100,)
# Of 5,000 a draw takes seconds.
MOST_DRAWN = 100_000


def main() -> None:
    """Print how many of the draws raised an alarm, and by which figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=Path("models/blood-compact"))
    parser.add_argument("--data", type=Path, default=os.environ.get("MEDMNIST_ROOT", "~/.medmnist"))
    parser.add_argument("--draws", type=int, default=200)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    path = arguments.data.expanduser() / source_of(bundle.dataset, bundle.input_size).file_name
    test = load_split(
        path, "test", size=bundle.input_size, channels=bundle.channels, classes=len(bundle.classes)
    )
    images = test.images[np.linspace(0, len(test.images) - 1, IMAGES).astype(int)]
    network = load_network(bundle.weights_path)
    console = Console(width=140)
    console.print(
        f"{bundle.metadata.title}, version {bundle.version}: share of draws with an alarm"
    )
    console.print(f"images, window, draws, any figure, {', '.join(FIGURES)}")
    home = answers(bundle, network, images)
    for name, change in STAIN.items():
        other = answers(bundle, network, np.stack([change(image) for image in images]))
        for n in CHANGED:
            console.print(name, *measured(home, other, n, arguments.draws))
    for n in UNCHANGED:
        draws = max(20, min(5 * arguments.draws, MOST_DRAWN // n))
        console.print("as they are", *measured(home, home, n, draws))


def answers(bundle: Bundle, network: Any, images: NDArray[np.uint8]) -> Period:
    """What the model makes of images, as a worker keeps it."""
    if bundle.metadata.uncertainty is None or bundle.limits_path is None:
        raise SystemExit(f"{bundle.slug} has no limits, so that nothing is kept of its features.")
    limits = Limits.read(bundle.limits_path)
    featured = with_features(network, bundle.metadata.uncertainty.layers)
    probabilities, features = (np.asarray(each) for each in outputs(featured, images))
    judged = limits.judge(probabilities, features)
    kept = limits.coordinates(features)[:, :WATCHED_AXES].astype(np.float16)
    return Period(
        np.arange(len(images)),
        probabilities.max(axis=1).astype(np.float64),
        probabilities.argmax(axis=1),
        np.where(judged.unlike, STEPS.index("unlike"), judged.unusual.astype(np.int64)),
        kept.astype(np.float64),
    )


def measured(home: Period, other: Period, n: int, draws: int) -> tuple[str, ...]:
    random = np.random.default_rng(n)
    named = []
    for _ in range(draws):
        reference = drawn(home, random, REFERENCE)
        named.append(alarming(p_values(reference, drawn(other, random, n))))
    alarms = sum(bool(each) for each in named)
    by_figure = (sum(figure in each for each in named) for figure in FIGURES)
    return (
        f"{n:,}",
        f"{draws:,}",
        f"{alarms / draws:.3f}",
        *(f"{count / draws:.3f}" for count in by_figure),
    )


def drawn(period: Period, random: np.random.Generator, n: int) -> Period:
    chosen = random.integers(0, len(period), n)
    if period.limits is None or period.features is None:
        raise ValueError("These have limits and features.")
    return Period(
        np.arange(n),
        period.confidences[chosen],
        period.classes[chosen],
        period.limits[chosen],
        period.features[chosen],
    )


if __name__ == "__main__":
    main()

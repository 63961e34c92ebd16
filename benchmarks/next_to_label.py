"""Which images to label next: `python -m benchmarks.next_to_label ZIP`.

From each laboratory half of the images are offered for labelling, the others tell how good the
adapted head then is. Some labels at a time are given, to images drawn at random or chosen by what
the head makes of the rest so far; printed are the means over the draws, and with how many labels a
proportion of the other images is right on average. With --sketch images are compared by the few
coordinates that are kept with each prediction in place of the inputs of the head; with --shipped
the choice goes on by what the shipped head said, as if nothing were adapted in between.
"""

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import softmax
from sklearn.cluster import KMeans

from benchmarks.adaptation import read
from classifier.adaptation.adapt import AdaptableNetwork, OwnImages
from classifier.adaptation.head import Head, HeadFit, HeadSettings
from classifier.bundles.registry import load_bundle
from classifier.networks.safe_loading import load_network
from classifier.statistics.watching import WATCHED_AXES

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
# Probabilities (N, C) of the images without a label, by what they are compared, how many to name.
Choose = Callable[[Floats, Floats, int, np.random.Generator], Indices]

SETTINGS: Final = HeadSettings(penalty=0.1, start=0.3)
GOALS: Final = {"jtsc": 0.9, "cellavision": 0.75}


def at_random(said: Floats, compared: Floats, n: int, random: np.random.Generator) -> Indices:
    return random.choice(len(said), n, replace=False)


def least_certain(said: Floats, compared: Floats, n: int, random: np.random.Generator) -> Indices:
    """The smallest margin between the two most probable classes."""
    ordered = np.sort(said, axis=1)
    return np.argsort(ordered[:, -1] - ordered[:, -2])[:n]


def diverse(said: Floats, compared: Floats, n: int, random: np.random.Generator) -> Indices:
    """The image in the middle of each of n clusters."""
    return _middles(compared, np.ones(len(said)), n, random)


def diverse_and_uncertain(
    said: Floats, compared: Floats, n: int, random: np.random.Generator
) -> Indices:
    """The same where images weigh by their uncertainty (Zhdanov 2019, "Diverse mini-batch AL")."""
    ordered = np.sort(said, axis=1)
    return _middles(compared, 1 - (ordered[:, -1] - ordered[:, -2]) + 1e-3, n, random)


def _middles(compared: Floats, weights: Floats, n: int, random: np.random.Generator) -> Indices:
    scaled = (compared - compared.mean(axis=0)) / (compared.std(axis=0) + 1e-6)
    seed = int(random.integers(2**31))
    found = KMeans(n, n_init=1, random_state=seed).fit(scaled, sample_weight=weights)
    distances = found.transform(scaled)
    chosen: list[int] = []
    for cluster in range(n):
        order = np.argsort(distances[:, cluster])
        chosen.append(next(int(each) for each in order if each not in chosen))
    return np.array(chosen)


CHOICES: Final[Mapping[str, Choose]] = {
    "at random": at_random,
    "least certain": least_certain,
    "diverse": diverse,
    "diverse and uncertain": diverse_and_uncertain,
}


@dataclass(frozen=True)
class Seen:
    """N images of a laboratory.

    Attributes:
        inputs: (N, D) of the head.
        compared: (N, K), by which images are alike or not.
        shipped_says: (N, C) probabilities of the shipped head.
        labels: (N,).
    """

    inputs: Floats
    compared: Floats
    shipped_says: Floats
    labels: Indices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("models/blood-compact"))
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--at-once", type=int, default=10)
    parser.add_argument("--labels", type=int, default=100)
    parser.add_argument("--sketch", action="store_true")
    parser.add_argument("--shipped", action="store_true")
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    model = AdaptableNetwork(bundle, load_network(bundle.weights_path))
    steps = range(arguments.at_once, arguments.labels + 1, arguments.at_once)
    columns = ("laboratory", "chosen", *map(str, steps), "labels to goal")
    table = Table(*columns, title=bundle.metadata.title)
    for laboratory, (pixels, labels) in read(arguments.archive, bundle).items():
        images = OwnImages(
            name=laboratory, views=pixels[:1], labels=labels, groups=np.arange(len(labels))
        )
        (examples,) = model.examples(images)
        compared = examples.inputs
        if arguments.sketch:
            if model.limits is None:
                parser.error("Nothing is kept of what a model without limits saw.")
            coordinates = model.limits.coordinates(examples.features)[:, :WATCHED_AXES]
            compared = coordinates.astype(np.float16).astype(np.float64)
        seen = Seen(examples.inputs, compared, examples.probabilities, labels)
        for name, choose in CHOICES.items():
            runs = [
                run(model.head, seen, choose, steps, seed, refitted=not arguments.shipped)
                for seed in range(arguments.draws)
            ]
            shares = np.mean(runs, axis=0)
            reached = np.flatnonzero(shares >= GOALS[laboratory])
            needed = str(steps[reached[0]]) if len(reached) else "more"
            table.add_row(laboratory, name, *(f"{share:.3f}" for share in shares), needed)
    Console(width=150).print(table)


def run(
    shipped: Head, seen: Seen, choose: Choose, steps: range, seed: int, *, refitted: bool
) -> list[float]:
    """The share of the other half that is right, after each round of labels."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(seen.labels))
    pool, others = order[: len(order) // 2], order[len(order) // 2 :]
    said, known, shares = seen.shipped_says[pool], np.zeros(len(pool), np.bool_), []
    for _ in steps:
        waiting = np.flatnonzero(~known)
        number = min(steps.step, len(waiting))
        if number:
            compared = seen.compared[pool][waiting]
            known[waiting[choose(said[waiting], compared, number, random)]] = True
        own = pool[known]
        head = HeadFit(seen.inputs[own], seen.labels[own], shipped).head(SETTINGS)
        if refitted:
            said = softmax(head.logits(seen.inputs[pool]), axis=1)
        right = head.logits(seen.inputs[others]).argmax(axis=1) == seen.labels[others]
        shares.append(float(right.mean()))
    return shares


if __name__ == "__main__":
    main()

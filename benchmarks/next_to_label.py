"""Which images to label next: `python -m benchmarks.next_to_label ZIP`.

From each laboratory half of the images are offered for labelling, the others tell how good the
adapted head then is. Ten labels at a time are given, to images drawn at random or chosen by what
the head makes of the rest so far; printed are the means over the draws, and with how many labels a
proportion of the other images is right on average.
"""

import argparse
import os
from collections.abc import Callable, Mapping
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

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
# Probabilities (N, C) of the images that have no label yet, their inputs (N, D), how many to name.
Choose = Callable[[Floats, Floats, int, np.random.Generator], Indices]

AT_ONCE: Final = 10
ROUNDS: Final = 10
SETTINGS: Final = HeadSettings(penalty=0.1, start=0.3)
GOALS: Final = {"jtsc": 0.9, "cellavision": 0.75}


def at_random(said: Floats, inputs: Floats, n: int, random: np.random.Generator) -> Indices:
    return random.choice(len(said), n, replace=False)


def least_certain(said: Floats, inputs: Floats, n: int, random: np.random.Generator) -> Indices:
    """The smallest margin between the two most probable classes."""
    ordered = np.sort(said, axis=1)
    return np.argsort(ordered[:, -1] - ordered[:, -2])[:n]


def diverse(said: Floats, inputs: Floats, n: int, random: np.random.Generator) -> Indices:
    """The image in the middle of each of n clusters."""
    return _middles(inputs, np.ones(len(said)), n, random)


def diverse_and_uncertain(
    said: Floats, inputs: Floats, n: int, random: np.random.Generator
) -> Indices:
    """The same where images weigh by their uncertainty (Zhdanov 2019, "Diverse mini-batch AL")."""
    ordered = np.sort(said, axis=1)
    return _middles(inputs, 1 - (ordered[:, -1] - ordered[:, -2]) + 1e-3, n, random)


def _middles(inputs: Floats, weights: Floats, n: int, random: np.random.Generator) -> Indices:
    scaled = (inputs - inputs.mean(axis=0)) / (inputs.std(axis=0) + 1e-6)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("models/blood-compact"))
    parser.add_argument("--draws", type=int, default=20)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    model = AdaptableNetwork(bundle, load_network(bundle.weights_path))
    steps = [str(AT_ONCE * (number + 1)) for number in range(ROUNDS)]
    table = Table("laboratory", "chosen", *steps, "labels to goal", title=bundle.metadata.title)
    for laboratory, (pixels, labels) in read(arguments.archive, bundle).items():
        images = OwnImages(
            name=laboratory, views=pixels[:1], labels=labels, groups=np.arange(len(labels))
        )
        (seen,) = model.examples(images)
        for name, choose in CHOICES.items():
            runs = [
                run(model.head, seen.inputs, seen.probabilities, labels, choose, seed)
                for seed in range(arguments.draws)
            ]
            shares = np.mean(runs, axis=0)
            reached = np.flatnonzero(shares >= GOALS[laboratory])
            needed = str(AT_ONCE * (reached[0] + 1)) if len(reached) else "more"
            table.add_row(laboratory, name, *(f"{share:.3f}" for share in shares), needed)
    Console(width=150).print(table)


def run(
    shipped: Head, inputs: Floats, shipped_says: Floats, labels: Indices, choose: Choose, seed: int
) -> list[float]:
    """The share of the other half that is right, after each round of labels."""
    random = np.random.default_rng(seed)
    order = random.permutation(len(labels))
    pool, others = order[: len(order) // 2], order[len(order) // 2 :]
    said, known, shares = shipped_says[pool], np.zeros(len(pool), np.bool_), []
    for _ in range(ROUNDS):
        waiting = np.flatnonzero(~known)
        number = min(AT_ONCE, len(waiting))
        if number:
            known[waiting[choose(said[waiting], inputs[pool][waiting], number, random)]] = True
        own = pool[known]
        head = HeadFit(inputs[own], labels[own], shipped).head(SETTINGS)
        said = softmax(head.logits(inputs[pool]), axis=1)
        shares.append(float((head.logits(inputs[others]).argmax(axis=1) == labels[others]).mean()))
    return shares


if __name__ == "__main__":
    main()

"""What few labelled images of another laboratory are worth: `python -m benchmarks.adaptation ZIP`.

The zip has labels.csv, with columns file, laboratory and class, and the images that it names. From
each laboratory images are drawn to adapt with, so many of each class, or half of what a class has
where that is less; all others tell how good the model then is. Figures are means over the draws.
"""

import argparse
import csv
import io
import os
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from classifier.adaptation.adapt import AdaptableNetwork, OwnImages
from classifier.adaptation.examples import Examples
from classifier.adaptation.fitting import Promise, cross_fit, fit
from classifier.adaptation.views import views
from classifier.bundles.registry import Bundle, load_bundle
from classifier.networks.safe_loading import load_network
from classifier.preprocessing import Crop

DRAWS = 10
SIZES = (5, 10, 20)
COLUMNS = (
    "laboratory",
    "a class",
    "images",
    "shipped",
    "adapted",
    "foretold",
    "coverage",
    "set size",
    "accepted",
    "s per adaptation",
)


def main() -> None:
    """Print a line for each laboratory and number of images a class."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("archive", type=Path)
    parser.add_argument("--bundle", type=Path, default=Path("models/blood-compact"))
    parser.add_argument("--draws", type=int, default=DRAWS)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    table = Table(*COLUMNS, title=f"{bundle.metadata.title}, version {bundle.version}")
    for row in rows(arguments.archive, bundle, arguments.draws):
        table.add_row(*row)
    Console(width=120).print(table)


def rows(archive: Path, bundle: Bundle, draws: int) -> Iterator[tuple[str, ...]]:
    model = AdaptableNetwork(bundle, load_network(bundle.weights_path))
    for laboratory, (pixels, labels) in read(archive, bundle).items():
        images = OwnImages(
            name=laboratory, views=pixels, labels=labels, groups=np.arange(len(labels))
        )
        started = time.monotonic()
        seen = model.examples(images)
        seconds_an_image = (time.monotonic() - started) / len(labels)
        for size in SIZES:
            yield laboratory, str(size), *measured(model, seen, size, draws, seconds_an_image)


def measured(
    model: AdaptableNetwork,
    seen: Sequence[Examples],
    size: int,
    draws: int,
    seconds_an_image: float,
) -> tuple[str, ...]:
    """The figures of one line, from the third column on."""
    found = []
    for seed in range(draws):
        chosen = drawn(seen[0].labels, size, seed)
        own, others = [each.of(chosen) for each in seen], [each.of(~chosen) for each in seen]
        known, unknown = own[0].labels, others[0].labels
        started = time.monotonic()
        procedure = model.procedure(Promise())
        foretold = cross_fit(own, procedure, lambda done, total: None)
        fitted = fit(own, procedure)
        seconds = time.monotonic() - started + seconds_an_image * len(known)
        answers = fitted.answers(others)
        found.append(
            (
                len(known),
                (others[0].probabilities.argmax(axis=1) == unknown).mean(),
                answers.right(unknown).mean(),
                foretold.right(known).mean(),
                answers.sets[np.arange(len(unknown)), unknown].mean(),
                answers.sets.sum(axis=1).mean(),
                answers.accepted.mean(),
                seconds,
            )
        )
    n, *proportions, sets, accepted, seconds = np.mean(found, axis=0)
    return (
        f"{n:.0f}",
        *(f"{value:.3f}" for value in proportions),
        f"{sets:.2f}",
        f"{accepted:.3f}",
        f"{seconds:.1f}",
    )


def drawn(labels: NDArray[np.int64], size: int, seed: int) -> NDArray[np.bool_]:
    """Which images (N,) to adapt with: `size` of each class, at most half of what it has."""
    generator = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), np.bool_)
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        chosen[members[: min(size, len(members) // 2)]] = True
    return chosen


def read(
    archive: Path, bundle: Bundle
) -> dict[str, tuple[tuple[NDArray[np.uint8], ...], NDArray[np.int64]]]:
    """Pixels as the bundle's network may see them, and class indices, by laboratory."""
    with zipfile.ZipFile(archive) as files:
        lines = list(csv.DictReader(io.TextIOWrapper(files.open("labels.csv"), "utf-8")))
        seen = [
            views(bundle, Image.open(files.open(line["file"])).convert("RGB"), Crop.AUTO)
            for line in lines
        ]
    found = {}
    for laboratory in dict.fromkeys(line["laboratory"] for line in lines):
        members = [number for number, line in enumerate(lines) if line["laboratory"] == laboratory]
        labels = [bundle.classes.index(lines[number]["class"]) for number in members]
        own = zip(*(seen[number] for number in members), strict=True)
        found[laboratory] = tuple(np.stack(each) for each in own), np.array(labels)
    return found


if __name__ == "__main__":
    main()

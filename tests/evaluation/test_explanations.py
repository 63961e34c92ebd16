"""The checks of explanations: what passes them, and what does not."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings
from PIL import Image

from classifier.bundles.registry import load_bundle
from classifier.bundles.schema import (
    CoveringCheck,
    DataFile,
    ExplanationCheck,
    RandomisationCheck,
)
from classifier.datasets.medmnist import DataError
from classifier.evaluation.boxes import BoxedImages, read_boxed_images
from classifier.evaluation.explanations import (
    check_covering,
    check_explanations,
    check_randomisation,
    marked_most,
    pointing_game,
    shuffle_weights,
)
from classifier.networks.explanation import GradCam
from tests.networks.test_explanation import BRIGHT, SIZE, bright_square, brightness_network

MODELS = Path(settings.MODELS_DIR)


def images_and_maps(count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(1)
    corners = generator.integers(0, SIZE - 8, size=(count, 2))
    images = np.stack([bright_square(*corner) for corner in corners])
    return images, GradCam(brightness_network())(images, [BRIGHT] * count)


def test_maps_of_what_counts_pass_and_others_do_not() -> None:
    images, maps = images_and_maps()
    right = check_covering(brightness_network(), images, [BRIGHT] * len(images), maps)
    assert right.n == len(images)
    assert right.marked > right.random
    assert right.difference[0] > 0
    wrong = check_covering(brightness_network(), images, [BRIGHT] * len(images), 1 - maps)
    assert wrong.difference[0] < 0
    nothing = check_covering(brightness_network(), images, [BRIGHT] * len(images), 0 * maps)
    assert (nothing.marked, nothing.random, nothing.difference) == (0, 0, (0, 0))


def test_maps_that_do_not_depend_on_the_weights_are_found_out() -> None:
    _, maps = images_and_maps()
    assert check_randomisation(maps, maps).correlation == pytest.approx(1)
    assert abs(check_randomisation(maps, maps[::-1]).correlation) < 0.5
    assert check_randomisation(maps, 0 * maps).correlation == 0


@pytest.mark.parametrize(
    ("difference", "correlation", "passes"),
    [((0.01, 0.2), 0.1, True), ((-0.01, 0.2), 0.1, False), ((0.01, 0.2), 0.6, False)],
)
def test_both_checks_must_be_passed(
    difference: tuple[float, float], correlation: float, passes: bool
) -> None:
    check = ExplanationCheck(
        method="grad-cam",
        covering=CoveringCheck(n=100, marked=0.3, random=0.2, difference=difference),
        randomisation=RandomisationCheck(n=20, correlation=correlation),
    )
    assert check.passes == passes


def test_a_tenth_is_marked() -> None:
    explanation = np.arange(100, dtype=np.float32).reshape(10, 10)
    assert np.flatnonzero(marked_most(explanation)).tolist() == list(range(90, 100))


def test_shuffled_weights_are_the_same_numbers() -> None:
    network = brightness_network()
    kernel = np.arange(16, dtype=np.float32).reshape(4, 4, 1, 1)
    network.get_layer("maps").set_weights([kernel, np.zeros(1)])
    shuffle_weights(network)
    shuffled = network.get_layer("maps").get_weights()[0]
    assert sorted(shuffled.ravel()) == sorted(kernel.ravel())
    assert (shuffled != kernel).any()


def test_the_pointing_game_counts_highest_points_in_boxes() -> None:
    maps = np.zeros((2, 10, 10), np.float32)
    maps[0, 2, 7] = maps[1, 2, 7] = 1
    boxes = np.array([[6, 1, 9, 4], [0, 0, 6, 6]], float)
    boxed = BoxedImages(np.zeros((2, 10, 10, 1), np.uint8), boxes, DataFile(file="a", sha256="0"))
    game = pointing_game(boxed, maps)
    assert (game.n, game.share) == (2, 0.5)
    assert game.by_chance == pytest.approx((0.09 + 0.36) / 2)
    assert game.by_centre == 0.5


def boxed_zip(path: Path, rows: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("labels.csv", f"file,case,width,height,lesion_bbox\n{rows}")
        for name in ("a.png", "b.png"):
            buffer = io.BytesIO()
            Image.new("L", (60, 40)).save(buffer, "PNG")
            archive.writestr(name, buffer.getvalue())
    return path


def test_boxes_are_brought_to_what_the_network_sees(tmp_path: Path) -> None:
    path = boxed_zip(
        tmp_path / "boxes.zip",
        'a.png,1,120,80,"[40,20,40,40]"\nb.png,2,60,40,"[0,0,20,40]"\n',
    )
    bundle = load_bundle(MODELS / "breast-dnn-plain")
    boxed = read_boxed_images(path, bundle)
    assert boxed.images.shape == (2, bundle.input_size, bundle.input_size, bundle.channels)
    found = sorted(map(tuple, boxed.boxes / bundle.input_size))
    # The centred square of 60 by 40 is the 40 in the middle.
    assert found == [
        pytest.approx((0, 0, 0.25, 1)),
        pytest.approx((0.25, 0.25, 0.75, 0.75)),
    ]


@pytest.mark.parametrize("content", ["a.png,1,120,80,nothing", 'c.png,1,1,1,"[0,0,1,1]"', ""])
def test_another_zip_is_refused_in_plain_words(tmp_path: Path, content: str) -> None:
    path = boxed_zip(tmp_path / "boxes.zip", content)
    with pytest.raises(DataError, match=r"boxes\.zip is not a zip of images with boxes"):
        read_boxed_images(path, load_bundle(MODELS / "breast-dnn-plain"))


@pytest.mark.data
def test_the_shipped_figures_are_those_of_the_weights() -> None:
    bundle = load_bundle(MODELS / "blood-dnn-relu")
    assert bundle.evaluation is not None
    path = settings.MEDMNIST_ROOT / bundle.evaluation.data.file
    measured = list(check_explanations(bundle, path))
    for check, stored in zip(measured, bundle.evaluation.explanations, strict=True):
        assert check.method == stored.method
        assert check.passes == stored.passes
        assert check.covering.marked == pytest.approx(stored.covering.marked, abs=0.02)
        assert check.covering.random == pytest.approx(stored.covering.random, abs=0.02)

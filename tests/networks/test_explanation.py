"""Maps of what speaks for a class, on networks of which one knows where that lies."""

import keras
import numpy as np
import pytest
from keras import layers

from classifier.networks.architectures.residual import compact_resnet
from classifier.networks.architectures.shared import ImageSpec
from classifier.networks.ensemble import averaged
from classifier.networks.explanation import (
    Explainer,
    Floats,
    GradCam,
    NoFeatureMaps,
    Occlusion,
    covered,
    normalised,
)

SIZE = 32
BRIGHT, DARK = 0, 1


def brightness_network(views: int = 1, *, sign: float = 1.0) -> keras.Model:
    """Class 0 is for what is bright, class 1 for what is not; reversed for a `sign` of -1."""
    pixels = keras.Input((SIZE, SIZE, 1))
    stacked = pixels
    if views > 1:
        stacked = layers.Concatenate(axis=0, name="views")([pixels] * views)
    maps = layers.Conv2D(1, 4, strides=4, activation="relu", name="maps")(stacked)
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D()(maps))
    if views > 1:
        logits = keras.ops.mean(keras.ops.reshape(logits, (views, -1, 2)), axis=0)
    network = keras.Model(pixels, layers.Softmax(name="probabilities")(logits))
    network.get_layer("maps").set_weights([np.full((4, 4, 1, 1), 1 / 1600), np.zeros(1)])
    network.get_layer("logits").set_weights([np.array([[sign, -sign]]) * 20, np.zeros(2)])
    return network


def bright_square(left: int, upper: int) -> np.ndarray:
    image = np.full((SIZE, SIZE, 1), 10, np.uint8)
    image[upper : upper + 8, left : left + 8] = 240
    return image


def centre_of(found: Floats) -> tuple[float, float]:
    rows, columns = np.indices(found.shape)
    return float((columns * found).sum() / found.sum()), float((rows * found).sum() / found.sum())


@pytest.mark.parametrize("method", [GradCam, Occlusion])
@pytest.mark.parametrize("views", [1, 2])
def test_the_map_lies_where_the_evidence_does(method: type[Explainer], views: int) -> None:
    images = np.stack([bright_square(4, 20), bright_square(20, 4)])
    maps = method(brightness_network(views))(images, [BRIGHT, BRIGHT])
    assert maps.shape == (2, SIZE, SIZE)
    assert maps.dtype == np.float32
    assert maps.min() >= 0
    assert maps.max(axis=(1, 2)).tolist() == [1, 1]
    for found, centre in zip(maps, [(8, 24), (24, 8)], strict=True):
        assert found[centre[1], centre[0]] > 0.9
        assert found[centre[0], centre[1]] < 0.3


def test_a_map_is_of_the_class_that_is_asked_for() -> None:
    image = bright_square(4, 20)[None]
    assert not GradCam(brightness_network())(image, [DARK]).any()
    elsewhere = Occlusion(brightness_network())(image, [DARK])
    assert elsewhere[0, 24, 8] == 0


@pytest.mark.parametrize("method", [GradCam, Occlusion])
def test_the_members_of_an_ensemble_count_together(method: type[Explainer]) -> None:
    image = bright_square(4, 20)[None]
    alone = method(brightness_network())(image, [BRIGHT])
    both = averaged([brightness_network(), brightness_network()], alike=1, shares=[0.5, 0.5])
    np.testing.assert_allclose(method(both)(image, [BRIGHT]), alone, atol=1e-3)
    undone = averaged(
        [brightness_network(), brightness_network(sign=-1)], alike=2, shares=[0.5, 0.5]
    )
    assert not Occlusion(undone)(image, [BRIGHT]).any()


@pytest.mark.parametrize("method", [GradCam, Occlusion])
def test_a_network_of_ours_is_explained(method: type[Explainer]) -> None:
    spec = ImageSpec(SIZE, 3, (127.0,) * 3, (4000.0,) * 3, symmetries=8)
    network = compact_resnet(spec, 3, widths=(4, 8), blocks=(1, 1))
    image = np.random.default_rng(0).integers(256, size=(1, SIZE, SIZE, 3), dtype=np.uint8)
    assert method(network)(image, [1]).shape == (1, SIZE, SIZE)


def test_a_network_without_convolutions_has_occlusion_alone() -> None:
    pixels = keras.Input((8, 8, 1))
    logits = layers.Dense(2, name="logits")(layers.Flatten()(pixels))
    network = keras.Model(pixels, layers.Softmax(name="probabilities")(logits))
    image = np.random.default_rng(0).integers(256, size=(1, 8, 8, 1), dtype=np.uint8)
    with pytest.raises(NoFeatureMaps):
        GradCam(network)
    assert Occlusion(network)(image, [0]).shape == (1, 8, 8)


def test_a_network_from_elsewhere_has_occlusion_by_its_probabilities() -> None:
    network = brightness_network()
    pooled = network.get_layer("logits").input
    layer = layers.Dense(2, activation="softmax", name="answer")
    foreign = keras.Model(network.inputs, layer(pooled))
    layer.set_weights(network.get_layer("logits").get_weights())
    image = bright_square(4, 20)[None]
    with pytest.raises(NoFeatureMaps):
        GradCam(foreign)
    np.testing.assert_allclose(
        Occlusion(foreign)(image, [BRIGHT]), Occlusion(network)(image, [BRIGHT]), atol=1e-2
    )


def test_covered_pixels_have_the_mean_colour() -> None:
    image = np.array([[[0], [100]], [[50], [50]]], np.uint8)
    mask = np.array([[True, False], [False, False]])
    assert covered(image, mask)[..., 0].tolist() == [[50, 100], [50, 50]]
    assert image[0, 0, 0] == 0


def test_what_is_no_number_marks_nothing() -> None:
    maps = np.array([[[np.nan, -1.0], [np.inf, 4.0]], [[-1.0, -2.0], [0.0, 0.0]]])
    assert normalised(maps).tolist() == [[[0, 0], [0, 1]], [[0, 0], [0, 0]]]

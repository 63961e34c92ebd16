"""How a network is run over many images."""

import numpy as np

from classifier.evaluation.batch_predict import BATCH, outputs, predict
from classifier.networks.architectures import ARCHITECTURES
from tests.networks.test_architectures import spec
from tests.training import synthetic

NETWORK = ARCHITECTURES["dnn_relu"](spec(synthetic.SIZE), 2)
IMAGES = np.zeros((BATCH + 3, synthetic.SIZE, synthetic.SIZE, 3), np.uint8)


def test_who_waits_hears_how_many_images_are_done() -> None:
    heard: list[tuple[str, int, int]] = []
    outputs(NETWORK, IMAGES, which="blank", listener=lambda *told: heard.append(told))
    assert heard == [("blank", BATCH, BATCH + 3), ("blank", BATCH + 3, BATCH + 3)]


def test_each_image_has_its_row_of_probabilities() -> None:
    probabilities = predict(NETWORK, IMAGES)
    assert probabilities.shape == (BATCH + 3, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)

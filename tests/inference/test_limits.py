"""A model that knows its limits, from its bundle on disk to the stored result."""

import io

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image
from pytest_django import Settings

from classifier import catalogue
from classifier.bundles.registry import Bundle
from classifier.bundles.schema import TrainingData
from classifier.bundles.writing import write_evaluation
from classifier.datasets import datasets
from classifier.evaluation.batch_predict import predict
from classifier.evaluation.evaluate import evaluate
from classifier.evaluation.scores import Scores
from classifier.inference import loader, runner
from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.synthetic.ood_images import ood_images
from classifier.training import export
from classifier.training.fit_limits import calibrate_and_fit
from classifier.training.trainer import train
from tests.factories import ImageUploadFactory, PredictionFactory
from tests.training import synthetic

pytestmark = pytest.mark.django_db

DATA = TrainingData(file="breastmnist.npz", sha256="0" * 64, train=200, validation=100)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small network trained here on grey images whose upper or lower half is bright."""
    breast, recipe = datasets()["breastmnist"], synthetic.recipe(3)
    training, validation = synthetic.split(200, 0), synthetic.split(100, 1)
    trained = train(recipe, 2, training, validation, tmp_path_factory.mktemp("run"))
    fitted = calibrate_and_fit(trained.network, training, validation, breast)
    models_dir = tmp_path_factory.mktemp("models")
    written = export.export_bundle(models_dir, recipe, breast, trained, DATA, fitted)
    probabilities = predict(trained.network, validation.images)
    scores = Scores(probabilities, validation.labels)
    return write_evaluation(
        written,
        evaluate(scores, written.classes, weights_sha256=written.sha256, data=DATA),
    )


@pytest.fixture
def trained_model(bundle: Bundle, settings: Settings) -> TrainedModel:
    settings.MODELS_DIR = bundle.path.parent
    catalogue.load_bundles()
    return TrainedModel.objects.get(slug=bundle.slug)


def stored(picture: Image.Image) -> ImageUpload:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return ImageUploadFactory.create(file=ContentFile(buffer.getvalue(), "image.png"))


def answered(trained_model: TrainedModel, pictures: list[Image.Image]) -> list[Prediction]:
    for picture in pictures:
        PredictionFactory.create(trained_model=trained_model, image=stored(picture))
    runner.run_waiting(claim="task")
    return list(Prediction.objects.in_order())


def test_images_like_the_training_data_are_known(trained_model: TrainedModel) -> None:
    seen = synthetic.split(20, 7).images[..., 0]
    results = answered(trained_model, [Image.fromarray(image) for image in seen])
    assert sum(bool(result.in_distribution) for result in results) >= 18
    for result in results:
        assert result.prediction_set[0] == result.predicted_label
        assert set(result.prediction_set) <= set(trained_model.metadata["classes"])


@pytest.mark.parametrize("kind", ["text", "photograph"])
def test_drawings_of_other_things_are_not(trained_model: TrainedModel, kind: str) -> None:
    results = answered(trained_model, list(ood_images(kind, 10)))
    assert not any(result.in_distribution for result in results)
    assert all(result.predicted_label and result.prediction_set for result in results)


def test_a_set_stands_in_order_of_probability(trained_model: TrainedModel) -> None:
    classes = trained_model.metadata["classes"]
    for answer in loader.load(trained_model).answer(synthetic.split(20, 7).images):
        by_probability = [classes[index] for index in (-answer.probabilities).argsort()]
        assert answer.prediction_set == by_probability[: len(answer.prediction_set)]


def test_probabilities_are_those_of_the_network_alone(
    trained_model: TrainedModel, bundle: Bundle
) -> None:
    import keras

    images = synthetic.split(5, 8).images
    network = keras.models.load_model(bundle.weights_path, compile=False)
    answers = loader.load(trained_model).answer(images)
    given = np.stack([answer.probabilities for answer in answers])
    np.testing.assert_allclose(given, predict(network, images), atol=1e-5)

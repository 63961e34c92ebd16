"""What the recommended models say of the samples: the first answers that a newcomer sees."""

import pytest
from django.core.files.base import ContentFile

from classifier import catalogue
from classifier.datasets import datasets
from classifier.inference import runner
from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.synthetic.samples import draw, samples
from tests.factories import ImageUploadFactory, PredictionFactory

pytestmark = pytest.mark.django_db

DRAWN = {
    "synthetic-neutrophil": "neutrophil",
    "synthetic-eosinophil": "eosinophil",
    "synthetic-basophil": "basophil",
    "synthetic-lymphocyte": "lymphocyte",
    "synthetic-monocyte": "monocyte",
    "synthetic-platelet": "platelet",
    "synthetic-erythroblast": "erythroblast",
    "synthetic-immature-granulocyte": "immature granulocytes",
    "synthetic-tissue-without-lesion": "normal, benign",
    "synthetic-smooth-lesion": "normal, benign",
    "synthetic-irregular-lesion": "malignant",
}


def uploaded(slug: str) -> ImageUpload:
    return ImageUploadFactory.create(file=ContentFile(draw(slug), "image.png"))


@pytest.mark.parametrize("dataset", datasets())
def test_every_sample_is_accepted_and_named_without_doubt(dataset: str) -> None:
    catalogue.load_bundles()
    trained_model = TrainedModel.objects.get(dataset=dataset, is_recommended=True)
    shown = [sample.slug for sample in samples() if sample.dataset == dataset]
    waiting = {
        slug: PredictionFactory.create(trained_model=trained_model, image=uploaded(slug))
        for slug in shown
    }
    runner.run_waiting(claim="task")
    answers = {slug: Prediction.objects.get(pk=each.pk) for slug, each in waiting.items()}
    assert [slug for slug, answer in answers.items() if not answer.in_distribution] == []
    assert {slug: answer.prediction_set for slug, answer in answers.items()} == {
        slug: [DRAWN[slug]] for slug in shown
    }

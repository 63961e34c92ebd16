"""What models look at in an image, and which classes may be right."""

import io

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from PIL import Image
from pytest_django import Settings

from classifier import services
from classifier.models import Batch, BoxOrigin, Prediction, TrainedModel
from classifier.preprocessing import Crop
from classifier.services import Look, LookRefused, possible_labels
from classifier.uploads.images import UploadedPicture, read_image
from tests.factories import PredictionFactory, TrainedModelFactory, UserFactory
from tests.smears import smear

pytestmark = pytest.mark.django_db

WHITE = ["basophil", "eosinophil", "immature granulocytes", "lymphocyte", "monocyte", "neutrophil"]


@pytest.fixture
def model() -> TrainedModel:
    return TrainedModelFactory.create()


@pytest.fixture
def owner() -> User:
    return UserFactory.create()


def picture(pixels: np.ndarray) -> UploadedPicture:  # type: ignore[type-arg]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return read_image(
        file, filename="field.png", size=file.tell(), max_bytes=10**8, max_pixels=10**8
    )


FIELD = smear(
    (760, 580),
    [(120, 110, 100), (400, 130, 110), (640, 380, 90), (180, 420, 36)],
    red_cells=[(x, y) for x in range(40, 760, 90) for y in (40, 250, 300, 540)],
)


def test_a_group_stands_for_its_classes_in_the_models_order(model: TrainedModel) -> None:
    assert possible_labels([model], ["white-cells"]) == WHITE
    assert possible_labels([model], ["neutrophil", "basophil"]) == ["basophil", "neutrophil"]
    assert possible_labels([model], []) is None
    assert possible_labels([model], ["white-cells", "erythroblast", "platelet"]) is None


@pytest.mark.parametrize("names", [["neutrophil"], ["neutrophil", "unicorn"]])
def test_less_than_two_classes_or_unknown_ones_are_refused(
    model: TrainedModel, names: list[str]
) -> None:
    with pytest.raises(LookRefused):
        possible_labels([model], names)


def test_the_database_refuses_a_choice_of_one_class_and_a_crop_without_its_box() -> None:
    for wrong in ({"labels": ["neutrophil"]}, {"crop": "box"}, {"crop": "cells"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            PredictionFactory.create(**wrong)


def test_a_given_box_is_kept_and_must_lie_within_the_image(
    model: TrainedModel, owner: User
) -> None:
    look = Look(Crop.BOX, box=(10, 20, 110, 120))
    [prediction] = services.submit_predictions(
        owner=owner, picture=picture(FIELD), trained_models=[model], look=look
    )
    assert prediction.box == (10, 20, 110, 120)
    assert prediction.box_origin == BoxOrigin.GIVEN
    beyond = Look(Crop.BOX, box=(700, 500, 800, 600))
    with pytest.raises(LookRefused, match="does not lie within the image"):
        services.submit_predictions(
            owner=owner, picture=picture(FIELD), trained_models=[model], look=beyond
        )
    assert Prediction.objects.count() == 1


def test_every_cell_of_a_field_is_a_prediction_of_one_batch(
    model: TrainedModel, owner: User
) -> None:
    submitted = services.submit_predictions(
        owner=owner, picture=picture(FIELD), trained_models=[model], look=Look(Crop.CELLS)
    )
    assert len(submitted) == 3
    assert {prediction.image_id for prediction in submitted} == {submitted[0].image_id}
    batch = Batch.objects.get()
    assert {prediction.batch for prediction in submitted} == {batch}
    with_platelets = services.look_again(
        owner=owner,
        image=submitted[0].image,
        trained_models=[model],
        look=Look(Crop.CELLS, platelets=True),
    )
    assert len(with_platelets) == 4


def test_a_field_without_cells_is_refused_and_leaves_nothing(
    model: TrainedModel, owner: User
) -> None:
    with pytest.raises(LookRefused, match="Centre"):
        services.submit_predictions(
            owner=owner,
            picture=picture(np.full((90, 80, 3), 200, np.uint8)),
            trained_models=[model],
            look=Look(Crop.CELLS),
        )
    assert not Batch.objects.exists()
    assert not Prediction.objects.exists()


def test_too_many_cells_are_refused(model: TrainedModel, owner: User, settings: Settings) -> None:
    settings.MAX_CELLS_OF_A_FIELD = 2
    with pytest.raises(LookRefused, match="no more than 2"):
        Look(Crop.CELLS).boxes([model], Image.fromarray(FIELD))


def test_run_again_keeps_box_and_classes(model: TrainedModel, owner: User) -> None:
    services.submit_predictions(
        owner=owner,
        picture=picture(FIELD),
        trained_models=[model],
        look=Look(Crop.CELLS, labels=WHITE),
    )
    other = TrainedModelFactory.create()
    services.run_again(owner=owner, predictions=Prediction.objects.all(), trained_model=other)
    again = Prediction.objects.filter(trained_model=other)
    first = Prediction.objects.filter(trained_model=model)
    assert sorted(row.box or () for row in again) == sorted(row.box or () for row in first)
    assert all(row.labels == WHITE for row in again)


def test_only_results_that_were_looked_at_alike_are_identical(
    model: TrainedModel, owner: User
) -> None:
    known = PredictionFactory.create(
        trained_model=model, image__owner=owner, succeeded=True, labels=WHITE
    )
    new = PredictionFactory.create(image__owner=owner, image__sha256=known.image.sha256)

    def found(look: Look) -> list[Prediction]:
        return services.identical_results(
            owner=owner, images=[new.image], trained_models=[model], look=look
        ).get(known.image.sha256, [])

    assert found(Look(labels=WHITE)) == [known]
    assert found(Look()) == []
    assert found(Look(labels=WHITE[:2])) == []

"""A cell is shown from as near as a model was adapted to, when it is fitted and when it answers."""

import io
from pathlib import Path

import numpy as np
import pytest
from django.core.files.base import ContentFile
from PIL import Image

from classifier.adaptation.views import SHARES, shares, views
from classifier.bundles.registry import Bundle, load_bundle
from classifier.bundles.schema import Metadata
from classifier.inference.inputs import upload_input
from classifier.models import TrainedModel
from classifier.preprocessing import Crop
from tests.factories import ImageUploadFactory, TrainedModelFactory
from tests.smears import smear

RED_CELLS = [(30, 30), (200, 40), (40, 190), (190, 200)]
CELL = Image.fromarray(smear((240, 240), [(120, 118, 70)], red_cells=RED_CELLS))


@pytest.fixture
def bundle(settings: object) -> Bundle:
    return load_bundle(Path(settings.BASE_DIR) / "models" / "blood-compact-28")  # type: ignore[attr-defined]


@pytest.mark.django_db
def test_a_model_sees_what_it_was_adapted_to(bundle: Bundle) -> None:
    seen = views(bundle, CELL, Crop.AUTO)
    assert len(seen) == len(shares(bundle)) == 2
    file = io.BytesIO()
    CELL.save(file, "PNG")
    upload = ImageUploadFactory.create(file=ContentFile(file.getvalue(), "image.png"))
    for share, pixels in zip(SHARES, seen, strict=True):
        model = TrainedModelFactory.create()
        model.metadata["input"]["cell_share"] = share
        model.save()
        stored = TrainedModel.objects.get(pk=model.pk)
        assert np.array_equal(upload_input(stored, upload, Crop.AUTO), pixels)


def test_nearer_there_is_less_around_the_cell(bundle: Bundle) -> None:
    far, near = (each.astype(float) for each in views(bundle, CELL, Crop.AUTO))
    # The nucleus is dark and fills more of the nearer view.
    assert near.mean() < far.mean()


def test_without_a_cell_or_with_another_crop_all_views_are_alike(bundle: Bundle) -> None:
    blank = Image.new("RGB", (240, 240), (245, 228, 210))
    for image, crop in ((blank, Crop.AUTO), (CELL, Crop.NONE)):
        far, near = views(bundle, image, crop)
        assert np.array_equal(far, near)


def test_what_a_file_does_not_say_is_all_of_the_square(bundle: Bundle) -> None:
    assert bundle.metadata.input.cell_share == 1
    described = bundle.metadata.as_json()
    assert "cell_share" not in described["input"]
    described["input"]["cell_share"] = 0.8
    assert Metadata.model_validate(described).input.cell_share == 0.8

"""The form: what it takes, what it refuses, and that it keeps what was entered."""

from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from classifier import services
from classifier.datasets import datasets
from classifier.models import ApiToken, ImageUpload, Prediction, TrainedModel
from classifier.preprocessing import Crop
from classifier.services import StorageFailed
from classifier.web.forms import (
    IMAGE_GONE,
    MANY_IMAGES,
    MODEL_GONE,
    NO_CROP,
    NO_IMAGE,
    NO_MODEL,
    SAMPLE_GONE,
    WRONG_KIND,
)
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    limits_described,
)
from tests.uploads.readers.test_dicom import dataset as dicom
from tests.uploads.readers.test_dicom import samples, written
from tests.web import pictures
from tests.web.conftest import assert_nothing_stored, stored_files

URL = "/classify/"
PREVIEW = "/classify/preview/"
HTMX = {"HX-Request": "true"}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"></svg>'
TINY = pictures.encoded(pictures.Image.new("RGB", (1, 1)), "PNG")

BAD_FILES = {
    "empty file": (b"", 400, "empty"),
    "text renamed": (b"not an image at all", 400, "not an image"),
    "SVG": (SVG, 400, "SVG"),
    "truncated JPEG": (pictures.truncated_jpeg(), 400, "damaged"),
    "animated GIF": (pictures.animated_gif(), 400, "animation"),
    "one pixel": (TINY, 400, "1 × 1"),
    "huge PNG": (pictures.huge_png(), 400, "million pixels"),
    "too many bytes": (b"\x89PNG\r\n\x1a\n" + bytes(20 * 2**20), 413, "20 MB"),
}


def entered(image: Any = None, **changes: Any) -> dict[str, Any]:
    data = {"model": "blood", "crop": "none", **changes}
    return {**data, "image": image} if image is not None else data


def test_valid_upload_is_stored_and_queued(
    page: Client,
    user: User,
    model: TrainedModel,
    rung: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = page.post(URL, entered(pictures.cell("my cell.png")))
    prediction = Prediction.objects.get()
    assert response.status_code == 302
    assert response["Location"] == prediction.get_absolute_url()
    assert (prediction.image.owner, prediction.trained_model) == (user, model)
    assert prediction.image.original_filename == "my cell.png"
    assert prediction.crop == Crop.NONE
    assert not prediction.image.is_synthetic
    assert rung == ["blood"]


def test_htmx_is_sent_to_the_result(page: Client, model: TrainedModel) -> None:
    response = page.post(URL, entered(pictures.cell()), headers=HTMX)
    assert response.status_code == 200
    assert response["HX-Redirect"] == Prediction.objects.get().get_absolute_url()


def test_sample_is_marked_synthetic(page: Client, model: TrainedModel) -> None:
    page.post(URL, entered(sample="synthetic-neutrophil"))
    image = ImageUpload.objects.get()
    assert image.is_synthetic
    assert image.original_filename == "synthetic-neutrophil.png"


def test_file_comes_before_sample(page: Client, model: TrainedModel) -> None:
    page.post(URL, entered(pictures.cell("own.png"), sample="synthetic-neutrophil"))
    image = ImageUpload.objects.get()
    assert (image.original_filename, image.is_synthetic) == ("own.png", False)


def test_stored_image_is_used_again(page: Client, user: User, model: TrainedModel) -> None:
    image = ImageUploadFactory.create(owner=user)
    page.post(URL, entered(stored_image=str(image.pk)))
    assert Prediction.objects.get().image == image


def test_stored_image_of_another_person_is_refused(
    page: Client, other_user: User, model: TrainedModel
) -> None:
    image = ImageUploadFactory.create(owner=other_user)
    response = page.post(URL, entered(stored_image=str(image.pk)))
    assert response.status_code == 400
    assert "no longer stored" in response.content.decode()
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_file_is_refused_in_words(
    page: Client, model: TrainedModel, name: str, headers: dict[str, str]
) -> None:
    content, status, words = BAD_FILES[name]
    file = SimpleUploadedFile("cell.png", content, "image/png")
    response = page.post(URL, entered(file), headers=headers)
    assert response.status_code == status
    assert words in response.content.decode()
    assert_nothing_stored()


@pytest.mark.parametrize(
    ("filename", "words"), [(b"ce\0ll.png", "NUL"), (b"../../etc/cell.png", "path")]
)
def test_bad_filename_is_refused_in_words(
    page: Client, model: TrainedModel, filename: bytes, words: str
) -> None:
    body, content_type = pictures.multipart(filename, pictures.cell().read(), model="blood")
    response = page.post(URL, body, content_type=content_type)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert_nothing_stored()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, NO_IMAGE),
        ({"sample": "no-such-sample"}, SAMPLE_GONE),
        ({"sample": "synthetic-neutrophil", "model": ""}, NO_MODEL),
        ({"sample": "synthetic-neutrophil", "model": "no-such-model"}, MODEL_GONE),
        ({"sample": "synthetic-neutrophil", "model": "off"}, MODEL_GONE),
        ({"sample": "synthetic-neutrophil", "crop": "round"}, NO_CROP),
        ({"stored_image": "not-a-key"}, "no longer stored"),
    ],
)
def test_bad_choice_is_refused_in_words(
    page: Client, model: TrainedModel, changes: dict[str, str], words: str
) -> None:
    TrainedModelFactory.create(slug="off", is_active=False)
    response = page.post(URL, entered(**changes))
    assert response.status_code == 400
    assert words in response.content.decode()
    assert_nothing_stored()


def test_several_files_are_refused(page: Client, model: TrainedModel) -> None:
    response = page.post(URL, entered([pictures.cell("a.png"), pictures.cell("b.png")]))
    assert response.status_code == 400
    assert MANY_IMAGES in response.content.decode()
    assert_nothing_stored()


@pytest.mark.parametrize("path", [URL, PREVIEW])
def test_sample_and_model_must_be_of_one_kind(page: Client, model: TrainedModel, path: str) -> None:
    response = page.post(path, entered(sample="synthetic-smooth-lesion"), headers=HTMX)
    assert response.status_code == 400
    assert WRONG_KIND in response.content.decode().split("#model-errors")[1]
    assert_nothing_stored()


def test_own_file_may_be_of_any_kind(page: Client, model: TrainedModel) -> None:
    page.post(URL, entered(pictures.cell(), sample="synthetic-smooth-lesion"))
    assert Prediction.objects.get().trained_model == model


def test_the_help_on_crops_is_the_datasets_own(page: Client, model: TrainedModel) -> None:
    text = page.get(URL).content.decode()
    assert datasets()["bloodmnist"].crop_help in text
    assert datasets()["breastmnist"].crop_help not in text
    TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    for dataset in datasets().values():
        assert dataset.crop_help in page.get(URL).content.decode()


def test_samples_without_a_model_are_not_offered(page: Client) -> None:
    TrainedModelFactory.create(slug="blood", is_active=False)
    TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    content = page.get(URL).content.decode()
    assert 'data-dataset="breastmnist"' in content
    assert 'data-dataset="bloodmnist"' not in content


def test_what_was_entered_is_kept(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(slug="second", title="Second model")
    response = page.post(URL, entered(model="second"))
    content = response.content.decode()
    assert 'value="second" data-title="Second model" checked' in content
    assert 'id="crop-none" value="none" checked' in content


def test_htmx_refusal_leaves_the_file_input_alone(page: Client, model: TrainedModel) -> None:
    content = page.post(URL, entered(), headers=HTMX).content.decode()
    assert 'hx-swap-oob="innerHTML:#image-errors"' in content
    assert 'type="file"' not in content


def test_recommended_model_is_chosen(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(slug="another", title="A model earlier in the alphabet")
    content = page.get(URL).content.decode()
    assert 'value="blood" data-title="Blood model" checked' in content
    assert content.count(" checked") == 3  # the model, the crop, and all classes


def test_sample_in_the_address_chooses_a_fitting_model(page: Client, model: TrainedModel) -> None:
    TrainedModelFactory.create(slug="breast", dataset="breastmnist", channels=1)
    response = page.get(URL, {"sample": "synthetic-smooth-lesion"})
    content = response.content.decode()
    assert 'value="breast"' in content.split(" checked")[0].rsplit("<input", 1)[1]
    assert "What the model will see" in content


def test_stored_image_in_the_address_is_shown(
    page: Client, user: User, model: TrainedModel
) -> None:
    image = ImageUploadFactory.create(owner=user, original_filename="stored before.png")
    content = page.get(URL, {"image": str(image.pk), "crop": "center"}).content.decode()
    assert "stored before.png" in content
    assert 'id="crop-center" value="center" checked' in content


def test_stored_image_whose_file_is_gone(page: Client, user: User, model: TrainedModel) -> None:
    image = ImageUploadFactory.create(owner=user)
    image.file.storage.delete(image.file.name)
    response = page.get(URL, {"image": str(image.pk)})
    assert response.status_code == 200
    assert "no longer stored" in response.content.decode()


def test_another_model_is_one_for_the_same_kind_of_image(page: Client, user: User) -> None:
    image = ImageUploadFactory.create(owner=user)
    TrainedModelFactory.create(slug="blood", is_recommended=True)
    for slug, recommended in (("used", True), ("other", False)):
        TrainedModelFactory.create(
            slug=slug, dataset="breastmnist", channels=1, is_recommended=recommended
        )

    def chosen() -> str:
        asked = page.get(URL, {"image": str(image.pk), "instead_of": "used"}).content.decode()
        return asked.split(" checked")[0].rsplit("<input", 1)[1]

    assert 'value="other"' in chosen()
    TrainedModel.objects.filter(slug="other").delete()
    assert 'value="used"' in chosen()


def test_instead_of_a_model_that_refuses_none_is_proposed_that_cannot(
    page: Client, user: User
) -> None:
    image = ImageUploadFactory.create(owner=user)
    with_limits = [TrainedModelFactory.create(slug=slug) for slug in ("refuses", "too")]
    for model in with_limits:
        model.metadata["uncertainty"] = limits_described()
        model.save()
    TrainedModelFactory.create(slug="answers-anything", title="A first one", is_recommended=True)
    asked = page.get(URL, {"image": str(image.pk), "instead_of": "refuses"}).content.decode()
    assert 'value="too"' in asked.split(" checked")[0].rsplit("<input", 1)[1]
    TrainedModel.objects.filter(slug="too").update(is_active=False)
    asked = page.get(URL, {"image": str(image.pk), "instead_of": "refuses"}).content.decode()
    assert 'value="refuses"' in asked.split(" checked")[0].rsplit("<input", 1)[1]
    assert asked.count("Cannot recognise images unlike its training data") == 1


def test_page_without_models_says_so(page: Client) -> None:
    TrainedModelFactory.create(is_active=False)
    content = page.get(URL).content.decode()
    assert "No model is available" in content
    assert NO_MODEL not in content


def test_preview_shows_the_image_and_the_models_view(page: Client, model: TrainedModel) -> None:
    response = page.post(PREVIEW, entered(pictures.cell(), crop="auto"), headers=HTMX)
    content = response.content.decode()
    assert response.status_code == 200
    assert content.count("data:image/png;base64,") == 2
    assert "360 × 363 px · PNG" in content
    assert "the central 200 × 200 of 360 × 363 pixels" in content
    assert_nothing_stored()


def test_preview_of_nothing_is_no_error(page: Client, model: TrainedModel) -> None:
    response = page.post(PREVIEW, entered(), headers=HTMX)
    assert response.status_code == 200
    assert NO_IMAGE not in response.content.decode()


def test_preview_refuses_like_the_form(page: Client, model: TrainedModel) -> None:
    file = SimpleUploadedFile("cell.png", b"not an image at all")
    response = page.post(PREVIEW, entered(file), headers=HTMX)
    assert response.status_code == 400
    assert "not an image" in response.content.decode()
    assert_nothing_stored()


def test_failure_while_storing_leaves_no_file(
    page: Client, model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("classifier.services.submission.queue", fail)
    page.raise_request_exception = False
    assert page.post(URL, entered(pictures.cell())).status_code == 500
    assert not stored_files()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_stored_image_that_is_deleted_meanwhile(
    page: Client,
    user: User,
    model: TrainedModel,
    monkeypatch: pytest.MonkeyPatch,
    headers: dict[str, str],
) -> None:
    image = ImageUploadFactory.create(owner=user)
    predict = services.look_again

    def delete_first(**chosen: Any) -> list[Prediction]:
        ImageUpload.objects.get(pk=image.pk).delete()
        return predict(**chosen)

    monkeypatch.setattr(services, "look_again", delete_first)
    response = page.post(URL, entered(stored_image=str(image.pk)), headers=headers)
    assert response.status_code == 400
    assert response.content.decode().count(IMAGE_GONE) == 1
    assert not Prediction.objects.exists()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_full_disk_is_said_at_the_form(
    page: Client, model: TrainedModel, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("django.core.files.storage.FileSystemStorage._save", full)
    response = page.post(URL, entered(pictures.cell()), headers=headers)
    assert response.status_code == 503
    assert str(StorageFailed()) in response.content.decode().split("form-errors")[1]
    assert_nothing_stored()


def test_names_of_the_addresses() -> None:
    assert reverse("web:classify") == URL
    assert reverse("web:preview") == PREVIEW


@pytest.fixture
def one_waits(user: User, model: TrainedModel, settings: Settings) -> ImageUpload:
    """An image of the person whose limit it fills."""
    settings.MAX_WAITING_PREDICTIONS = 1
    return PredictionFactory.create(image__owner=user, trained_model=model).image


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_no_more_predictions_than_may_wait(
    page: Client, one_waits: ImageUpload, headers: dict[str, str]
) -> None:
    again = {"stored_image": one_waits.pk, "model": "blood", "crop": "none"}
    for data in (entered(pictures.cell()), again):
        answer = page.post(URL, data, headers=headers)
        assert answer.status_code == 429
        assert "exceed the limit of 1" in answer.content.decode()
    assert Prediction.objects.count() == 1
    assert ImageUpload.objects.get() == one_waits


def test_no_more_bytes_than_a_day_has(
    page: Client, model: TrainedModel, settings: Settings
) -> None:
    settings.MAX_BYTES_PER_DAY = pictures.cell().size + 10
    assert page.post(URL, entered(pictures.cell())).status_code == 302
    assert page.post(URL, entered(pictures.cell())).status_code == 429
    assert ImageUpload.objects.count() == 1


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
@pytest.mark.parametrize("path", [URL, f"{URL}preview/"])
def test_submissions_and_previews_count_as_requests(
    page: Client, user: User, model: TrainedModel, settings: Settings, path: str, headers: Any
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 2
    monday = 1_800_000_000
    with patch("classifier.models.usage.time.time", lambda: monday):
        _, secret = ApiToken.objects.issue(user, name="beside")
        page.get("/api/v1/me/", headers={"Authorization": f"Token {secret}"})
        statuses = [
            page.post(path, entered(pictures.cell()), headers=headers).status_code for _ in "12"
        ]
        assert statuses[0] in {200, 204, 302}
        assert statuses[1] == 429
        answer = page.post(path, entered(pictures.cell()), headers=headers)
        assert "More than 2 requests in a minute" in answer.content.decode()
    assert ImageUpload.objects.count() == (path == URL)


def test_the_frame_of_a_dicom_loop_is_asked_for(page: Client, model: TrainedModel) -> None:
    loop = written(dicom(np.stack([samples(8), 255 - samples(8)]), NumberOfFrames=2))
    asked = page.post(URL, entered(SimpleUploadedFile("loop.dcm", loop)))
    assert asked.status_code == 400
    assert "from 1 to 2" in asked.content.decode()
    assert 'name="frame"' in asked.content.decode()
    assert_nothing_stored()
    answer = page.post(URL, entered(SimpleUploadedFile("loop.dcm", loop), frame="2"))
    assert answer.status_code == 302
    assert 'name="frame"' not in page.get(URL).content.decode()


@pytest.mark.parametrize("frame", ["0", "x"])
def test_what_is_no_frame_is_said(page: Client, model: TrainedModel, frame: str) -> None:
    answer = page.post(URL, entered(pictures.cell(), frame=frame))
    assert answer.status_code == 400
    assert "The frame is a number from 1 on" in answer.content.decode()


def test_what_a_file_warns_about_stands_at_preview_and_result(
    page: Client, model: TrainedModel
) -> None:
    content = written(dicom(samples(8), BurnedInAnnotation="YES"))
    file = SimpleUploadedFile("scan.dcm", content)
    shown = page.post(PREVIEW, entered(file)).content.decode()
    assert "text is burned into its picture" in shown
    answer = page.post(URL, entered(SimpleUploadedFile("scan.dcm", content)), follow=True)
    assert "text is burned into its picture" in answer.content.decode()


def test_a_person_without_room_is_told_so(
    page: Client, model: TrainedModel, settings: Settings
) -> None:
    settings.MAX_STORED_BYTES_PER_PERSON = 10
    answer = page.post(URL, entered(pictures.cell()))
    assert answer.status_code == 400
    assert "Delete some" in answer.content.decode()
    assert_nothing_stored()

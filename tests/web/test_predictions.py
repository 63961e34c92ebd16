"""A result's page in every state, its polled fragment, retrying and deleting."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from classifier.models import ImageUpload, Prediction, Status
from classifier.web import health
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
    limits_described,
)
from tests.web.conftest import stored_files

RESEARCH = "Research use only — not for diagnosis."


@pytest.fixture
def image(user: User) -> ImageUpload:
    return ImageUploadFactory.create(owner=user)


def content(client: Client, prediction: Prediction, path: str = "", **query: str) -> str:
    return client.get(f"{prediction.get_absolute_url()}{path}", query).content.decode()


def test_result_shows_class_confidence_and_all_bars(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    text = content(page, prediction)
    assert "Neutrophil</p>" in text
    assert "93.0\xa0%" in text
    assert text.count('class="bar-fill"') == 8
    assert text.count("is-leading") == 1
    assert "What the model saw" in text
    assert prediction.trained_model.get_absolute_url() in text
    assert RESEARCH in text
    assert "hx-get" not in text


def test_low_confidence_asks_to_look_again(page: Client, image: ImageUpload) -> None:
    low = PredictionFactory.create(image=image, succeeded=True, confidence=0.59)
    high = PredictionFactory.create(image=image, succeeded=True, confidence=0.6)
    assert "Look again" in content(page, low)
    assert "Look again" not in content(page, high)


@pytest.mark.parametrize("is_synthetic", [True, False])
def test_synthetic_image_is_named_so(page: Client, user: User, is_synthetic: bool) -> None:
    image = ImageUploadFactory.create(owner=user, is_synthetic=is_synthetic)
    prediction = PredictionFactory.create(image=image, succeeded=True)
    assert ("synthetic sample" in content(page, prediction)) is is_synthetic


def test_waiting_page_polls_and_refreshes_itself(page: Client, image: ImageUpload) -> None:
    ahead = PredictionFactory.create(image=image)
    prediction = PredictionFactory.create(
        image=image, created_at=ahead.created_at + timedelta(milliseconds=1)
    )
    text = content(page, prediction)
    assert f'hx-get="{prediction.get_absolute_url()}status/?seen=PENDING"' in text
    assert '<noscript><meta http-equiv="refresh"' in text
    assert "Number 2 in the queue" in text
    assert RESEARCH in text


@pytest.mark.parametrize(("age", "pause"), [(0, 200), (3, 500), (30, 2000), (3600, 5000)])
def test_polling_backs_off(page: Client, image: ImageUpload, age: int, pause: int) -> None:
    created_at = timezone.now() - timedelta(seconds=age)
    prediction = PredictionFactory.create(image=image, created_at=created_at)
    assert f'hx-trigger="every {pause}ms"' in content(page, prediction, "status/")


@pytest.mark.parametrize(
    ("trouble", "words"), [("broker", "The queue does not answer"), ("worker", "No worker answers")]
)
def test_long_wait_says_why(
    page: Client, image: ImageUpload, monkeypatch: pytest.MonkeyPatch, trouble: str, words: str
) -> None:
    monkeypatch.setattr(health, "queue_trouble", lambda: trouble)
    fresh = PredictionFactory.create(image=image)
    old = PredictionFactory.create(image=image, created_at=timezone.now() - timedelta(seconds=11))
    assert words not in content(page, fresh)
    assert words in content(page, old)
    assert "is kept" in content(page, old)


def test_running_page(page: Client, image: ImageUpload) -> None:
    text = content(page, PredictionFactory.create(image=image, started=True))
    assert "The model is running" in text
    assert "seen=STARTED" in text


def test_change_of_status_is_announced_once(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    news = content(page, prediction, "status/", seen="PENDING")
    assert "Predicted class: neutrophil, confidence 93.0\xa0%." in news
    assert "<title>Neutrophil" in news
    known = content(page, prediction, "status/", seen="SUCCESS")
    assert "#announcement" not in known


def test_polling_stops_at_the_end(page: Client, image: ImageUpload) -> None:
    for end in ("succeeded", "failed"):
        prediction = PredictionFactory.create(image=image, **{end: True})
        assert "hx-get" not in content(page, prediction, "status/", seen="STARTED")


def test_failure_offers_another_try(
    page: Client, image: ImageUpload, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    prediction = PredictionFactory.create(image=image, failed=True)
    assert prediction.error_message in content(page, prediction)
    assert "Try again" in content(page, prediction)
    with django_capture_on_commit_callbacks(execute=True):
        response = page.post(f"{prediction.get_absolute_url()}retry/")
    assert response["Location"] == prediction.get_absolute_url()
    prediction.refresh_from_db()
    assert prediction.status == Status.PENDING
    assert rung == [prediction.trained_model.slug]


def test_retry_leaves_a_result_alone(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    assert "Try again" not in content(page, prediction)
    page.post(f"{prediction.get_absolute_url()}retry/")
    prediction.refresh_from_db()
    assert prediction.status == Status.SUCCESS


def test_delete_asks_first(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    assert "can be taken back from the" in content(page, prediction, "delete/")
    assert Prediction.objects.exists()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"succeeded": True}, "Neutrophil ·"),
        ({"doubtful": True}, "Undecided: “neutrophil” or “immature granulocytes” ·"),
        ({"out_of_distribution": True}, "Unlike training data ·"),
        ({"failed": True}, '<p class="muted">Model'),
    ],
)
def test_delete_names_a_result_as_its_page_does(
    page: Client, image: ImageUpload, state: dict[str, bool], words: str
) -> None:
    prediction = PredictionFactory.create(image=image, **state)
    assert words in content(page, prediction, "delete/")


def test_what_is_deleted_can_be_taken_back(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    response = page.post(f"{prediction.get_absolute_url()}delete/", follow=True)
    assert response.redirect_chain == [("/predictions/", 302)]
    assert "was deleted" in response.content.decode()
    assert page.get(prediction.get_absolute_url()).status_code == 404
    trash = page.get("/predictions/trash/").content.decode()
    assert f'value="{prediction.pk}"' in trash
    assert "30 days" in trash
    back = page.post("/predictions/trash/", {"prediction": str(prediction.pk)}, follow=True)
    assert "is back" in back.content.decode()
    assert page.get(prediction.get_absolute_url()).status_code == 200
    assert len(stored_files()) == 2


@pytest.mark.parametrize("key", ["", "x", "0b8fa3a2-6a4d-4ab4-a7f8-8f5a2f9b4c11"])
def test_only_what_lies_in_ones_own_trash_is_taken_back(
    page: Client, other_user: User, key: str
) -> None:
    theirs = PredictionFactory.create(image__owner=other_user, deleted_at=timezone.now())
    assert "nothing in the trash" in page.get("/predictions/trash/").content.decode()
    for chosen in (key, str(theirs.pk)):
        assert page.post("/predictions/trash/", {"prediction": chosen}).status_code == 404


def test_who_reads_in_a_project_runs_again_what_failed(
    client: Client, other_user: User, image: ImageUpload
) -> None:
    project = ProjectFactory.create(owner=image.owner)
    project.memberships.create(user=other_user, role="reader")
    prediction = PredictionFactory.create(image=image, failed=True, project=project)
    client.force_login(other_user)
    assert client.post(f"{prediction.get_absolute_url()}retry/").status_code == 302
    prediction.refresh_from_db()
    assert prediction.status == Status.PENDING


def test_who_looks_on_in_a_project_changes_nothing(
    client: Client, other_user: User, image: ImageUpload
) -> None:
    project = ProjectFactory.create(owner=image.owner)
    project.memberships.create(user=other_user, role="viewer")
    prediction = PredictionFactory.create(image=image, failed=True, project=project)
    client.force_login(other_user)
    for action in ("retry", "delete"):
        assert client.post(f"{prediction.get_absolute_url()}{action}/").status_code == 403
        prediction.refresh_from_db()
        assert (prediction.status, prediction.deleted_at) == (Status.FAILURE, None)


def test_another_model_is_offered_to_the_owner_only(
    client: Client, staff: User, image: ImageUpload
) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    whose = "Your image", f"Image of {image.owner}"
    for person, offered in ((image.owner, True), (staff, False)):
        client.force_login(person)
        text = content(client, prediction)
        assert ("Use another model" in text) is offered
        assert [words in text for words in whose] == [offered, not offered]


def test_file_names_are_escaped(page: Client, user: User) -> None:
    image = ImageUploadFactory.create(owner=user, original_filename="<b>cell</b>.png")
    prediction = PredictionFactory.create(image=image, succeeded=True)
    for text in (content(page, prediction), page.get("/predictions/").content.decode()):
        assert "<b>cell" not in text
        assert "&lt;b&gt;cell" in text


OUT_OF_DISTRIBUTION = "This does not look like what this model was trained on"


def test_an_image_unlike_the_training_data_gets_no_confident_class(
    page: Client, image: ImageUpload
) -> None:
    text = content(page, PredictionFactory.create(image=image, out_of_distribution=True))
    shown, scores = text.split('<details class="scores"', 1)
    assert OUT_OF_DISTRIBUTION in shown
    assert "Look again" in shown
    assert "eutrophil" not in shown.split('id="outcome"')[1]
    assert "Show the scores anyway" in scores
    assert "neutrophil" in scores
    assert "93.0\xa0%" in scores
    assert RESEARCH in scores
    assert f"<title>{OUT_OF_DISTRIBUTION}" in text


def test_an_unusual_image_gets_its_class_and_a_second_look(
    page: Client, image: ImageUpload
) -> None:
    text = content(page, PredictionFactory.create(image=image, unusual=True))
    assert "Neutrophil" in text
    assert "93.0\xa0%" in text
    assert "Unusual image. Look again:" in text


def test_several_classes_are_named_with_how_to_read_them(page: Client, image: ImageUpload) -> None:
    prediction = PredictionFactory.create(image=image, doubtful=True)
    prediction.trained_model.metadata["uncertainty"] = limits_described(coverage=0.95)
    prediction.trained_model.save()
    text = content(page, prediction)
    assert "Undecided: “neutrophil” or “immature granulocytes”" in text
    assert (
        "In 95\xa0% of images like the training data, the true class is among those that the model "
        "names."
    ) in text
    assert "cannot tell these classes apart" in text


@pytest.mark.parametrize(
    ("state", "chip"),
    [
        ("out_of_distribution", "Refused"),
        ("doubtful", "Undecided"),
        ("unusual", "Unusual"),
        ("succeeded", "Succeeded"),
    ],
)
def test_only_a_plain_answer_has_succeeded(
    page: Client, image: ImageUpload, state: str, chip: str
) -> None:
    prediction = PredictionFactory.create(image=image, **{state: True})
    for text in (content(page, prediction), page.get("/predictions/").content.decode()):
        assert f"{chip}</span>" in text
        assert ("Succeeded</span>" in text) is (chip == "Succeeded")


def test_no_confidence_stands_beside_an_undecided_answer(page: Client, image: ImageUpload) -> None:
    decided, undecided = (
        PredictionFactory.create(image=image, **{state: True})
        for state in ("succeeded", "doubtful")
    )
    assert 'class="answer-number"' in content(page, decided)
    assert 'class="answer-number"' not in content(page, undecided)


def test_confidence_is_said_to_be_as_good_as_it_was_measured(
    page: Client, image: ImageUpload
) -> None:
    prediction = PredictionFactory.create(image=image, succeeded=True)
    assert "it was off by 2.0 percentage points on average" in content(page, prediction)
    prediction.trained_model.evaluation = None
    prediction.trained_model.save()
    assert "How far it is off was not measured." in content(page, prediction)


def test_a_class_with_a_comma_in_its_name_is_told_apart(page: Client, image: ImageUpload) -> None:
    labels = ["malignant", "normal, benign"]
    prediction = PredictionFactory.create(image=image, doubtful=True, prediction_set=labels)
    assert "Undecided: “malignant” or “normal, benign”" in content(page, prediction)


def test_of_a_set_of_all_classes_nothing_is_promised(page: Client, image: ImageUpload) -> None:
    model = TrainedModelFactory.create(dataset="breastmnist", channels=1)
    model.metadata["uncertainty"] = limits_described(coverage=0.95)
    model.save()
    prediction = PredictionFactory.create(
        image=image,
        doubtful=True,
        trained_model=model,
        predicted_label="malignant",
        probabilities=[["malignant", 0.5], ["normal, benign", 0.5]],
        prediction_set=["malignant", "normal, benign"],
    )
    text = content(page, prediction)
    assert "The model rules out none of its classes." in text
    assert "95\xa0%" not in text.split('id="outcome"')[1].split("</section>")[0]


def test_a_class_is_described_as_that_of_the_training_data(
    page: Client, image: ImageUpload
) -> None:
    """Nothing is said to have been found in the person's own image."""
    model = TrainedModelFactory.create(dataset="breastmnist", channels=1)
    prediction = PredictionFactory.create(
        image=image, succeeded=True, trained_model=model, predicted_label="malignant"
    )
    assert "Images of this class in the training data show a lesion" in content(page, prediction)


@pytest.mark.parametrize(
    ("state", "news"),
    [
        ("out_of_distribution", f"{OUT_OF_DISTRIBUTION}. Look again."),
        ("doubtful", "The model is undecided: “neutrophil” or “immature granulocytes”."),
        (
            "unusual",
            "Predicted class: neutrophil, confidence 93.0\xa0%. The image is unusual. Look again.",
        ),
    ],
)
def test_doubts_are_announced(page: Client, image: ImageUpload, state: str, news: str) -> None:
    prediction = PredictionFactory.create(image=image, **{state: True})
    assert f">{news}<" in content(page, prediction, "status/", seen="STARTED")

"""Pages of labelled sets and validations: from files to figures, in words, and only one's own."""

import html
import io
import re
import zipfile

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from classifier import tasks
from classifier.models import (
    LabelledImage,
    LabelledSet,
    Role,
    Status,
    TrainedModel,
    Validation,
    ValidationAnswer,
)
from tests.api.conftest import client_of
from tests.factories import (
    BatchFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    ProjectFactory,
    ValidationFactory,
    png,
)
from tests.validation.reports import report_json

URL = "/labelled-sets/"
FOLDERS = ("p1/NEU/1.png", "p1/blast/2.png", "p2/NEU/3.png")


@pytest.fixture(autouse=True)
def no_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.run_validations, "delay", lambda: None)


def zipped(*paths: str, **texts: str) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, path in enumerate(paths):
            archive.writestr(path, png(28 + number))
    return SimpleUploadedFile("set.zip", buffer.getvalue())


@pytest.fixture
def measured(user: User, model: TrainedModel) -> Validation:
    """Figures of a model on two images, one of which it got wrong."""
    made = LabelledSetFactory.create(owner=user)
    images = LabelledImageFactory.create_batch(2, labelled_set=made)
    validation = ValidationFactory.create(
        labelled_set=made, trained_model=model, done=2, model_version=1, report=report_json(),
        status=Status.SUCCESS, finished_at=timezone.now(),
    )  # fmt: skip
    classes = model.metadata["classes"]
    for image, label in zip(images, ("neutrophil", "monocyte"), strict=True):
        ValidationAnswer.objects.create(
            validation=validation, labelled_image=image, predicted_label=label,
            probabilities=[0.9 if each == label else 0.01 for each in classes],
        )  # fmt: skip
    return validation


def test_without_sets_the_page_says_what_to_do(page: Client) -> None:
    assert "Bring labelled images" in page.get(URL).content.decode()


def test_a_zip_becomes_a_set_whose_names_are_proposed_and_confirmed(
    page: Client, user: User, model: TrainedModel
) -> None:
    answer = page.post(
        f"{URL}new/", {"dataset": "bloodmnist", "name": "Lab", "files": zipped(*FOLDERS)}
    )
    made = LabelledSet.objects.get()
    assert answer["Location"] == f"{URL}{made.pk}/"
    text = page.get(answer["Location"]).content.decode()
    assert '<option value="neutrophil" selected>' in text
    assert "blast, my own class" in text
    page.post(f"{URL}{made.pk}/folders/", {"class_level": "0", "group_level": "1"})
    assert set(made.images.values_list("group", flat=True)) == {"p1", "p2"}
    page.post(f"{URL}{made.pk}/confirm/", {"name": ["NEU", "blast"], "label": ["neutrophil", ""]})
    assert made.images.class_counts() == {"neutrophil": 2, "blast": 1}
    text = page.get(answer["Location"]).content.decode()
    assert "no model knows it" in text
    answer = page.post(f"{URL}{made.pk}/validate/", {"model": model.slug})
    waiting = Validation.objects.get()
    assert answer["Location"] == f"/validations/{waiting.pk}/"
    assert "Waiting for its turn" in page.get(answer["Location"]).content.decode()
    assert "hx-get" in page.get(f"{answer['Location']}status/").content.decode()


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"dataset": "bloodmnist"}, "No files were chosen"),
        ({"dataset": "horses", "files": b""}, "Unknown kind"),
        ({"dataset": "bloodmnist", "files": b"a,b\n1,2\n"}, "column “path”"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    page: Client, sent: dict[str, object], words: str
) -> None:
    if "files" in sent:
        sent = {**sent, "files": SimpleUploadedFile("labels.csv", sent["files"] or b"x")}  # type: ignore[arg-type]
    answer = page.post(f"{URL}new/", sent)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    assert not LabelledSet.objects.exists()


def test_a_table_beside_images_names_them(page: Client, user: User) -> None:
    files = [
        SimpleUploadedFile("1.png", png()),
        SimpleUploadedFile("labels.csv", b"path,class,patient\n1.png,platelet,A\n"),
    ]
    page.post(f"{URL}new/", {"dataset": "bloodmnist", "files": files})
    image = LabelledImage.objects.get()
    assert (image.label, image.group) == ("platelet", "A")


def test_a_wrong_table_changes_nothing(page: Client, user: User) -> None:
    made = LabelledSetFactory.create(owner=user, confirmed_at=None)
    LabelledImageFactory.create(labelled_set=made)
    table = SimpleUploadedFile("labels.csv", b"path,class\nother.png,platelet\n")
    answer = page.post(f"{URL}{made.pk}/table/", {"table": table}, follow=True)
    assert "None of the 1 rows" in answer.content.decode()
    assert "Nothing was changed" in answer.content.decode()


def test_figures_have_intervals_and_lead_to_their_images(
    page: Client, measured: Validation
) -> None:
    address = f"/validations/{measured.pk}/"
    text = page.get(address).content.decode()
    assert "Balanced accuracy" in text
    assert "Are these images enough?" in text
    assert "Research use only" in text
    assert "?true=neutrophil&amp;predicted=neutrophil" in text
    shown = page.get(f"{address}images/", {"true": "neutrophil", "predicted": "monocyte"})
    assert "1 image of neutrophil called monocyte" in shown.content.decode()
    nothing = page.get(f"{address}images/", {"true": "platelet"}).content.decode()
    assert "no images of this kind" in nothing


def test_the_threshold_moves(page: Client, measured: Validation) -> None:
    address = f"/validations/{measured.pk}/"
    text = page.get(address, {"class": "monocyte", "threshold": "0.9"}).content.decode()
    assert "<option selected>monocyte</option>" in text
    assert 'value="0.90"' in text
    assert page.get(address, {"class": "horse", "threshold": "x"}).status_code == 200


def test_the_report_marks_what_a_person_has_to_say(page: Client, measured: Validation) -> None:
    text = page.get(f"/validations/{measured.pk}/report.html").content.decode()
    assert "CLAIM 37" in text
    assert "TRIPOD+AI 23" in text
    assert "To fill in" in text
    assert text.count("Research use only, not for diagnosis.") >= 2


def test_a_doubtful_label_is_settled_and_the_figures_can_follow(
    page: Client, measured: Validation
) -> None:
    image = measured.labelled_set.images.earliest("pk")
    LabelledImage.objects.filter(pk=image.pk).update(suspected_label="monocyte")
    doubts = f"{URL}{measured.labelled_set_id}/doubts/"
    assert "Change to <strong>monocyte</strong>" in page.get(doubts).content.decode()
    page.post(doubts, {"image": image.pk, "label": "monocyte"})
    image.refresh_from_db()
    assert image.label == "monocyte"
    assert "All doubtful labels are settled" in page.get(doubts).content.decode()
    address = f"/validations/{measured.pk}/"
    assert "1 label changed since" in page.get(address).content.decode()
    page.post(f"{address}again/")
    measured.refresh_from_db()
    assert measured.status == Status.PENDING


def test_a_failed_validation_says_why_and_can_be_tried_again(
    page: Client, measured: Validation
) -> None:
    Validation.objects.update(
        status=Status.FAILURE, report=None, error_message="This model cannot be loaded."
    )
    text = page.get(f"/validations/{measured.pk}/").content.decode()
    assert "This model cannot be loaded." in text
    assert "Try again" in text
    assert page.get(f"/validations/{measured.pk}/report.html").status_code == 404


def test_reviews_become_a_set(page: Client, user: User, model: TrainedModel) -> None:
    batch = BatchFactory.create(owner=user)
    answer = page.post(f"/batches/{batch.pk}/labels/", follow=True)
    assert "Review some, then come back" in answer.content.decode()
    PredictionFactory.create(
        batch=batch, succeeded=True, image__owner=user, trained_model=model,
        reviewed_label="monocyte", reviewed_at=timezone.now(),
    )  # fmt: skip
    answer = page.post(f"/batches/{batch.pk}/labels/")
    assert answer["Location"] == f"{URL}{LabelledSet.objects.get().pk}/"


def test_a_set_is_deleted_with_what_hangs_on_it(page: Client, measured: Validation) -> None:
    address = f"{URL}{measured.labelled_set_id}/delete/"
    assert "Its 2 labels" in page.get(address).content.decode()
    page.post(address)
    assert not LabelledSet.objects.exists()
    assert not Validation.objects.exists()


PAGES = (
    "/labelled-sets/{set}/", "/labelled-sets/{set}/doubts/", "/labelled-sets/{set}/delete/",
    "/validations/{validation}/", "/validations/{validation}/status/",
    "/validations/{validation}/images/", "/validations/{validation}/report.html",
)  # fmt: skip
STEPS = (
    "/labelled-sets/{set}/confirm/", "/labelled-sets/{set}/validate/",
    "/labelled-sets/{set}/folders/", "/labelled-sets/{set}/table/", "/labelled-sets/{set}/add/",
    "/validations/{validation}/again/", "/validations/{validation}/delete/",
)  # fmt: skip


def test_others_find_nothing_and_who_looks_on_changes_nothing(
    client: Client, other_user: User, measured: Validation
) -> None:
    keys = {"set": measured.labelled_set_id, "validation": measured.pk}
    client.force_login(other_user)
    for address in PAGES:
        assert client.get(address.format(**keys)).status_code == 404
    for address in STEPS:
        assert client.post(address.format(**keys)).status_code == 404
    project = ProjectFactory.create()
    project.memberships.create(user=other_user, role=Role.VIEWER)
    LabelledSet.objects.update(project=project)
    for address in PAGES:
        assert client.get(address.format(**keys)).status_code == 200
    for address in STEPS:
        assert client.post(address.format(**keys)).status_code == 302
    assert LabelledSet.objects.get().images.count() == 2
    assert Validation.objects.get().status == Status.SUCCESS


def test_the_report_is_one_file_for_a_program(
    user: User, other_user: User, measured: Validation
) -> None:
    address = f"/api/v1/validations/{measured.pk}/report.html"
    answer = client_of(user).get(address)
    text = answer.content.decode()
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "CLAIM 2024" in text
    assert "Research use only" in text
    # Its style is in it, and it loads nothing else.
    assert re.findall(r'<link[^>]* href="([^,]*),', text) == ["data:text/css;base64"]
    assert "<script" not in text
    assert client_of(other_user).get(address).status_code == 404
    Validation.objects.update(report=None, status=Status.PENDING, finished_at=None)
    assert client_of(user).get(address).status_code == 404


def test_all_sets_are_listed_page_by_page(page: Client, user: User) -> None:
    for number in range(51):
        LabelledSetFactory.create(owner=user, name=f"Set {number}")
    first = page.get(URL).text
    assert "Set 50" in first
    assert ">Set 0<" not in first
    (following,) = re.findall(r'href="([^"]*)" rel="next"', first)
    assert ">Set 0<" in page.get(f"{URL}{html.unescape(following)}").text

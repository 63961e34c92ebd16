"""Pages of adaptations and of models of one's own: from a set to a model, and only one's own."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from classifier import catalogue, tasks
from classifier.inference import model_imports
from classifier.models import (
    Adaptation,
    LabelledSet,
    Membership,
    ModelImport,
    Role,
    Status,
    TrainedModel,
)
from classifier.services import desk
from classifier.services.desk import operations
from tests.factories import (
    AdaptationFactory,
    BatchFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
)

BREAST = "breast-compact"


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setattr(tasks.run_adaptations, "delay", lambda: None)
    settings.MIN_FREE_DISK_BYTES = 0


@pytest.fixture
def labelled(user: User) -> LabelledSet:
    """Five images of each of two classes: just enough."""
    made = LabelledSetFactory.create(owner=user, name="North wing")
    for label in ("neutrophil", "monocyte"):
        LabelledImageFactory.create_batch(5, labelled_set=made, given_label=label)
    return made


def figures(*, proposed: bool = True) -> dict[str, object]:
    """The section adaptation of an evaluation.json."""
    share = {"share": 0.9, "n": 10, "interval": [0.6, 0.98]}
    return {
        "images": "North wing",
        "n": 10,
        "groups": 10,
        "classes": [{"label": "neutrophil", "n": 5}, {"label": "monocyte", "n": 5}],
        "penalty": 0.1,
        "start": 0.0,
        "gain": {
            "before": {**share, "share": 0.4, "interval": [0.17, 0.69]},
            "after": share,
            "difference": 0.5,
            "interval": [0.2, 0.8],
            "proposed": proposed,
            "reason": "Proposed. It is better." if proposed else "Not proposed. It is no better.",
        },
    }


def ended(labelled: LabelledSet, *, proposed: bool = True, **of_model: object) -> Adaptation:
    """An adaptation whose model was made, with a folder where its bundle would lie."""
    source = TrainedModelFactory.create()
    made = TrainedModelFactory.create(
        slug="ours", title="Ours", owner=labelled.owner, is_offered=False, is_active=proposed,
        **of_model,
    )  # fmt: skip
    made.metadata["adapted_from"] = {
        "slug": source.slug, "version": 1, "weights_sha256": source.sha256
    }  # fmt: skip
    made.save()
    adaptation = AdaptationFactory.create(
        labelled_set=labelled, trained_model=source, adapted_model=made, model_version=1,
        result=figures(proposed=proposed), status=Status.SUCCESS, finished_at=timezone.now(),
    )  # fmt: skip
    adaptation.images.set(labelled.images.values_list("image", flat=True))
    return adaptation


@pytest.fixture
def folder(settings: Settings) -> Path:
    """Where the bundle of `ended` would lie."""
    path: Path = settings.ADAPTED_MODELS_DIR / "ours"
    path.mkdir(parents=True)
    return path


def test_from_a_set_a_model_is_queued_and_the_page_waits_for_it(
    page: Client, labelled: LabelledSet, model: TrainedModel
) -> None:
    text = page.get(f"/labelled-sets/{labelled.pk}/").text
    assert "A model of your own" in text
    assert "the class with the fewest images has 5 of 10" in text
    assert "95% cannot be promised: that takes 19 images" in text.replace("\N{NO-BREAK SPACE}", "")
    answer = page.post(
        f"/labelled-sets/{labelled.pk}/adapt/",
        {"model": model.slug, "title": "Ours", "coverage": "0.99"},
    )
    made = Adaptation.objects.get()
    assert answer["Location"] == f"/adaptations/{made.pk}/"
    assert (made.title, made.coverage, made.images.count()) == ("Ours", 0.99, 10)
    assert "Waiting for its turn" in page.get(answer["Location"]).text
    assert "hx-get" in page.get(f"{answer['Location']}status/").text
    Adaptation.objects.update(done=4, total=10)
    assert "4 of 10 images looked at" in page.get(answer["Location"]).text
    assert "Ours" in page.get(f"/labelled-sets/{labelled.pk}/").text


def test_what_is_missing_is_said_before_and_after_it_is_asked_for(
    page: Client, labelled: LabelledSet, model: TrainedModel
) -> None:
    labelled.images.update(label="monocyte")
    text = page.get(f"/labelled-sets/{labelled.pk}/").text
    assert "5 images or more of at least 2 classes" in text
    assert "Adapt it" not in text
    address = f"/labelled-sets/{labelled.pk}/adapt/"
    for sent, words in (({"model": model.slug}, "Nothing was begun"), ({}, "No model was chosen")):
        assert words in page.post(address, sent, follow=True).text
    assert not Adaptation.objects.exists()


def test_figures_here_stand_beside_the_shipped_ones_and_say_who_may_choose_it(
    page: Client, labelled: LabelledSet
) -> None:
    adaptation = ended(labelled)
    text = page.get(f"/adaptations/{adaptation.pk}/").text
    assert "Proposed. It is better." in text
    assert "Only you and administrators see and choose it" in text
    assert "/classify/?model=ours" in text
    assert "Research use only" in text


def test_what_is_not_proposed_is_used_only_when_somebody_says_so(
    page: Client, labelled: LabelledSet
) -> None:
    adaptation = ended(labelled, proposed=False)
    text = page.get(f"/adaptations/{adaptation.pk}/").text
    assert "Not proposed. It is no better." in text
    assert "Ours" not in page.get("/classify/").text
    page.post(f"/adaptations/{adaptation.pk}/use/")
    assert "Ours" in page.get("/classify/").text


def test_a_failure_says_why_and_can_be_tried_again(page: Client, labelled: LabelledSet) -> None:
    failed = AdaptationFactory.create(
        labelled_set=labelled, status=Status.FAILURE, error_message="The disk is full.",
        finished_at=timezone.now(), done=3,
    )  # fmt: skip
    text = page.get(f"/adaptations/{failed.pk}/").text
    assert "The disk is full. Nothing was made." in text
    page.post(f"/adaptations/{failed.pk}/again/")
    failed.refresh_from_db()
    assert (failed.status, failed.done) == (Status.PENDING, 0)


def test_others_do_not_see_it_and_a_projects_people_do(
    page: Client, labelled: LabelledSet, other_user: User, user: User
) -> None:
    adaptation, other = ended(labelled), Client()
    other.force_login(other_user)
    pages = [f"/adaptations/{adaptation.pk}/{end}" for end in ("", "status/", "delete/")]
    pages += ["/models/ours/", "/models/ours/export/", "/models/ours/delete/"]
    assert {other.get(each).status_code for each in pages} == {404}
    actions = [f"/adaptations/{adaptation.pk}/{end}/" for end in ("again", "use", "delete")]
    assert {other.post(each).status_code for each in actions} == {404}
    project = ProjectFactory.create(owner=user)
    Membership.objects.create(project=project, user=other_user, role=Role.VIEWER)
    Adaptation.objects.update(project=project)
    assert other.get(pages[0]).status_code == 200
    assert "Delete it" not in other.get(pages[0]).text
    other.post(actions[-1])
    assert Adaptation.objects.exists()


def test_deleting_says_what_that_means_and_keeps_what_the_model_answered(
    page: Client,
    labelled: LabelledSet,
    folder: Path,
    django_capture_on_commit_callbacks: object,
) -> None:
    adaptation = ended(labelled)
    answered = PredictionFactory.create(
        trained_model=adaptation.adapted_model, image__owner=labelled.owner, succeeded=True
    )
    assert "goes from the disk for good" in page.get(f"/adaptations/{adaptation.pk}/delete/").text
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        page.post(f"/adaptations/{adaptation.pk}/delete/")
    assert not folder.exists()
    assert not Adaptation.objects.exists()
    assert "Ours" in page.get(answered.get_absolute_url()).text
    assert "Ours" not in page.get("/classify/").text


def test_a_model_that_nothing_names_is_gone_as_a_whole(
    page: Client, labelled: LabelledSet, folder: Path
) -> None:
    ended(labelled)
    assert "Delete it" in page.get("/models/ours/").text
    page.post("/models/ours/delete/")
    assert not TrainedModel.objects.filter(slug="ours").exists()
    assert labelled.images.count() == 10


def test_shipped_models_and_those_that_all_have_are_not_ones_own_to_delete(
    page: Client, labelled: LabelledSet, folder: Path, model: TrainedModel
) -> None:
    ended(labelled)
    TrainedModel.objects.filter(slug="ours").update(is_offered=True)
    for slug in ("ours", model.slug):
        assert "Delete it" not in page.get(f"/models/{slug}/").text
        page.post(f"/models/{slug}/delete/")
    assert TrainedModel.objects.filter(slug__in=["ours", model.slug]).count() == 2
    assert folder.exists()


def test_deleting_images_names_the_models_that_came_of_them(
    page: Client, user: User, labelled: LabelledSet
) -> None:
    ended(labelled)
    image = labelled.images.earliest("pk").image
    batch = BatchFactory.create(owner=user)
    prediction = PredictionFactory.create(image=image, owner=user, succeeded=True, batch=batch)
    other = PredictionFactory.create(image__owner=user, succeeded=True)
    asked = [
        page.get(f"/labelled-sets/{labelled.pk}/delete/").text,
        page.get(f"/predictions/{prediction.pk}/delete/").text,
        page.get(f"/batches/{batch.pk}/delete/").text,
        page.post(
            "/predictions/selected/", {"action": "delete", "prediction": str(prediction.pk)}
        ).text,
    ]
    for text in asked:
        assert "A model was adapted to images of these" in text
        assert ">Ours</a>" in text
    assert "adapted to images" not in page.get(f"/predictions/{other.pk}/delete/").text


def test_an_account_takes_the_models_along_that_nobody_else_has(
    labelled: LabelledSet, folder: Path, staff: User, settings: Settings
) -> None:
    ended(labelled)
    shared = TrainedModelFactory.create(slug="shared", owner=labelled.owner, title="Shared")
    (settings.ADAPTED_MODELS_DIR / "shared").mkdir()
    page = Client()
    page.force_login(staff)
    text = page.get(f"/admin/auth/user/{labelled.owner_id}/delete/").text
    assert "the model “Ours”" in text
    assert "the model “Shared”" not in text
    desk.delete_person(labelled.owner)
    assert not TrainedModel.objects.filter(slug="ours").exists()
    assert TrainedModel.objects.get(pk=shared.pk).owner is None


def test_an_administrator_offers_it_to_all_and_takes_that_back(
    labelled: LabelledSet, other_user: User, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    # There is no broker to ask.
    monkeypatch.setattr(operations, "workers", list)
    ended(labelled)
    desk_page, other = Client(), Client()
    desk_page.force_login(staff)
    other.force_login(other_user)
    text = desk_page.get("/admin/operations/").text
    assert f"Private: {labelled.owner.username}" in text
    for action, seen in (("offer", True), ("withdraw", False)):
        desk_page.post("/admin/operations/", {"action": action, "model": "ours"})
        assert ("Ours" in other.get("/classify/").text) == seen


@pytest.fixture
def package(tmp_path: Path) -> bytes:
    path = tmp_path / "model.zip"
    call_command("export_model", BREAST, path)
    return path.read_bytes()


def test_what_is_exported_here_is_imported_elsewhere(
    page: Client, user: User, other_user: User, package: bytes, settings: Settings, tmp_path: Path
) -> None:
    catalogue.load_bundles()
    answer = page.get(f"/models/{BREAST}/export/")
    assert b"".join(answer.streaming_content)[:2] == b"PK"  # type: ignore[attr-defined]
    TrainedModel.objects.all().delete()
    settings.MODELS_DIR = tmp_path / "elsewhere"
    answer = page.post("/models/import/", {"file": SimpleUploadedFile("m.zip", package)})
    address = answer["Location"]
    assert "Waiting for its turn" in page.get(address).text
    assert "m.zip is being checked" in page.get("/models/import/").text
    assert model_imports.run_turn(claim="task")
    assert page.get(address)["Location"] == f"/models/{BREAST}/"
    made = TrainedModel.objects.get()
    assert (made.owner, made.is_offered) == (user, False)
    assert made not in TrainedModel.objects.choosable_by(other_user)
    assert [path.name for path in settings.ADAPTED_MODELS_DIR.iterdir()] == [BREAST]


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"not a zip", "no packed model"), (b"", "No file was chosen")],
)
def test_what_is_no_model_is_refused_in_words_and_nothing_is_left(
    page: Client, settings: Settings, content: bytes, words: str
) -> None:
    upload = {"file": SimpleUploadedFile("m.zip", content)} if content else {}
    text = page.post("/models/import/", upload, follow=True).text
    if content:
        assert model_imports.run_turn(claim="task")
        text = page.get(f"/models/imports/{ModelImport.objects.get().pk}/").text
    assert words in text
    left = settings.ADAPTED_MODELS_DIR
    assert not left.exists() or list(left.iterdir()) == []


def test_a_model_that_is_here_already_is_kept(
    page: Client, package: bytes, settings: Settings
) -> None:
    page.post("/models/import/", {"file": SimpleUploadedFile("m.zip", package)})
    model_imports.run_turn(claim="task")
    assert "already" in ModelImport.objects.get().error_message
    assert list(settings.ADAPTED_MODELS_DIR.iterdir()) == []


def test_a_full_disk_takes_no_file(page: Client, settings: Settings) -> None:
    settings.MIN_FREE_DISK_BYTES = 2**60
    answer = page.post("/models/import/", {"file": SimpleUploadedFile("m.zip", b"PK")})
    assert answer.status_code == 400
    assert "nothing was kept" in answer.text
    assert not ModelImport.objects.exists()


def test_another_person_does_not_see_an_import(page: Client, other_user: User) -> None:
    row = ModelImport.objects.create(owner=other_user, filename="m.zip")
    for end in ("", "status/"):
        assert page.get(f"/models/imports/{row.pk}/{end}").status_code == 404

"""Labelled sets are filled from folders, tables and reviews, and nothing of them is half-stored."""

import io
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from classifier import quotas, tasks
from classifier.datasets import datasets
from classifier.datasets.class_names import proposed_class
from classifier.models import (
    ImageUpload,
    LabelledImage,
    LabelledSet,
    Prediction,
    Role,
    Status,
    Validation,
)
from classifier.services import (
    SentFile,
    StorageFailed,
    labelled_sets,
    review,
    submission,
    validations,
)
from classifier.services.labelled_sets import SetRefused
from classifier.services.permissions import NotAllowed
from classifier.services.tables import TableRefused, TableRow, read_table
from classifier.uploads.images import UploadedPicture, read_image
from classifier.uploads.refusals import UploadRejected
from tests.factories import (
    BatchFactory,
    LabelledImageFactory,
    LabelledSetFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
    ValidationFactory,
    png,
)

pytestmark = pytest.mark.django_db

BLOOD = datasets()["bloodmnist"].labels


@pytest.fixture
def open_set(user: User) -> LabelledSet:
    return labelled_sets.open_set(owner=user, name="Monday", dataset="bloodmnist")


def picture() -> UploadedPicture:
    data = png()
    return read_image(
        io.BytesIO(data), filename="cell.png", size=len(data), max_bytes=10**6, max_pixels=10**6
    )


def refused() -> UploadedPicture:
    raise UploadRejected("damaged")


def sent(*paths: str, read: Callable[[], UploadedPicture] = picture) -> list[SentFile]:
    return [SentFile(path, read, key=path) for path in paths]


FOLDERS = ("smears/p1/NEU/1.png", "smears/p1/PLT/2.png", "smears/p2/NEU/3.png")


def test_an_image_counts_as_its_folder_is_called_and_comes_once(
    user: User, open_set: LabelledSet
) -> None:
    for _ in range(2):
        labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent(*FOLDERS))
    assert open_set.images.class_counts() == {"NEU": 2, "PLT": 1}
    assert ImageUpload.objects.count() == 3


def test_folders_name_classes_and_patients(user: User, open_set: LabelledSet) -> None:
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent(*FOLDERS))
    assert labelled_sets.folder_levels(open_set) == [["NEU", "PLT"], ["p1", "p2"], ["smears"]]
    labelled_sets.take_from_folders(
        person=user, labelled_set=open_set, class_level=0, group_level=1
    )
    assert set(open_set.images.values_list("group", "label")) == {
        ("p1", "NEU"), ("p1", "PLT"), ("p2", "NEU"),
    }  # fmt: skip


def test_names_are_proposed_confirmed_and_kept_as_given(user: User, open_set: LabelledSet) -> None:
    files = sent(*FOLDERS, "smears/p1/blast/4.png")
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=files)
    proposed = {each.name: each.proposed for each in labelled_sets.given_names(open_set)}
    assert proposed == {"NEU": "neutrophil", "PLT": "", "blast": ""}
    names = {**proposed, "PLT": "platelet"}
    labelled_sets.confirm(person=user, labelled_set=open_set, names=names)
    open_set.refresh_from_db()
    assert open_set.is_confirmed
    assert open_set.images.class_counts() == {"neutrophil": 2, "platelet": 1, "blast": 1}
    assert open_set.images.class_counts("given_label") == {"NEU": 2, "PLT": 1, "blast": 1}
    with pytest.raises(SetRefused, match="confirmed"):
        labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent("a/5.png"))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Neutrophils", "neutrophil"),
        ("01_eosinophil", "eosinophil"),
        ("lymphocites", "lymphocyte"),
        ("IMMATURE-GRANULOCYTES", "immature granulocytes"),
        ("mono", "monocyte"),
        ("blast", ""),
        ("7", ""),
        ("", ""),
    ],
)
def test_a_name_stands_for_the_class_that_it_is_like(name: str, label: str) -> None:
    assert proposed_class(name, BLOOD) == label


def test_a_table_names_classes_and_patients(user: User, open_set: LabelledSet) -> None:
    files = sent("day/1.png", "day/2.png", "day/3.png")
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=files)
    rows = read_table(b"Path;Class;Patient\n1.png;neutrophil;A\nday/2.png;platelet;B\n")
    named = labelled_sets.take_from_table(person=user, labelled_set=open_set, rows=rows)
    assert named == 2
    assert list(open_set.images.in_order().values_list("label", "group")) == [
        ("neutrophil", "A"), ("platelet", "B"), ("day", ""),
    ]  # fmt: skip


def test_a_file_name_of_two_rows_names_neither(user: User, open_set: LabelledSet) -> None:
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent("1.png", "b/2.png"))
    rows = [TableRow("x/1.png", "a", ""), TableRow("y/1.png", "b", ""), TableRow("2.png", "c", "")]
    assert labelled_sets.take_from_table(person=user, labelled_set=open_set, rows=rows) == 1
    with pytest.raises(SetRefused, match="None of the 1 rows"):
        labelled_sets.take_from_table(
            person=user, labelled_set=open_set, rows=[TableRow("z.png", "a", "")]
        )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"a,b\n1,2\n", "“path”"),
        (b"path\n1.png\n", "“class”"),
        (b"path,class\n", "no rows"),
        (b"\xff\xfe\x00\xd8", "cannot be read|no text|path|empty"),
        (b"x" * 5_000_001, "larger"),
    ],
)
def test_a_wrong_table_is_refused_in_words(content: bytes, words: str) -> None:
    with pytest.raises(TableRefused, match=words):
        read_table(content)


def test_a_table_of_excel_is_read_whatever_its_encoding() -> None:
    text = "Datei\tpath\tclass\nä\tü.png\tneutrophil\n"
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        assert read_table(text.encode(encoding)) == [TableRow("ü.png", "neutrophil", "")]


def test_without_a_class_nothing_is_confirmed_and_what_has_none_is_left_out(
    user: User, open_set: LabelledSet
) -> None:
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent("1.png"))
    with pytest.raises(SetRefused, match="None of the images has a class"):
        labelled_sets.confirm(person=user, labelled_set=open_set, names={})
    labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent("platelet/2.png"))
    labelled_sets.confirm(person=user, labelled_set=open_set, names={})
    assert open_set.images.get().path == "platelet/2.png"
    assert ImageUpload.objects.count() == 1


def test_what_cannot_be_read_is_named_and_the_rest_is_taken(
    user: User, open_set: LabelledSet
) -> None:
    files = [*sent("a/1.png"), *sent("a/2.png", read=refused)]
    added = labelled_sets.add_images(owner=user, labelled_set=open_set, files=files)
    assert [bool(each.reason) for each in added] == [False, True]
    assert [each["filename"] for each in open_set.rejected] == ["a/2.png"]
    assert open_set.images.count() == 1


def test_a_full_disk_or_quota_keeps_nothing(
    user: User, open_set: LabelledSet, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_STORED_BYTES_PER_PERSON = 100
    with pytest.raises(quotas.BeyondLimit):
        labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent(*FOLDERS))

    def full() -> None:
        raise OSError

    monkeypatch.setattr(submission.quotas, "require_free_disk", full)
    with pytest.raises(StorageFailed):
        labelled_sets.add_images(owner=user, labelled_set=open_set, files=sent(*FOLDERS))
    assert not LabelledImage.objects.exists()
    assert not ImageUpload.objects.exists()


def test_reviews_become_labels_the_last_one_of_each_image(user: User) -> None:
    batch = BatchFactory.create(owner=user)
    made = {"batch": batch, "succeeded": True, "image__owner": user}
    rows = [PredictionFactory.create(**made) for _ in range(4)]
    said = [(0, "monocyte"), (0, "lymphocyte"), (1, "cannot tell"), (2, "neutrophil")]
    for place, label in said:
        chosen = Prediction.objects.filter(pk=rows[place].pk)
        review(reader=user, predictions=chosen, label=label)
    made_set = labelled_sets.set_of_reviews(person=user, batch=batch)
    assert made_set.images.class_counts() == {"lymphocyte": 1, "neutrophil": 1}
    assert made_set.is_confirmed
    assert made_set.batch == batch
    made_set.delete_with_images()
    assert ImageUpload.objects.count() == 4


def test_a_batch_without_reviews_makes_no_set(user: User) -> None:
    batch = BatchFactory.create(owner=user)
    PredictionFactory.create(batch=batch, succeeded=True, image__owner=user)
    with pytest.raises(SetRefused, match="Review some"):
        labelled_sets.set_of_reviews(person=user, batch=batch)
    assert not LabelledSet.objects.exists()


def test_a_doubtful_label_is_settled_by_who_may_change_the_set(
    user: User, other_user: User
) -> None:
    project = ProjectFactory.create(owner=user)
    project.memberships.create(user=other_user, role=Role.VIEWER)
    made = LabelledSetFactory.create(owner=user, project=project)
    image = LabelledImageFactory.create(labelled_set=made, suspected_label="monocyte")
    with pytest.raises(NotAllowed):
        labelled_sets.settle(person=other_user, image=image, label="monocyte")
    with pytest.raises(SetRefused):
        labelled_sets.settle(person=user, image=image, label="horse")
    labelled_sets.settle(person=user, image=image, label="monocyte")
    image.refresh_from_db()
    assert (image.label, image.given_label) == ("monocyte", "neutrophil")
    assert image.settled_at is not None


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    rung: list[None] = []
    monkeypatch.setattr(tasks.run_validations, "delay", lambda: rung.append(None))
    return rung


def test_models_are_queued_once_each_and_rung_for(
    user: User,
    turns: list[None],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    made = LabelledSetFactory.create(owner=user)
    LabelledImageFactory.create(labelled_set=made)
    models = TrainedModelFactory.create_batch(2)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            queued = validations.validate(person=user, labelled_set=made, trained_models=models)
    assert {each.trained_model for each in queued} == set(models)
    assert Validation.objects.count() == 2
    assert len(turns) == 2


def test_what_cannot_be_measured_is_not_queued(user: User) -> None:
    made = LabelledSetFactory.create(owner=user, confirmed_at=None)
    LabelledImageFactory.create(labelled_set=made, given_label="horse")
    model = TrainedModelFactory.create()
    with pytest.raises(SetRefused, match="Confirm"):
        validations.validate(person=user, labelled_set=made, trained_models=[model])
    labelled_sets.confirm(person=user, labelled_set=made, names={})
    with pytest.raises(SetRefused, match="basophil"):
        validations.validate(person=user, labelled_set=made, trained_models=[model])
    assert not Validation.objects.exists()


def test_figures_are_worked_out_again_unless_the_same_waits(user: User, turns: list[None]) -> None:
    ended = ValidationFactory.create(labelled_set__owner=user)
    Validation.objects.update(
        status=Status.FAILURE, error_message="Broken.", finished_at=ended.created_at
    )
    assert validations.work_out_again(person=user, validation=ended)
    ended.refresh_from_db()
    assert (ended.status, ended.error_message) == (Status.PENDING, "")
    assert not validations.work_out_again(person=user, validation=ended)

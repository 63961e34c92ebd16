"""What the database guarantees, and how predictions are claimed."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from classifier.models import (
    ApiToken,
    ImageUpload,
    Prediction,
    Status,
    TrainedModel,
    Usage,
    token_digest,
)
from tests.factories import (
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def trained_model() -> TrainedModel:
    return TrainedModelFactory.create()


@pytest.mark.parametrize(
    "wrong",
    [
        {"predicted_label": ""},
        {"probabilities": None},
        {"confidence": None},
        {"confidence": 1.5},
        {"confidence": -0.1},
        {"finished_at": None},
    ],
)
def test_a_success_without_its_result_cannot_be_stored(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        PredictionFactory.create(succeeded=True, **wrong)


def test_a_failure_without_a_message_cannot_be_stored() -> None:
    with pytest.raises(IntegrityError):
        PredictionFactory.create(failed=True, error_message="")


@pytest.mark.parametrize(
    "wrong",
    [
        {"succeeded": True, "in_distribution": True},
        {"succeeded": True, "prediction_set": ["neutrophil"]},
        {"failed": True, "in_distribution": False, "prediction_set": ["neutrophil"]},
        {"out_of_distribution": True, "is_unusual": True},
    ],
)
def test_doubts_come_with_a_result_and_whole(wrong: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        PredictionFactory.create(**wrong)


def test_a_person_sees_their_own_and_staff_see_all(
    user: User, other_user: User, staff: User
) -> None:
    mine = PredictionFactory.create(image__owner=user)
    theirs = PredictionFactory.create(image__owner=other_user)
    assert list(Prediction.objects.visible_to(user)) == [mine]
    assert set(Prediction.objects.visible_to(staff)) == {mine, theirs}
    assert not Prediction.objects.owned_by(staff).exists()


def test_deleting_an_image_row_removes_its_files(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    image = ImageUploadFactory.create()
    names = (image.file.name, image.thumbnail.name)
    assert all(map(default_storage.exists, names))
    with django_capture_on_commit_callbacks(execute=True):
        image.owner.delete()
    assert not any(map(default_storage.exists, names))


def test_stored_names_tell_nothing_of_the_original(user: User) -> None:
    image = ImageUploadFactory.create(original_filename="Jane Doe 1970.png")
    assert "Jane" not in image.file.name


def test_a_batch_is_the_oldest_of_one_model(
    trained_model: TrainedModel, settings: Settings
) -> None:
    settings.PREDICTION_BATCH_SIZE = 2
    now = timezone.now()
    newest, oldest, middle = (
        PredictionFactory.create(
            trained_model=trained_model, created_at=now - timedelta(minutes=age)
        )
        for age in (1, 3, 2)
    )
    PredictionFactory.create()
    assert Prediction.objects.claim_batch(trained_model, "first") == [oldest, middle]
    assert Prediction.objects.claim_batch(trained_model, "second") == [newest]
    assert Prediction.objects.claim_batch(trained_model, "third") == []


def test_a_claimed_prediction_is_running_and_counts_its_attempt(
    trained_model: TrainedModel,
) -> None:
    PredictionFactory.create(trained_model=trained_model)
    [claimed] = Prediction.objects.claim_batch(trained_model, "task")
    assert (claimed.status, claimed.attempts, claimed.claim) == (Status.STARTED, 1, "task")
    assert claimed.started_at is not None


def test_a_redelivered_task_takes_up_its_own_rows_one_by_one(trained_model: TrainedModel) -> None:
    PredictionFactory.create_batch(2, trained_model=trained_model, started=True, claim="task")
    fresh = PredictionFactory.create(trained_model=trained_model)
    assert Prediction.objects.claim_batch(trained_model, "other") == [fresh]
    taken = Prediction.objects.claim_batch(trained_model, "task")
    assert [prediction.attempts for prediction in taken] == [2]


def test_what_a_dead_worker_held_becomes_claimable_after_the_time_limit(
    trained_model: TrainedModel, settings: Settings
) -> None:
    ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    left = PredictionFactory.create(trained_model=trained_model, started=True, started_at=ago)
    PredictionFactory.create(trained_model=trained_model, started=True)
    assert Prediction.objects.claim_batch(trained_model, "other") == [left]


def test_finding_work_does_not_look_through_what_has_ended(
    user: User, trained_model: TrainedModel
) -> None:
    predictions = Prediction.objects.order_by()
    waiting = PredictionFactory.create(trained_model=trained_model)
    ended = PredictionFactory.create(
        image=waiting.image, trained_model=trained_model, failed=True, owner=user
    )
    columns = ("owner", "image", "trained_model", "status", "error_message", "finished_at")
    same = {name: getattr(ended, name) for name in columns}
    predictions.bulk_create(Prediction(**same) for _ in range(500))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    found = [
        predictions.claimable("task").filter(trained_model=trained_model).in_line(),
        predictions.claimable().in_line(),
        predictions.exhausted(),
        predictions.unfinished_of(user),
    ]
    plans = [queryset.explain() for queryset in found]
    with CaptureQueriesContext(connection) as queries:
        assert waiting.queue_position == 1
        assert predictions.next_turn(user) == 0
    with connection.cursor() as cursor:
        for query in list(queries):
            cursor.execute(f"{connection.ops.explain_query_prefix()} {query['sql']}")
            plans.append(str(cursor.fetchall()))
    for plan in plans:
        assert re.search("prediction_((own_)?unfinished|in_line)", plan)


def test_what_waits_has_no_end() -> None:
    with pytest.raises(IntegrityError, match="prediction_unfinished_has_no_end"):
        PredictionFactory.create(started=True, finished_at=timezone.now())


def test_attempts_are_capped(trained_model: TrainedModel, settings: Settings) -> None:
    ago = timezone.now() - timedelta(seconds=settings.PREDICTION_TIME_LIMIT + 1)
    hopeless = PredictionFactory.create(
        trained_model=trained_model,
        started=True,
        started_at=ago,
        attempts=settings.PREDICTION_MAX_ATTEMPTS,
    )
    assert Prediction.objects.claim_batch(trained_model, "claim") == []
    assert list(Prediction.objects.exhausted()) == [hopeless]


def test_everyone_has_one_prediction_in_each_round(
    trained_model: TrainedModel, settings: Settings, user: User, other_user: User
) -> None:
    settings.PREDICTION_BATCH_SIZE = 3
    for person in (user, other_user):
        image = ImageUploadFactory.create(owner=person)
        for turn in range(3):
            PredictionFactory.create(image=image, trained_model=trained_model, turn=turn)
    first = Prediction.objects.claim_batch(trained_model, "first")
    assert [(each.owner, each.turn) for each in first] == [
        (user, 0),
        (other_user, 0),
        (user, 1),
    ]


def test_turns_go_on_from_what_is_running(user: User, other_user: User) -> None:
    assert Prediction.objects.next_turn(user) == 0
    PredictionFactory.create(image__owner=user, turn=7)
    PredictionFactory.create(image__owner=user, turn=9)
    PredictionFactory.create(image__owner=user, turn=30, succeeded=True)
    assert Prediction.objects.next_turn(user) == 10
    assert Prediction.objects.next_turn(other_user) == 7


def test_whoever_is_next_in_line_decides_which_model_runs(trained_model: TrainedModel) -> None:
    PredictionFactory.create(trained_model=trained_model, turn=5)
    assert Prediction.objects.next_model("task") == trained_model
    other = PredictionFactory.create(turn=4).trained_model
    assert Prediction.objects.next_model("task") == other
    tried_before = PredictionFactory.create(turn=6, attempts=1).trained_model
    assert Prediction.objects.next_model("task") == tried_before


def test_what_lies_in_the_trash_is_not_run(trained_model: TrainedModel) -> None:
    PredictionFactory.create(trained_model=trained_model, deleted_at=timezone.now())
    assert Prediction.objects.next_model("task") is None
    assert Prediction.objects.claim_batch(trained_model, "task") == []


@pytest.mark.parametrize(
    ("wrong", "constraint"),
    [
        ({"box_left": 3}, "prediction_box_is_whole"),
        ({"box_left": 3, "box_upper": 3, "box_side": 0}, "prediction_box_is_whole"),
        ({"reviewed_label": "monocyte"}, "prediction_is_answered_before_it_is_reviewed"),
        ({"succeeded": True, "reviewed_label": "monocyte"}, "prediction_review_has_a_time"),
    ],
)
def test_boxes_are_whole_and_answers_reviewed(wrong: dict[str, object], constraint: str) -> None:
    with pytest.raises(IntegrityError, match=constraint):
        PredictionFactory.create(**wrong)


def test_a_cell_of_a_field_has_its_box() -> None:
    field = PredictionFactory.create()
    with pytest.raises(IntegrityError, match="prediction_of_a_field_has_its_box"):
        PredictionFactory.create(parent=field)


@pytest.mark.parametrize(
    ("state", "reviewed_label", "certainty", "review_state", "group"),
    [
        ({}, "", "", "unreviewed", ""),
        ({"succeeded": True}, "", "", "unreviewed", "neutrophil"),
        ({"succeeded": True}, "neutrophil", "", "confirmed", "neutrophil"),
        ({"succeeded": True}, "monocyte", "", "corrected", "monocyte"),
        ({"succeeded": True}, "none of these", "", "corrected", "none of these"),
        ({"succeeded": True}, "cannot tell", "", "unclear", "cannot tell"),
        ({"out_of_distribution": True}, "", "unlike", "unreviewed", "unlike the training data"),
        ({"doubtful": True}, "", "undecided", "unreviewed", "undecided"),
        ({"doubtful": True}, "neutrophil", "undecided", "confirmed", "neutrophil"),
        ({"doubtful": True, "prediction_set": ["neutrophil"]}, "", "accepted", "unreviewed",
         "neutrophil"),
    ],
)  # fmt: skip
def test_the_database_sorts_what_it_keeps(
    state: dict[str, object], reviewed_label: str, certainty: str, review_state: str, group: str
) -> None:
    reviewed_at = timezone.now() if reviewed_label else None
    kept = PredictionFactory.create(reviewed_label=reviewed_label, reviewed_at=reviewed_at, **state)
    kept.refresh_from_db()
    found = (kept.certainty, kept.review_state, kept.gallery_group)
    assert found == (certainty, review_state, group)


def test_queue_position_counts_what_waits_ahead(trained_model: TrainedModel) -> None:
    now = timezone.now()
    PredictionFactory.create(created_at=now - timedelta(minutes=2))
    PredictionFactory.create(created_at=now - timedelta(minutes=2), succeeded=True)
    waiting = PredictionFactory.create(created_at=now)
    assert waiting.queue_position == 2


def test_a_model_can_be_chosen_while_it_is_installed_and_active() -> None:
    chosen = TrainedModelFactory.create()
    TrainedModelFactory.create(is_active=False)
    TrainedModelFactory.create(is_installed=False)
    assert list(TrainedModel.objects.active()) == [chosen]


def test_only_the_digest_of_a_token_is_stored(user: User) -> None:
    token, secret = ApiToken.objects.issue(user, name="night run")
    assert token.digest == token_digest(secret)
    assert secret not in str(vars(token))


def test_what_is_stored_is_counted_as_images_come_and_go(user: User, other_user: User) -> None:
    alone = ImageUploadFactory.create(owner=user, stored_bytes=5)
    together = ImageUploadFactory.build_batch(3, owner=user, stored_bytes=7)
    ImageUpload.objects.bulk_create(together)
    ImageUploadFactory.create(owner=other_user, stored_bytes=100)
    assert Usage.objects.stored(user) == 26
    alone.delete()
    ImageUpload.objects.filter(pk=together[0].pk).delete()
    assert Usage.objects.stored(user) == 14
    key = other_user.pk
    other_user.delete()
    assert not Usage.objects.filter(user=key).exists()


def test_images_that_go_together_are_given_back_to_each_owner_at_once(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    images = [
        ImageUploadFactory.create(owner=owner, stored_bytes=10)
        for owner in UserFactory.create_batch(2)
        for _ in range(5)
    ]
    one, other = images[0].owner, images[-1].owner
    with django_assert_max_num_queries(14):
        ImageUpload.objects.filter(pk__in=[image.pk for image in images[1:]]).delete()
    assert (Usage.objects.stored(one), Usage.objects.stored(other)) == (10, 0)

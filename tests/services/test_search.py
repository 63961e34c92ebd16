"""Finding results again, and pages of which none gets slower with depth."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.models import Prediction, PredictionQuerySet
from classifier.services import pages, search
from tests.factories import (
    BatchFactory,
    ImageUploadFactory,
    PredictionFactory,
    TrainedModelFactory,
)

pytestmark = pytest.mark.django_db


def own(user: User) -> PredictionQuerySet:
    return Prediction.objects.owned_by(user)


def make(user: User, count: int, **options: Any) -> list[Prediction]:
    """Newest last; two by two at the same moment and equally certain."""
    model = options.pop("trained_model", None) or TrainedModelFactory.create()
    now = timezone.now()
    image = ImageUploadFactory.create(owner=user)
    return [
        PredictionFactory.create(
            image=image,
            trained_model=model,
            created_at=now - timedelta(minutes=(count - number) // 2),
            **{"succeeded": True, "confidence": 0.5 + number // 2 / 100, **options},
        )
        for number in range(count)
    ]


@pytest.fixture
def varied(user: User) -> dict[str, Prediction]:
    blood = TrainedModelFactory.create(slug="blood")
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist")
    batch = BatchFactory.create(owner=user, name="Monday’s smears")
    cell = {"image__owner": user, "trained_model": blood}
    return {
        "accepted": PredictionFactory.create(
            doubtful=True, prediction_set=["neutrophil"], confidence=0.99, batch=batch, **cell
        ),
        "undecided": PredictionFactory.create(doubtful=True, **cell),
        "unlike": PredictionFactory.create(
            out_of_distribution=True,
            image__path="patient7/001.png",
            image__owner=user,
            trained_model=blood,
        ),
        "corrected": PredictionFactory.create(
            succeeded=True,
            reviewed_label="monocyte",
            note="a bit blurred",
            reviewed_at=timezone.now(),
            **cell,
        ),
        "failed": PredictionFactory.create(failed=True, image__owner=user, trained_model=breast),
        "waiting": PredictionFactory.create(image__owner=user, trained_model=breast),
    }


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"q": "patient7"}, {"unlike"}),
        ({"q": "BLURRED"}, {"corrected"}),
        ({"q": "monday"}, {"accepted"}),
        ({"kind": "breastmnist"}, {"failed", "waiting"}),
        ({"model": "breast", "status": "FAILURE"}, {"failed"}),
        ({"version": "1"}, {"accepted", "undecided", "unlike", "corrected"}),
        ({"version": "2"}, set()),
        ({"predicted_label": "neutrophil", "certainty": "undecided"}, {"undecided"}),
        ({"certainty": "unlike"}, {"unlike"}),
        ({"group": "monocyte"}, {"corrected"}),
        ({"review": "reviewed"}, {"corrected"}),
        ({"review": "corrected"}, {"corrected"}),
        ({"review": "confirmed"}, set()),
        ({"confidence_min": "0.95"}, {"accepted"}),
        ({"confidence_max": "0.6"}, {"undecided"}),
        ({"created_before": "2020-01-01T00:00:00Z"}, set()),
    ],
)
def test_each_filter_finds_what_it_names(
    user: User, varied: dict[str, Prediction], asked: dict[str, str], found: set[str]
) -> None:
    filters = search.PredictionSearch(asked, own(user))
    assert filters.is_valid()
    assert set(filters.qs) == {varied[name] for name in found}


@pytest.mark.parametrize(
    "asked", [{"confidence_min": "high"}, {"review": "perhaps"}, {"q": "\0"}, {"version": "-1"}]
)
def test_a_filter_that_makes_no_sense_is_refused(user: User, asked: dict[str, str]) -> None:
    assert not search.PredictionSearch(asked, own(user)).is_valid()


def test_facets_count_what_there_is(user: User, varied: dict[str, Prediction]) -> None:
    facets = search.facets(own(user))
    assert facets.model == {"blood": 4, "breast": 2}
    assert facets.certainty == {"accepted": 1, "undecided": 1, "unlike": 1}
    assert facets.review == {"unreviewed": 5, "corrected": 1}
    assert facets.status == {"SUCCESS": 4, "FAILURE": 1, "PENDING": 1}
    assert facets.predicted_label == {"neutrophil": 4}
    assert str(facets.counted) == "6"


def test_counting_stops(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_COUNTED", 3)
    make(user, 5)
    assert str(search.count(own(user))) == "3+"
    assert search.facets(own(user)).review == {"unreviewed": 3}
    assert str(search.count(own(user).filter(confidence__gt=0.515))) == "1"


@pytest.mark.parametrize("name", pages.ORDERS)
def test_every_row_is_on_one_page_in_its_order(user: User, name: str) -> None:
    order = pages.ORDERS[name]
    made = make(user, 7)
    PredictionFactory.create(image__owner=user)
    key = order.field
    expected = sorted(
        (row for row in own(user) if getattr(row, key) is not None),
        key=lambda row: (getattr(row, key), row.pk),
        reverse=order.is_descending,
    )
    forwards, cursor = [], ""
    while True:
        page = pages.page(own(user), order, size=3, after=cursor)
        forwards += page.rows
        assert bool(page.previous) == bool(cursor)
        cursor = page.next
        if not cursor:
            break
    assert forwards == expected
    assert set(made) <= set(forwards)
    backwards: list[Prediction] = page.rows
    while page.previous:
        page = pages.page(own(user), order, size=3, before=page.previous)
        backwards = [*page.rows, *backwards]
        assert page.next
    assert backwards == expected


@pytest.fixture
def crowd(varied: dict[str, Prediction], other_user: User) -> None:
    """Many of each kind by somebody else: in a handful of rows no database needs an index."""
    image = ImageUploadFactory.create(owner=other_user)
    many = [row for row in Prediction.objects.all() for _ in range(100)]
    fields = ("trained_model", "status", "finished_at", "predicted_label", "confidence")
    result = ("model_version", "probabilities", "in_distribution", "prediction_set")
    review = ("reviewed_label", "reviewed_at", "error_message")
    Prediction.objects.bulk_create(
        Prediction(
            owner=other_user,
            image=image,
            **{name: getattr(row, name) for name in (*fields, *result, *review)},
        )
        for row in many
    )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE classifier_prediction")


@pytest.mark.parametrize("cursor", ["x", "e30=", "W10=", "WzEsMl0=", "bnVsbA==", "ÿ"])
def test_a_cursor_that_no_page_gave_leads_nowhere(user: User, cursor: str) -> None:
    with pytest.raises(pages.NoSuchPage):
        pages.page(own(user), pages.NEWEST, size=3, after=cursor)


@pytest.mark.parametrize("name", pages.ORDERS)
def test_no_page_sorts_or_looks_through_more_than_it_shows(
    user: User, crowd: None, name: str
) -> None:
    make(user, 6)
    first = pages.page(own(user), pages.ORDERS[name], size=2)
    with CaptureQueriesContext(connection) as queries:
        pages.page(own(user), pages.ORDERS[name], size=2, after=first.next)
    with connection.cursor() as cursor:
        cursor.execute(f"{connection.ops.explain_query_prefix()} {queries[0]['sql']}")
        plan = str(cursor.fetchall())
    assert "prediction_own_" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "newest"),
        ({"predicted_label": "neutrophil"}, "label"),
        ({"certainty": "unlike"}, "certainty"),
        ({"review": "corrected"}, "review"),
        ({"status": "FAILURE"}, "status"),
        ({"model": "blood"}, "model"),
    ],
)
def test_each_filter_has_its_index(
    user: User, crowd: None, asked: dict[str, str], index: str
) -> None:
    found = search.PredictionSearch(asked, own(user)).qs.order_by("-created_at", "-pk")
    plan = found[:20].explain()
    assert f"prediction_own_{index}" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_groups_ask_once_whatever_there_is(
    user: User, varied: dict[str, Prediction], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(2):
        with django_assert_num_queries(1):
            found = search.groups(own(user))
        make(user, 5)
    assert found.unfinished == found.failed == 1
    with django_assert_num_queries(2):
        search.facets(own(user))


def test_a_group_comes_least_certain_first(user: User) -> None:
    made = make(user, 6)
    page = pages.page(search.in_group(own(user), "neutrophil"), pages.LEAST_CERTAIN, size=4)
    assert [row.confidence for row in page.rows] == sorted(row.confidence for row in made)[:4]

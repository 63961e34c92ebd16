"""What the administrator sees first: figures, each with the rows that it counts."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from classifier.models import Prediction
from classifier.services import desk
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def predictions() -> None:
    now = timezone.now()
    PredictionFactory.create(succeeded=True, in_distribution=False, prediction_set=["neutrophil"])
    sure = {"in_distribution": True, "prediction_set": ["neutrophil"]}
    PredictionFactory.create(succeeded=True, **sure)
    for label in ("neutrophil", "neutrophil", "monocyte"):
        PredictionFactory.create(succeeded=True, reviewed_label=label, reviewed_at=now)
    PredictionFactory.create(failed=True, error_message="It took too long.")
    PredictionFactory.create(created_at=now - timedelta(minutes=40))
    PredictionFactory.create(succeeded=True, created_at=now - timedelta(days=3))
    PredictionFactory.create(succeeded=True, deleted_at=now)


@pytest.mark.parametrize(("period", "sent"), [("24h", 7), ("7d", 8), ("30d", 8)])
def test_figures_count_what_was_sent_in_the_period(
    predictions: None, period: str, sent: int
) -> None:
    found = desk.overview(desk.PERIODS[period])
    assert found.sent == sent == sum(step.counts.total() for step in found.steps)
    assert (found.waiting, found.failed.number) == (1, 1)
    assert (found.flagged.number, found.flagged.of) == (1, 2)
    assert (found.corrected, found.agreement.number, found.agreement.of) == (1, 2, 3)
    assert found.oldest is not None
    assert found.oldest < timezone.now() - timedelta(minutes=39)
    assert [each.error_message for each in found.failures] == ["It took too long."]
    assert found.latency.of == sent - 1


def test_waiting_and_running_are_told_apart() -> None:
    now = timezone.now()
    for seconds in range(1, 101):
        start = now - timedelta(minutes=5)
        PredictionFactory.create(
            succeeded=True,
            created_at=start,
            started_at=start + timedelta(seconds=seconds),
            finished_at=start + timedelta(seconds=seconds + 2),
        )
    found = desk.overview(desk.PERIODS["24h"]).latency
    assert found.waiting is not None
    assert found.running is not None
    assert found.waiting.half == pytest.approx(50.5, abs=0.1)
    assert found.waiting.most == pytest.approx(95, abs=0.2)
    assert found.running.most == pytest.approx(2, abs=0.01)


def test_each_figure_leads_to_the_rows_that_it_counts(
    admin_pages: Client, predictions: None
) -> None:
    page = admin_pages.get(reverse("admin:index"), {"period": "7d"}).content.decode()
    links = [
        unescape(link) for link in re.findall(r'<li><a href="([^"]+)"><span class="figure', page)
    ]
    assert len(links) == 11
    listed = [admin_pages.get(link).context["cl"].result_count for link in links[:6]]
    assert listed == [8, 1, 1, 1, 1, 2]
    assert all(admin_pages.get(link).status_code == 200 for link in links[6:])


def test_the_number_of_queries_stays_the_same(admin_pages: Client, predictions: None) -> None:
    def queries(period: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            admin_pages.get(reverse("admin:index"), {"period": period})
        return len(captured)

    queries("24h")
    few = queries("24h")
    for _ in range(5):
        PredictionFactory.create(succeeded=True)
    assert {queries(period) for period in desk.PERIODS} == {few}
    assert few <= 14


def test_an_empty_installation_has_an_overview(admin_pages: Client) -> None:
    page = admin_pages.get(reverse("admin:index"), {"period": "nonsense"}).content.decode()
    assert "nothing waits" in page
    assert "Research use only" in page
    assert not Prediction.objects.exists()


def test_staff_without_leave_to_see_predictions_see_no_figures(client: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    user.user_permissions.add(Permission.objects.get(codename="view_batch"))
    client.force_login(user)
    page = client.get(reverse("admin:index")).content.decode()
    assert "Reviewers agree" not in page
    assert reverse("admin:classifier_batch_changelist") in page
    assert reverse("admin:classifier_prediction_changelist") not in page

"""Many results side by side: what the page and its scripts get, and the list for who has none."""

import gzip
import json
import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from classifier.models import Batch, Prediction, Review, TrainedModel
from classifier.services import reviews
from classifier.web.gallery_page import COLUMNS
from tests.factories import BatchFactory, PredictionFactory, ProjectFactory, TrainedModelFactory

NAMES = ["basophil", "eosinophil", "erythroblast", "immature granulocytes", "lymphocyte"]


@pytest.fixture
def batch(user: User, model: TrainedModel) -> Batch:
    batch: Batch = BatchFactory.create(owner=user, name="Monday")
    batch.trained_models.add(model)
    return batch


def add(batch: Batch, count: int = 1, **options: Any) -> list[Prediction]:
    options.setdefault("trained_model", batch.trained_models.all()[0])
    options.setdefault("succeeded", True)
    made: list[Prediction] = PredictionFactory.create_batch(
        count, image__owner=batch.owner, batch=batch, **options
    )
    return made


def url(batch: Batch, page: str = "") -> str:
    return f"/batches/{batch.pk}/{page}"


def data(page: Client, address: str) -> Any:
    """What the scripts of the page start with."""
    text = page.get(address).content.decode()
    found = re.search(r'<script id="gallery-data" type="application/json">(.*?)</script>', text)
    assert found
    return json.loads(found[1])


def rows(answer: Any) -> list[dict[str, Any]]:
    return [dict(zip(COLUMNS, values, strict=True)) for values in answer["rows"]]


def test_groups_have_counts_and_what_asks_for_a_look_comes_first(
    page: Client, batch: Batch
) -> None:
    add(batch, 3)
    add(batch, doubtful=True)
    add(batch, out_of_distribution=True)
    add(batch, predicted_label="monocyte")
    text = page.get(url(batch)).content.decode()
    groups = re.findall(r'data-group="([^"]+)" data-count="(\d+)"', text)
    assert groups[:4] == [
        ("undecided", "1"),
        ("unlike the training data", "1"),
        ("neutrophil", "3"),
        ("monocyte", "1"),
    ]
    assert ("none of these", "0") in groups
    assert ("cannot tell", "0") in groups
    assert "Research use only" in text


def test_the_least_certain_of_a_group_come_first(page: Client, batch: Batch) -> None:
    for confidence in (0.9, 0.5, 0.7):
        add(batch, confidence=confidence)
    first = [row["confidence"] for row in rows(data(page, url(batch)))]
    assert first == [0.5, 0.7, 0.9]
    answer = page.get(url(batch, "rows/")).json()
    assert [row["confidence"] for row in rows(answer)] == [0.5, 0.7, 0.9]


def test_keys_are_given_to_the_classes_in_their_order(page: Client, batch: Batch) -> None:
    add(batch)
    labels = data(page, url(batch))["labels"]
    assert labels[:5] == [[name, str(key)] for key, name in enumerate(NAMES, 1)]
    assert labels[-2:] == [["none of these", "0"], ["cannot tell", "t"]]


def test_a_page_of_many_asks_the_database_no_more_than_one_of_few(
    page: Client, batch: Batch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    add(batch)
    with django_assert_max_num_queries(14) as few:
        page.get(url(batch))
    add(batch, 40)
    for name in NAMES:
        add(batch, 3, predicted_label=name)
    with django_assert_max_num_queries(14) as many:
        page.get(url(batch))
    assert len(many) == len(few)


def test_the_rest_comes_page_by_page(
    page: Client, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("classifier.web.views.gallery.ROWS_AT_ONCE", 3)
    everything = {str(each.pk) for each in add(batch, 7)}
    found, after = [], ""
    for _ in range(3):
        answer = page.get(url(batch, "rows/"), {"after": after}).json()
        found += [row["id"] for row in rows(answer)]
        after = answer["next"]
    assert not after
    assert (len(found), set(found)) == (7, everything)


def test_pages_are_compressed(page: Client, batch: Batch) -> None:
    add(batch, 30)
    answer = page.get(url(batch), headers={"accept-encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert b"gallery-data" in gzip.decompress(answer.content)


def test_a_wrong_cursor_or_moment_is_no_fault_of_the_server(page: Client, batch: Batch) -> None:
    assert page.get(url(batch, "rows/?after=nonsense")).status_code == 404
    assert page.get(url(batch, "changes/?since=yesterday")).status_code == 400
    assert page.get(url(batch, "changes/?since=2026-02-31T00:00:00Z")).status_code == 400
    assert page.get("/gallery/?batch=nonsense").status_code == 400


def test_changes_tell_of_new_reviewed_and_deleted_ones(
    page: Client, user: User, batch: Batch
) -> None:
    old = timezone.now() - timedelta(hours=1)
    reviewed, deleted, quiet = add(batch, 3, finished_at=old)
    since = (timezone.now() - timedelta(minutes=1)).isoformat()
    [new] = add(batch)
    add(batch, succeeded=False)
    reviews.review(
        reader=user, predictions=Prediction.objects.filter(pk=reviewed.pk), label="monocyte"
    )
    Prediction.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    answer = page.get(url(batch, "changes/"), {"since": since}).json()
    told = {row["id"]: row["group"] for row in rows(answer)}
    assert told == {str(new.pk): "neutrophil", str(reviewed.pk): "monocyte"}
    assert answer["deleted"] == [str(deleted.pk)]
    assert answer["unfinished"] == 1
    assert str(quiet.pk) not in told


def test_of_several_models_one_is_shown_at_a_time(page: Client, batch: Batch) -> None:
    other = TrainedModelFactory.create(slug="other", title="Other model")
    add(batch)
    batch.trained_models.add(other)
    [theirs] = add(batch, trained_model=other)
    assert len(data(page, url(batch))["rows"]) == 1
    shown = data(page, url(batch, "?model=other"))
    assert [row["id"] for row in rows(shown)] == [str(theirs.pk)]
    assert shown["rows_url"].endswith("/rows/?model=other")
    changes = page.get(url(batch, "changes/?model=other&since=2020-01-01T00:00:00Z")).json()
    assert [row["id"] for row in rows(changes)] == [str(theirs.pk)]


@pytest.mark.parametrize("name", ["", "list/", "rows/", "changes/", "sign/"])
def test_the_batch_of_somebody_else_is_not_there(
    client: Client, other_user: User, batch: Batch, name: str
) -> None:
    client.force_login(other_user)
    assert client.get(url(batch, name)).status_code == 404


def test_who_may_only_look_gets_no_buttons(client: Client, other_user: User, batch: Batch) -> None:
    project = ProjectFactory.create(owner=batch.owner)
    project.memberships.create(user=other_user, role="viewer")
    Batch.objects.filter(pk=batch.pk).update(project=project)
    add(batch, project=project)
    client.force_login(other_user)
    text = client.get(url(batch)).content.decode()
    assert 'class="label-bar"' not in text
    assert not data(client, url(batch))["may_review"]


def test_any_search_is_a_gallery(page: Client, user: User, batch: Batch) -> None:
    [wanted] = add(batch, predicted_label="monocyte", confidence=0.4)
    add(batch, 2)
    PredictionFactory.create(succeeded=True)  # of somebody else
    everything = data(page, "/gallery/")
    assert len(everything["rows"]) == 3
    assert everything["changes_url"] is None
    found = data(page, "/gallery/?confidence_max=0.5")
    assert [row["id"] for row in rows(found)] == [str(wanted.pk)]
    answer = page.get(found["rows_url"]).json()
    assert len(answer["rows"]) == 1
    assert "Nothing matches" in page.get("/gallery/?q=nowhere").content.decode()


def test_an_empty_batch_says_so(page: Client, batch: Batch) -> None:
    assert "no images in this batch" in page.get(url(batch)).content.decode()


# Without scripts


def test_who_has_no_scripts_is_led_to_the_list(page: Client, batch: Batch) -> None:
    add(batch)
    text = page.get(url(batch)).content.decode()
    assert f'<noscript><meta http-equiv="refresh" content="0; url={url(batch, "list/")}">' in text


def test_an_image_is_corrected_and_noted_by_a_form(page: Client, batch: Batch) -> None:
    [prediction] = add(batch)
    form = {"prediction": str(prediction.pk), "label": "monocyte", "note": "folded"}
    answer = page.post(url(batch, "list/"), form, follow=True)
    text = answer.content.decode()
    assert "Saved for 1 image." in text
    assert "<s>neutrophil</s> monocyte" in text
    assert '<span class="chip">Corrected</span>' in text
    prediction.refresh_from_db()
    assert (prediction.predicted_label, prediction.reviewed_label) == ("neutrophil", "monocyte")
    assert prediction.note == "folded"


def test_the_list_says_which_answers_need_a_look(page: Client, batch: Batch) -> None:
    add(batch, doubtful=True)
    text = page.get(url(batch, "list/")).content.decode()
    assert re.search(r"</svg>\s*Undecided</span>", text)


def test_forms_confirm_undo_and_redo(page: Client, batch: Batch) -> None:
    keys = [str(each.pk) for each in add(batch, 3)]
    address = url(batch, "list/")
    states = Prediction.objects.values_list("review_state", flat=True)
    page.post(address, {"prediction": keys, "confirm": "1"})
    assert set(states.all()) == {"confirmed"}
    page.post(address, {"undo": "1"})
    assert set(states.all()) == {"unreviewed"}
    page.post(address, {"redo": "1"})
    assert set(states.all()) == {"confirmed"}


def test_the_list_has_groups_and_pages(page: Client, batch: Batch) -> None:
    for number in range(30):
        add(batch, confidence=0.3 + number / 100)
    add(batch, predicted_label="monocyte")
    text = page.get(url(batch, "list/?group=neutrophil")).content.decode()
    assert text.count('<th scope="row"') == 25
    following = re.search(r'href="(\?[^"]+)" rel="next"', text)
    assert following
    more = page.get(url(batch, f"list/{following[1].replace('&amp;', '&')}")).content.decode()
    assert more.count('<th scope="row"') == 5


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"label": "unicorn"}, "is none of"),
        ({"label": ""}, "Give a label or a note"),
    ],
)
def test_what_cannot_be_said_is_refused_in_words(
    page: Client, batch: Batch, form: dict[str, str], words: str
) -> None:
    [prediction] = add(batch)
    answer = page.post(url(batch, "list/"), {"prediction": str(prediction.pk), **form}, follow=True)
    text = answer.content.decode()
    assert words in text
    assert "Nothing was changed." in text
    assert not Review.objects.exists()


def test_a_form_reaches_nothing_of_somebody_else(page: Client, batch: Batch) -> None:
    add(batch)
    theirs = PredictionFactory.create(succeeded=True)
    form = {"prediction": str(theirs.pk), "label": "monocyte"}
    answer = page.post(url(batch, "list/"), form, follow=True)
    assert "nothing to change" in answer.content.decode()
    assert page.post(url(batch, "list/"), {"prediction": "x", "label": "a"}).status_code == 400
    assert not Review.objects.exists()


# Signing


def test_what_is_missing_before_signing_is_said(page: Client, batch: Batch) -> None:
    add(batch)
    [doubtful] = add(batch, doubtful=True)
    assert "1 image is undecided" in page.get(url(batch, "sign/")).content.decode()
    page.post(url(batch, "list/"), {"prediction": str(doubtful.pk), "label": "neutrophil"})
    assert "Nothing is left undecided" in page.get(url(batch, "sign/")).content.decode()


def test_a_signed_batch_is_locked_until_an_administrator_reopens_it(
    page: Client, staff: User, batch: Batch
) -> None:
    [prediction] = add(batch)
    text = page.post(url(batch, "sign/"), follow=True).content.decode()
    assert "Signed. Its reviews are locked" in text
    assert 'class="label-bar"' not in text
    form = {"prediction": str(prediction.pk), "label": "monocyte"}
    assert "is signed" in page.post(url(batch, "list/"), form, follow=True).content.decode()
    refused = page.post(url(batch, "reopen/"), {"reason": "please"}, follow=True).content.decode()
    assert "Only an administrator can reopen" in refused

    page.force_login(staff)
    without = page.post(url(batch, "reopen/"), {"reason": " "}, follow=True).content.decode()
    assert "Say why the batch is reopened" in without
    text = page.post(url(batch, "reopen/"), {"reason": "one was wrong"}, follow=True)
    assert "one was wrong" in text.content.decode()
    assert not Batch.objects.get().is_signed


def test_an_open_batch_is_closed_before_it_is_signed(page: Client, batch: Batch) -> None:
    Batch.objects.filter(pk=batch.pk).update(closed_at=None)
    add(batch)
    assert "still being added" in page.get(url(batch, "sign/")).content.decode()
    page.post(url(batch, "close/"))
    assert not Batch.objects.get().is_open


def test_there_is_no_batch_at_any_other_key(page: Client) -> None:
    assert page.get(f"/batches/{uuid.uuid4()}/").status_code == 404


def test_what_is_shown_is_taken_along(page: Client, user: User, other_user: User) -> None:
    project = ProjectFactory.create(owner=other_user)
    project.memberships.create(user=user, role="viewer")
    batch = BatchFactory.create(owner=other_user, project=project)
    theirs = PredictionFactory.create(succeeded=True, image__owner=other_user, batch=batch)
    mine = PredictionFactory.create(succeeded=True, image__owner=user)
    for gallery, found in ((f"/batches/{batch.pk}/", theirs), ("/gallery/?sort=newest", mine)):
        text = page.get(gallery).content.decode()
        [address] = re.findall(r'href="(/api/v1/predictions/export\.csv[^"]*)"', text)
        table = b"".join(page.get(unescape(address)).streaming_content).decode()
        assert [str(each.pk) in table for each in (theirs, mine)] == [
            each == found for each in (theirs, mine)
        ]

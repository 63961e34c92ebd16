"""The list of a person's own results."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from classifier.services import search
from tests.factories import ImageUploadFactory, PredictionFactory, TrainedModelFactory

URL = "/predictions/"


def make(user: User, count: int, **options: Any) -> None:
    model = TrainedModelFactory.create()
    for number in range(count):
        image = ImageUploadFactory.create(owner=user, original_filename=f"cell-{number:03d}.png")
        created_at = timezone.now() - timedelta(minutes=count - number)
        PredictionFactory.create(image=image, trained_model=model, created_at=created_at, **options)


def test_empty_history_leads_to_the_form(page: Client) -> None:
    text = page.get(URL).content.decode()
    assert "You have not classified anything yet" in text
    assert 'href="/classify/"' in text


def test_only_own_results_newest_first(page: Client, user: User, other_user: User) -> None:
    make(user, 2, succeeded=True)
    foreign = ImageUploadFactory.create(owner=other_user, original_filename="foreign.png")
    PredictionFactory.create(image=foreign, succeeded=True)
    text = page.get(URL).content.decode()
    assert text.index("cell-001.png") < text.index("cell-000.png")
    assert "foreign.png" not in text


def test_staff_see_their_own_history(client: Client, staff: User, user: User) -> None:
    make(user, 1, succeeded=True)
    client.force_login(staff)
    assert "cell-000.png" not in client.get(URL).content.decode()


@pytest.mark.parametrize(
    ("state", "words", "class_so_far"),
    [
        ({}, "Queued", "None yet"),
        ({"started": True}, "Running", "None yet"),
        ({"failed": True}, "Failed", "None"),
    ],
)
def test_states_have_words(
    page: Client, user: User, state: dict[str, bool], words: str, class_so_far: str
) -> None:
    make(user, 1, **state)
    text = page.get(URL).content.decode()
    assert words in text
    assert f'<span class="visually-hidden">{class_so_far}</span>' in text


def follow(page: Client, text: str, rel: str) -> str:
    """The page to which a link of the pages leads."""
    [query] = re.findall(rf'href="(\?[^"]+)" rel="{rel}"', text)
    return page.get(URL + unescape(query)).content.decode()


def test_pages_of_25(page: Client, user: User) -> None:
    make(user, 51, succeeded=True)
    first = page.get(URL).content.decode()
    assert first.count('class="cell-file"') == 25
    assert 'rel="prev"' not in first
    second = follow(page, first, "next")
    assert "cell-025.png" in second
    third = follow(page, second, "next")
    assert third.count('class="cell-file"') == 1
    assert 'rel="next"' not in third
    back = follow(page, third, "prev")
    assert back.count('class="cell-file"') == 25
    assert "cell-025.png" in back


@pytest.mark.parametrize("cursor", ["0", "99", "x", "", "e30="])
def test_page_out_of_range_is_still_a_page(page: Client, user: User, cursor: str) -> None:
    make(user, 1, succeeded=True)
    for name in ("after", "before"):
        answer = page.get(URL, {name: cursor})
        assert answer.status_code == 200
        assert "cell-000.png" in answer.content.decode()


def test_many_results_are_counted_no_further_than_helps(
    page: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MOST_COUNTED", 3)
    make(user, 5, succeeded=True)
    assert "3+ results" in page.get(URL).content.decode()


def test_number_of_queries_does_not_grow(
    page: Client, user: User, django_assert_num_queries: Any
) -> None:
    # Session, person, count, rows.
    for count in (1, 20):
        make(user, count, succeeded=True)
        with django_assert_num_queries(4):
            page.get(URL)


def test_what_is_unlike_the_training_data_is_marked_in_words(page: Client, user: User) -> None:
    make(user, 1, out_of_distribution=True)
    row = page.get(URL).content.decode().split("<tbody>")[1]
    assert "Unlike training data</span>" in row
    assert "eutrophil" not in row
    assert "93.0\xa0%" not in row


def test_several_classes_stand_in_the_list(page: Client, user: User) -> None:
    make(user, 1, doubtful=True)
    row = page.get(URL).content.decode().split("<tbody>")[1]
    assert "Undecided: “neutrophil” or “immature granulocytes”" in row
    assert "93.0\xa0%" not in row, "whose confidence is it?"


def test_only_what_is_unlike_the_training_data(page: Client, user: User) -> None:
    make(user, 26, out_of_distribution=True)
    make(user, 1, succeeded=True)
    first = page.get(URL, {"show": "unlike-training"}).content.decode()
    assert "26 results" in first
    assert 'href="?show=unlike-training&amp;after=' in first
    second = follow(page, first, "next")
    assert second.count('class="cell-file"') == 1


def test_nothing_unlike_the_training_data_is_said(page: Client, user: User) -> None:
    make(user, 1, succeeded=True)
    text = page.get(URL, {"show": "unlike-training"}).content.decode()
    assert "None of your images looked unlike" in text
    assert f'href="{URL}">All</a>' in text

"""The history: searching it, its pages, and doing something with many results at once."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from classifier.models import Prediction, SavedView, TrainedModel
from classifier.services import search
from tests.factories import (
    BatchFactory,
    ImageUploadFactory,
    PredictionFactory,
    ProjectFactory,
    TrainedModelFactory,
)

URL = "/predictions/"
SELECTED = "/predictions/selected/"


def make(user: User, count: int, **options: Any) -> None:
    model = TrainedModelFactory.create()
    for number in range(count):
        image = ImageUploadFactory.create(owner=user, original_filename=f"cell-{number:03d}.png")
        created_at = timezone.now() - timedelta(minutes=count - number)
        PredictionFactory.create(image=image, trained_model=model, created_at=created_at, **options)


def table(page: Client, query: str = "", **fields: str) -> str:
    """The rows of the table alone; empty where there are none."""
    text = page.get(f"{URL}?{query}", fields or None).content.decode()
    return text.split("<tbody>")[1].split("</tbody>")[0] if "<tbody>" in text else ""


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
    rows = table(page)
    assert words in rows
    assert f'<span class="visually-hidden">{class_so_far}</span>' in rows


def follow(page: Client, text: str, rel: str) -> str:
    """The page to which a link of the pages leads."""
    [query] = re.findall(rf'href="(\?[^"]+)" rel="{rel}"', text)
    return page.get(URL + unescape(query)).content.decode()


@pytest.mark.parametrize("query", ["", "?sort=most-certain&q=cell"])
def test_pages_of_25(page: Client, user: User, query: str) -> None:
    make(user, 51, succeeded=True)
    first = page.get(URL + query).content.decode()
    assert first.count('class="cell-file"') == 25
    assert 'rel="prev"' not in first
    second = follow(page, first, "next")
    third = follow(page, second, "next")
    assert third.count('class="cell-file"') == 1
    assert 'rel="next"' not in third
    back = follow(page, third, "prev")
    assert back.count('class="cell-file"') == 25
    names = [set(re.findall(r"cell-\d{3}\.png", text)) for text in (first, second, third)]
    assert len(set.union(*names)) == 51
    assert set(re.findall(r"cell-\d{3}\.png", back)) == names[1]


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
    page: Client, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # Session, person, models, facets with their models, rows with images and models, kept
    # searches.
    for count in (1, 20):
        make(user, count, doubtful=True)
        with django_assert_num_queries(9):
            page.get(URL)


def test_page_stays_light(page: Client, user: User) -> None:
    make(user, 25, doubtful=True)
    assert len(page.get(URL).content) < 80_000


def test_what_is_unlike_the_training_data_is_marked_in_words(page: Client, user: User) -> None:
    make(user, 1, out_of_distribution=True)
    row = table(page)
    assert "Unlike training data</span>" in row
    assert "eutrophil" not in row
    assert "93.0\xa0%" not in row


def test_what_could_not_be_refused_is_marked(page: Client, user: User) -> None:
    make(user, 1, succeeded=True)
    make(user, 1, succeeded=True, in_distribution=True, prediction_set=["neutrophil"])
    text = page.get(URL).content.decode()
    assert text.count("cannot recognise foreign images") == 1


def test_several_classes_stand_in_the_list(page: Client, user: User) -> None:
    make(user, 1, doubtful=True)
    row = table(page)
    assert "Undecided: “neutrophil” or “immature granulocytes”" in row
    assert "93.0\xa0%" not in row, "whose confidence is it?"


def test_only_what_is_unlike_the_training_data(page: Client, user: User) -> None:
    make(user, 26, out_of_distribution=True)
    make(user, 1, succeeded=True)
    first = page.get(URL, {"certainty": "unlike"}).content.decode()
    assert "26 results" in first
    assert follow(page, first, "next").count('class="cell-file"') == 1


def test_nothing_unlike_the_training_data_is_said(page: Client, user: User) -> None:
    make(user, 1, succeeded=True)
    text = page.get(URL, {"certainty": "unlike"}).content.decode()
    assert "None of your images looked unlike" in text
    assert f'href="{URL}">Show everything</a>' in text


def test_an_old_address_leads_to_the_same(page: Client, user: User) -> None:
    answer = page.get(URL, {"show": "unlike-training"})
    assert answer["Location"] == f"{URL}?certainty=unlike"


@pytest.fixture
def varied(user: User) -> dict[str, Prediction]:
    """Results that each differ from the others in something, by what that is."""
    blood = TrainedModelFactory.create(slug="blood", title="Blood model")
    breast = TrainedModelFactory.create(slug="breast", dataset="breastmnist", title="Breast model")

    def make_one(name: str, **options: Any) -> Prediction:
        image = ImageUploadFactory.create(
            owner=user, original_filename=f"{name}.png", path=options.pop("path", "")
        )
        return PredictionFactory.create(
            **{"image": image, "trained_model": blood, "succeeded": True, **options}
        )

    return {
        "batch": make_one("batch", batch=BatchFactory.create(owner=user, name="Monday’s smears")),
        "path": make_one("path", path="patient7/smear2/path.png"),
        "breast": make_one("breast", trained_model=breast),
        "corrected": make_one(
            "corrected", reviewed_label="monocyte", reviewed_at=timezone.now(), note="Two nuclei"
        ),
        "unsure": make_one("unsure", confidence=0.4),
        "version": make_one("version", model_version=7),
        "old": make_one("old", created_at=timezone.now() - timedelta(days=400)),
        "failed": make_one("failed", succeeded=False, failed=True),
    }


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=corrected.PNG", {"corrected"}),
        ("q=smear2", {"path"}),
        ("q=two+nuclei", {"corrected"}),
        ("q=smears", {"batch"}),
        ("kind=breastmnist", {"breast"}),
        ("model=breast", {"breast"}),
        ("version=7", {"version"}),
        ("review=corrected", {"corrected"}),
        ("confidence_max=0.5", {"unsure"}),
        ("confidence_min=0.3&confidence_max=0.5", {"unsure"}),
        ("status=FAILURE", {"failed"}),
        ("created_before=2026-01-01T00:00:00", set()),
        ("q=nothing", set()),
    ],
)
def test_filters(page: Client, varied: dict[str, Prediction], query: str, names: set[str]) -> None:
    if "created_before" in query:
        limit = timezone.now() - timedelta(days=100)
        query, names = f"created_before={limit:%Y-%m-%d}", {"old"}
    rows = table(page, query)
    assert {name for name in varied if f">{name}.png</a>" in rows} == names


def test_filters_stand_in_the_form_with_counts(page: Client, varied: dict[str, Prediction]) -> None:
    text = page.get(f"{URL}?model=blood&q=e").content.decode()
    assert '<option value="blood" selected>Blood model (' in text
    assert 'name="q" value="e"' in text


def test_sorting(page: Client, user: User, varied: dict[str, Prediction]) -> None:
    rows = table(page, "sort=least-certain")
    assert rows.index("unsure.png") < rows.index("batch.png")
    assert "failed.png" not in rows, "it has no confidence"
    assert table(page, "sort=oldest").index("old.png") < rows.index("batch.png")


@pytest.mark.parametrize(
    "query",
    ["version=x", "confidence_min=2", "created_after=soon", "batch=x", "status=LOST", "id=x",
     "created_after=0001-01-01T00:00:00%2B23:00", "sort=x", "q=%00"],
)  # fmt: skip
def test_what_makes_no_sense_is_left_out_and_said(
    page: Client, varied: dict[str, Prediction], query: str
) -> None:
    answer = page.get(f"{URL}?{query}")
    assert answer.status_code == 200
    assert query == "sort=x" or "It was left out" in answer.content.decode()


def test_results_of_a_project_are_seen_by_its_members_only(
    page: Client, user: User, other_user: User
) -> None:
    project = ProjectFactory.create(owner=other_user)
    batch = BatchFactory.create(owner=other_user, project=project)
    image = ImageUploadFactory.create(owner=other_user, original_filename="shared.png")
    PredictionFactory.create(image=image, batch=batch, succeeded=True)
    query = f"project={project.pk}"
    assert page.get(f"{URL}?{query}").status_code == 404
    assert page.get(f"{URL}?project=x").status_code == 404
    project.memberships.create(user=user, role="viewer")
    assert "shared.png" in table(page, query)
    assert "shared.png" not in table(page)


# With several at once ----------------------------------------------------------------------------


def test_a_selection_is_taken_along(page: Client, varied: dict[str, Prediction]) -> None:
    chosen = varied["path"]
    answer = page.post(SELECTED, {"action": "csv", "prediction": [str(chosen.pk)]})
    url = answer["Location"]
    assert url.startswith("/api/v1/predictions/export.csv?")
    lines = b"".join(page.get(url)).decode("utf-8-sig").splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("patient7/smear2/path.png,SUCCESS,blood")


def test_all_that_match_are_taken_along(page: Client, varied: dict[str, Prediction]) -> None:
    asked = {"action": "json", "query": "model=blood&q=e", "all": "1"}
    url = page.post(SELECTED, asked)["Location"]
    assert url == "/api/v1/predictions/export.json?model=blood&q=e"


def test_a_selection_is_run_again(page: Client, varied: dict[str, Prediction]) -> None:
    TrainedModelFactory.create(slug="further", title="Further model")
    asked = {"action": "again", "model": "further", "query": "", "all": "1"}
    text = page.post(SELECTED, asked, follow=True).content.decode()
    # The image of the breast is not for a model of blood cells.
    assert "7 images of yours run through Further model now." in text
    assert Prediction.objects.filter(trained_model__slug="further", status="PENDING").count() == 7


def test_run_again_keeps_to_the_quota(
    page: Client, varied: dict[str, Prediction], settings: Settings
) -> None:
    settings.MAX_WAITING_PREDICTIONS = 3
    asked = {"action": "again", "model": "blood", "all": "1"}
    assert (
        "no more than 3 of yours may wait"
        in page.post(SELECTED, asked, follow=True).content.decode()
    )


def test_a_selection_is_deleted_after_a_question(
    page: Client, user: User, varied: dict[str, Prediction]
) -> None:
    asked = {"action": "delete", "query": "model=blood", "all": "1"}
    text = page.post(SELECTED, asked).content.decode()
    assert "Delete 7 results?" in text
    assert Prediction.objects.owned_by(user).count() == 8
    text = page.post(SELECTED, {**asked, "sure": "1"}, follow=True).content.decode()
    assert "7 results were deleted" in text
    assert Prediction.objects.owned_by(user).get() == varied["breast"]
    text = page.post("/predictions/trash/", {"all": "1"}, follow=True).content.decode()
    assert "7 results are back" in text


@pytest.mark.parametrize("query", ["", "version=x"])
def test_nothing_chosen_changes_nothing(
    page: Client, user: User, varied: dict[str, Prediction], query: str
) -> None:
    asked = {"action": "delete", "query": query, "sure": "1"}
    text = page.post(SELECTED, asked, follow=True).content.decode()
    assert "Nothing was chosen" in text or "nothing was done" in text
    assert Prediction.objects.owned_by(user).count() == 8


def test_what_others_have_is_not_chosen(page: Client, other_user: User) -> None:
    theirs = PredictionFactory.create(image__owner=other_user, succeeded=True)
    page.post(SELECTED, {"action": "delete", "prediction": [str(theirs.pk)], "sure": "1"})
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


@pytest.mark.parametrize(
    "asked", [{"all": "1"}, {"action": "fly", "all": "1"}, {"action": "csv", "prediction": ["x"]}]
)
def test_what_cannot_be_asked_for_is_not_there(
    page: Client, varied: dict[str, Prediction], asked: dict[str, Any]
) -> None:
    assert page.post(SELECTED, asked).status_code == 404
    assert page.get(SELECTED).status_code == 405


# Kept searches -----------------------------------------------------------------------------------


def test_a_search_is_kept_replaced_and_forgotten(
    page: Client, user: User, model: TrainedModel
) -> None:
    make(user, 1, succeeded=True)
    for query in ("review=corrected", "review=corrected&after=abc&q=smear"):
        page.post("/predictions/views/", {"name": "To discuss", "query": query})
    kept = SavedView.objects.get(owner=user)
    assert kept.query == "review=corrected&q=smear", "which page it was is no part of it"
    assert (
        f'href="{URL}?review=corrected&amp;q=smear">To discuss</a>'
        in page.get(URL).content.decode()
    )
    page.post(f"/predictions/views/{kept.pk}/delete/")
    assert not SavedView.objects.exists()


def test_a_search_without_a_name_is_not_kept(page: Client) -> None:
    text = page.post("/predictions/views/", {"name": " ", "query": "q=x"}, follow=True)
    assert "Give the search a name" in text.content.decode()
    assert not SavedView.objects.exists()


def test_kept_searches_of_others_are_not_there(page: Client, other_user: User) -> None:
    theirs = SavedView.objects.create(owner=other_user, name="Mine", query="q=x")
    assert page.post(f"/predictions/views/{theirs.pk}/delete/").status_code == 404
    assert "Mine" not in page.get(URL).content.decode()

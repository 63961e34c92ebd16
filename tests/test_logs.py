"""Log lines, as people and as programs read them."""

import copy
import io
import json
import logging
import logging.config
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from medclassifier import celery
from tests.factories import PredictionFactory


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON."""
    written = io.StringIO()
    config = copy.deepcopy(settings.LOGGING)
    made: Any = logging.config.DictConfigurator(config)  # type: ignore[arg-type]
    handler = logging.StreamHandler(written)
    handler.setFormatter(made.configure_formatter(config["formatters"]["json"]))
    handler.addFilter(made.configure_filter(config["filters"]["origin"]))
    loggers = [logging.getLogger(f"classifier.{name}") for name in ("requests", "tests")]
    for logger in loggers:
        logger.setLevel(logging.INFO)
        logger.addHandler(handler)
    yield written
    for logger in loggers:
        logger.setLevel(logging.WARNING)
        logger.removeHandler(handler)


def parsed(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_request_has_one_line_with_its_id_and_no_words_searched_for(
    client: Client, db: None, lines: io.StringIO
) -> None:
    prediction = PredictionFactory.create(succeeded=True)
    client.force_login(prediction.image.owner)
    answer = client.get(f"/predictions/{prediction.pk}/?q=smith-john")
    [line] = parsed(lines)
    assert line["message"] == f"GET /predictions/{prediction.pk}/ 200"
    assert (line["level"], line["logger"]) == ("INFO", "classifier.requests")
    assert line["request_id"] == answer["X-Request-ID"]
    assert line["milliseconds"] >= 0


@pytest.mark.parametrize(
    ("sent", "is_taken"), [("proxy-0123456789", True), ("short", False), ('a"b{c}\\' * 4, False)]
)
def test_an_id_that_a_proxy_gave_is_kept_where_it_is_one(
    client: Client, sent: str, is_taken: bool
) -> None:
    answer = client.get("/", headers={"X-Request-ID": sent})
    assert (answer["X-Request-ID"] == sent) == is_taken
    assert len(answer["X-Request-ID"]) >= 16


def test_a_task_carries_the_request_that_rang_for_it(lines: io.StringIO) -> None:
    task = type("Task", (), {"request": type("Request", (), {"request_id": "0123456789abcdef"})})
    celery.begin_task(task_id="the-task", task=task)
    logging.getLogger("classifier.tests").warning("Something.")
    celery.end_task()
    logging.getLogger("classifier.tests").warning("Something else.")
    during, after = parsed(lines)
    assert (during["task_id"], during["request_id"]) == ("the-task", "0123456789abcdef")
    assert (after["task_id"], after["request_id"]) == ("", "")

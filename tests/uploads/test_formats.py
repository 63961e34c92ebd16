"""The document of formats says what is so."""

import os
import re

import pytest
from django.conf import settings

from tests.uploads import formats
from tests.uploads.hostile import HOSTILE, LARGE_TIFFS
from tests.uploads.test_isolation import MOST_MEGABYTES, MOST_SECONDS

COST = re.compile(r"^\| (.+?) \| [\d.]+ MB \| .+? \| ([\d.]+) \| (\d+) MiB \|$", re.MULTILINE)


@pytest.fixture
def document() -> str:
    path = settings.BASE_DIR / "docs/formats.md"
    # Once, since what hostile files cost takes a minute to measure.
    if os.environ.pop("WRITE_FORMATS", ""):
        path.write_text(formats.document())
    text: str = path.read_text()
    return text


def test_what_is_read_is_read_as_rightly_as_it_says(document: str) -> None:
    assert formats.formats_table() in document


def test_what_is_refused_is_refused_in_these_words(document: str) -> None:
    assert formats.refusals_table() in document


def test_every_hostile_file_has_its_cost(document: str) -> None:
    rows = COST.findall(document)
    assert [kind for kind, _, _ in rows] == [*HOSTILE, *LARGE_TIFFS]
    assert max(float(seconds) for _, seconds, _ in rows) <= MOST_SECONDS
    assert max(int(megabytes) for _, _, megabytes in rows) <= MOST_MEGABYTES

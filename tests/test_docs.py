"""What the documents name is there: files, commands, targets of the Makefile, links."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

ROOT = Path(settings.BASE_DIR)
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "THIRD_PARTY.md",
    "docs/architecture.md",
    "docs/formats.md",
]
ROOMS = ("classifier/", "medclassifier/", "tests/", "templates/", "static/", "docs/", "benchmarks/")


def found(pattern: str, document: str) -> set[str]:
    return set(re.findall(pattern, (ROOT / document).read_text()))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_leads_somewhere(document: str) -> None:
    named = {path for path in found(r"`([\w./<>-]+)`", document) if path.startswith(ROOMS)}
    absent = {path for path in named if not list(ROOT.glob(re.sub("<[^>]*>", "*", path)))}
    assert not absent


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_within_the_repository_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    links = {link.split("#")[0] for link in found(r"\]\(([^)]+)\)", document)}
    absent = {link for link in links if link and "://" not in link and not (folder / link).exists()}
    assert not absent


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_and_target_is_one(document: str) -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert found(r"(?:^|`)make (\w+)", document) <= targets
    assert found(r"manage\.py (\w+)", document) <= set(get_commands())


def test_the_table_of_rooms_is_complete() -> None:
    rooms = {
        path.name
        for path in (ROOT / "classifier").iterdir()
        if not path.name.startswith("_") and path.name not in {"apps.py", "migrations"}
        # Not what an earlier release left behind.
        if path.suffix == ".py" or list(path.rglob("*.py"))
    }
    text = (ROOT / "docs/architecture.md").read_text()
    assert {room for room in rooms if f"`{room}`" not in text and f"`{room}/`" not in text} == set()

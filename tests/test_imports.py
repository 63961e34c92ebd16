"""The import rules, which keep each room usable without the ones above it."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.util import resolve_name
from itertools import combinations
from pathlib import Path

import pytest
from django.conf import settings

PACKAGE = Path(settings.BASE_DIR) / "classifier"

# What each room may import of the others, besides itself. It grows from the bottom up.
BUNDLES = {"errors", "preprocessing", "datasets", "bundles"}
MODELS = {"models", "uploads", *BUNDLES}
REQUEST_SIDE = {
    "services", "catalogue", "quotas", "idempotency", "synthetic", "statistics", "cards", "notice",
    "audit", "origin", "metrics",
    *MODELS,
}  # fmt: skip
# Of inference only what needs no TensorFlow.
VIEWS = {
    "inference.inputs",
    "adaptation.examples",
    "notifications.addresses",
    "retention",
    "validation.report",
    "validation.checklists",
    *REQUEST_SIDE,
}
MAY_IMPORT = {
    "errors": set(),
    "finder": {"preprocessing"},
    "preprocessing": set(),
    "uploads": set(),
    "statistics": set(),
    "datasets": {"errors", "preprocessing"},
    "synthetic": {"datasets"},
    "bundles": {"errors", "datasets"},
    "notice": set(),
    "cards": {"notice", *BUNDLES},
    "networks": BUNDLES,
    "evaluation": {"finder", "networks", "synthetic", "statistics", *BUNDLES},
    "validation": {
        "evaluation.metrics", "evaluation.curves", "evaluation.scores", "statistics", "cards",
        "notice", *BUNDLES,
    },
    "training": {"finder", "evaluation", "networks", "statistics", "cards", *BUNDLES},
    "adaptation": {
        "finder", "training", "evaluation", "networks", "statistics", "cards", "uploads", *BUNDLES
    },
    "models": {"preprocessing", "datasets", "bundles"},
    "origin": set(),
    "audit": {"origin", "models"},
    "metrics": {"models"},
    "retention": {"models", "audit"},
    "backup": {"models", "notice", "errors"},
    "checks": {"datasets", "bundles"},
    "inference": {
        "finder", "networks.contract", "networks.limits", "networks.explanation",
        "networks.safe_loading", "networks.taking", "evaluation.selective", "validation",
        "adaptation", "statistics.watching",
        "catalogue", "models", "audit", "metrics", *BUNDLES
    },
    "notifications": {"models", "notice"},
    "tasks": {"inference", "audit", "retention", "notifications", "models"},
    "services": {
        "tasks", "quotas", "idempotency", "catalogue", "statistics", "models", "datasets",
        "uploads", "preprocessing", "audit", "bundles", "notice", "adaptation.examples",
        "finder",
    },
    "quotas": {"models"},
    "idempotency": {"models"},
    "catalogue": {"models", *BUNDLES},
    "client": set(),
    "web": VIEWS,
    "api": {"web.validation_page", *VIEWS},
    "admin": {
        "services", "catalogue", "models", "cards", "notice", "statistics", "web.charts",
        "web.model_cards", "api.tables", "audit", *BUNDLES
    },
    "management": {
        "adaptation", "training", "evaluation", "validation", "inference", "networks", "cards",
        "catalogue", "services.tables", "services.roles", "services.second_factors",
        "models", "audit", "backup", "metrics", "retention",
        "uploads", *BUNDLES
    },
}  # fmt: skip


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def package_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(PACKAGE.parent).parts)


def imported_modules(path: Path) -> set[str]:
    """Modules of this package that a file imports, named relative to the package."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = resolve_name("." * node.level + (node.module or ""), package_of(path))
            names |= {f"{module}.{alias.name}" for alias in node.names}
    return {name.removeprefix("classifier.") for name in names if name.startswith("classifier.")}


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if part_of(path) in MAY_IMPORT]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path) -> None:
    allowed = {part_of(path), *MAY_IMPORT[part_of(path)]}
    forbidden = {
        name
        for name in imported_modules(path)
        if not any(name == part or name.startswith(f"{part}.") for part in allowed)
    }
    assert not forbidden


def test_every_room_has_a_rule() -> None:
    rooms = {part_of(path) for path in PACKAGE.rglob("*.py")}
    assert rooms - {"__init__", "apps", "migrations"} == set(MAY_IMPORT)


def test_no_two_rooms_import_each_other() -> None:
    imported = {
        room: {
            name.split(".")[0]
            for path in modules()
            if part_of(path) == room
            for name in imported_modules(path)
        }
        for room in MAY_IMPORT
    }
    circles = [
        {one, other}
        for one, other in combinations(MAY_IMPORT, 2)
        if other in imported[one] and one in imported[other]
    ]
    assert not circles


def test_bundles_and_uploads_know_neither_the_database_nor_tensorflow() -> None:
    rooms = (
        "bundles.registry",
        "uploads.images",
        "uploads.archives",
        "synthetic.samples",
        "cards.files",
    )
    imported = run("; ".join(f"import classifier.{room}" for room in rooms))
    assert not {"django.db.models", "tensorflow", "keras"} & imported


def test_the_web_process_never_loads_tensorflow() -> None:
    imported = run("import django; django.setup(); import medclassifier.urls, medclassifier.wsgi")
    assert "classifier.web.views" in imported
    assert not {"tensorflow", "keras", "h5py"} & imported


def run(statement: str) -> set[str]:
    """Modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}; import sys; print(*sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(answer.stdout.split())


# Backends of Keras that a person may install, and of which nothing is needed.
OPTIONAL = {"jax", "torch"}


def test_the_application_imports_what_its_requirements_install() -> None:
    """And nothing that only the development requirements bring."""
    pinned = {
        canonical(line.split("==")[0])
        for file in ("requirements.txt", "requirements-medmnist.txt")
        for line in (settings.BASE_DIR / file).read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    distributions = packages_distributions()
    missing = {
        name
        for path in PACKAGE.rglob("*.py")
        for name in top_level_imports(path) - OPTIONAL
        if pinned.isdisjoint(map(canonical, distributions.get(name, ())))
    }
    assert not missing


def canonical(distribution: str) -> str:
    return distribution.strip().lower().replace("_", "-")


def top_level_imports(path: Path) -> set[str]:
    """Packages of others that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"classifier", "medclassifier"}

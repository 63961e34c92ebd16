"""Django system checks of this application."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from classifier.bundles import registry
from classifier.datasets import dataset_errors


@register()
def check_bundles(**kwargs: Any) -> list[CheckMessage]:
    """Name each broken bundle. A warning, since the other models serve on without it."""
    return [
        Warning(str(error), id="classifier.W001", hint="Run manage.py verify_bundles.")
        for error in registry.discover(settings.MODELS_DIR).errors
    ]


@register()
def check_datasets(**kwargs: Any) -> list[CheckMessage]:
    """Name each dataset file that cannot be used. An error, since its models cannot be served."""
    return [Error(str(error), id="classifier.E001") for error in dataset_errors()]

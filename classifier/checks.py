"""Django system checks of this application."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from classifier.bundles import registry


@register()
def check_bundles(**kwargs: Any) -> list[CheckMessage]:
    """Name each broken bundle. A warning, since the other models serve on without it."""
    return [
        Warning(str(error), id="classifier.W001", hint="Run manage.py verify_bundles.")
        for error in registry.discover(settings.MODELS_DIR).errors
    ]

"""WSGI entry point of the web server."""

import os
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medclassifier.settings")


class Request(WSGIRequest):
    """Leaves it to the middleware to refuse a charset or a query that cannot be read.

    Django reads the query as soon as Content-Type names a charset, before any middleware.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        try:
            super()._set_content_type_params(meta)  # type: ignore[misc]
        except (LookupError, ValueError, SuspiciousOperation):
            self._encoding = None
            if not hasattr(self, "content_params"):
                self.content_type, self.content_params = "", {"charset": ""}


application = get_wsgi_application()
# gunicorn answers what is raised before the middleware with a bare 500.
application.request_class = Request

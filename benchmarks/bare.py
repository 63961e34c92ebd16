"""The least that Django can do: a view that answers 200. A measure for the API's own cost."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="bare")  # noqa: S106


def answer(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("", answer)]

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

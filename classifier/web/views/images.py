"""Pictures, each to those who may see it."""

import hashlib
import uuid
from typing import cast

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from classifier import audit
from classifier.inference.inputs import array_png, stored_input
from classifier.models import ImageUpload, Prediction
from classifier.models.images import content_type
from classifier.synthetic import samples
from classifier.web.previews import square_thumbnail

# A browser may keep a picture but asks each time, so that what was deleted is no longer shown.
ASK_EACH_TIME = "private, no-cache"
KEEP_FOR_A_DAY = "private, max-age=86400"


@require_safe
def image(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    upload = get_object_or_404(ImageUpload.objects.visible_to(request.user), pk=pk)
    audit.record_view(request.user, upload, "image")
    return _file(request, upload.shown_file, ASK_EACH_TIME)


@require_safe
def thumbnail(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    upload = get_object_or_404(ImageUpload.objects.visible_to(request.user), pk=pk)
    audit.record_view(request.user, upload, "thumbnail")
    # A gallery has a thousand, of which each question would cost as much as the picture. Who signs
    # out asks anew, since answers vary with the cookie.
    return _file(request, upload.thumbnail, KEEP_FOR_A_DAY)


@require_safe
def model_view(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    predictions = Prediction.objects.visible_to(request.user).with_relations()
    prediction = get_object_or_404(predictions, pk=pk)
    try:
        pixels = stored_input(prediction)
    except (OSError, ValueError, SyntaxError) as error:
        raise Http404("The image cannot be read.") from error
    audit.record_view(request.user, prediction.image, "what the model sees")
    return _png(request, array_png(pixels), ASK_EACH_TIME)


@require_safe
def sample(request: HttpRequest, slug: str) -> HttpResponseBase:
    return _png(request, _draw(slug), KEEP_FOR_A_DAY)


@require_safe
def sample_thumbnail(request: HttpRequest, slug: str) -> HttpResponseBase:
    return _png(request, square_thumbnail(_draw(slug)), KEEP_FOR_A_DAY)


def _draw(slug: str) -> bytes:
    try:
        return samples.draw(slug)
    except KeyError as error:
        raise Http404("There is no such sample.") from error


def _png(request: HttpRequest, data: bytes, cache_control: str) -> HttpResponseBase:
    response = HttpResponse(data, "image/png")
    return tagged(request, response, hashlib.sha256(data).hexdigest()[:32], cache_control)


def _file(request: HttpRequest, file: FieldFile, cache_control: str) -> HttpResponseBase:
    """A stored file; its name is drawn from a key, and what is under it never changes."""
    try:
        response = FileResponse(file.open(), content_type=content_type(file))
    except OSError as error:
        raise Http404("The file is gone.") from error
    return tagged(request, response, str(file.name), cache_control)


def tagged(
    request: HttpRequest, response: HttpResponseBase, tag: str, cache_control: str
) -> HttpResponseBase:
    response["Cache-Control"], response["ETag"] = cache_control, f'"{tag}"'
    full = cast(HttpResponse, response)
    return get_conditional_response(request, etag=response["ETag"], response=full) or response

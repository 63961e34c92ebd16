"""Stored images, and what a model sees of them."""

import hashlib
import uuid

from django.http import FileResponse, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from classifier import audit
from classifier.api import requests
from classifier.api.views.base import ApiView
from classifier.inference.inputs import array_png, found_box, model_input, stored_picture
from classifier.models import ImageUpload
from classifier.models.images import content_type
from classifier.preprocessing import Crop

PNG, JPEG = "image/png", "image/jpeg"


class ImageView(ApiView):
    """An image as it is stored: upright, without metadata, as the JPEG that it was or as PNG."""

    @extend_schema(
        operation_id="images_retrieve",
        responses={(200, PNG): OpenApiTypes.BINARY, (200, JPEG): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        image = visible_image(request, pk)
        try:
            response = FileResponse(image.file.open(), content_type=content_type(image.file))
        except FileNotFoundError as error:
            raise NotFound("The file of this image is gone.") from error
        audit.record_view(request.user, image, "image")
        # What is stored under a key never changes.
        response["ETag"] = f'"{image.pk}"'
        return response


class ImageModelView(ApiView):
    """Exactly the pixels that a model sees of an image, as PNG."""

    @extend_schema(
        operation_id="images_model_view",
        parameters=[requests.ModelViewSerializer],
        responses={(200, PNG): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, pk: uuid.UUID) -> HttpResponseBase:
        image = visible_image(request, pk)
        choice = requests.valid_query(requests.ModelViewSerializer, request)
        try:
            with stored_picture(image) as pixels:
                model, crop = choice["model"], Crop(choice["crop"])
                box = found_box(model, pixels, crop)
                data = array_png(model_input(model, pixels, crop, box))
        except OSError as error:
            raise NotFound("The file of this image cannot be read.") from error
        audit.record_view(request.user, image, "what the model sees")
        tag = hashlib.sha256(data).hexdigest()[:32]
        return HttpResponse(data, content_type=PNG, headers={"ETag": f'"{tag}"'})


def visible_image(request: Request, pk: uuid.UUID) -> ImageUpload:
    return get_object_or_404(ImageUpload.objects.visible_to(request.user), pk=pk)

"""The form that takes an image, a model and a crop."""

import io
from typing import Any, BinaryIO, cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from PIL import Image

from classifier import quotas, services
from classifier.inference.inputs import stored_picture
from classifier.models import ALL_CROPS, ImageUpload, Prediction, TrainedModel
from classifier.preprocessing import Crop
from classifier.synthetic import samples
from classifier.uploads import images as uploads
from classifier.uploads.handlers import sent_name
from classifier.web.possible_classes import PossibleClassesForm
from classifier.web.previews import Preview, build_preview

NO_IMAGE = "No image was chosen. Choose a file, or one of the samples."
MANY_IMAGES = "Several files were sent, and one is classified at a time. Choose one file."
IMAGE_GONE = "This image is no longer stored. Choose the file again."
SAMPLE_GONE = "There is no such sample. Choose another one, or a file of your own."
WRONG_KIND = "This model is for another kind of image than the sample. Choose a model for its kind."
NO_FRAME = "The frame is a number from 1 on. Change it."
KEPT_NOTHING = "Nothing of what you sent was kept. Try again later."
NO_MODEL = "No model was chosen. Choose one."
NO_CROP = "There is no such crop. Choose one of those that are shown."
NO_BOX = "Left, top and side of the box are whole pixels, the side at least one. Change them."
MODEL_GONE = "This model is not available. Choose another one."


class ClassifyForm(PossibleClassesForm):
    """An image from one of three places, the model to run on it, and how to crop it.

    A file comes before a sample, and a sample before an image that is already stored.
    """

    # Before the image, which is read with it.
    frame = forms.IntegerField(
        required=False,
        min_value=1,
        error_messages=dict.fromkeys(("invalid", "min_value"), NO_FRAME),
    )
    image = forms.FileField(required=False, allow_empty_file=True)
    sample = forms.CharField(required=False)
    stored_image = forms.UUIDField(required=False, error_messages={"invalid": IMAGE_GONE})
    model = forms.ModelChoiceField(
        TrainedModel.objects.none(),
        to_field_name="slug",
        error_messages={"required": NO_MODEL, "invalid_choice": MODEL_GONE},
    )
    crop = forms.TypedChoiceField(
        choices=ALL_CROPS,
        coerce=Crop,
        empty_value=Crop.AUTO,
        required=False,
        error_messages={"invalid_choice": NO_CROP},
    )
    box_left, box_upper, box_side = (
        forms.IntegerField(
            required=False,
            min_value=least,
            error_messages=dict.fromkeys(("invalid", "min_value"), NO_BOX),
        )
        for least in (0, 0, 1)
    )
    platelets = forms.BooleanField(required=False)

    def __init__(self, *args: Any, user: User, require_image: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.require_image = require_image
        self.status = 400
        self.source: uploads.UploadedPicture | ImageUpload | None = None
        self.is_synthetic = False
        model = cast("forms.ModelChoiceField[TrainedModel]", self.fields["model"])
        model.queryset = TrainedModel.objects.choosable_by(user).in_display_order()
        self.look = services.Look()

    def clean_image(self) -> UploadedFile | None:
        file: UploadedFile | None = self.cleaned_data["image"]
        if len(self.files.getlist("image")) > 1:
            raise ValidationError(MANY_IMAGES, code="many_images")
        if file is not None:
            frame = self.cleaned_data.get("frame")
            self.source = self._read(cast(BinaryIO, file), sent_name(file), file.size or 0, frame)
        return file

    def clean_sample(self) -> str:
        slug: str = self.cleaned_data["sample"]
        if slug and not self._has_file:
            try:
                png = samples.draw(slug)
            except KeyError as error:
                raise ValidationError(SAMPLE_GONE, code="sample_gone") from error
            self.source = self._read(io.BytesIO(png), f"{slug}.png", len(png))
            self.is_synthetic = True
        return slug

    def clean_stored_image(self) -> ImageUpload | None:
        key = self.cleaned_data["stored_image"]
        if not key or self._has_file or self.data.get("sample"):
            return None
        stored = ImageUpload.objects.filter(owner=self.user, pk=key).first()
        if stored is None:
            raise ValidationError(IMAGE_GONE, code="stored_image_gone")
        self.source = stored
        return stored

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.require_image and self.source is None and not self.image_errors:
            self.add_error("image", ValidationError(NO_IMAGE, code="no_image"))
        model = cleaned.get("model")
        kinds = {sample.slug: sample.dataset for sample in samples.samples()}
        if self.is_synthetic and model and model.dataset != kinds[cleaned["sample"]]:
            self.add_error("model", ValidationError(WRONG_KIND, code="wrong_kind"))
        if model and not self.crop_errors and not self.has_error("labels"):
            try:
                self.look = self._look(model, cleaned)
            except services.LookRefused as refusal:
                self.add_error(
                    "labels" if refusal.field == "labels" else "crop",
                    ValidationError(refusal.message, code="look_refused"),
                )
        return cleaned

    def _look(self, model: TrainedModel, cleaned: dict[str, Any]) -> services.Look:
        """How the model is to look at the image. Raises LookRefused."""
        labels = services.possible_labels([model], self.possible_names(model.dataset_info))
        crop, box = cleaned["crop"], None
        corner = [cleaned.get(f"box_{name}") for name in ("left", "upper", "side")]
        if crop is Crop.BOX and None not in corner:
            left, upper, side = (int(number or 0) for number in corner)
            box = (left, upper, left + side, upper + side)
        return services.Look(
            crop, labels, box, platelets=cleaned["platelets"] and crop is Crop.CELLS
        )

    @property
    def crop_errors(self) -> list[str]:
        """What is wrong with the crop or its box, each once."""
        fields = ("crop", "box_left", "box_upper", "box_side")
        found = [str(message) for field in fields for message in self.errors.get(field, ())]
        return list(dict.fromkeys(found))

    @property
    def image_errors(self) -> list[str]:
        """What is wrong with the image, wherever it was to come from."""
        fields = ("frame", "image", "sample", "stored_image")
        return [str(message) for field in fields for message in self.errors.get(field, ())]

    @property
    def asks_for_frame(self) -> bool:
        """Whether the file holds several pictures, of which one is to be chosen."""
        return bool(self.data.get("frame")) or self.has_error("image", "frames")

    @property
    def max_megabytes(self) -> int:
        """The most that a file may have, as the refusal of a larger one puts it."""
        return int(settings.MAX_UPLOAD_BYTES // 2**20)

    def submit(self) -> Prediction | None:
        """Store the image where it is new and queue its prediction; for a valid form.

        None when that cannot be done, and then the form is not valid any more.
        """
        try:
            models = [self.cleaned_data["model"]]
            if isinstance(self.source, ImageUpload):
                return services.look_again(
                    owner=self.user, image=self.source, trained_models=models, look=self.look
                )[0]
            return services.submit_predictions(
                owner=self.user,
                picture=cast(uploads.UploadedPicture, self.source),
                is_synthetic=self.is_synthetic,
                trained_models=models,
                look=self.look,
            )[0]
        except ImageUpload.DoesNotExist:
            self.source = None
            self.add_error("stored_image", ValidationError(IMAGE_GONE, code="stored_image_gone"))
        except quotas.BeyondLimit as error:
            self.add_error(None, ValidationError(str(error), code="beyond_limit"))
        except services.LookRefused as refusal:
            self.add_error("crop", ValidationError(refusal.message, code="look_refused"))
        except services.StorageFailed as error:
            self.status = 503
            self.add_error(None, ValidationError(str(error), code="storage_failed"))
        except quotas.QuotaExceeded as error:
            self.refuse(str(error))
        return None

    def refuse(self, limit_reached: str) -> None:
        """Say at the form that a limit is reached."""
        self.status = 429
        self.add_error(None, ValidationError(f"{limit_reached} {KEPT_NOTHING}", code="limit"))

    def preview(self) -> Preview | None:
        """What was chosen, as far as it is valid."""
        self.is_valid()  # finds the source
        model = self.cleaned_data.get("model")
        if isinstance(self.source, uploads.UploadedPicture):
            return self._build_preview(self.source, self.source.pixels, model)
        if self.source is None:
            return None
        try:
            with stored_picture(self.source) as pixels:
                return self._build_preview(self.source, pixels, model)
        except OSError:
            self.add_error("stored_image", ValidationError(IMAGE_GONE, code="stored_image_gone"))
            return None

    def _build_preview(
        self,
        image: uploads.UploadedPicture | ImageUpload,
        pixels: Image.Image,
        model: TrainedModel | None,
    ) -> Preview:
        try:
            return build_preview(image, pixels, model, self.look)
        except services.LookRefused as refusal:
            if self.require_image or refusal.field != "box":
                self.add_error("crop", ValidationError(refusal.message, code="look_refused"))
            # What can be seen all the same, to choose something else by.
            return build_preview(image, pixels, model, services.Look())

    @property
    def _has_file(self) -> bool:
        return "image" in self.files

    def _read(
        self, file: BinaryIO, filename: str, size: int, frame: int | None = None
    ) -> uploads.UploadedPicture:
        try:
            return uploads.read_image(
                file,
                filename=filename,
                size=size,
                max_bytes=settings.MAX_UPLOAD_BYTES,
                max_pixels=settings.MAX_UPLOAD_PIXELS,
                frame=frame,
            )
        except uploads.UploadRejected as rejected:
            self.status = rejected.status
            raise ValidationError(rejected.message, code=rejected.code) from rejected

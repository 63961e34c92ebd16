"""What the API takes: the shapes of requests, and what their bodies and headers may be."""

from __future__ import annotations

import re
from typing import Any, BinaryIO, Final, cast

from allauth.account.adapter import get_adapter
from allauth.core.internal.ratelimit import get_rates
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import exceptions, serializers
from rest_framework.request import Request

from classifier.idempotency import RepeatableRequest, fingerprint
from classifier.models import ALL_CROPS, CROP_CHOICES, ApiToken, TrainedModel, TrainedModelQuerySet
from classifier.preprocessing import Crop
from classifier.services import Look, LookRefused, SentFile, incoming, possible_labels
from classifier.services.reviews import MOST_AT_ONCE
from classifier.uploads.handlers import sent_name
from classifier.uploads.refusals import REFUSALS

LONGEST_WAIT: Final = 30
BOX: Final = r"^[0-9]{1,6}( *, *[0-9]{1,6}){2,3}$"
BOX_WANTED: Final = (
    "Give the box as left,upper,side or as left,upper,right,lower of a square, in whole pixels."
)
NOT_BLANK: Final = r"^[^\x00]*[^\s\x00][^\x00]*$"
NOT_EMPTY: Final = r"^[^\x00]+$"
IDEMPOTENCY_KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description=(
        "Makes the creation safe to repeat: for 24 hours, the same key with the same request "
        "gives the same record, and with a different request 409."
    ),
)


@extend_schema_field(OpenApiTypes.BINARY)
class BinaryField(serializers.FileField):
    """A file of whatever name and size; what is wrong with it is said by `uploads`."""

    default_error_messages = {  # noqa: RUF012, DRF declares it so
        "several": "This field takes one file. Several images are sent as a batch."
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_empty_file=True, max_length=None, **kwargs)

    def get_value(self, dictionary: Any) -> Any:
        """A list where the field was repeated, of which DRF would take the last in silence."""
        is_form = isinstance(dictionary, QueryDict)
        sent = dictionary.getlist(str(self.field_name)) if is_form else []
        return sent if len(sent) > 1 else super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, list):
            self.fail("several")
        return super().to_internal_value(data)


@extend_schema_field({"type": "array", "items": {"type": "string"}, "minItems": 1})
class ModelsField(serializers.Field[list[TrainedModel], Any, Any, Any]):
    """Slugs of models, the field repeated; each model once, in the order that they were named."""

    default_error_messages = {  # noqa: RUF012, DRF declares it so
        "unknown": "There is no model “{slug}” to choose.",
        "file": "Send the slugs of models, each as text.",
    }

    def get_value(self, dictionary: Any) -> Any:
        name, is_form = str(self.field_name), isinstance(dictionary, QueryDict)
        return (dictionary.getlist(name) if is_form else dictionary.get(name)) or serializers.empty

    def to_internal_value(self, data: Any) -> list[TrainedModel]:
        if not isinstance(data, list) or not all(isinstance(slug, str) for slug in data):
            self.fail("file")
        slugs = list(dict.fromkeys(data))
        known = {slug: None for slug in slugs if "\0" not in slug}
        models = (
            TrainedModel.objects.choosable_by(self.context["user"])
            .undescribed()
            .in_bulk(list(known), field_name="slug")
        )
        for slug in slugs:
            if slug not in models:
                self.fail("unknown", slug=slug)
        return [models[slug] for slug in slugs]


class ModelField(serializers.SlugRelatedField[TrainedModel]):
    """The slug of a model that the person in the context may choose."""

    def get_queryset(self) -> TrainedModelQuerySet:
        return TrainedModel.objects.choosable_by(self.context["user"])


class TextField(serializers.RegexField):
    """Text as it is sent; DRF would take numbers for text, and cut spaces off before it counts."""

    default_error_messages = {  # noqa: RUF012, DRF declares it so
        "type": "This has to be text.",
        "invalid": "This needs more than spaces, and no null characters.",
    }

    def __init__(self, pattern: str = NOT_BLANK, **kwargs: Any) -> None:
        super().__init__(pattern, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("type")
        return super().to_internal_value(data)


class TrimmedTextField(TextField):
    """Text whose outer spaces count, as the schema says, and then go."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        text = super().run_validation(data)
        return text.strip() if isinstance(text, str) else text


class SentUUIDField(serializers.UUIDField):
    """Refuses the empty text that DRF would take for a field left out."""

    def get_value(self, dictionary: Any) -> Any:
        return dictionary.get(str(self.field_name), serializers.empty)


class DaysField(serializers.IntegerField):
    """How long a token holds."""

    def __init__(self) -> None:
        super().__init__(
            min_value=1,
            max_value=3650,
            required=False,
            help_text="Without it, the token holds until it is revoked.",
        )


class TokenRequestSerializer(serializers.Serializer[Any]):
    # An e-mail address will do, which may be longer than any username.
    username = TextField(max_length=254)
    password = TextField(NOT_EMPTY, max_length=4096, style={"input_type": "password"})
    name = TrimmedTextField(max_length=80, default="API", help_text="To tell tokens apart.")
    scope = serializers.ChoiceField(ApiToken.Scope.choices, default=ApiToken.Scope.WRITE.value)
    expires_in_days = DaysField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = authenticated(
            self.context["request"], username=attrs["username"].strip(), password=attrs["password"]
        )
        if user is None:
            raise serializers.ValidationError("The username or the password is wrong.")
        return {**attrs, "user": user}


def authenticated(request: HttpRequest, **credentials: str) -> User | None:
    """Whose password it is. Failed attempts count as those of the sign-in page do.

    Raises Throttled when there were too many of them.
    """
    try:
        user = get_adapter().authenticate(request, **credentials)
    except ValidationError as error:
        rates = get_rates(app="allauth.account", action="login_failed")
        wait = max(rate.duration for rate in rates)
        raise exceptions.Throttled(wait, error.messages[0]) from error
    # The adapter gives disabled accounts too, for its page about them.
    return user if user and user.is_active else None


class NewTokenSerializer(serializers.Serializer[Any]):
    name = TrimmedTextField(max_length=80, help_text="To tell tokens apart.")
    scope = serializers.ChoiceField(ApiToken.Scope.choices, default=ApiToken.Scope.WRITE.value)
    expires_in_days = DaysField()


@extend_schema_field({"type": "array", "items": {"type": "string"}, "minItems": 1})
class LabelsField(serializers.Field[list[str], Any, Any, Any]):
    """Names of classes or of groups of them, the field repeated."""

    default_error_messages = {  # noqa: RUF012, DRF declares it so
        "file": "Send the names of classes, each as text.",
    }

    def get_value(self, dictionary: Any) -> Any:
        name, is_form = str(self.field_name), isinstance(dictionary, QueryDict)
        return (dictionary.getlist(name) if is_form else dictionary.get(name)) or serializers.empty

    def to_internal_value(self, data: Any) -> list[str]:
        if not isinstance(data, list) or not all(isinstance(name, str) for name in data):
            self.fail("file")
        return list(data)


@extend_schema_field({"type": "string", "pattern": BOX})
class BoxField(serializers.Field[Any, Any, Any, Any]):
    """A square of the upright image in its pixels, as text: left, upper, right and lower."""

    default_error_messages = {"invalid": BOX_WANTED}  # noqa: RUF012, DRF declares it so

    def to_internal_value(self, data: Any) -> tuple[int, int, int, int]:
        if not isinstance(data, str) or not re.fullmatch(BOX, data):
            self.fail("invalid")
        left, upper, *rest = map(int, data.split(","))
        right, lower = rest if len(rest) == 2 else (left + rest[0], upper + rest[0])
        if right <= left or right - left != lower - upper:
            self.fail("invalid")
        return left, upper, right, lower


class SubmissionSerializer(serializers.Serializer[Any]):
    model = ModelsField(help_text="Slug of a model; repeat the field for several models.")
    crop = serializers.ChoiceField(
        ALL_CROPS,
        required=False,
        help_text=(
            "`auto`, the cell that is found; `center`; `none`, the whole image; `cells`, every "
            "white cell of a field, each a prediction; `box`. Without it, `box` where one is "
            "given, else `auto`."
        ),
    )
    box = BoxField(
        required=False,
        help_text=(
            "What to see, a square of the upright image in pixels: `left,upper,side`, or "
            "`left,upper,right,lower`."
        ),
    )
    platelets = serializers.BooleanField(
        default=False, help_text="With the crop `cells`: platelets as well."
    )
    labels = LabelsField(
        required=False,
        help_text=(
            "The classes that are possible, at least two, or the slug of a group such as "
            "`white-cells`; repeat the field. Probabilities are then shares among these, and "
            "prediction set and limits are those of the smaller problem. Without it, all."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        crop = attrs.pop("crop", Crop.BOX.value if "box" in attrs else Crop.AUTO.value)
        box, platelets = attrs.pop("box", None), attrs.pop("platelets")
        if (box is not None) != (crop == Crop.BOX):
            raise serializers.ValidationError({"box": ["A box goes with the crop `box` alone."]})
        if platelets and crop != Crop.CELLS:
            raise serializers.ValidationError(
                {"platelets": ["Platelets are looked for with the crop `cells` alone."]}
            )
        try:
            labels = possible_labels(attrs["model"], attrs.pop("labels", ()))
        except LookRefused as refusal:
            raise serializers.ValidationError({refusal.field: [refusal.message]}) from refusal
        return {**attrs, "look": Look(Crop(crop), labels, box, platelets)}


class PredictionRequestSerializer(SubmissionSerializer):
    image = BinaryField(
        error_messages=dict.fromkeys(("required", "invalid"), REFUSALS["missing"].message)
    )
    frame = serializers.IntegerField(
        min_value=1,
        required=False,
        help_text="Which frame of a DICOM file that holds several, counted from 1.",
    )


class FilesSerializer(serializers.Serializer[Any]):
    """Either `images` or `archive`."""

    images = serializers.ListField(
        child=BinaryField(),
        required=False,
        help_text="Repeat the field for each image, at most 1,000 times.",
    )
    archive = BinaryField(required=False, help_text="One zip file with the images.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if bool(attrs.get("images")) == ("archive" in attrs):
            raise serializers.ValidationError({"images": ["Send either images or one archive."]})
        if len(attrs.get("images", ())) > settings.MAX_BATCH_IMAGES:
            limit = f"At most {settings.MAX_BATCH_IMAGES} images can be sent at once."
            raise serializers.ValidationError({"images": [limit]})
        return attrs


class BatchRequestSerializer(SubmissionSerializer, FilesSerializer):
    """Either `images` or `archive`, or neither where the batch is to be filled piece by piece."""

    name = TrimmedTextField(NOT_EMPTY, max_length=120, default="", allow_blank=True)
    project = SentUUIDField(
        required=False, help_text="A project that you own or read in; its members see the batch."
    )
    open = serializers.BooleanField(
        default=False, help_text="Add the images afterwards, at `images/`, then `close/` it."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if not attrs["open"]:
            return FilesSerializer.validate(self, attrs)
        if attrs.get("images") or "archive" in attrs:
            raise serializers.ValidationError({"open": ["Add the images once it is open."]})
        if attrs["look"].box:
            raise serializers.ValidationError(
                {"box": ["A box goes with images that are sent at once, without `open`."]}
            )
        return attrs


class AddedFilesRequestSerializer(FilesSerializer):
    """Either `images` or `archive`; `paths` and `keys` go with the images one by one."""

    paths = serializers.ListField(
        child=TextField(NOT_EMPTY, max_length=1024),
        required=False,
        help_text="Where each image lay in its folder, with its name; else its name alone.",
    )
    keys = serializers.ListField(
        child=serializers.RegexField(r"^[!-~]{1,64}\Z"),
        required=False,
        help_text=(
            "Names each image for when it is sent again; else its path and content do. "
            "Up to 64 visible ASCII characters."
        ),
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        for field in ("paths", "keys"):
            sent = attrs.get(field)
            if sent and len(sent) != len(attrs.get("images", ())):
                raise serializers.ValidationError({field: ["Send one for each of the images."]})
        return attrs


class RunAgainSerializer(serializers.Serializer[Any]):
    predictions = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
    )
    model = ModelField("slug", queryset=TrainedModel.objects.all(), help_text="Slug of a model.")


class WaitSerializer(serializers.Serializer[Any]):
    wait = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_WAIT,
        default=0,
        help_text="Seconds to wait for the result; when it comes in time, the answer is 200.",
    )


class DeletionSerializer(serializers.Serializer[Any]):
    confirm = serializers.ChoiceField(
        ("true", "false"),
        default="false",
        help_text="Delete it although models were adapted to these images; else 409 names them.",
    )


class ModelViewSerializer(serializers.Serializer[Any]):
    model = ModelField("slug", queryset=TrainedModel.objects.all(), help_text="Slug of a model.")
    crop = serializers.ChoiceField(CROP_CHOICES, default=Crop.AUTO.value)


class IdempotencyKeySerializer(serializers.Serializer[Any]):
    key = serializers.RegexField(
        r"^[!-~]+\Z",
        max_length=255,
        error_messages={"invalid": "An Idempotency-Key is up to 255 visible ASCII characters."},
    )


def valid(
    serializer: type[serializers.Serializer[Any]],
    data: Any,
    user: User | AnonymousUser | None = None,
) -> dict[str, Any]:
    """The cleaned data. Raises ValidationError.

    `user` is who sent it, which a serializer that takes a model needs to know.
    """
    filled = serializer(data=data, context={"user": user})
    filled.is_valid(raise_exception=True)
    return dict(filled.validated_data)


def valid_query(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    """The cleaned parameters of the address. Raises ValidationError.

    As a plain dictionary: of a form, DRF takes an empty value for one left out.
    """
    return valid(serializer, request.query_params.dict(), request.user)


def repeatable_request(
    request: Request,
    fields: dict[str, Any],
    files: list[UploadedFile[Any]],
    *names: str,
) -> RepeatableRequest | None:
    """The request by its Idempotency-Key; None where it has none."""
    sent = request.headers.get("Idempotency-Key")
    if sent is None:
        return None
    key = valid(IdempotencyKeySerializer, {"key": sent})["key"]
    look: Look = fields["look"]
    choices: dict[str, Any] = {"crop": look.crop, "frame": fields.get("frame")}
    # Only what is chosen: a key of an earlier release goes on to name the same request.
    further = {"labels": look.labels, "box": look.box, "platelets": look.platelets}
    choices |= {name: choice for name, choice in further.items() if choice}
    choices = {name: choice for name, choice in choices.items() if choice is not None}
    asked = fingerprint(
        request.path,
        {
            "model": [model.slug for model in fields["model"]],
            **choices,
            **{name: str(fields.get(name)) for name in names},
        },
        [(sent_name(file), cast(BinaryIO, file)) for file in files],
    )
    return RepeatableRequest(cast(User, request.user), key, asked)


def sent_files(fields: dict[str, Any]) -> tuple[list[SentFile], int]:
    """The files of a batch, not yet read, and how many bytes they come to.

    Raises UploadRejected where an archive cannot be taken as a whole.
    """
    if "archive" in fields:
        return incoming.archived_images(fields["archive"])
    images = fields["images"]
    return incoming.sent_images(images), sum(file.size or 0 for file in images)


def added_files(fields: dict[str, Any]) -> list[SentFile]:
    """The files for an open batch, each by the key under which it can be sent again.

    Raises UploadRejected where an archive cannot be taken as a whole.
    """
    if "archive" in fields:
        return incoming.keyed_archived_images(fields["archive"])
    return incoming.keyed_images(
        fields["images"], fields.get("paths") or (), fields.get("keys") or ()
    )

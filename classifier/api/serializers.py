"""What the API gives."""

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from classifier.api import examples
from classifier.models import (
    ApiToken,
    Batch,
    BoxOrigin,
    Certainty,
    ImageUpload,
    LimitsStep,
    Prediction,
    Progress,
    ReviewState,
    Status,
    TrainedModel,
)
from classifier.notice import NOTICE
from classifier.preprocessing import Crop, crop_box

COUNTS = {
    "type": "object",
    "properties": {status: {"type": "integer", "minimum": 0} for status in Status.values},
    "required": Status.values,
}


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Shown once: only a digest of it is kept.")


class ApiTokenSerializer(serializers.ModelSerializer[ApiToken]):
    class Meta:
        model = ApiToken
        fields = ("id", "name", "scope", "created_at", "expires_at", "last_used_at")


class IssuedTokenSerializer(ApiTokenSerializer):
    token = serializers.CharField(help_text="Shown once: only a digest of it is kept.")

    class Meta(ApiTokenSerializer.Meta):
        fields = (*ApiTokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class LimitSerializer(serializers.Serializer[Any]):
    limit = serializers.IntegerField()
    used = serializers.IntegerField()


class MeSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    email = serializers.CharField()
    is_staff = serializers.BooleanField()
    requests_per_minute = LimitSerializer()
    waiting_predictions = LimitSerializer()
    waiting_explanations = LimitSerializer()
    bytes_per_day = LimitSerializer()
    stored_bytes = LimitSerializer()


class TrainedModelSerializer(serializers.ModelSerializer[TrainedModel]):
    url = serializers.HyperlinkedIdentityField(view_name="api:model-detail", lookup_field="slug")
    accuracy = serializers.FloatField(source="evaluation.accuracy", default=None, allow_null=True)
    has_limits = serializers.BooleanField(
        read_only=True, help_text="Whether it recognises images unlike its training data."
    )

    class Meta:
        model = TrainedModel
        fields = (
            "slug", "url", "title", "version", "dataset", "architecture",
            "is_recommended", "accuracy", "has_limits",
        )  # fmt: skip


class TrainedModelDetailSerializer(TrainedModelSerializer):
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta(TrainedModelSerializer.Meta):
        fields = (*TrainedModelSerializer.Meta.fields, "metadata", "evaluation", "notice")  # type: ignore[assignment]


class ImageSerializer(serializers.ModelSerializer[ImageUpload]):
    url = serializers.HyperlinkedIdentityField("api:image")
    model_view_url = serializers.HyperlinkedIdentityField("api:image-model-view")
    filename = serializers.CharField(source="original_filename")
    path = serializers.CharField(
        source="shown_path", help_text="With the folders that it lay in when it was sent."
    )
    warnings = serializers.ListField(
        child=serializers.CharField(),
        help_text="Sentences, such as that a DICOM file says it has text burned into its picture.",
    )

    class Meta:
        model = ImageUpload
        fields = (
            "id", "url", "model_view_url", "filename", "path", "format", "width", "height",
            "sha256", "warnings",
        )  # fmt: skip


class BoxSerializer(serializers.Serializer[Any]):
    left = serializers.IntegerField()
    upper = serializers.IntegerField()
    side = serializers.IntegerField()
    origin = serializers.ChoiceField(BoxOrigin.values)


@extend_schema_serializer(examples=[examples.PREDICTION])
class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    url = serializers.HyperlinkedIdentityField("api:prediction-detail")
    model: serializers.SlugRelatedField[TrainedModel] = serializers.SlugRelatedField(
        "slug", source="trained_model", read_only=True
    )
    batch = serializers.UUIDField(source="batch_id", allow_null=True)
    project = serializers.UUIDField(source="project_id", allow_null=True)
    image = ImageSerializer()
    probabilities = serializers.SerializerMethodField()
    certainty = serializers.ChoiceField(
        Certainty.choices,
        help_text=(
            "What the model's limits say: `accepted`, `undecided` where several classes may be "
            "right, `unusual`, `unlike` the training data; empty without a result or limits."
        ),
    )
    limits = serializers.ChoiceField(
        LimitsStep.choices,
        read_only=True,
        help_text=(
            "How near the image is to the training data, in three steps: `accepted`, like it; "
            "`unusual`, look again, with a prediction set that is wider; `unlike`, so that the "
            "predicted class says little. Empty without a result or without limits."
        ),
    )
    reviewed_label = serializers.CharField(
        help_text="What the last reader said it is; empty where nobody did."
    )
    review_state = serializers.ChoiceField(ReviewState.choices)
    group = serializers.CharField(
        source="gallery_group",
        help_text="Where it lies in a gallery: what people said, else what the model said.",
    )
    in_distribution = serializers.BooleanField(
        allow_null=True,
        help_text=(
            "Whether the image looks like what the model was trained on. Where it does not, the "
            "predicted class says little. Null without a result, and for models that cannot tell."
        ),
    )
    prediction_set = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text=(
            "Classes that may be right, the most probable first: for images like the training data "
            "the true class is among them in the proportion of cases that is in the model's "
            "metadata, `uncertainty.coverage`. Null without a result, and for models that cannot "
            "tell."
        ),
    )
    box = serializers.SerializerMethodField()
    labels = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The classes that were possible; null for all of the model.",
    )
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Prediction
        fields = (
            "id", "url", "status", "model", "model_version", "crop", "box", "batch", "project",
            "labels", "predicted_label", "confidence", "probabilities", "in_distribution", "limits",
            "prediction_set", "certainty", "reviewed_label", "review_state", "group", "note",
            "reviewed_at", "image", "created_at", "started_at", "finished_at",
            "error_message", "notice",
        )  # fmt: skip

    @extend_schema_field(BoxSerializer(allow_null=True))
    def get_box(self, prediction: Prediction) -> dict[str, Any] | None:
        """What the model saw, a square of the upright image; null until it is known.

        `origin` says how it was chosen: `found` around a cell, `given`, or by the `crop` from the
        `center`. Null also where the crop is `none`, of the whole image.
        """
        box, origin = prediction.box, prediction.box_origin or BoxOrigin.CENTER.value
        if box is None:
            if prediction.status != Status.SUCCESS or prediction.crop == Crop.NONE:
                return None
            box = crop_box(
                prediction.image.width,
                prediction.image.height,
                crop=Crop(prediction.crop),
                source_frame=prediction.trained_model.dataset_info.source_frame,
            )
        left, upper, right, _ = box
        return {"left": left, "upper": upper, "side": right - left, "origin": origin}

    @extend_schema_field(
        {"type": "object", "additionalProperties": {"type": "number"}, "nullable": True}
    )
    def get_probabilities(self, prediction: Prediction) -> dict[str, float] | None:
        """By label, in the order of the model's classes; null until there is a result."""
        return dict(prediction.ranked_probabilities) or None


class _Kept(threading.local):
    """A thread's own serializer, whose fields are set up once."""

    def __init__(self) -> None:
        self.serializer = PredictionSerializer()


_kept = _Kept()


def represent(
    predictions: Iterable[Prediction], context: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Predictions as the API gives them.

    A serializer that is set up anew for an answer takes seven times as long as it takes to answer.
    """
    serializer = _kept.serializer
    serializer._context = context
    try:
        return [serializer.to_representation(each) for each in predictions]
    finally:
        # With the request, the files that came with it are let go.
        serializer._context = {}


@extend_schema_serializer(examples=[examples.CREATED_PREDICTION])
class CreatedPredictionSerializer(PredictionSerializer):
    """The prediction by the first model that was named, and all of them in `predictions`."""

    predictions = PredictionSerializer(many=True, read_only=True)
    identical = PredictionSerializer(
        many=True,
        read_only=True,
        help_text=(
            "The newest results that you have of the same file by the same models, versions, crop, "
            "box and possible classes."
        ),
    )

    class Meta(PredictionSerializer.Meta):
        fields = (*PredictionSerializer.Meta.fields, "predictions", "identical")  # type: ignore[assignment]


class RejectedSerializer(serializers.Serializer[Any]):
    filename = serializers.CharField()
    reason = serializers.CharField()


@extend_schema_serializer(examples=[examples.BATCH])
class BatchSerializer(serializers.ModelSerializer[Batch]):
    """Needs `progress` in its context: how far each batch has come, by its key."""

    url = serializers.HyperlinkedIdentityField("api:batch-detail")
    project = serializers.UUIDField(source="project_id", allow_null=True)
    models: serializers.SlugRelatedField[Any] = serializers.SlugRelatedField(
        "slug", source="trained_models", many=True, read_only=True
    )
    signed_by = serializers.CharField(
        source="signed_by.username", default=None, allow_null=True, help_text="Null unless signed."
    )
    labels = serializers.ListField(
        child=serializers.CharField(),
        allow_null=True,
        help_text="The classes that are possible; null for all of the models.",
    )
    platelets = serializers.BooleanField(
        help_text="Whether platelets are looked for, with the crop `cells`."
    )
    is_open = serializers.BooleanField(help_text="Whether images can still be added.")
    total = serializers.SerializerMethodField()
    counts = serializers.SerializerMethodField()
    finished_at = serializers.SerializerMethodField()
    seconds_left = serializers.SerializerMethodField()
    rejected = RejectedSerializer(many=True)
    results_csv = serializers.HyperlinkedIdentityField("api:batch-results-csv")
    results_json = serializers.HyperlinkedIdentityField("api:batch-results-json")
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Batch
        fields = (
            "id", "url", "name", "project", "models", "crop", "labels", "platelets", "created_at",
            "is_open",
            "closed_at", "finished_at", "signed_by", "signed_at", "total", "counts",
            "seconds_left", "rejected", "results_csv", "results_json", "notice",
        )  # fmt: skip

    def progress(self, batch: Batch) -> Progress:
        found: Progress = self.context["progress"][batch.pk]
        return found

    def get_total(self, batch: Batch) -> int:
        """Predictions in the batch: one for each image that was taken, or cell, and each model."""
        return self.progress(batch).total

    @extend_schema_field(COUNTS)
    def get_counts(self, batch: Batch) -> dict[str, int]:
        """Predictions by status."""
        return self.progress(batch).counts

    @extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
    def get_finished_at(self, batch: Batch) -> Any:
        """When the last prediction ended; null until then."""
        progress = self.progress(batch)
        if batch.is_open:
            return None
        # Of a batch whose predictions were all deleted there is nothing to wait for.
        finished_at = progress.finished_at if progress.total else batch.created_at
        return finished_at and serializers.DateTimeField().to_representation(finished_at)

    def get_seconds_left(self, batch: Batch) -> float | None:
        """At the pace so far; null before the first result."""
        return self.progress(batch).seconds_left


class BatchResultsSerializer(BatchSerializer):
    results = PredictionSerializer(many=True)

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "results")  # type: ignore[assignment]


@extend_schema_serializer(examples=[examples.PROBLEM])
class ProblemSerializer(serializers.Serializer[Any]):
    """Problem details, RFC 9457."""

    title = serializers.CharField(help_text="The status in words.")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="What went wrong.")
    code = serializers.CharField(required=False, help_text="Names what is wrong with an image.")
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="Sentences by the field that they are about.",
    )
    rejected = RejectedSerializer(many=True, required=False)

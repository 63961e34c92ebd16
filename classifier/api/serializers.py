"""What the API takes and gives."""

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.models import ImageUpload, Prediction, TrainedModel
from classifier.registry import Crop
from classifier.uploads import MESSAGES

NOTICE = "Research use only, not for diagnosis."


class TokenRequestSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False, style={"input_type": "password"})
    name = serializers.CharField(max_length=80, default="API", help_text="To tell tokens apart.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = authenticate(
            self.context["request"], username=attrs["username"], password=attrs["password"]
        )
        if user is None:
            raise serializers.ValidationError("The username or the password is wrong.")
        return {**attrs, "user": user}


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Shown once: only a digest of it is kept.")


class TrainedModelSerializer(serializers.ModelSerializer[TrainedModel]):
    url = serializers.HyperlinkedIdentityField(view_name="api:model-detail", lookup_field="slug")
    accuracy = serializers.FloatField(source="evaluation.accuracy", default=None)

    class Meta:
        model = TrainedModel
        fields = (
            "slug", "url", "title", "version", "dataset", "architecture",
            "is_recommended", "accuracy",
        )  # fmt: skip


class TrainedModelDetailSerializer(TrainedModelSerializer):
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta(TrainedModelSerializer.Meta):
        fields = (*TrainedModelSerializer.Meta.fields, "metadata", "evaluation", "notice")  # type: ignore[assignment]


class ImageSerializer(serializers.ModelSerializer[ImageUpload]):
    url = serializers.HyperlinkedIdentityField("web:image")
    filename = serializers.CharField(source="original_filename")

    class Meta:
        model = ImageUpload
        fields = ("id", "url", "filename", "format", "width", "height", "sha256")


class PredictionSerializer(serializers.ModelSerializer[Prediction]):
    url = serializers.HyperlinkedIdentityField("api:prediction-detail")
    model: serializers.SlugRelatedField[TrainedModel] = serializers.SlugRelatedField(
        "slug", source="trained_model", read_only=True
    )
    image = ImageSerializer()
    probabilities = serializers.SerializerMethodField()
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Prediction
        fields = (
            "id", "url", "status", "model", "model_version", "crop",
            "predicted_label", "confidence", "probabilities", "image",
            "created_at", "started_at", "finished_at", "error_message", "notice",
        )  # fmt: skip

    @extend_schema_field({"type": "object", "additionalProperties": {"type": "number"}})
    def get_probabilities(self, prediction: Prediction) -> dict[str, float] | None:
        """By label, in the order of the model's classes; null until there is a result."""
        return dict(prediction.ranked_probabilities) or None


class PredictionRequestSerializer(serializers.Serializer[Any]):
    image = extend_schema_field(OpenApiTypes.BINARY)(serializers.FileField)(
        error_messages={"required": MESSAGES["missing"], "invalid": MESSAGES["missing"]},
        allow_empty_file=True,
        max_length=None,
    )
    model = serializers.SlugRelatedField("slug", queryset=TrainedModel.objects.active())
    crop = serializers.ChoiceField([crop.value for crop in Crop], default=Crop.AUTO.value)

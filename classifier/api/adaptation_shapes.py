"""What the API takes and gives about adaptations and models of one's own."""

from typing import Any

from rest_framework import serializers

from classifier.api.requests import BinaryField, ModelField, SentUUIDField
from classifier.models import Adaptation, ModelImport, TrainedModel
from classifier.notice import NOTICE
from classifier.services.adaptations import COVERAGES


class AdaptationsQuerySerializer(serializers.Serializer[Any]):
    labelled_set = SentUUIDField(required=False, help_text="Those of one set alone.")


class AdaptationRequestSerializer(serializers.Serializer[Any]):
    labelled_set = SentUUIDField()
    model = ModelField(
        "slug", queryset=TrainedModel.objects.all(), help_text="Slug of the model to adapt."
    )
    title = serializers.CharField(
        max_length=120, default="", allow_blank=True, help_text="What the new model is called."
    )
    own_classes = serializers.BooleanField(
        default=False,
        help_text="For the set's own classes, of 10 images or more each, instead of the model's.",
    )
    coverage = serializers.ChoiceField(
        COVERAGES,
        default=COVERAGES[0],
        help_text="How often its prediction sets are to hold the true class.",
    )


class AdaptationSerializer(serializers.ModelSerializer[Adaptation]):
    url = serializers.HyperlinkedIdentityField("api:adaptation")
    labelled_set = serializers.UUIDField(source="labelled_set_id", allow_null=True)
    model = serializers.CharField(source="trained_model.slug")
    adapted_model = serializers.SlugRelatedField(
        slug_field="slug", read_only=True, allow_null=True, help_text="Slug of the new model."
    )
    classes = serializers.ListField(
        child=serializers.CharField(), help_text="Of one's own; empty for those of the model."
    )
    result = serializers.JSONField(
        allow_null=True, help_text="The figures here beside home, and whether it is proposed."
    )
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Adaptation
        fields = (
            "id", "url", "labelled_set", "model", "model_version", "title", "classes",
            "coverage", "status",
            "done", "total", "fits", "created_at", "started_at", "finished_at", "error_message",
            "adapted_model", "result", "notice",
        )  # fmt: skip


class ModelImportRequestSerializer(serializers.Serializer[Any]):
    file = BinaryField(help_text="The zip file that an export gave.")


class ModelImportSerializer(serializers.ModelSerializer[ModelImport]):
    url = serializers.HyperlinkedIdentityField("api:model-import")
    model = serializers.SlugRelatedField(
        source="trained_model", slug_field="slug", read_only=True, allow_null=True
    )

    class Meta:
        model = ModelImport
        fields = (
            "id", "url", "filename", "status", "created_at", "finished_at", "error_message",
            "model",
        )  # fmt: skip

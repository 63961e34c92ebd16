"""What the API takes and gives about labelled sets and validations."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.api.batch_shapes import CountsField
from classifier.api.requests import BinaryField, ModelsField, SentUUIDField, TextField
from classifier.datasets import shipped_datasets
from classifier.models import CROP_CHOICES, LabelledImage, LabelledSet, Validation
from classifier.notice import NOTICE
from classifier.preprocessing import Crop
from classifier.services import labelled_sets


class LabelledSetRequestSerializer(serializers.Serializer[Any]):
    """Either a `dataset`, for images that are sent afterwards, or a reviewed `batch`."""

    name = serializers.CharField(max_length=120, default="", allow_blank=True)
    dataset = serializers.CharField(
        max_length=40,
        required=False,
        help_text=f"{', '.join(sorted(shipped_datasets()))}, or that of a model of your own.",
    )
    crop = serializers.ChoiceField(CROP_CHOICES, default=Crop.AUTO.value)
    project = serializers.UUIDField(required=False, allow_null=True)
    batch = serializers.UUIDField(
        required=False, allow_null=True, help_text="Its last reviews become the labels."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("batch") and not attrs.get("dataset"):
            raise serializers.ValidationError({"dataset": ["Say what kind of image they are."]})
        kinds = labelled_sets.kinds_for(self.context["user"])
        if not attrs.get("batch") and attrs["dataset"] not in kinds:
            raise serializers.ValidationError({"dataset": ["There is no such kind of image."]})
        return attrs


class LabelledSetsQuerySerializer(serializers.Serializer[Any]):
    project = SentUUIDField(required=False, help_text="Sets of a project.")


class GivenNameSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="As its folder or table calls it.")
    n = serializers.IntegerField(min_value=0)
    proposed = serializers.CharField(
        allow_blank=True, help_text="The class that it is most like; empty where none is near."
    )


class LabelledSetSerializer(serializers.ModelSerializer[LabelledSet]):
    url = serializers.HyperlinkedIdentityField("api:labelled-set")
    owner = serializers.CharField(source="owner.username")
    project = serializers.UUIDField(source="project_id", allow_null=True)
    classes = serializers.SerializerMethodField(help_text="How many images each class has.")
    given_names = serializers.SerializerMethodField(help_text="Until the classes are confirmed.")
    folder_levels = serializers.SerializerMethodField(
        help_text="Names of the folders that the images lie in, and of those above them."
    )
    rejected = serializers.JSONField()

    class Meta:
        model = LabelledSet
        fields = (
            "id", "url", "name", "dataset", "owner", "project", "crop", "created_at",
            "confirmed_at", "classes", "given_names", "folder_levels", "rejected",
        )  # fmt: skip

    @extend_schema_field(CountsField())
    def get_classes(self, row: LabelledSet) -> dict[str, int]:
        return row.images.class_counts()

    @extend_schema_field(GivenNameSerializer(many=True))
    def get_given_names(self, row: LabelledSet) -> Any:
        names = [] if row.is_confirmed else labelled_sets.given_names(row)
        return GivenNameSerializer(names, many=True).data

    @extend_schema_field(
        serializers.ListField(child=serializers.ListField(child=serializers.CharField()))
    )
    def get_folder_levels(self, row: LabelledSet) -> list[list[str]]:
        return [] if row.is_confirmed else labelled_sets.folder_levels(row)


class AddedImageSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    reason = serializers.CharField(allow_blank=True, help_text="Why it was not taken.")
    identical = serializers.ListField(child=serializers.CharField(), default=list)


class AddedImagesSerializer(serializers.Serializer[Any]):
    files = AddedImageSerializer(many=True)


class TableRequestSerializer(serializers.Serializer[Any]):
    table = BinaryField(help_text="CSV with the columns path, class and, if wanted, patient.")


class ConfirmSerializer(serializers.Serializer[Any]):
    """Folders by level: 0 for the one that an image lies in, 1 for the one above it."""

    class_level = serializers.IntegerField(min_value=0, max_value=20, required=False)
    group_level = serializers.IntegerField(min_value=0, max_value=20, required=False)
    names = serializers.DictField(
        child=serializers.CharField(max_length=80, allow_blank=True),
        required=False,
        help_text="The class of each given name; without it, those that are proposed.",
    )


class LabelRequestSerializer(serializers.Serializer[Any]):
    label = TextField(max_length=80)  # type: ignore[assignment]


class DoubtSerializer(serializers.ModelSerializer[LabelledImage]):
    """An image whose label may be wrong."""

    image = serializers.UUIDField(source="image_id")

    class Meta:
        model = LabelledImage
        fields = ("id", "image", "path", "group", "given_label", "label", "suspected_label")


class ValidationsQuerySerializer(serializers.Serializer[Any]):
    labelled_set = SentUUIDField(required=False, help_text="Those of one set alone.")


class ValidationRequestSerializer(serializers.Serializer[Any]):
    labelled_set = SentUUIDField()
    model = ModelsField(help_text="Slugs of the models to measure.")


class ValidationSerializer(serializers.ModelSerializer[Validation]):
    url = serializers.HyperlinkedIdentityField("api:validation")
    labelled_set = serializers.UUIDField(source="labelled_set_id")
    model = serializers.CharField(source="trained_model.slug")
    total = serializers.SerializerMethodField(help_text="Images of the set.")
    report = serializers.JSONField(
        allow_null=True, help_text="All figures, once they are there; see report.json."
    )
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Validation
        fields = (
            "id", "url", "labelled_set", "model", "model_version", "status", "done", "total",
            "created_at", "started_at", "finished_at", "error_message", "report", "notice",
        )  # fmt: skip

    def get_total(self, row: Validation) -> int:
        return row.labelled_set.images.count()

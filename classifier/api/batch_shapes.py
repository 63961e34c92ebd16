"""What the API takes and gives about batches that are filled, sorted and signed."""

from typing import Any

from rest_framework import serializers

from classifier.api.requests import NOT_EMPTY, TextField, TrimmedTextField
from classifier.api.serializers import BatchSerializer, PredictionSerializer
from classifier.models import BatchFile, SavedView, SignOff
from classifier.notice import NOTICE


class CountSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(min_value=0)
    is_more = serializers.BooleanField(help_text="Counting stopped there.")


class GroupSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="For the filter `group`.")
    count = serializers.IntegerField(min_value=0)
    asks_for_a_look = serializers.BooleanField(
        help_text="No class, but images that the model would not decide alone."
    )


class GroupsSerializer(serializers.Serializer[Any]):
    groups = GroupSerializer(many=True)
    counted = CountSerializer()
    unfinished = serializers.IntegerField(min_value=0)
    failed = serializers.IntegerField(min_value=0)
    notice = serializers.CharField(read_only=True, default=NOTICE)


class CountsField(serializers.DictField):
    child = serializers.IntegerField(min_value=0)


class FacetsSerializer(serializers.Serializer[Any]):
    """Numbers among the newest results, as many as `counted` says."""

    counted = CountSerializer()
    model = CountsField()
    predicted_label = CountsField()
    certainty = CountsField()
    review = CountsField()
    status = CountsField()


class ChangesRequestSerializer(serializers.Serializer[Any]):
    since = serializers.DateTimeField(help_text="The `until` of the answer before.")


class ChangedSerializer(PredictionSerializer):
    class Meta(PredictionSerializer.Meta):
        fields = (*PredictionSerializer.Meta.fields, "deleted_at")  # type: ignore[assignment]


class ChangesSerializer(serializers.Serializer[Any]):
    predictions = ChangedSerializer(many=True)
    until = serializers.DateTimeField()


class BatchFileSerializer(serializers.ModelSerializer[BatchFile]):
    path = serializers.CharField(
        source="image.shown_path", default="", help_text="Empty where it was not taken."
    )
    byte_size = serializers.IntegerField(
        source="image.byte_size", default=None, allow_null=True, help_text="Of the file as sent."
    )
    image = serializers.UUIDField(
        source="image_id", allow_null=True, help_text="Null where it was not taken."
    )
    reason = serializers.CharField(help_text="Why it was not taken.")

    class Meta:
        model = BatchFile
        fields = ("key", "path", "byte_size", "image", "reason")


class AddedFileSerializer(serializers.Serializer[Any]):
    path = serializers.CharField()
    key = serializers.CharField(help_text="Sent again under it, the file is passed over.")
    image = serializers.UUIDField(
        source="image.pk", default=None, allow_null=True, help_text="Null where it was not taken."
    )
    reason = serializers.CharField(help_text="Why it was not taken.")
    is_repeated = serializers.BooleanField(help_text="It had come before.")
    identical = serializers.SerializerMethodField()

    def get_identical(self, added: Any) -> list[str]:
        """Results that you have of the same file by the same models, versions and crop."""
        known = self.context["identical"].get(added.image.sha256, ()) if added.image else ()
        return [str(prediction.pk) for prediction in known]


class AddedFilesSerializer(BatchSerializer):
    files = serializers.SerializerMethodField()

    class Meta(BatchSerializer.Meta):
        fields = (*BatchSerializer.Meta.fields, "files")  # type: ignore[assignment]

    def get_files(self, batch: Any) -> Any:
        return AddedFileSerializer(self.context["files"], many=True, context=self.context).data


class BatchChangeSerializer(serializers.Serializer[Any]):
    name = TrimmedTextField(NOT_EMPTY, max_length=120, required=False, allow_blank=True)
    project = serializers.UUIDField(required=False, allow_null=True)


class ReopenSerializer(serializers.Serializer[Any]):
    reason = TrimmedTextField(max_length=1000)


class SignOffSerializer(serializers.ModelSerializer[SignOff]):
    person = serializers.CharField(
        source="person.username", default=None, allow_null=True, help_text="Null once removed."
    )
    counts = CountsField(help_text="Images in each group when it was signed.")

    class Meta:
        model = SignOff
        fields = ("action", "person", "reason", "counts", "made_at")


class SavedViewSerializer(serializers.ModelSerializer[SavedView]):
    name = TrimmedTextField(max_length=80)
    query = TextField(
        NOT_EMPTY,
        max_length=2000,
        allow_blank=True,
        help_text="The query of an address of the history.",
    )

    class Meta:
        model = SavedView
        fields = ("id", "name", "query", "created_at")

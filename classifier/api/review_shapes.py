"""What the API takes and gives about reviews, blind readings and the trash."""

from typing import Any

from rest_framework import serializers

from classifier.api.requests import NOT_EMPTY, TextField, TrimmedTextField
from classifier.api.serializers import ImageSerializer, PredictionSerializer
from classifier.models import CANNOT_TELL, NONE_OF_THESE, Assignment, Prediction, Review
from classifier.notice import NOTICE
from classifier.services.reviews import MOST_AT_ONCE

WORDS = f"A class of the model, “{NONE_OF_THESE}” or “{CANNOT_TELL}”."
SEEN_AT = "When you last looked; what was said since is given as `overridden`."


class ReviewSerializer(serializers.ModelSerializer[Review]):
    reader = serializers.CharField(
        source="reader.username", default=None, allow_null=True, help_text="Null once removed."
    )
    withdraws = serializers.IntegerField(
        source="withdraws_id", allow_null=True, help_text="The row that it takes back."
    )

    class Meta:
        model = Review
        fields = ("id", "step", "action", "reader", "label", "note", "withdraws", "created_at")


class ReviewRequestSerializer(serializers.Serializer[Any]):
    """A label, a note or both; what is left out stays as it is."""

    label = TextField(  # type: ignore[assignment]
        max_length=80, required=False, help_text=WORDS
    )
    note = TrimmedTextField(NOT_EMPTY, max_length=1000, required=False, allow_blank=True)
    seen_at = serializers.DateTimeField(required=False, help_text=SEEN_AT)


class SelectionSerializer(serializers.Serializer[Any]):
    predictions = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
    )


class BulkReviewRequestSerializer(SelectionSerializer, ReviewRequestSerializer):
    """One step for all of them, which is undone as one."""

    confirm = serializers.BooleanField(
        default=False, help_text="Instead of a label: for each the class that its model predicted."
    )


class UndoRequestSerializer(serializers.Serializer[Any]):
    batch = serializers.UUIDField(
        required=False, help_text="Only steps in this batch; without it, wherever you worked last."
    )


class StepSerializer(serializers.Serializer[Any]):
    step = serializers.UUIDField(
        source="id", allow_null=True, help_text="Null where there was nothing to do."
    )
    predictions = PredictionSerializer(many=True)
    left = serializers.SerializerMethodField()
    overridden = ReviewSerializer(many=True)
    notice = serializers.CharField(read_only=True, default=NOTICE)

    def get_left(self, step: Any) -> list[str]:
        """Predictions that undo left, since somebody reviewed them after that step."""
        return [str(prediction.pk) for prediction in step.left]


class AssignmentSerializer(serializers.ModelSerializer[Assignment]):
    batch = serializers.UUIDField(source="batch_id")
    reader = serializers.CharField(
        source="reader.username", default=None, allow_null=True, help_text="Null once removed."
    )

    class Meta:
        model = Assignment
        fields = ("id", "batch", "reader", "given_at", "ended_at")


class AssignmentRequestSerializer(serializers.Serializer[Any]):
    reader = TextField(max_length=150, help_text="Username of the reader.")


class ReadingRequestSerializer(serializers.Serializer[Any]):
    prediction = serializers.UUIDField()
    label = TextField(max_length=80, help_text=WORDS)  # type: ignore[assignment]
    note = TrimmedTextField(NOT_EMPTY, max_length=1000, default="", allow_blank=True)


class BlindPredictionSerializer(serializers.ModelSerializer[Prediction]):
    """An image to read. What the model said is there once the reader has said something."""

    image = ImageSerializer()
    labels = serializers.ListField(
        source="possible_labels", child=serializers.CharField(), help_text="What can be said."
    )
    answer = serializers.SerializerMethodField()
    note = serializers.SerializerMethodField()
    predicted_label = serializers.SerializerMethodField()
    confidence = serializers.SerializerMethodField()
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Prediction
        fields = (
            "id", "image", "labels", "answer", "note", "predicted_label", "confidence", "notice",
        )  # fmt: skip

    def answered(self, prediction: Prediction) -> Review | None:
        found: Review | None = self.context["answers"].get(prediction.pk)
        return found

    def get_answer(self, prediction: Prediction) -> str | None:
        """What you said; null until then."""
        answer = self.answered(prediction)
        return answer.label if answer else None

    def get_note(self, prediction: Prediction) -> str:
        answer = self.answered(prediction)
        return answer.note if answer else ""

    def get_predicted_label(self, prediction: Prediction) -> str | None:
        """Null until you have answered."""
        return prediction.predicted_label if self.answered(prediction) else None

    def get_confidence(self, prediction: Prediction) -> float | None:
        """Null until you have answered."""
        return prediction.confidence if self.answered(prediction) else None


class NumberSerializer(serializers.Serializer[Any]):
    """How many results it was done to."""

    number = serializers.IntegerField(min_value=0)


class TrashedSerializer(PredictionSerializer):
    class Meta(PredictionSerializer.Meta):
        fields = (*PredictionSerializer.Meta.fields, "deleted_at")  # type: ignore[assignment]

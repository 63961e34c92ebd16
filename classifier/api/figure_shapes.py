"""What the API gives of a batch in figures: its differential count, and agreement of readers."""

from typing import Any

from rest_framework import serializers

from classifier.notice import NOTICE
from classifier.statistics.differential import CellCount


class IntervalField(serializers.ListField):
    child = serializers.FloatField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=2, max_length=2, allow_null=True, **kwargs)


class CellCountSerializer(serializers.Serializer[CellCount]):
    label = serializers.CharField()  # type: ignore[assignment]
    number = serializers.FloatField(help_text="No whole number where predictions were corrected.")
    ratio = serializers.FloatField(allow_null=True, help_text="To the cells in the denominator.")
    interval = IntervalField(help_text="95 % interval of the ratio.")


class DifferentialSerializer(serializers.Serializer[Any]):
    model = serializers.CharField()
    reviewed = serializers.IntegerField(
        source="count.reviewed", help_text="Cells counted as people named them."
    )
    unreviewed = serializers.IntegerField(
        source="count.unreviewed", help_text="Cells counted by the model, corrected."
    )
    cells = serializers.FloatField(source="count.cells", help_text="In the denominator.")
    counted = CellCountSerializer(source="count.counted", many=True)
    per_hundred = CellCountSerializer(source="count.per_hundred", many=True)
    others = CellCountSerializer(source="count.others", many=True)
    named_otherwise = serializers.IntegerField(
        help_text="Left out: none of the classes, or nobody could tell."
    )
    unlike = serializers.IntegerField(
        help_text="Left out: unreviewed and unlike the training data."
    )
    not_counted = serializers.IntegerField(help_text="Left out for what `trouble` says.")
    trouble = serializers.CharField()
    notice = serializers.CharField(read_only=True, default=NOTICE)


class CoefficientSerializer(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="Images that count.")
    value = serializers.FloatField(allow_null=True)
    interval = IntervalField()
    reason = serializers.CharField(help_text="Why it is not defined; empty where it is.")


class PairSerializer(serializers.Serializer[Any]):
    one = serializers.CharField()
    other = serializers.CharField()
    images = serializers.IntegerField(source="agreement.n")
    same = serializers.IntegerField(source="agreement.same")
    proportion = serializers.FloatField(source="agreement.proportion", allow_null=True)
    interval = IntervalField(source="agreement.interval")
    kappa = CoefficientSerializer(source="agreement.kappa")


class DisagreementSerializer(serializers.Serializer[Any]):
    prediction = serializers.UUIDField(source="prediction.pk")
    said = serializers.DictField(child=serializers.CharField(), help_text="By reader.")


class AgreementSerializer(serializers.Serializer[Any]):
    images = serializers.IntegerField()
    answered = serializers.DictField(child=serializers.IntegerField(), help_text="By reader.")
    alpha = CoefficientSerializer(help_text="Krippendorff's, of all readers.")
    readers = PairSerializer(many=True)
    models = PairSerializer(many=True)
    to_settle = DisagreementSerializer(many=True)
    notice = serializers.CharField(read_only=True, default=NOTICE)

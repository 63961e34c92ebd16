"""What the API gives about watched models."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.models import Watch, WatchLook
from classifier.notice import NOTICE
from classifier.services import watching


class ChangeSerializer(serializers.Serializer[Any]):
    figure = serializers.CharField(help_text="confidence, classes, limits or features.")
    of = serializers.CharField(help_text="Which class or step of the limits.")
    then = serializers.FloatField(allow_null=True, help_text="In the reference period.")
    now = serializers.FloatField(allow_null=True)
    changed = serializers.BooleanField()


class WatchLookSerializer(serializers.ModelSerializer[WatchLook]):
    """A window of predictions, tested once when it was full."""

    p_values = serializers.DictField(child=serializers.FloatField())
    changes = ChangeSerializer(many=True)

    class Meta:
        model = WatchLook
        fields = ("id", "first_at", "last_at", "n", "p_values", "changes", "is_alarm", "seen_at")


class MonthAgreementSerializer(serializers.Serializer[Any]):
    """How often reviewers confirmed what a model said of images of a month."""

    month = serializers.DateTimeField()
    reviewed = serializers.IntegerField()
    confirmed = serializers.IntegerField()
    share = serializers.FloatField()
    interval = serializers.ListField(
        child=serializers.FloatField(), min_length=2, max_length=2, help_text="95 %."
    )


class WatchSerializer(serializers.ModelSerializer[Watch]):
    url = serializers.HyperlinkedIdentityField("api:watch")
    model = serializers.CharField(source="trained_model.slug")
    project = serializers.UUIDField(source="project_id", allow_null=True)
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Watch
        fields: tuple[str, ...] = (
            "id", "url", "model", "model_version", "project", "reference_from", "reference_until",
            "tested_until", "notice",
        )  # fmt: skip


class OneWatchSerializer(WatchSerializer):
    looks = serializers.SerializerMethodField(help_text="The newest 50 windows.")
    agreement = serializers.SerializerMethodField(help_text="By month, the newest first.")

    class Meta(WatchSerializer.Meta):
        fields = (*WatchSerializer.Meta.fields[:-1], "looks", "agreement", "notice")

    @extend_schema_field(WatchLookSerializer(many=True))
    def get_looks(self, row: Watch) -> Any:
        return WatchLookSerializer(row.looks.all()[:50], many=True).data

    @extend_schema_field(MonthAgreementSerializer(many=True))
    def get_agreement(self, row: Watch) -> Any:
        return MonthAgreementSerializer(watching.agreement(row), many=True).data

"""What the API takes and gives about explanations."""

from typing import Any

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from classifier.models import Explanation, Method, Status
from classifier.notice import NOTICE
from classifier.services.explanations import check_of, where

CHECK: dict[str, Any] = {"type": "object", "additionalProperties": {}, "nullable": True}


class ExplanationRequestSerializer(serializers.Serializer[Any]):
    method = serializers.ChoiceField(Method.choices)


class ExplanationSerializer(serializers.ModelSerializer[Explanation]):
    url = serializers.SerializerMethodField()
    prediction = serializers.UUIDField(source="prediction_id")
    label = serializers.CharField(  # type: ignore[assignment]
        source="prediction.predicted_label", help_text="The class that the map speaks for."
    )
    map_url = serializers.SerializerMethodField()
    where = serializers.SerializerMethodField()
    check = serializers.SerializerMethodField()
    notice = serializers.CharField(read_only=True, default=NOTICE)

    class Meta:
        model = Explanation
        fields = (
            "url", "prediction", "label", "method", "status", "created_at", "started_at",
            "finished_at", "error_message", "map_url", "where", "check", "notice",
        )  # fmt: skip

    def address(self, name: str, explanation: Explanation) -> str:
        path = reverse(f"api:{name}", args=[explanation.prediction_id, explanation.method])
        return str(self.context["request"].build_absolute_uri(path))

    def get_url(self, explanation: Explanation) -> str:
        return self.address("explanation", explanation)

    def get_map_url(self, explanation: Explanation) -> str | None:
        """Its map as a grey PNG; null until there is one."""
        done = explanation.status == Status.SUCCESS
        return self.address("explanation-map", explanation) if done else None

    def get_where(self, explanation: Explanation) -> str:
        """Where the map lies, in words; empty until there is one."""
        return where(bytes(explanation.map)) if explanation.map else ""

    @extend_schema_field(CHECK)
    def get_check(self, explanation: Explanation) -> dict[str, Any] | None:
        """What was measured of this method's maps, as in the model's evaluation."""
        check = check_of(explanation.prediction.trained_model, Method(explanation.method))
        return check.as_json() if check else None

"""Filters of the API's lists."""

import django_filters

from classifier.models import Prediction, Status


class PredictionFilter(django_filters.FilterSet):
    model = django_filters.CharFilter("trained_model__slug")
    status = django_filters.ChoiceFilter(choices=Status.choices)
    predicted_label = django_filters.CharFilter()
    created_after = django_filters.IsoDateTimeFilter("created_at", "gte")
    created_before = django_filters.IsoDateTimeFilter("created_at", "lt")

    class Meta:
        model = Prediction
        fields = ("model", "status", "predicted_label")

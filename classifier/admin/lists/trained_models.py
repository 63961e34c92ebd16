"""Models, as the administrator switches them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from classifier.admin.base import DeskAdmin
from classifier.cards.numbers import NOTHING
from classifier.cards.view import Measured, ModelView
from classifier.models import TrainedModel


class SwitchForm(forms.ModelForm):
    """A row of the list, whose switch says to a screen reader which model it is of."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["is_active"].widget.attrs["aria-label"] = f"{self.instance} can be chosen"


@admin.register(TrainedModel)
class TrainedModelAdmin(DeskAdmin):
    list_display = (
        "title", "dataset", "version", "architecture", "accuracy", "rates", "auc",
        "is_recommended", "is_active", "is_offered", "is_installed",
    )  # fmt: skip
    list_filter = ("dataset", "is_active", "is_offered", "is_installed")
    list_editable = ("is_active",)
    search_fields = ("slug", "title", "architecture")

    def get_readonly_fields(
        self, request: HttpRequest, obj: TrainedModel | None = None
    ) -> list[str]:
        """All but the switches and whose it is comes from the bundle on disk."""
        own = {"is_active", "is_offered", "owner", "project"}
        return [field.name for field in TrainedModel._meta.fields if field.name not in own]

    def get_changelist_form(self, request: HttpRequest, **kwargs: Any) -> type[forms.ModelForm]:
        return super().get_changelist_form(request, form=SwitchForm, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    @admin.display(description="test accuracy")
    def accuracy(self, trained_model: TrainedModel) -> str:
        """With its 95 % interval and sample size."""
        found = measured(trained_model)
        return f"{found.accuracy}, n = {found.evaluation.n:,}" if found else NOTHING

    @admin.display(description="sensitivity and specificity")
    def rates(self, trained_model: TrainedModel) -> str:
        """For the class that matters most, where the larger probability decides."""
        found = measured(trained_model)
        if not found or not found.rates:
            return NOTHING
        return f"{found.positive}: {found.rates.sensitivity}, {found.rates.specificity}"

    @admin.display(description="test AUC")
    def auc(self, trained_model: TrainedModel) -> str:
        """With its 95 % interval."""
        found = measured(trained_model)
        return str(found.auc) if found else NOTHING


def measured(trained_model: TrainedModel) -> Measured | None:
    """What was measured of a model; None before its evaluation."""
    return ModelView(trained_model.described, trained_model.measured).measured

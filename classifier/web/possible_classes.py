"""Which classes can be in the picture, a choice on the pages for one image and for many."""

from typing import Any, Final, cast

from django import forms

from classifier import services
from classifier.datasets import Dataset, datasets

NO_LABELS: Final = "There is no such choice of classes. Choose one of those that are shown."
NO_OWN_LABELS: Final = "No class was chosen. Choose at least two."
OWN_LABELS: Final = "own"


class PossibleClassesForm(forms.Form):
    """All classes, a group of them, or those that a person picks."""

    # A group of classes by its slug, OWN_LABELS for those in `labels`, or nothing for all.
    possible = forms.CharField(required=False)
    labels = forms.MultipleChoiceField(
        required=False, error_messages={"invalid_choice": NO_LABELS, "invalid_list": NO_LABELS}
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = cast("forms.MultipleChoiceField", self.fields["labels"])
        known = dict.fromkeys(label for each in datasets().values() for label in each.labels)
        labels.choices = [(label, label) for label in known]

    def possible_names(self, dataset: Dataset) -> list[str]:
        """The chosen classes and groups of a dataset; empty for all. Raises LookRefused."""
        possible: str = self.cleaned_data.get("possible", "")
        # What is chosen for other kinds of image is sent as well.
        elsewhere = {group.slug for each in datasets().values() for group in each.groups}
        if possible in {group.slug for group in dataset.groups}:
            return [possible]
        if possible == OWN_LABELS and len(dataset.labels) > 2:
            names = [label for label in self.cleaned_data["labels"] if label in dataset.labels]
            if not names:
                raise services.LookRefused("labels", NO_OWN_LABELS)
            return names
        if possible not in {"", OWN_LABELS, *elsewhere}:
            raise services.LookRefused("labels", NO_LABELS)
        return []

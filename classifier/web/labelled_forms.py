"""The forms about labelled sets: what is brought, and which class each name stands for."""

from typing import Any, Final, cast

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from classifier.models import CROP_CHOICES, LabelledSet, Project
from classifier.preprocessing import Crop
from classifier.services import incoming, labelled_sets
from classifier.services.tables import read_table
from classifier.web.batch_forms import PROJECT_GONE, projects_to_fill

NO_FILES: Final = "No files were chosen. Choose a folder, images, or a zip file."


class NewSetForm(forms.Form):
    """Files of a plain form, which come in one request: images, zips, and a table beside them."""

    name = forms.CharField(required=False, max_length=120)
    dataset = forms.ChoiceField(
        error_messages={"required": "Say what the images show.", "invalid_choice": "Unknown kind."}
    )
    crop = forms.TypedChoiceField(
        choices=CROP_CHOICES, coerce=Crop, empty_value=Crop.AUTO, required=False
    )
    project = forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="None: only I see it",
        error_messages={"invalid_choice": PROJECT_GONE},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        kinds = [(slug, known.image_kind) for slug, known in labelled_sets.kinds_for(user).items()]
        cast("forms.ChoiceField", self.fields["dataset"]).choices = kinds
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        project.queryset = projects_to_fill(user)

    @property
    def uploads(self) -> list[UploadedFile]:
        return list(self.files.getlist("files")) if self.files else []

    def clean(self) -> dict[str, Any]:
        if not self.uploads:
            self.add_error(None, ValidationError(NO_FILES, code="no_files"))
        return super().clean() or {}

    @transaction.atomic
    def submit(self) -> LabelledSet:
        """Store what can be read, for a valid form; all or nothing. Raises what the services do."""
        chosen = self.cleaned_data
        made = labelled_sets.open_set(
            owner=self.user,
            name=chosen["name"],
            dataset=chosen["dataset"],
            crop=chosen["crop"],
            project=chosen["project"],
        )
        add_to_set(self.user, made, self.uploads)
        return made


def add_to_set(user: User, labelled_set: LabelledSet, uploads: list[UploadedFile]) -> None:
    """Images, what zips hold, and tables, which name the images that are there by then."""
    tables = [each for each in uploads if (each.name or "").lower().endswith(".csv")]
    archives = [each for each in uploads if each not in tables and incoming.is_archive(each)]
    images = [each for each in uploads if each not in tables and each not in archives]
    files = incoming.keyed_images(images)
    for archive in archives:
        files += incoming.keyed_archived_images(archive)
    if files:
        labelled_sets.add_images(owner=user, labelled_set=labelled_set, files=files)
    for table in tables:
        labelled_sets.take_from_table(
            person=user, labelled_set=labelled_set, rows=read_table(table.read())
        )

"""The forms about batches: what is brought, how it is called, and where it belongs."""

from typing import Any, Final, cast

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest

from classifier import quotas, services
from classifier.models import ALL_CROPS, Batch, Project, Role, TrainedModel
from classifier.preprocessing import Crop
from classifier.services import SentFile, incoming
from classifier.services.batches import AddedFile
from classifier.uploads.refusals import UploadRejected
from classifier.web.possible_classes import PossibleClassesForm

NO_FILES = "No files were chosen. Choose images, or a zip file with images."
NO_MODELS = "No model was chosen. Choose one or several."
MIXED_KINDS = "These models are for several kinds of image. Choose models for one kind."
MODEL_GONE = "This model is not available. Choose another one."
PROJECT_GONE = "You cannot bring images into this project. Choose another one, or none."


# A box of one's own goes with a single image.
BATCH_CROPS: Final = [choice for choice in ALL_CROPS if choice[0] != Crop.BOX]


def projects_to_fill(user: User) -> Any:
    """Projects into which a person may bring images."""
    mine = Project.objects.of(user)
    looked_on = mine.filter(memberships__user=user, memberships__role=Role.VIEWER)
    return mine.exclude(pk__in=looked_on.values("pk"))


class BatchDetailsForm(forms.Form):
    """How a batch is called and where it belongs."""

    name = forms.CharField(required=False, max_length=120)
    project = forms.ModelChoiceField(
        Project.objects.none(),
        required=False,
        empty_label="None: only I see it",
        error_messages={"invalid_choice": PROJECT_GONE},
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        project = cast("forms.ModelChoiceField[Project]", self.fields["project"])
        project.queryset = projects_to_fill(user)

    def save(self, batch: Batch) -> None:
        """Rename and move a batch, for a valid form. Raises NotAllowed."""
        name, project = self.cleaned_data["name"], self.cleaned_data["project"]
        services.rename_batch(person=self.user, batch=batch, name=name)
        if batch.owner_id == self.user.pk and batch.project != project:
            services.move_batch(person=self.user, batch=batch, project=project)


class NewBatchForm(PossibleClassesForm, BatchDetailsForm):
    """Files and archives of a plain form, which come in one request."""

    model = forms.ModelMultipleChoiceField(
        TrainedModel.objects.none(),
        to_field_name="slug",
        error_messages={
            "required": NO_MODELS,
            "invalid_choice": MODEL_GONE,
            "invalid_list": NO_MODELS,
        },
    )
    crop = forms.TypedChoiceField(
        choices=BATCH_CROPS, coerce=Crop, empty_value=Crop.AUTO, required=False
    )
    platelets = forms.BooleanField(required=False)

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.status = 400
        self.rejected: list[dict[str, str]] = []
        model = cast("forms.ModelMultipleChoiceField[TrainedModel]", self.fields["model"])
        model.queryset = TrainedModel.objects.choosable_by(user).in_display_order()

    @property
    def uploads(self) -> list[UploadedFile]:
        return list(self.files.getlist("files")) if self.files else []

    def clean_model(self) -> list[TrainedModel]:
        models = list(self.cleaned_data["model"])
        if len({model.dataset for model in models}) > 1:
            raise ValidationError(MIXED_KINDS, code="mixed_kinds")
        return models

    def clean(self) -> dict[str, Any]:
        if not self.uploads:
            self.add_error(None, ValidationError(NO_FILES, code="no_files"))
        cleaned = super().clean() or {}
        models = cleaned.get("model")
        if models and not self.has_error("labels"):
            try:
                names = self.possible_names(models[0].dataset_info)
                labels = services.possible_labels(models, names)
            except services.LookRefused as refusal:
                self.add_error("labels", ValidationError(refusal.message, code="look_refused"))
            else:
                crop = cleaned.get("crop", Crop.AUTO)
                platelets = cleaned["platelets"] and crop is Crop.CELLS
                cleaned["look"] = services.Look(crop, labels, platelets=platelets)
        return cleaned

    def submit(self) -> Batch | None:
        """Store and queue what can be read, for a valid form.

        None when nothing can be, and then the form is not valid any more.
        """
        chosen = self.cleaned_data
        try:
            files, byte_size = sent_files(self.uploads)
            work = len(files) * len(chosen["model"])
            quotas.check_submission(self.user, predictions=work, byte_size=byte_size)
            return services.submit_batch(
                owner=self.user,
                files=files,
                trained_models=chosen["model"],
                look=chosen["look"],
                name=chosen["name"],
                project=chosen["project"],
            )
        except services.NothingAccepted as refusal:
            self.rejected = refusal.rejected
            self.add_error(None, ValidationError(str(refusal), code="nothing_accepted"))
        except services.StorageFailed as error:
            self.status = 503
            self.add_error(None, ValidationError(str(error), code="storage_failed"))
        except UploadRejected as refusal:
            self.add_error(None, ValidationError(refusal.message, code=refusal.code))
        except quotas.QuotaExceeded as refusal:
            self.status = 429
            self.add_error(None, ValidationError(refusal.message, code="quota_exceeded"))
        except quotas.BeyondLimit as refusal:
            self.add_error(None, ValidationError(str(refusal), code="beyond_limit"))
        return None


def sent_files(uploads: list[UploadedFile]) -> tuple[list[SentFile], int]:
    """Images and what archives hold, not yet read, and how many bytes they come to.

    Raises UploadRejected for an archive that cannot be taken as a whole, and quotas.BeyondLimit.
    """
    archives = [upload for upload in uploads if incoming.is_archive(upload)]
    images = [upload for upload in uploads if upload not in archives]
    files = incoming.sent_images(images)
    byte_size = sum(image.size or 0 for image in images)
    for archive in archives:
        held, unpacked = incoming.archived_images(archive)
        files += held
        byte_size += unpacked
    if len(files) > settings.MAX_BATCH_IMAGES:
        raise quotas.BeyondLimit(
            f"A batch takes {settings.MAX_BATCH_IMAGES:,} images, and these are {len(files):,}. "
            "Bring them in several batches."
        )
    return files, byte_size


def add_to(batch: Batch, request: HttpRequest) -> list[AddedFile]:
    """Add the files of a plain form to an open batch; raises what services.add_files does.

    And UploadRejected for an archive that cannot be taken as a whole.
    """
    uploads = request.FILES.getlist("files")
    archives = [upload for upload in uploads if incoming.is_archive(upload)]
    files = incoming.keyed_images([upload for upload in uploads if upload not in archives])
    for archive in archives:
        files += incoming.keyed_archived_images(archive)
    return services.add_files(owner=cast(User, request.user), batch=batch, files=files)

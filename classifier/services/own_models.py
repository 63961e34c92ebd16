"""Models that were made or brought here by a person: kept, taken along, offered, deleted."""

import logging
import shutil
import tempfile
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q, QuerySet

from classifier import catalogue, quotas, tasks
from classifier.bundles.packing import pack
from classifier.bundles.registry import BundleError, load_bundle
from classifier.datasets.own import own_dataset_path
from classifier.models import Adaptation, LabelledSet, ModelImport, TrainedModel, may
from classifier.services.permissions import NotAllowed

logger = logging.getLogger(__name__)


class TooManyModels(Exception):
    """A person has as many models of their own as may be kept."""


class ModelsCameOfIt(Exception):
    """Models were adapted to what is to be deleted, and nobody said that this is meant."""


class ImportFailed(Exception):
    """The file could not be kept."""


class ExportFailed(Exception):
    """The model could not be written into a file."""


def check_room(person: User) -> None:
    """Raises TooManyModels where a person has as many models of their own as may be kept."""
    kept = TrainedModel.objects.filter(owner=person, is_installed=True).count()
    making = Adaptation.objects.unfinished().filter(owner=person).count()
    coming = making + ModelImport.objects.unfinished().filter(owner=person).count()
    if kept + coming >= settings.MAX_MODELS_PER_PERSON:
        raise TooManyModels(
            f"You have {kept + coming} models of your own, with those that are being made, and no "
            "more may be kept. Delete one that you no longer need."
        )


def delete_model(*, person: User, model: TrainedModel) -> None:
    """Delete a model of one's own; what it answered is kept, with its name. Raises NotAllowed."""
    check_owns_model(person, model)
    remove(model)


@transaction.atomic
def remove(model: TrainedModel) -> None:
    """Delete a model that was made here from the disk, and its row where nothing names it."""
    Adaptation.objects.filter(adapted_model=model).delete()
    if model.predictions.exists() or model.validations.exists() or model.adaptations.exists():
        model.is_installed = model.is_active = False
        model.save(update_fields=["is_installed", "is_active"])
    else:
        model.delete()
        is_used = TrainedModel.objects.filter(dataset=model.dataset).exists()
        if model.dataset_info.is_own and not (
            is_used or LabelledSet.objects.filter(dataset=model.dataset).exists()
        ):
            described = own_dataset_path(model.dataset)
            transaction.on_commit(lambda: described.unlink(missing_ok=True))
    folder = settings.ADAPTED_MODELS_DIR / model.slug
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


def of_account(person: User) -> list[TrainedModel]:
    """Models that go with an account: those that nobody else may choose."""
    own = TrainedModel.objects.filter(owner=person, is_installed=True, is_offered=False)
    shared = Q(project__isnull=False) & ~Q(project__owner=person)
    return [model for model in own.exclude(shared) if bundle_is_own(model)]


def bundle_is_own(model: TrainedModel) -> bool:
    """Whether its bundle was made or brought here."""
    return bool((settings.ADAPTED_MODELS_DIR / model.slug).exists())


def check_owns_model(person: User, model: TrainedModel) -> None:
    """Raises NotAllowed unless it was made here, for the person alone or their own project."""
    if not bundle_is_own(model):
        raise NotAllowed("This model came with the application, and nobody deletes it here.")
    if may(person, "change", TrainedModel):
        return
    is_own = person.pk in {model.owner_id, model.project.owner_id if model.project else None}
    if model.is_offered or not is_own:
        raise NotAllowed("This model is offered to all, or another person's: ask who runs this.")


def offer(*, model: TrainedModel, is_offered: bool) -> None:
    """Let everybody choose a model, or only those whose own it is."""
    model.is_offered = is_offered
    model.save(update_fields=["is_offered"])


def made_from(person: User, images: "QuerySet[Any]") -> list[TrainedModel]:
    """The models on disk, of those that a person sees, that were adapted to any of these images.

    Args:
        images: ImageUpload rows, or their keys.
    """
    came = Adaptation.objects.filter(images__in=images).values("adapted_model")
    found = TrainedModel.objects.visible_to(person).filter(pk__in=came, is_installed=True)
    return list(found.order_by("title"))


def check_nothing_came_of(person: User, images: "QuerySet[Any]") -> None:
    """Raises ModelsCameOfIt where `made_from` names any model."""
    if made := made_from(person, images):
        names = ", ".join(f"“{model.title}” ({model.slug})" for model in made)
        raise ModelsCameOfIt(
            f"Nothing was deleted yet: to images of these was adapted {names}. What was adapted "
            "stays, and can be chosen as before. Delete the images anyway with ?confirm=true, and "
            "the model too if nothing that came of them is to stay."
        )


@transaction.atomic
def import_model(*, person: User, upload: "UploadedFile[Any]") -> ModelImport:
    """Keep a packed model until a worker has checked it. Raises TooManyModels and ImportFailed."""
    # For whose end others of this person wait, so that none gets beyond the limit.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    check_room(person)
    row = ModelImport.objects.create(owner=person, filename=(upload.name or "model.zip")[-255:])
    folder = catalogue.work_folder("importing", row.pk)
    try:
        quotas.require_free_disk()
        folder.mkdir(parents=True)
        with (folder / "package.zip").open("xb") as file:
            for chunk in upload.chunks():
                file.write(chunk)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ImportFailed(
            "The file could not be stored, so nothing was kept. Try again later, and tell the "
            "administrator if it happens again."
        ) from error
    transaction.on_commit(tasks.ring_adaptations, robust=True)
    return row


def packed(model: TrainedModel) -> IO[bytes]:
    """A model as one file with checksums, which is gone once it is closed. Raises ExportFailed."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{model.slug}.zip"
            pack(load_bundle(catalogue.bundle_path(model.slug)), path)
            # The open file outlives its name.
            return path.open("rb")
    except (BundleError, OSError) as error:
        logger.exception("Model %s cannot be exported", model.slug)
        raise ExportFailed(
            "The files of this model are damaged, or there is no room to pack them. Tell the "
            "administrator."
        ) from error

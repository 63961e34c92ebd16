"""The life of a batch: opened, filled piece by piece, closed, signed, reopened."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from classifier import audit, quotas
from classifier.idempotency import RepeatableRequest
from classifier.models import (
    Batch,
    BatchFile,
    ImageUpload,
    Prediction,
    Project,
    SignOff,
    Status,
    TrainedModel,
    may,
)
from classifier.preprocessing import Box, Crop
from classifier.services.looks import AS_USUAL, Look, LookRefused
from classifier.services.permissions import NotAllowed, check_owns, check_reads_in
from classifier.services.queueing import queue
from classifier.services.submission import (
    SentFile,
    build_image,
    count_predictions,
    files_unless_stored,
)
from classifier.uploads.images import UploadRejected

# Of each file, on average over those that are asked for.
MOST_IDENTICAL: Final = 20


class BatchRefused(Exception):
    """What the state of the batch does not allow; nothing was changed."""


@dataclass(frozen=True)
class AddedFile:
    """What became of a file that was sent for a batch; `reason` says why it was not taken.

    `boxes` are what is to be seen of its image, where that is not left to the crop.
    """

    path: str
    key: str
    image: ImageUpload | None
    reason: str = ""
    is_repeated: bool = False
    boxes: Sequence[Box] | None = None


@transaction.atomic
def open_batch(
    *,
    owner: User,
    trained_models: Sequence[TrainedModel],
    look: Look = AS_USUAL,
    name: str = "",
    project: Project | None = None,
    repeatable: RepeatableRequest | None = None,
) -> Batch:
    """A batch to which files are added piece by piece.

    Raises NotAllowed, and idempotency.AlreadyDone when the same request was stored meanwhile.
    """
    check_reads_in(owner, project)
    batch = Batch.objects.create(
        owner=owner,
        name=name,
        project=project,
        crop=look.crop,
        labels=look.labels,
        platelets=look.platelets,
        closed_at=None,
    )
    batch.trained_models.set(trained_models)
    if repeatable:
        repeatable.remember(batch=batch)
    return batch


def add_files(*, owner: User, batch: Batch, files: Iterable[SentFile]) -> list[AddedFile]:
    """Store what can be read and queue it; a file that came before is passed over unread.

    All or nothing, and safe to repeat: files are the same that have the same key. Raises
    BatchRefused, StorageFailed, quotas.QuotaExceeded, quotas.BeyondLimit and NotAllowed.
    """
    if batch.owner_id != owner.pk:
        raise NotAllowed("Only who opened this batch can add to it.")
    sent = {file.key: file for file in files}
    known = _known_files(batch, sent)
    with files_unless_stored() as images:
        models, look = list(batch.trained_models.all()), look_of(batch)
        read = [
            _read(owner, file, images, look, models)
            for key, file in sent.items()
            if key not in known
        ]
        with transaction.atomic():
            # Inside of a transaction, until whose end nobody closes the batch or adds to it.
            locked = Batch.objects.kept().select_for_update(no_key=True).filter(pk=batch.pk).first()
            if locked is None:
                raise BatchRefused("This batch was deleted meanwhile.")
            if not locked.is_open:
                raise BatchRefused("This batch is closed. Open a new one for more images.")
            # Another request may have brought some of them since.
            known = _known_files(batch, sent)
            new = {added.key: added for added in read if added.key not in known}
            _store(owner, batch, list(new.values()))
    for added in read:
        if added.key not in new and added.image:
            added.image.remove_files()
    return [
        new.get(key)
        or AddedFile(file.filename, key, known[key].image, known[key].reason, is_repeated=True)
        for key, file in sent.items()
    ]


def _known_files(batch: Batch, keys: Iterable[str]) -> dict[str, BatchFile]:
    return {each.key: each for each in batch.files.filter(key__in=keys).select_related("image")}


def look_of(batch: Batch) -> Look:
    """How the models look at its images."""
    return Look(Crop(batch.crop), batch.labels, platelets=batch.platelets)


def _read(
    owner: User,
    file: SentFile,
    images: list[ImageUpload],
    look: Look,
    trained_models: Sequence[TrainedModel],
) -> AddedFile:
    try:
        picture = file.read()
        boxes = look.boxes(trained_models, picture.pixels)
        image = build_image(owner, picture, path=file.filename)
    except (UploadRejected, LookRefused) as refusal:
        return AddedFile(file.filename, file.key, None, refusal.message)
    images.append(image)
    return AddedFile(file.filename, file.key, image, boxes=boxes)


def _store(owner: User, batch: Batch, files: Sequence[AddedFile]) -> None:
    if not files:
        return
    if batch.files.count() + len(files) > settings.MAX_BATCH_IMAGES:
        raise BatchRefused(
            f"A batch takes {settings.MAX_BATCH_IMAGES:,} files, and this would be more. "
            "Nothing of this request was kept; open another batch for the rest."
        )
    images = [added.image for added in files if added.image]
    models, size = list(batch.trained_models.all()), sum(image.stored_bytes for image in images)
    boxes = {added.image.pk: added.boxes for added in files if added.image and added.boxes}
    waiting = count_predictions(images, boxes, models)
    room = quotas.check_again(owner, predictions=waiting, byte_size=size)
    quotas.check_room(room - size)
    ImageUpload.objects.bulk_create(images)
    quotas.count_bytes(owner, size)
    BatchFile.objects.bulk_create(
        BatchFile(batch=batch, key=added.key, image=added.image, reason=added.reason[:300])
        for added in files
    )
    batch.refresh_from_db(fields=["rejected", "project"])
    batch.rejected += [
        {"filename": added.path, "reason": added.reason} for added in files if not added.image
    ]
    batch.save(update_fields=["rejected"])
    queue(
        owner=owner,
        images=images,
        trained_models=models,
        look=look_of(batch),
        boxes=boxes,
        batch=batch,
    )
    audit.record(
        audit.Action.UPLOADED,
        person=owner,
        subject=batch,
        keys=(image.pk for image in images),
        file_names=(image.shown_path for image in images),
        number=len(images),
    )


@transaction.atomic
def close_batch(*, person: User, batch: Batch) -> None:
    """Take no more files; once more does nothing. Raises NotAllowed."""
    check_owns(person, batch)
    Batch.objects.filter(pk=batch.pk, closed_at=None).update(closed_at=timezone.now())


def rename_batch(*, person: User, batch: Batch, name: str) -> None:
    """Raises NotAllowed."""
    check_owns(person, batch)
    Batch.objects.filter(pk=batch.pk).update(name=name)


@transaction.atomic
def move_batch(*, person: User, batch: Batch, project: Project | None) -> None:
    """Move a batch with its results into a project or, by None, out of one. Raises NotAllowed."""
    if batch.owner_id != person.pk:
        raise NotAllowed("Only who sent this batch can move it.")
    check_reads_in(person, project)
    Batch.objects.select_for_update(no_key=True).filter(pk=batch.pk).first()
    Batch.objects.filter(pk=batch.pk).update(project=project)
    batch.predictions.update(project=project)


@transaction.atomic
def sign(*, person: User, batch: Batch) -> SignOff:
    """Lock a batch whose results have all been looked at where the model asked for it.

    Raises BatchRefused and NotAllowed.
    """
    check_owns(person, batch)
    locked = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    kept = locked.predictions.kept()
    unfinished = kept.unfinished().count()
    flagged = kept.flagged().count()
    if locked.is_signed:
        raise BatchRefused("This batch is signed already.")
    if locked.is_open:
        raise BatchRefused("Images are still being added to this batch. Close it first.")
    if unfinished:
        raise BatchRefused(f"{unfinished} results are still to come. Wait for them, or cancel.")
    if flagged:
        raise BatchRefused(
            f"{flagged} images are undecided or unlike the training data, and nobody has said "
            "what they are. Review them first."
        )
    counts = Counter(kept.filter(status=Status.SUCCESS).values_list("gallery_group", flat=True))
    locked.signed_by, locked.signed_at = person, timezone.now()
    locked.save(update_fields=["signed_by", "signed_at"])
    audit.record(audit.Action.SIGNED_OFF, person=person, subject=batch, counts=dict(counts))
    return SignOff.objects.create(
        batch=locked, action=SignOff.Action.SIGNED, person=person, counts=counts
    )


@transaction.atomic
def reopen(*, person: User, batch: Batch, reason: str) -> SignOff:
    """Unlock a signed batch, which administrators may. Raises BatchRefused and NotAllowed."""
    if not may(person, "change", Batch):
        raise NotAllowed("Only an administrator can reopen a signed batch.")
    locked = Batch.objects.select_for_update(no_key=True).get(pk=batch.pk)
    if not locked.is_signed:
        raise BatchRefused("This batch is not signed.")
    if not reason.strip():
        raise BatchRefused("Say why the batch is reopened.")
    locked.signed_by = locked.signed_at = None
    locked.save(update_fields=["signed_by", "signed_at"])
    audit.record(audit.Action.REOPENED, person=person, subject=batch, reason=reason.strip())
    return SignOff.objects.create(
        batch=locked, action=SignOff.Action.REOPENED, person=person, reason=reason.strip()
    )


def identical_results(
    *,
    owner: User,
    images: Sequence[ImageUpload],
    trained_models: Sequence[TrainedModel],
    look: Look,
) -> dict[str, list[Prediction]]:
    """By SHA-256, the results that a person has of the same file, models as they are, and look.

    The newest ones, in the order in which they were sent: who sends a file again and again has
    thousands. Cells of a field are told apart by their batch alone, and never named here.
    """
    if look.crop is Crop.CELLS:
        return {}
    same = ImageUpload.objects.filter(owner=owner, sha256__in={image.sha256 for image in images})
    if not same.exclude(pk__in=[image.pk for image in images]).exists():
        # Most files come once, and this is found in an index.
        return {}
    known = (
        Prediction.objects.owned_by(owner)
        .filter(
            image__owner=owner,
            image__sha256__in={image.sha256 for image in images},
            trained_model__in=trained_models,
            model_version=F("trained_model__version"),
            crop=look.crop,
            parent=None,
            status=Status.SUCCESS,
        )
        # For a JSON column, equal to None would mean a null inside of it.
        .filter(Q(labels__isnull=True) if look.labels is None else Q(labels=look.labels))
        .exclude(image__in=images)
        .for_answers()
        .order_by("-created_at", "-pk")
    )
    if look.box:
        left, upper, right, _ = look.box
        known = known.filter(box_left=left, box_upper=upper, box_side=right - left)
    found: dict[str, list[Prediction]] = {}
    for prediction in reversed(known[: MOST_IDENTICAL * len(images)]):
        found.setdefault(prediction.image.sha256, []).append(prediction)
    return found

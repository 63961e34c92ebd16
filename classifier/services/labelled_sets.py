"""Labelled sets: filled from folders, tables or reviews, their classes named, labels settled."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from classifier import quotas
from classifier.datasets import Dataset, datasets
from classifier.datasets.class_names import proposed_class
from classifier.models import (
    UNDECIDED,
    Batch,
    ImageUpload,
    LabelledImage,
    LabelledSet,
    Prediction,
    Project,
    Role,
    Status,
    TrainedModel,
    may,
)
from classifier.models.vocabulary import WORDS_BESIDE_CLASSES
from classifier.preprocessing import Crop
from classifier.services.permissions import NotAllowed, check_reads_in
from classifier.services.submission import SentFile, build_image, files_unless_stored
from classifier.services.tables import TableRow
from classifier.uploads.images import UploadRejected

NO_CLASS: Final = "no class"
MOST_IMAGES: Final = 10_000
LONGEST_NAME, LONGEST_GROUP = 80, 120
WRITTEN_AT_ONCE: Final = 500


class SetRefused(Exception):
    """What the state of the set, or what was sent for it, does not allow; nothing was changed."""


@dataclass(frozen=True)
class AddedImage:
    """What became of a file that was sent for a set; `reason` says why it was not taken."""

    path: str
    reason: str = ""


@dataclass(frozen=True)
class GivenName:
    """A name that the images of a set came with, and the class that it is proposed to stand for."""

    name: str
    n: int
    proposed: str


def kinds_for(person: User) -> dict[str, Dataset]:
    """The kinds of image that a person may know of, those of their own models among them."""
    own = set(TrainedModel.objects.choosable_by(person).values_list("dataset", flat=True))
    return {
        slug: dataset for slug, dataset in datasets().items() if not dataset.is_own or slug in own
    }


@transaction.atomic
def open_set(
    *,
    owner: User,
    name: str,
    dataset: str,
    crop: Crop = Crop.AUTO,
    project: Project | None = None,
) -> LabelledSet:
    """A set to which images are added until its classes are confirmed. Raises NotAllowed."""
    check_reads_in(owner, project)
    if dataset not in kinds_for(owner):
        raise SetRefused(f"There is no kind of image “{dataset}”.")
    return LabelledSet.objects.create(
        owner=owner, name=name.strip() or "Labelled images", dataset=dataset, crop=crop,
        project=project,
    )  # fmt: skip


def add_images(
    *, owner: User, labelled_set: LabelledSet, files: Iterable[SentFile]
) -> list[AddedImage]:
    """Store what can be read, each by the class of the folder that it lies in.

    All or nothing, and safe to repeat: files are the same that have the same key. Raises
    SetRefused, StorageFailed, quotas.QuotaExceeded, quotas.BeyondLimit and NotAllowed.
    """
    if labelled_set.owner_id != owner.pk:
        raise NotAllowed("Only who opened this set can add to it.")
    sent = {file.key: file for file in files}
    known = set(labelled_set.images.filter(key__in=sent).values_list("key", flat=True))
    with files_unless_stored() as images:
        read = {key: _read(owner, file, images) for key, file in sent.items() if key not in known}
        with transaction.atomic():
            _check_open(labelled_set)
            # Another request may have brought some of them since.
            late = set(labelled_set.images.filter(key__in=read).values_list("key", flat=True))
            _store(owner, labelled_set, sent, {k: v for k, v in read.items() if k not in late})
    for key in late:
        if isinstance(double := read[key], ImageUpload):
            double.remove_files()
    reasons = {key: found for key, found in read.items() if isinstance(found, str)}
    return [AddedImage(file.filename, reasons.get(key, "")) for key, file in sent.items()]


def _read(owner: User, file: SentFile, images: list[ImageUpload]) -> ImageUpload | str:
    """The image, or why it was not taken."""
    try:
        images.append(build_image(owner, file.read(), path=file.filename))
    except UploadRejected as refusal:
        return refusal.message
    return images[-1]


def _check_open(labelled_set: LabelledSet) -> None:
    """Inside of a transaction, until whose end nobody confirms the set or adds to it."""
    sets = LabelledSet.objects.select_for_update(no_key=True)
    locked = sets.filter(pk=labelled_set.pk).first()
    if locked is None:
        raise SetRefused("This set was deleted meanwhile.")
    if locked.is_confirmed:
        raise SetRefused("The classes of this set are confirmed. Open a new one for more images.")


def _store(
    owner: User,
    labelled_set: LabelledSet,
    sent: Mapping[str, SentFile],
    read: Mapping[str, ImageUpload | str],
) -> None:
    taken = {key: found for key, found in read.items() if isinstance(found, ImageUpload)}
    if labelled_set.images.count() + len(taken) > MOST_IMAGES:
        raise SetRefused(
            f"A set takes {MOST_IMAGES:,} images, and this would be more. Nothing of this request "
            "was kept; bring the rest as another set."
        )
    size = sum(image.stored_bytes for image in taken.values())
    room = quotas.check_again(owner, predictions=0, byte_size=size)
    quotas.check_room(room - size)
    ImageUpload.objects.bulk_create(taken.values())
    quotas.count_bytes(owner, size)
    LabelledImage.objects.bulk_create(
        _labelled(labelled_set, key, image, sent[key].filename) for key, image in taken.items()
    )
    labelled_set.refresh_from_db(fields=["rejected"])
    named = {each["filename"] for each in labelled_set.rejected}
    labelled_set.rejected += [
        {"filename": sent[key].filename, "reason": found}
        for key, found in read.items()
        if isinstance(found, str) and sent[key].filename not in named
    ]
    labelled_set.save(update_fields=["rejected"])


def _labelled(labelled_set: LabelledSet, key: str, image: ImageUpload, path: str) -> LabelledImage:
    folders = path.split("/")[:-1]
    label = (folders[-1] if folders else NO_CLASS)[:LONGEST_NAME]
    return LabelledImage(
        labelled_set=labelled_set, image=image, key=key, path=path, given_label=label, label=label
    )


def folder_levels(labelled_set: LabelledSet) -> list[list[str]]:
    """The names of the folders at each level of the images' paths, counted from the images up."""
    levels: dict[int, dict[str, None]] = {}
    for path in labelled_set.images.in_order().values_list("path", flat=True):
        for level, name in enumerate(reversed(path.split("/")[:-1])):
            levels.setdefault(level, {})[name] = None
    return [list(levels[level]) for level in sorted(levels)]


@transaction.atomic
def take_from_folders(
    *, person: User, labelled_set: LabelledSet, class_level: int, group_level: int | None
) -> None:
    """Take class and group from folders, 0 for the one that an image lies in.

    Raises SetRefused and NotAllowed.
    """
    check_fills(person, labelled_set)
    _check_open(labelled_set)
    changed = list(labelled_set.images.all())
    for image in changed:
        folders = image.path.split("/")[-2::-1]
        image.given_label = _at(folders, class_level)[:LONGEST_NAME] or NO_CLASS
        image.label = image.given_label
        image.group = "" if group_level is None else _at(folders, group_level)[:LONGEST_GROUP]
    _write(changed, ["given_label", "label", "group"])


def _at(folders: Sequence[str], level: int) -> str:
    return folders[level] if level < len(folders) else ""


@transaction.atomic
def take_from_table(*, person: User, labelled_set: LabelledSet, rows: Sequence[TableRow]) -> int:
    """Take class and group from the rows of a table, matched by path or, if unique, by file name.

    Returns how many images were named. Raises SetRefused and NotAllowed.
    """
    check_fills(person, labelled_set)
    _check_open(labelled_set)
    by_path = {row.path: row for row in rows}
    # A name that stands for several files tells nothing of any.
    names = Counter(row.path.rsplit("/", 1)[-1] for row in rows)
    by_name = {row.path.rsplit("/", 1)[-1]: row for row in rows}
    known = {name: row for name, row in by_name.items() if names[name] == 1} | by_path
    changed = []
    for image in labelled_set.images.all():
        found = _row_of(image.path, known)
        if found is None:
            continue
        image.group = found.group[:LONGEST_GROUP] or image.group
        if found.label:
            image.given_label = image.label = found.label[:LONGEST_NAME]
        changed.append(image)
    if not changed:
        raise SetRefused(
            f"None of the {len(rows):,} rows names a file of this set. The first row says "
            f"“{rows[0].path}”; a row needs the path or the file name as it was sent."
        )
    _write(changed, ["given_label", "label", "group"])
    return len(changed)


def _row_of(path: str, rows: Mapping[str, TableRow]) -> TableRow | None:
    """By the whole path, by ever less of its folders, or by the name alone."""
    parts = path.split("/")
    for first in range(len(parts)):
        if found := rows.get("/".join(parts[first:])):
            return found
    return None


def given_names(labelled_set: LabelledSet) -> list[GivenName]:
    """What the images came as, with a proposal for each."""
    labels = datasets()[labelled_set.dataset].labels
    counts = labelled_set.images.class_counts("given_label")
    return [GivenName(name, n, proposed_class(name, labels)) for name, n in counts.items()]


@transaction.atomic
def confirm(*, person: User, labelled_set: LabelledSet, names: Mapping[str, str]) -> None:
    """Say which class each given name stands for; a name that is not said stays as it is.

    From then on no image is added. Images without a class are left out. Raises SetRefused and
    NotAllowed.
    """
    check_fills(person, labelled_set)
    _check_open(labelled_set)
    classless = labelled_set.images.filter(given_label=NO_CLASS)
    if not labelled_set.images.exclude(given_label=NO_CLASS).exists():
        raise SetRefused(
            "None of the images has a class. Bring a folder with one folder for each class, or a "
            "table that names the class of each file."
        )
    for name, label in names.items():
        labelled_set.images.filter(given_label=name).update(label=(label or name)[:LONGEST_NAME])
    unclassed = [image.image_id for image in classless]
    classless.delete()
    for upload in ImageUpload.objects.filter(pk__in=unclassed).unused():
        upload.delete()
    LabelledSet.objects.filter(pk=labelled_set.pk).update(confirmed_at=timezone.now())


@transaction.atomic
def set_of_reviews(*, person: User, batch: Batch, name: str = "") -> LabelledSet:
    """The images of a batch that people named, each as it was named last.

    Raises SetRefused where there are none, and NotAllowed.
    """
    if batch.role_of(person) is None and not may(person, "view", Batch):
        raise NotAllowed("You do not see this batch.")
    check_reads_in(person, batch.project)
    rows = batch.predictions.kept().filter(status=Status.SUCCESS).exclude(reviewed_label="")
    named = rows.exclude(reviewed_label__in=[*WORDS_BESIDE_CLASSES, UNDECIDED])
    # Several models may have answered the same image; what was said last holds.
    said: dict[object, Prediction] = {}
    for row in named.with_relations().order_by("reviewed_at", "pk"):
        said[row.image_id] = row
    if not said:
        raise SetRefused(
            "Nobody has said of any image of this batch what it is. Review some, then come back."
        )
    kinds = {row.trained_model.dataset for row in said.values()}
    made = LabelledSet.objects.create(
        owner=person,
        project=batch.project,
        batch=batch,
        name=name.strip() or f"Reviews of {batch}"[:120],
        dataset=kinds.pop(),
        crop=batch.crop,
        confirmed_at=timezone.now(),
    )
    LabelledImage.objects.bulk_create(
        LabelledImage(
            labelled_set=made,
            image=row.image,
            key=hashlib.sha256(str(row.image_id).encode()).hexdigest(),
            path=row.image.shown_path,
            given_label=row.reviewed_label,
            label=row.reviewed_label,
        )
        for row in said.values()
    )
    return made


@transaction.atomic
def settle(*, person: User, image: LabelledImage, label: str) -> None:
    """Say what a doubtful image is: its own label, the suspected one or any class of the kind.

    Raises SetRefused and NotAllowed.
    """
    check_fills(person, image.labelled_set)
    known = {
        *datasets()[image.labelled_set.dataset].labels,
        *image.labelled_set.images.class_counts(),
    }
    if label not in known:
        raise SetRefused(f"“{label}” is no class of this set.")
    LabelledImage.objects.filter(pk=image.pk).update(label=label, settled_at=timezone.now())


def rename_set(*, person: User, labelled_set: LabelledSet, name: str) -> None:
    """Raises NotAllowed and SetRefused."""
    check_owns_set(person, labelled_set)
    if not name.strip():
        raise SetRefused("A set has a name.")
    LabelledSet.objects.filter(pk=labelled_set.pk).update(name=name.strip())


def delete_set(*, person: User, labelled_set: LabelledSet) -> None:
    """With its validations, and those of its images that nothing else needs. Raises NotAllowed."""
    check_owns_set(person, labelled_set)
    labelled_set.delete_with_images()


def check_fills(person: User, labelled_set: LabelledSet) -> None:
    """Raises NotAllowed unless the set is the person's, or of a project in which they read."""
    may_fill = labelled_set.role_of(person) in {Role.OWNER, Role.READER}
    if not may_fill and not may(person, "change", LabelledSet):
        raise NotAllowed("You may look at this set, but not change it.")


def check_owns_set(person: User, labelled_set: LabelledSet) -> None:
    """Raises NotAllowed unless the set is the person's own, or of their own project."""
    if labelled_set.role_of(person) != Role.OWNER and not may(person, "change", LabelledSet):
        raise NotAllowed("Only the owner of this set, or of its project, can do that.")


def _write(images: Sequence[LabelledImage], fields: Sequence[str]) -> None:
    LabelledImage.objects.bulk_update(images, fields, batch_size=WRITTEN_AT_ONCE)

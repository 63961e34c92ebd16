"""Adapting a model to a labelled set."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from django.contrib.auth.models import User
from django.db import transaction
from numpy.typing import NDArray

from classifier import tasks
from classifier.adaptation.examples import (
    FEWEST_OF_AN_OWN_CLASS,
    NotEnough,
    check_enough,
    fewest_scores,
)
from classifier.datasets import datasets
from classifier.models import Adaptation, LabelledSet, Role, Status, TrainedModel, may
from classifier.services.labelled_sets import SetRefused, check_fills
from classifier.services.own_models import check_room, delete_model
from classifier.services.permissions import NotAllowed

# More change a last layer by nothing that could be measured, and take minutes to fit.
MOST_IMAGES: Final = 3_000
COVERAGES: Final = (0.95, 0.99)


@dataclass(frozen=True)
class Level:
    """How often prediction sets are to hold the true class, and what that takes."""

    coverage: float
    takes: int
    n: int
    fewest: int

    @property
    def is_promised(self) -> bool:
        """Of all images together."""
        return self.n >= self.takes

    @property
    def is_promised_by_class(self) -> bool:
        return self.fewest >= self.takes


@dataclass(frozen=True)
class Outlook:
    """What to expect of adapting a model to a set.

    Attributes:
        n: images of the classes that models know.
        fewest: of the class, of those that are here, that has the fewest.
        obstacle: what is missing; empty where nothing is.
    """

    n: int
    fewest: int
    obstacle: str

    @property
    def levels(self) -> list[Level]:
        """What can be promised of prediction sets, for each level that may be chosen."""
        return [Level(each, fewest_scores(each), self.n, self.fewest) for each in COVERAGES]


def outlook(labelled_set: LabelledSet) -> Outlook:
    """For any model of the set's kind of image."""
    classes = datasets()[labelled_set.dataset].labels
    counts = [n for label, n in labelled_set.images.class_counts().items() if label in classes]
    try:
        check_enough(*_labels_and_groups(labelled_set, classes)[1:], classes)
    except NotEnough as error:
        return Outlook(sum(counts), min(counts, default=0), str(error))
    return Outlook(sum(counts), min(counts, default=0), "")


def _labels_and_groups(
    labelled_set: LabelledSet, classes: Sequence[str]
) -> tuple[list[uuid.UUID], NDArray[np.int64], NDArray[np.int64]]:
    """Keys of the images of known classes, class indices (N,), and numbers of groups (N,)."""
    rows = labelled_set.images.in_order().filter(label__in=classes)
    known = list(rows.values_list("image_id", "label", "group"))
    names = [group or f"\0{number}" for number, (_, _, group) in enumerate(known)]
    _, groups = np.unique(np.array(names, str), return_inverse=True)
    labels = np.array([classes.index(label) for _, label, _ in known], np.int64)
    return [image for image, _, _ in known], labels, groups.astype(np.int64)


def own_classes_of(labelled_set: LabelledSet) -> tuple[str, ...]:
    """Those that a model of one's own can be made for. Raises SetRefused where they are too few."""
    counts = labelled_set.images.class_counts()
    classes = tuple(sorted(label for label, n in counts.items() if n >= FEWEST_OF_AN_OWN_CLASS))
    if len(classes) < 2:
        found = ", ".join(f"{label} {n}" for label, n in counts.items())
        raise SetRefused(
            f"A model for classes of your own takes {FEWEST_OF_AN_OWN_CLASS} images or more of "
            f"at least two. Here are {found or 'none'}."
        )
    return classes


@transaction.atomic
def adapt(
    *,
    person: User,
    labelled_set: LabelledSet,
    trained_model: TrainedModel,
    title: str = "",
    coverage: float = COVERAGES[0],
    own_classes: bool = False,
) -> Adaptation:
    """Queue it; one of the same model and set that waits or runs already is given as it is.

    With `own_classes` the model is made for those classes of the set that have images enough,
    whatever they are called, and not for the model's.

    Of a set with more than `MOST_IMAGES` so many are taken, evenly. Raises SetRefused, NotEnough,
    TooManyModels and NotAllowed.
    """
    check_fills(person, labelled_set)
    # For whose end others of this person wait, so that none gets beyond the limit.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    locked = LabelledSet.objects.select_for_update(no_key=True).filter(pk=labelled_set.pk).first()
    if locked is None:
        raise SetRefused("This set was deleted meanwhile.")
    if not locked.is_confirmed:
        raise SetRefused("Confirm the classes of this set first.")
    unfinished = locked.adaptations.unfinished().filter(trained_model=trained_model)
    if waiting := unfinished.first():
        if bool(waiting.classes) != own_classes:
            raise SetRefused(
                "Another model is being made of the same set and model. Wait until it is there."
            )
        return waiting
    check_room(person)
    classes = own_classes_of(locked) if own_classes else trained_model.described.classes
    images, labels, groups = _labels_and_groups(locked, classes)
    check_enough(labels, groups, classes)
    chosen = np.linspace(0, len(images) - 1, min(MOST_IMAGES, len(images))).astype(int)
    adaptation = Adaptation.objects.create(
        owner=person,
        project=locked.project,
        labelled_set=locked,
        trained_model=trained_model,
        classes=list(classes) if own_classes else [],
        title=(
            title.strip()
            or (locked.name if own_classes else f"{trained_model.title}, {locked.name}")
        )[:120],
        coverage=coverage,
    )
    adaptation.images.set({images[number] for number in chosen})
    transaction.on_commit(tasks.ring_adaptations, robust=True)
    return adaptation


@transaction.atomic
def try_again(*, person: User, adaptation: Adaptation) -> None:
    """Queue once more what failed. Raises NotAllowed and SetRefused."""
    _check_owns(person, adaptation)
    if adaptation.labelled_set is None:
        raise SetRefused("The labelled set was deleted. Bring the images once more.")
    same = Adaptation.objects.unfinished().filter(
        labelled_set=adaptation.labelled_set, trained_model=adaptation.trained_model
    )
    if same.exists():
        raise SetRefused("The same model is being adapted to this set already.")
    failed = Adaptation.objects.filter(pk=adaptation.pk, status=Status.FAILURE)
    failed.update(
        status=Status.PENDING, finished_at=None, started_at=None, heard_at=None, attempts=0,
        claim="", error_message="", done=0, fits=0, model_version=None,
    )  # fmt: skip
    transaction.on_commit(tasks.ring_adaptations, robust=True)


def use_anyway(*, person: User, adaptation: Adaptation) -> None:
    """Let a model be chosen that was not proposed. Raises NotAllowed."""
    _check_owns(person, adaptation)
    figures = adaptation.figures
    # Others are switched off by an administrator alone, and on again too.
    if adaptation.adapted_model and figures and not figures.gain.proposed:
        adaptation.adapted_model.is_active = True
        adaptation.adapted_model.save(update_fields=["is_active"])


@transaction.atomic
def delete_adaptation(*, person: User, adaptation: Adaptation) -> None:
    """With the model that came of it, where there is one. Raises NotAllowed."""
    _check_owns(person, adaptation)
    if adaptation.adapted_model:
        delete_model(person=person, model=adaptation.adapted_model)
    else:
        # A worker that is at it finds it gone, and leaves nothing.
        Adaptation.objects.filter(pk=adaptation.pk).delete()


def _check_owns(person: User, adaptation: Adaptation) -> None:
    if adaptation.role_of(person) != Role.OWNER and not may(person, "change", Adaptation):
        raise NotAllowed("Only who had this model made, or owns its project, can do that.")

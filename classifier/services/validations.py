"""Asking for validations, and for their figures anew when labels have changed."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db import transaction

from classifier import tasks
from classifier.models import LabelledSet, Status, TrainedModel, Validation
from classifier.services.labelled_sets import SetRefused, check_fills, check_owns_set


@transaction.atomic
def validate(
    *, person: User, labelled_set: LabelledSet, trained_models: Sequence[TrainedModel]
) -> list[Validation]:
    """Queue each of the models on a set; one that waits or runs already is given as it is.

    Raises SetRefused and NotAllowed.
    """
    check_fills(person, labelled_set)
    locked = LabelledSet.objects.select_for_update(no_key=True).filter(pk=labelled_set.pk).first()
    if locked is None:
        raise SetRefused("This set was deleted meanwhile.")
    if not locked.is_confirmed:
        raise SetRefused("Confirm the classes of this set first.")
    known = set(locked.images.class_counts())
    for model in trained_models:
        if not known & set(model.described.classes):
            raise SetRefused(
                f"None of the labels is a class of {model.title} "
                f"({', '.join(model.described.classes)}). Choose another model."
            )
    waiting = locked.validations.unfinished().filter(trained_model__in=trained_models)
    found = {validation.trained_model_id: validation for validation in waiting}
    made = [
        found.get(model.pk)
        or Validation.objects.create(labelled_set=locked, trained_model=model, person=person)
        for model in trained_models
    ]
    ring_on_commit()
    return made


@transaction.atomic
def work_out_again(*, person: User, validation: Validation) -> bool:
    """Measure anew, as after labels were changed; False where the same waits or runs already.

    What the model answered is kept, and so are the old figures until the new ones are there.
    Raises NotAllowed.
    """
    check_fills(person, validation.labelled_set)
    same = Validation.objects.unfinished().filter(
        labelled_set=validation.labelled_set_id, trained_model=validation.trained_model_id
    )
    if same.exists():
        return False
    ended = Validation.objects.filter(pk=validation.pk, finished_at__isnull=False)
    reset = ended.update(
        status=Status.PENDING,
        finished_at=None,
        started_at=None,
        heard_at=None,
        attempts=0,
        claim="",
        error_message="",
    )
    if reset:
        ring_on_commit()
    return bool(reset)


def delete_validation(*, person: User, validation: Validation) -> None:
    """Raises NotAllowed."""
    if validation.person_id != person.pk:
        check_owns_set(person, validation.labelled_set)
    validation.delete()


def ring_on_commit() -> None:
    transaction.on_commit(tasks.ring_validations, robust=True)

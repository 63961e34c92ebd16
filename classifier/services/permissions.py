"""What a person may do with what they see; what they do not see, views answer with 404."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db.models import Q

from classifier.models import Batch, Prediction, Project, Role, may


class NotAllowed(Exception):
    """The person sees it, but may not do that with it."""


def check_reads(user: User, predictions: Iterable[Prediction]) -> None:
    """Raises NotAllowed unless all are the person's own, or of projects in which they read."""
    if not reads(user, predictions):
        raise NotAllowed("You may look at these results, but not review them.")


def check_explains(user: User, prediction: Prediction) -> None:
    """Raises NotAllowed unless it is the person's own, or of a project in which they read."""
    if not reads(user, [prediction]):
        raise NotAllowed("You may look at this result, but not have it explained.")


def reads(user: User, predictions: Iterable[Prediction]) -> bool:
    """Whether all are the person's own, or of projects in which they read."""
    others = [row for row in predictions if row.owner_id != user.pk]
    if not others or may(user, "change", Prediction):
        return True
    reading = Q(owner=user) | Q(memberships__user=user, memberships__role=Role.READER)
    read = set(Project.objects.filter(reading).values_list("pk", flat=True))
    return all(row.project_id in read for row in others)


def check_reads_in(user: User, project: Project | None) -> None:
    """Raises NotAllowed where the person only looks on in the project."""
    if project and project.role_of(user) not in {Role.OWNER, Role.READER}:
        raise NotAllowed("You may look at this project, but not bring images into it.")


def check_owns(user: User, batch: Batch) -> None:
    """Raises NotAllowed unless the batch is the person's own, or of their own project."""
    if batch.role_of(user) != Role.OWNER and not may(user, "change", Batch):
        raise NotAllowed("Only the owner of this batch, or of its project, can do that.")


def check_owns_project(user: User, project: Project) -> None:
    if project.owner_id != user.pk and not may(user, "change", Project):
        raise NotAllowed("Only the owner of this project can do that.")

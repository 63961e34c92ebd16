"""Projects and who is in them."""

from django.contrib.auth.models import User
from django.db import transaction

from classifier import audit
from classifier.models import Membership, Project, Role
from classifier.services.permissions import check_owns_project


class NoSuchPerson(Exception):
    """There is nobody of this name, or none who can be added."""


@transaction.atomic
def create_project(*, owner: User, name: str) -> Project:
    return Project.objects.create(owner=owner, name=name)


@transaction.atomic
def rename_project(*, person: User, project: Project, name: str) -> None:
    """Raises NotAllowed."""
    check_owns_project(person, project)
    Project.objects.filter(pk=project.pk).update(name=name)


@transaction.atomic
def set_retention(
    *, person: User, project: Project, originals_days: int | None, results_days: int | None
) -> None:
    """None as the installation, 0 for ever. Raises NotAllowed."""
    check_owns_project(person, project)
    days = {"keep_originals_days": originals_days, "keep_results_days": results_days}
    Project.objects.filter(pk=project.pk).update(**days)
    audit.record(audit.Action.LIMITS_CHANGED, person=person, subject=project, **days)


@transaction.atomic
def set_member(*, person: User, project: Project, username: str, role: Role) -> Membership:
    """Let somebody read or look on in a project. Raises NotAllowed and NoSuchPerson."""
    check_owns_project(person, project)
    member = User.objects.filter(username=username, is_active=True).first()
    if member is None or member.pk == project.owner_id:
        raise NoSuchPerson(f"There is no “{username}” to add.")
    membership, _ = project.memberships.update_or_create(user=member, defaults={"role": role})
    audit.record(
        audit.Action.SHARED, person=person, subject=project, member=username, role=role.value
    )
    return membership


@transaction.atomic
def remove_member(*, person: User, project: Project, username: str) -> bool:
    """What they said in reviews stays. False where they were none. Raises NotAllowed.

    Members may take themselves out.
    """
    if person.username != username:
        check_owns_project(person, project)
    removed, _ = project.memberships.filter(user__username=username).delete()
    if removed:
        audit.record(
            audit.Action.SHARED, person=person, subject=project, member=username, role="none"
        )
    return bool(removed)


@transaction.atomic
def delete_project(*, person: User, project: Project) -> None:
    """Its batches go on as their owners' own. Raises NotAllowed."""
    check_owns_project(person, project)
    project.delete()

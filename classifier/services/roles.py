"""The roles that people have, which are groups that a migration made."""

from typing import Final

from django.contrib.auth.models import Group, User
from django.db import transaction

# In the order of what they let people do.
GROUPS: Final = {
    "administrator": "Administrators",
    "reviewer": "Reviewers",
    "auditor": "Auditors",
    "member": "Members",
}


@transaction.atomic
def give_role(person: User, role: str) -> Group:
    """Give a person a role, and take away the one that they had. Raises Group.DoesNotExist."""
    group = Group.objects.get(name=GROUPS[role])
    if person.is_staff == (role != "member") and person.groups.filter(pk=group.pk).exists():
        return group
    person.groups.remove(*Group.objects.filter(name__in=GROUPS.values()))
    person.groups.add(group)
    # Rights over what others have, and the pages under /admin/, need both.
    person.is_staff = role != "member"
    person.save(update_fields=["is_staff"])
    return group


def is_administrator(person: User) -> bool:
    return person.is_superuser or (
        person.is_staff and person.groups.filter(name=GROUPS["administrator"]).exists()
    )


def other_administrators(person: User) -> bool:
    """Whether somebody else could still run the installation."""
    others = User.objects.filter(is_active=True, is_staff=True).exclude(pk=person.pk)
    return (
        others.filter(is_superuser=True).exists()
        or others.filter(groups__name=GROUPS["administrator"]).exists()
    )
